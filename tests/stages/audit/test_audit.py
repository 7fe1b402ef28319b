"""Record v2: complete, written when decided, and silent about what the tenant does not keep."""

import hashlib
import hmac
from typing import Any

import orjson
import pytest
from msgspec import structs

from freehold.core.errors import AuditError, KeyRefused, PolicyRefusal, RateLimited, RequestError
from freehold.core.handoffs import Held
from freehold.core.spec import DetectorSetting
from freehold.core.subjects import Subject
from freehold.core.trail import Trail
from freehold.ledger.canonical import encode
from freehold.ledger.content import ContentSealer, Opened, opened
from freehold.ledger.record import Record
from freehold.stages.audit import Audit
from freehold.stages.governance.panel_use import panel_use
from freehold.testing.fakes import MemoryKeys
from tests.audit_samples import (
    ANSWER,
    SECRET_WORDS,
    Memory,
    Standing,
    answered,
    app,
    arrival,
    exchange,
    tenant_key,
    told,
)


class Full:
    """A journal on a full disk."""

    def append(self, record: bytes, tenant: str = "") -> None:
        raise AuditError("no space")

    async def durable(self) -> None:
        raise AuditError("no space")


def make(memory: Any = None, **options: Any) -> tuple[Audit, Memory]:
    memory = memory or Memory()
    return Audit(memory, "r" * 64, tenant_key, clock=Standing(), **options), memory


def whole(**spec: Any) -> tuple[dict[str, Any], dict[str, Any], Memory]:
    """The opened and the closed record of an allowed exchange."""
    audit, memory = make()
    trail, ruled, one = exchange(**spec)
    audit.opened(ruled, trail)
    answered(trail)
    audit.closed(one, trail, "allowed")
    first, second = told(memory.records)
    return first, second, memory


def test_two_records_and_each_is_canonical() -> None:
    first, second, memory = whole()
    assert (first["type"], second["type"]) == ("opened", "closed")
    assert first["v"] == 2
    assert first["exchange"] == second["exchange"]
    assert "closed" not in first
    assert "opened" not in second
    for record in memory.records:
        assert orjson.dumps(orjson.loads(record), option=orjson.OPT_SORT_KEYS) == record


def test_no_float_and_no_key_beyond_ascii_anywhere() -> None:
    first, second, _ = whole()

    def check(value: Any) -> None:
        assert not isinstance(value, float)
        if isinstance(value, dict):
            assert all(key.isascii() for key in value)
        for inner in value.values() if isinstance(value, dict) else value:
            if isinstance(inner, dict | list | float):
                check(inner)

    check(first)
    check(second)


def test_the_opened_record_is_complete() -> None:
    opened = whole()[0]["opened"]
    assert opened["app"] == {
        "id": "service",
        "tenant": "north",
        "tenant_path": ["chain", "north"],
        "purpose": "customer service",
        "process": "returns",
        "owner": "care",
        "risk": "limited",
        "currency": "USD",
        "bundle": "b" * 64,
    }
    assert opened["key"] == {"id": "abc", "name": "till 3"}
    assert opened["principal"] == {
        "id": "customer-17",
        "verified": True,
        "issuer": "https://login.example",
        "roles": ["customer"],
        "clearances": ["orders", "pii"],
        "attributes": {"store": "0042", "tier": "platinum"},
    }
    request = opened["request"]
    assert request["received_at"] == "2026-11-21T01:30:00.000000Z"
    assert (request["conversation"], request["model_asked"]) == (
        "c0ffee00c0ffee00c0ffee00c0ffee00",
        "gpt",
    )
    assert request["hidden"] == {"zero-width": 2}
    assert request["labels"] == ["pii"]
    assert request["features"]["language"] == "en"
    assert opened["findings"][0] == {
        "detector": "pii.card",
        "version": "1",
        "kind": "card",
        "label": "pii",
        "where": "message:1",
        "start": 11,
        "end": 30,
        "score": 1_000_000,
        "threshold": 500_000,
        "explanation": "16 digits that pass the Luhn check",
    }
    assert [f["fired"] for f in opened["firings"]] == [False, True, False]
    assert opened["firings"][1]["obligations"] == ["annotate"]
    assert opened["decisions"][0]["evidence"] == ["message:1 11-30"]
    assert opened["context"][0]["digest"] == "d" * 64
    assert [c["propensity"] for c in opened["candidates"]] == [1_000_000, 0]
    assert opened["candidates"][1]["lost"] == "not cleared for pii"
    assert opened["calls"][0]["first_ns"] == 9_000
    assert opened["runtime"] == "r" * 64
    assert opened["tags"] == ["vip"]


