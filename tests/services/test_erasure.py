"""Erasing a person: their texts are gone, others' stay, and the report says what is beyond it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from freehold.core.errors import AuditError, NotFound, RequestError, StorageError
from freehold.core.handoffs import Admitted, Answer, Attempt, Choice, Demand, Plan, Sendable
from freehold.core.ids import uuid7
from freehold.core.principal import Principal
from freehold.core.spec import LocalSpec, ModelSpec, SourceSpec
from freehold.core.subjects import Subject, subject_of
from freehold.core.trail import Trail
from freehold.ledger.content import ContentSealer, opened
from freehold.ledger.reading import read_all
from freehold.ledger.segment import SegmentJournal
from freehold.services.erasure import Erased, Erasing, Whom
from freehold.services.records import Records
from freehold.stages.audit import Audit
from freehold.storage.exchanges import StoredExchanges
from freehold.storage.filler import fill
from freehold.storage.held_texts import HeldTexts
from freehold.storage.holds import SealedHolds
from freehold.storage.lineage import LineageRows, StoredLineage
from freehold.storage.migrate import open_database
from freehold.storage.subject_keys import LiveKeys
from freehold.storage.vault import Vault, open_vault
from freehold.storage.writer import Writer
from tests.audit_samples import ANSWER, Standing, answered, app, exchange, tenant_key

IDP = "https://login.example"
ADA = Principal(id="ada", verified=True, issuer=IDP)
BEN = Principal(id="ben", verified=True, issuer=IDP)
NOBODY = Principal()
TALK, OTHER = "c0ffee00c0ffee00c0ffee00c0ffee00", "0ddba110c0ffee00c0ffee00c0ffee00"
NORTH = frozenset({"north"})


class House:
    """A home with a gateway's parts in it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        clock = Standing()
        self.database = open_database(home)
        self.vault = open_vault(home, None, b"m" * 32, clock)
        self.live = LiveKeys(self.vault, clock).open()
        self.writer = Writer(self.database).open()
        self.holds = SealedHolds(self.database, self.writer, b"k" * 32, clock, self.live)
        self.held = HeldTexts(self.database, clock)
        self.journal = SegmentJournal(home).open()
        self.audit = Audit(self.journal, "r" * 64, tenant_key, clock=clock)
        self.records = Records(
            home, StoredExchanges(self.database), lambda: fill(home, self.database)
        )
        self.lineage = StoredLineage(self.database, b"l" * 32, clock)
        self.erasing = self.erasing_with()

    def erasing_with(self, **more: Any) -> Erasing:
        return Erasing(
            self.records,
            self.vault,
            self.held,
            {IDP},
            lambda _: None,
            "tester",
            self.audit.event,
            LineageRows(self.database),
            **more,
        )

    def close(self) -> None:
        self.live.close()
        self.writer.close()
        self.journal.close()
        self.database.close()

    def asked(
        self, who: Principal = ADA, talk: str = TALK, kept: str = "full", **spec: Any
    ) -> tuple[str, Admitted]:
        """One exchange of somebody's, written down."""
        trail, ruled, one = exchange(uuid7(), content_kept=kept, **spec)
        one = replace(one, principal=who, conversation_id=talk)
        ruled = under(ruled, one)
        self.sealing(trail, one)
        trail.prompt_text, trail.answer_text = '[{"role":"user","content":"hi"}]', ANSWER
        self.audit.opened(ruled, trail)
        self.audit.closed(one, answered(trail), "allowed")
        return one.arrival.exchange_id, one

    def sealing(self, trail: Trail, one: Admitted) -> None:
        if one.app.content_kept != "none":
            key = self.live.of(subject_of(one), one.app.retention_days)
            trail.sealer = ContentSealer(key, trail.arrival.exchange_id, one.conversation_id)

    def state(self, exchange_id: str) -> str:
        return opened(self.records.find(exchange_id), self.vault.find).state

    async def hold(self, one: Admitted) -> str:
        _, ruled, _ = exchange()
        attempt = Attempt(number=1, model=app().models["large"], max_tokens=100)
        plan = Plan(ruled=under(ruled, one), attempts=(attempt,), deadline_ns=0)
        sendable = Sendable(plan=plan, attempt=attempt, messages=(), restorations={})
        answer = Answer(sendable=sendable, choices=(Choice(text=ANSWER),), complete=True)
        approval = self.holds.hold(one, Demand(role="manager", rule="discount"), answer)
        await self.holds.kept(approval)
        return approval

    def kept(self, approval: str) -> bool:
        found = self.holds.find(approval)
        assert found is not None
        return found.kept

    def events(self) -> list[dict[str, Any]]:
        bodies = [entry.envelope()["body"] for entry in read_all(self.home)]
        return [body for body in bodies if body.get("kind") == "erased"]