def test_the_closed_record_goes_on_where_the_opened_one_ended() -> None:
    closed = whole()[1]["closed"]
    assert closed["outcome"] == "allowed"
    assert [f["rule"] for f in closed["firings"]] == ["discount"]
    assert closed["decisions"] == []
    assert closed["tags"] == []
    assert closed["facts"] == {"answer.chars": len(ANSWER), "answer.text": {"chars": len(ANSWER)}}
    assert (closed["prompt_tokens"], closed["completion_tokens"]) == (120, 14)
    assert closed["cost_nano"] == 1234
    assert closed["model"] == "large"
    assert closed["calls"][0]["reported_model"] == "large-2026-10"
    assert closed["answer_facts"][0]["value"] == 1500
    assert closed["answer_facts"][0]["text"] == ""
    assert closed["released_chars"] == len(ANSWER)
    assert closed["duration_ns"] == 4_000_000
    assert closed["spent_ns"]["governance"] == 40_000
    assert closed["spent_ns"]["audit"] > 0
    assert closed["waited_ns"] == {"context": 900_000}


def test_commitments_can_be_checked_with_the_tenants_key_only() -> None:
    first, second, _ = whole()
    said = first["opened"]["request"]["input"]
    ask = encode(arrival().ask)
    salt = bytes.fromhex(said["salt"])
    assert hmac.digest(tenant_key("north"), salt + ask, "sha256").hex() == said["mac"]
    assert hmac.digest(tenant_key("south"), salt + ask, "sha256").hex() != said["mac"]
    out = second["closed"]["output"]
    salt = bytes.fromhex(out["salt"])
    assert (
        hmac.digest(
            tenant_key("north"), salt + encode({"text": [ANSWER], "tool_calls": []}), "sha256"
        ).hex()
        == out["mac"]
    )
    assert hashlib.sha256(ask).hexdigest() not in str(first)
    assert whole()[0]["opened"]["request"]["input"] != said


@pytest.mark.parametrize("kept", ["none", "redacted"])
def test_the_callers_and_the_models_words_stay_out(kept: str) -> None:
    audit, memory = make()
    trail, ruled, one = exchange(content_kept=kept)
    audit.opened(ruled, trail)
    answered(trail)
    audit.closed(one, trail, "allowed")
    written = b"".join(memory.records).decode()
    for words in (SECRET_WORDS, "4111 1111", "Ada", ANSWER, "15 %", "kettle", "never-write-this"):
        assert words not in written


def sealing(trail: Trail, keys: MemoryKeys) -> None:
    key = keys.of(Subject("north", person="customer-17"), 180)
    trail.sealer = ContentSealer(key, trail.arrival.exchange_id, "c0ffee00c0ffee00c0ffee00c0ffee00")


def read_back(memory: Memory, keys: MemoryKeys) -> Opened:
    first, second = told(memory.records)
    record = Record(
        exchange_id=first["exchange"], tenant="north", app="service", outcome="allowed",
        opened=first["opened"], closed=second["closed"], lines=(),
    )  # fmt: skip
    return opened(record, keys.find)


@pytest.mark.parametrize(
    ("kept", "input_", "output"),
    [("none", None, None), ("redacted", "card [CARD_1]", "yes"), ("full", "card [CARD_1]", "yes")],
)
def test_content_is_kept_sealed_as_the_tenant_says(
    kept: str, input_: str | None, output: str | None
) -> None:
    audit, memory = make()
    keys = MemoryKeys()
    trail, ruled, one = exchange(content_kept=kept)
    trail.prompt_text, trail.answer_text = "card [CARD_1]", "yes"
    sealing(trail, keys)
    audit.opened(ruled, trail)
    audit.closed(one, trail, "allowed")
    assert b"[CARD_1]" not in b"".join(memory.records)
    found = read_back(memory, keys)
    assert found.state == ("none" if kept == "none" else "open")
    assert found.record.opened["content"] == {"kept": kept, "input": input_, "output": None}
    assert (found.record.closed or {})["content"] == {
        "kept": kept, "input": None, "output": output,
    }  # fmt: skip


def test_full_content_keeps_the_words_that_rules_saw_sealed() -> None:
    audit, memory = make()
    keys = MemoryKeys()
    trail, ruled, one = exchange(content_kept="full")
    sealing(trail, keys)
    audit.opened(ruled, trail)
    audit.closed(one, answered(trail), "allowed")
    for words in (SECRET_WORDS, "4111 1111", "30 per cent", ANSWER, "15 %"):
        assert words not in b"".join(memory.records).decode()
    found = read_back(memory, keys).record
    assert found.opened["facts"]["request.text"] == SECRET_WORDS
    assert found.opened["facts"]["request.percents"][0]["text"] == "30 per cent of Ada"
    assert found.opened["facts"]["principal.attributes.tier"] == "platinum"
    closed = found.closed or {}
    assert closed["facts"]["answer.text"] == ANSWER
    assert closed["answer_facts"][0]["text"] == "15 %"


@pytest.mark.parametrize("kept", ["redacted", "full"])
def test_nothing_is_kept_in_the_clear_where_nothing_seals(kept: str) -> None:
    audit, memory = make()
    trail, ruled, one = exchange(content_kept=kept)
    trail.prompt_text, trail.answer_text = SECRET_WORDS, ANSWER
    trail.unsealed = "no subject key is at hand"
    audit.opened(ruled, trail)
    audit.closed(one, answered(trail), "allowed")
    written = b"".join(memory.records).decode()
    for words in (SECRET_WORDS, "30 per cent", ANSWER, "15 %"):
        assert words not in written
    first, _ = told(memory.records)
    assert first["opened"]["content"]["missing"] == "no subject key is at hand"
    assert read_back(memory, MemoryKeys()).state == "none"


def test_values_without_words_are_always_there() -> None:
    facts = whole()[0]["opened"]["facts"]
    assert facts["principal.attributes.tier"] == "platinum"
    assert facts["request.language"] == "en"
    assert facts["request.percents"] == [{"value": 3000}]
    assert facts["request.text"] == {"chars": len(SECRET_WORDS)}
    assert facts["context.sources"] == ["orders"]


def test_a_refusal_leaves_one_record_with_everything() -> None:
    audit, memory = make()
    trail, _, one = exchange()
    trail.failure = PolicyRefusal("cap", public="No such discount.", rule="cap")
    audit.closed(one, trail, "denied")
    (record,) = told(memory.records)
    assert record["type"] == "closed"
    assert len(record["opened"]["firings"]) == 3
    assert record["closed"]["firings"] == []
    assert record["closed"]["facts"] == {}
    assert record["closed"]["output"] is None
    assert record["closed"]["failure"] == {
        "code": "FH-POL-001",
        "slug": "policy_refused",
        "status": 403,
        "public": "No such discount.",
        "rule": "cap",
        "late": False,
    }


def test_a_malformed_requests_message_may_quote_it_so_it_stays_out() -> None:
    audit, memory = make()
    trail, _, one = exchange()
    trail.failure = RequestError(f"unknown field {SECRET_WORDS}")
    audit.closed(one, trail, "denied")
    assert SECRET_WORDS.encode() not in memory.records[0]
    assert told(memory.records)[0]["closed"]["failure"]["code"] == "FH-REQ-001"