def under(ruled: Any, one: Admitted) -> Any:
    prepared = replace(ruled.grounded.screened.prepared, admitted=one)
    screened = replace(ruled.grounded.screened, prepared=prepared)
    stitched = replace(ruled.grounded.stitched, screened=screened)
    return replace(ruled, grounded=replace(ruled.grounded, stitched=stitched))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


def whom(person: str = "ada", **more: Any) -> Whom:
    return Whom(**{"tenants": NORTH, "person": person, **more})


async def test_one_person_is_erased_and_the_others_stay(house: House) -> None:
    first, one = house.asked()
    second, _ = house.asked(talk=OTHER)
    others, _ = house.asked(BEN)
    approval = await house.hold(one)
    planned = house.erasing.plan(whom())
    assert (planned.dry_run, planned.exchanges, planned.sealed, planned.held) == (True, 2, 2, 1)
    assert house.state(first) == house.state(second) == "open"
    done = house.erasing.run(whom())
    assert (done.dry_run, done.exchanges, done.held, done.held_waiting) == (False, 2, 1, 1)
    assert done.keys == 1
    assert done.unfinished == ()
    assert house.state(first) == house.state(second) == "erased"
    assert house.state(others) == "open"
    with pytest.raises(NotFound):
        house.holds.open(approval)
    held = house.holds.find(approval)
    assert held is not None
    assert held.state == "expired"


async def test_the_ledger_says_that_it_was_done_and_to_nobody_by_name(house: House) -> None:
    house.asked()
    house.erasing.run(whom())
    (event,) = house.events()
    assert (event["actor"], event["tenant"]) == ("tester", "north")
    assert event["subject"] == house.vault.name(Subject("north", IDP, "ada"))
    assert event["details"] == {"keys": 1, "exchanges": 1, "held": 0}
    assert "ada" not in str(event)


async def test_erasing_again_does_no_harm_and_says_so(house: House) -> None:
    exchange_id, _ = house.asked()
    house.erasing.run(whom())
    again = house.erasing.run(whom())
    assert (again.keys, again.keys_before, again.exchanges) == (0, 1, 1)
    assert again.erased_before is not None
    assert house.state(exchange_id) == "erased"


async def test_whoever_comes_back_has_a_new_key(house: House) -> None:
    old, _ = house.asked()
    house.erasing.run(whom())
    house.live.refresh()
    new, _ = house.asked()
    assert (house.state(old), house.state(new)) == ("erased", "open")
    assert house.erasing.run(whom()).keys == 1
    assert house.state(new) == "erased"


def test_nobody_known_is_a_clear_error(house: House) -> None:
    house.asked()
    for wrong in (whom("adam"), whom(tenants=frozenset({"south"})), whom(issuer="https://else")):
        with pytest.raises(NotFound, match="nothing is or was stored"):
            house.erasing.run(wrong)
    with pytest.raises(RequestError):
        house.erasing.plan(whom(conversation=TALK))
    with pytest.raises(RequestError):
        house.erasing.plan(whom(""))
    assert house.events() == []


def test_the_same_id_of_two_issuers_may_be_two_people(house: House) -> None:
    mine, _ = house.asked()
    header, _ = house.asked(Principal(id="ada"))
    with pytest.raises(RequestError, match="issuer"):
        house.erasing.run(whom())
    assert house.erasing.run(whom(issuer="")).exchanges == 1
    assert (house.state(header), house.state(mine)) == ("erased", "open")
    assert house.erasing.run(whom(issuer=IDP)).exchanges == 1
    assert house.state(mine) == "erased"


async def test_of_nobody_known_a_conversation_is_erased(house: House) -> None:
    this, one = house.asked(NOBODY)
    other, _ = house.asked(NOBODY, talk=OTHER)
    approval = await house.hold(one)
    done = house.erasing.run(Whom(tenants=NORTH, conversation=TALK))
    assert (done.exchanges, done.keys, done.held) == (1, 1, 1)
    assert (house.state(this), house.state(other)) == ("erased", "open")
    assert not house.kept(approval)
    house.asked(talk=OTHER)
    with pytest.raises(RequestError, match="somebody who is known"):
        house.erasing.run(Whom(tenants=NORTH, conversation=OTHER))