def test_held_and_interrupted() -> None:
    audit, memory = make()
    trail, ruled, one = exchange()
    trail.held = Held(approval_id="apr_1", role="manager", rule="discount", public="wait")
    audit.opened(ruled, trail)
    audit.closed(one, trail, "held")
    held = told(memory.records)[1]["closed"]["held"]
    assert held == {"approval_id": "apr_1", "role": "manager", "rule": "discount"}
    trail, ruled, one = exchange()
    audit.opened(ruled, trail)
    trail.leave(0, "We ca")
    audit.closed(one, trail, "interrupted")
    record = told(memory.records)[3]
    assert record["type"] == "interrupted"
    assert record["closed"]["released_chars"] == 5
    assert record["closed"]["output"] is not None


def test_a_model_name_or_an_id_that_is_no_name_is_not_written() -> None:
    audit, memory = make()
    trail, _, one = exchange()
    coming = arrival(ask=trail.arrival.ask.__class__(
        operation="chat", model="gpt-5 please, for Ada", messages=()
    ))  # fmt: skip
    trail = Trail(coming)
    changed = one.__class__(
        arrival=coming,
        grant=one.grant,
        app=app(),
        principal=one.principal,
        conversation_id="Ada Lovelace <ada@example.org>",
    )
    audit.closed(changed, trail, "denied")
    assert b"Ada" not in memory.records[0]
    request = told(memory.records)[0]["opened"]["request"]
    assert request["model_asked"] == ""
    assert request["conversation"].startswith("sha256:")


def test_each_end_is_written_once() -> None:
    audit, memory = make()
    trail, ruled, one = exchange()
    for _ in range(2):
        audit.opened(ruled, trail)
    for _ in range(2):
        audit.closed(one, trail, "allowed")
    assert len(memory.records) == 2


def test_what_cannot_be_written_is_an_error_and_is_not_called_written() -> None:
    audit, _ = make(Full())
    trail, ruled, one = exchange()
    with pytest.raises(AuditError):
        audit.opened(ruled, trail)
    assert not trail.opened
    with pytest.raises(AuditError):
        audit.closed(one, trail, "denied")
    assert not trail.closed


def stranger(audit: Audit) -> Trail:
    trail = Trail(arrival())
    trail.failure = KeyRefused("nobody knows it")
    audit.closed(None, trail, "denied")
    return trail


def test_strangers_leave_records_but_cannot_fill_the_disk() -> None:
    clock, memory = Standing(), Memory()
    audit = Audit(memory, "r", tenant_key, clock=clock, strangers_per_second=10)
    assert all(stranger(audit).closed for _ in range(200))
    assert len(memory.records) == 50
    first = told(memory.records)[0]
    assert (first["tenant"], first["opened"]["app"], first["opened"]["key"]) == ("", None, None)
    assert first["closed"]["failure"]["code"] == "FH-ADM-002"
    assert b"4111 1111" not in memory.records[0]
    clock.now += 100_000_000
    stranger(audit)
    assert told(memory.records)[-1]["closed"]["suppressed"] == 150
    stranger(audit)
    audit.close()
    event, rest = map(orjson.loads, memory.records[-2:])
    assert (event["kind"], event["details"]) == ("audit.suppressed", {"count": 1})
    assert (rest["kind"], rest["subject"], rest["tenant"]) == ("work.carried", "strangers", "")
    audit.close()
    assert len(memory.records) == 53


def test_a_panel_of_detectors_is_told_before_the_first_record_that_names_it() -> None:
    audit, memory = make()
    use = panel_use([(DetectorSetting(id="pii.card", threshold=700_000), "3")])
    for tenant_app in (app(), app(), app(tenant="south")):
        trail, _, one = exchange()
        trail.panel = use
        one = structs.replace(one, app=tenant_app)
        audit.closed(one, trail, "allowed")
    events = [r for r in told(memory.records) if r["type"] == "event"]
    assert [(e["kind"], e["subject"], e["tenant"]) for e in events] == [
        ("detectors.used", use.digest, "north"),
        ("detectors.used", use.digest, "south"),
    ]
    assert events[0]["details"]["detectors"] == [
        {
            "id": "pii.card",
            "version": "3",
            "mode": "enforce",
            "action": "redact",
            "phases": ["answer", "context", "request"],
            "threshold": 700_000,
        }
    ]
    kinds = [r["type"] for r in told(memory.records)]
    assert kinds == ["event", "closed", "closed", "event", "closed"]
    assert told(memory.records)[1]["opened"]["panel"] == use.digest


def test_a_journal_that_is_full_tells_of_no_panel() -> None:
    audit, _ = make(Full())
    trail, ruled, _ = exchange()
    trail.panel = panel_use([])
    for _ in range(2):
        with pytest.raises(AuditError):
            audit.opened(ruled, trail)
    assert not trail.opened
    assert not audit._panels


def test_events_have_an_actor() -> None:
    audit, memory = make()
    event_id = audit.event("key.created", "terminal", "abc", {"share": 0.5}, tenant="north")
    assert told(memory.records)[0] == {
        "type": "event",
        "v": 2,
        "id": event_id,
        "kind": "key.created",
        "actor": "terminal",
        "subject": "abc",
        "tenant": "north",
        "details": {"share": "0.5"},
        "at": "2026-11-21T01:30:00.000000Z",
        "at_ns": Standing().now,
    }


async def test_durable_passes_on() -> None:
    await make()[0].durable()
    with pytest.raises(AuditError):
        await make(Full())[0].durable()


def test_a_known_key_is_no_stranger() -> None:
    """However often a limit refuses it, each time is written, with its name."""
    memory = Memory()
    audit = Audit(memory, "r", tenant_key, clock=Standing(), strangers_per_second=1)
    _, _, one = exchange()
    for _ in range(100):
        trail = Trail(arrival())
        trail.grant, trail.app = one.grant, one.app
        trail.failure = RateLimited("app:north/service: 2 requests a minute")
        audit.closed(None, trail, trail.outcome(finished=False))
    assert len(memory.records) == 100
    last = told(memory.records)[-1]
    assert (last["tenant"], last["app"]) == ("north", "service")
    assert last["opened"]["app"]["id"] == "service"
    assert last["opened"]["key"] == {"id": "abc", "name": "till 3"}
    assert last["opened"]["principal"] is None
    assert last["closed"]["outcome"] == "denied"
    assert last["closed"]["failure"]["code"] == "FH-LIM-002"


async def test_it_knows_whether_it_can_write() -> None:
    class Sometimes(Memory):
        full = False

        def append(self, record: bytes, tenant: str = "") -> None:
            if self.full:
                raise AuditError("no space")
            super().append(record)

        async def durable(self) -> None:
            raise AuditError("the disk refused")

    audit, memory = make(Sometimes())
    assert audit.writable()
    assert memory.records == []
    trail, ruled, _ = exchange()
    memory.full = True
    with pytest.raises(AuditError):
        audit.opened(ruled, trail)
    assert not audit.writable()
    memory.full = False
    assert audit.writable()
    assert [orjson.loads(r)["kind"] for r in memory.records] == ["audit.resumed"]
    memory.full = True
    with pytest.raises(AuditError):
        audit.event("key.created", "me", "key", {})
    memory.full = False
    audit.opened(ruled, trail)  # a record that is as long as the refused one is enough
    assert audit.writable()
    assert len(memory.records) == 2
    with pytest.raises(AuditError):
        await audit.durable()
    memory.full = True
    assert not audit.writable()


class Shelf(Memory):
    """A journal on a disk with room for some bytes."""

    def __init__(self, free: int) -> None:
        super().__init__()
        self.free = free

    def append(self, record: bytes, tenant: str = "") -> None:
        if len(record) > self.free:
            raise AuditError("no space")
        self.free -= len(record)
        super().append(record)