def test_a_key_that_only_a_record_knows_of_is_destroyed_too(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process died before the vault was told whose it had become."""
    house.live.writer._each_tick = ()
    monkeypatch.setattr(house.live, "refresh", lambda: None)
    exchange_id, _ = house.asked()
    house.live._taken.clear()
    assert house.vault.standing([house.vault.name(Subject("north", IDP, "ada"))]).live == 0
    assert house.erasing.run(whom()).keys == 1
    assert house.state(exchange_id) == "erased"


@pytest.mark.parametrize("step", ["log", "destroyed", "held", "scrub"])
async def test_what_a_crash_leaves_half_done_is_ended_by_the_next(
    house: House, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    exchange_id, one = house.asked()
    approval = await house.hold(one)

    class Killed(BaseException):
        pass

    def dies(*_: object, **__: object) -> Any:
        raise Killed

    with monkeypatch.context() as crash:
        if step == "log":
            crash.setattr(house.erasing, "_log", dies)
        elif step == "destroyed":
            crash.setattr(house.held, "destroy", dies)
        elif step == "held":
            real = house.held.destroy
            crash.setattr(house.held, "destroy", lambda ids: (real(ids), dies()))
        else:
            crash.setattr(house.vault, "scrub", dies)
        with pytest.raises(Killed):
            house.erasing.run(whom())
    assert house.state(exchange_id) == ("open" if step == "log" else "erased")
    house.erasing.run(whom())
    assert house.state(exchange_id) == "erased"
    assert not house.kept(approval)


def test_what_can_not_be_recorded_or_reached_is_not_half_done(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange_id, _ = house.asked()

    def full(*_: object, **__: object) -> str:
        raise AuditError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(house.erasing, "_log", full)
        with pytest.raises(AuditError):
            house.erasing.run(whom())
    assert house.state(exchange_id) == "open"
    monkeypatch.setattr(house.vault, "scrub", lambda: "the log could not be emptied")
    assert house.erasing.run(whom()).unfinished == ("the log could not be emptied",)


def test_a_vault_that_is_away_is_an_error(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.asked()

    def away(*_: object, **__: object) -> Any:
        raise StorageError("away")

    monkeypatch.setattr(Vault, "standing", away)
    with pytest.raises(StorageError):
        house.erasing.plan(whom())


def kinds(done: Erased) -> dict[str, Any]:
    return {each.kind: each for each in done.beyond}


def test_the_report_lists_what_is_beyond_it(house: House) -> None:
    house.asked()
    house.asked(kept="none")
    told = kinds(house.erasing.plan(whom()))
    model = told["provider"]
    assert (model.count, model.details["model"]) == (2, "large")
    assert model.details["with_nothing_redacted"] == 2
    assert model.first_at == model.last_at == "2026-11-21T01:30:00.000000Z"
    assert (told["context"].details["source"], told["context"].count) == ("orders", 2)
    assert told["record"].count == 2
    assert told.keys() >= {"commitment", "backup", "client", "others", "weights"}
    assert "plaintext" not in told
    assert all(each.do for each in told.values())
    assert house.erasing.plan(whom()).sealed == 1


class Kept:
    """A bundle that was live once."""

    def app_for(self, tenant: str, name: str) -> Any:
        if name != "service":
            raise NotFound("no such app")
        large = ModelSpec(
            id="large", provider="openai", base_url="https://api.far.example:8443/v1",
            upstream_model="l", region="us", trains_on_data=True,
        )  # fmt: skip
        orders = SourceSpec(
            id="orders", type="sql", url="env:DB", query="SELECT * FROM sold s, who"
        )
        return app(models={"large": large}, sources=(orders,))


def test_providers_and_tables_are_named_from_the_bundle_of_the_time(house: House) -> None:
    house.erasing._bundle_of = lambda _: Kept()  # type: ignore[assignment, return-value]
    house.asked()
    house.asked(id="gone")
    told = [each for each in house.erasing.plan(whom()).beyond if each.kind == "provider"]
    hosts = {each.details["host"]: each for each in told}
    far, unknown = hosts["api.far.example"], hosts[None]
    assert (far.count, far.details["region"], far.details["trains_on_data"]) == (1, "us", True)
    assert "leave them out of training" in far.do
    assert (unknown.count, unknown.details["trains_on_data"]) == (1, False)
    sources = [each for each in house.erasing.plan(whom()).beyond if each.kind == "context"]
    assert {each.details["reads"] for each in sources} == {"sold, who", None}


def test_a_model_in_the_gateways_own_process_is_no_provider(house: House) -> None:
    class Own(Kept):
        def app_for(self, tenant: str, name: str) -> Any:
            large = ModelSpec(
                id="large", provider="local", base_url="", upstream_model="",
                local=LocalSpec(kind="responder", digest="d"),
            )  # fmt: skip
            return app(models={"large": large})

    house.erasing._bundle_of = lambda _: Own()  # type: ignore[assignment, return-value]
    house.asked()
    assert "provider" not in kinds(house.erasing.plan(whom()))


def test_texts_of_older_versions_are_named(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.asked(kept="none")
    real = house.records._read

    def old(row: Any) -> Any:
        record = real(row)
        content = {"kept": "full", "input": "[]", "output": None}
        return replace(record, opened=record.opened | {"content": content})

    monkeypatch.setattr(house.records, "_read", old)
    told = kinds(house.erasing.plan(whom()))
    assert told["plaintext"].count == 1