class Moving(Standing):
    """A clock that the test winds on."""

    ahead = 0

    def monotonic_ns(self) -> int:
        return super().monotonic_ns() + self.ahead


def test_small_records_that_fit_do_not_make_a_full_disk_ready(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shelf, clock, asked = Shelf(700), Moving(), []

    def room() -> bool:
        asked.append(shelf.free)
        return shelf.free > 1_000_000

    audit = Audit(shelf, "r", tenant_key, clock=clock, room=room)
    for _ in range(3):
        trail, ruled, _ = exchange()
        with pytest.raises(AuditError):
            audit.opened(ruled, trail)
        assert not audit.writable()
        audit.event("small", "me", "it", {})
        assert not audit.writable()
    assert asked == [700], "asked again and again"
    clock.ahead = 3_000_000_000
    assert not audit.writable()
    assert len(asked) == 2
    shelf.free = 2_000_000
    assert not audit.writable(), "asked a moment ago"
    clock.ahead = 5_000_000_000
    assert audit.writable()
    resumed = orjson.loads(shelf.records[-1])
    assert (resumed["kind"], resumed["details"]) == ("audit.resumed", {"failed": 3, "seconds": 5})
    assert audit.failures == 3
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "no space; no answer leaves until records can be written again",
        "the ledger can be written again after 5 s; 3 writes failed",
    ]


def test_a_record_of_the_refused_size_ends_the_failure_without_a_probe() -> None:
    shelf = Shelf(0)
    audit = Audit(shelf, "r", tenant_key, clock=Moving(), room=lambda: False)
    trail, ruled, _ = exchange()
    with pytest.raises(AuditError):
        audit.opened(ruled, trail)
    shelf.free = 100_000
    audit.event("small", "me", "it", {})
    assert not audit.writable()
    audit.opened(ruled, trail)
    assert audit.writable()


async def test_a_failed_sync_ends_with_a_sync_and_with_no_record() -> None:
    class Unsynced(Memory):
        fails = True

        async def durable(self) -> None:
            if self.fails:
                raise AuditError("the disk refused")

    journal = Unsynced()
    audit = Audit(journal, "r", tenant_key, clock=Moving(), room=lambda: False)
    with pytest.raises(AuditError):
        await audit.durable()
    audit.event("small", "me", "it", {})
    assert not audit.writable()
    journal.fails = False
    await audit.durable()
    assert audit.writable()


def test_what_is_done_after_a_record_stands_in_the_next_one() -> None:
    audit, memory = make()
    for _ in range(2):
        trail, _, one = exchange()
        audit.closed(one, trail, "allowed")
        trail.spend("monitoring", 1_000)
    first, second = (orjson.loads(record)["closed"] for record in memory.records)
    assert "carried_ns" not in first
    assert second["carried_ns"]["monitoring"] == 1_000
    assert second["carried_ns"]["audit"] > 0, "closing the first record"
    audit.close()
    rest = told(memory.records)[-1]
    assert (rest["kind"], rest["tenant"], rest["subject"]) == ("work.carried", "north", "service")
    assert rest["details"]["spent_ns"]["monitoring"] == 1_000


@pytest.mark.parametrize(("last", "measured"), [("0", True), ("1", False)])
def test_cpu_time_stands_in_records_of_the_sample(last: str, measured: bool) -> None:
    audit, memory = make()
    trail, ruled, one = exchange()
    trail = Trail(structs.replace(trail.arrival, exchange_id=trail.arrival.exchange_id[:-1] + last))
    trail.spend("policy", 20_000, 9_000)
    audit.opened(ruled, trail)
    audit.closed(one, trail, "allowed")
    closed = told(memory.records)[-1]["closed"]
    assert ("cpu_ns" in closed) is measured
    if measured:
        assert closed["cpu_ns"]["policy"] == 9_000
        assert closed["cpu_ns"]["audit"] > 0
