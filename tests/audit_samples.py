"""Exchanges as the journey leaves them behind, for tests of what is written about them."""

from collections.abc import Iterable
from typing import Any

import orjson

from freehold.core.ask import Arrival, Ask, Message
from freehold.core.decisions import Decision, Finding
from freehold.core.facts import TextFact
from freehold.core.features import Features
from freehold.core.handoffs import (
    Admitted,
    Candidate,
    Grounded,
    Prepared,
    Ruled,
    Screened,
    Stitched,
    Usage,
)
from freehold.core.ids import uuid7
from freehold.core.principal import KeyGrant, Principal
from freehold.core.routes import RouteSpec
from freehold.core.spec import AppSpec, ModelSpec
from freehold.core.trail import Call, Firing, Provenance, Trail
from freehold.ledger.upgrade import full, parts

SECRET_WORDS = "my card is 4111 1111 1111 1111 and I am Ada"
ANSWER = "We can give you 15 % off the blue kettle."
START_NS = 1_795_224_600_000_000_000


class Standing:
    """A clock that moves only when told."""

    def __init__(self, now_ns: int = START_NS) -> None:
        self.now = now_ns
        self.mono = 5_000_000

    def now_ns(self) -> int:
        return self.now

    def monotonic_ns(self) -> int:
        return self.mono


class Memory:
    """A journal that keeps what it is handed."""

    def __init__(self) -> None:
        self.records: list[bytes] = []

    def append(self, record: bytes, tenant: str = "") -> None:
        self.records.append(record)

    async def durable(self) -> None:
        return None


def told(records: Iterable[bytes]) -> list[dict[str, Any]]:
    """What records say, in full: as whoever reads them sees it."""
    return in_full(map(orjson.loads, records))


def in_full(bodies: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same of what stands in lines."""
    made = list(map(full, bodies))
    opened: dict[str, dict[str, Any]] = {}
    for body in made:
        if "opened" in body:
            opened.setdefault(body["exchange"], body)
        if "closed" in body:
            before = opened.get(body["exchange"], body)
            body["closed"] = parts([{"opened": before.get("opened")}, body])[1]
    return made


def tenant_key(tenant: str) -> bytes:
    return tenant.encode().ljust(32, b"\0")


def app(**changes: Any) -> AppSpec:
    values: dict[str, Any] = {
        "id": "service",
        "tenant": "north",
        "tenant_path": ("chain", "north"),
        "bundle_hash": "b" * 64,
        "purpose": "customer service",
        "owner": "care",
        "process": "returns",
        "risk": "limited",
        "route": RouteSpec(id="default", candidates=("large", "small")),
        "models": {
            name: ModelSpec(id=name, provider="openai", base_url="http://m", upstream_model=name)
            for name in ("large", "small")
        },
        "aliases": {"gpt": "large"},
        "content_kept": "none",
    }
    return AppSpec(**(values | changes))


def arrival(exchange_id: str | None = None, text: str = SECRET_WORDS, **changes: Any) -> Arrival:
    values: dict[str, Any] = {
        "ask": Ask(
            operation="chat",
            model="gpt",
            stream=True,
            messages=(
                Message(role="system", content="You help customers of the chain. " * 8),
                Message(role="user", content=text),
            ),
            options={"temperature": 0.2},
        ),
        "route": "/v1/chat/completions",
        "key": "fh_abc_never-write-this",
        "exchange_id": exchange_id or uuid7(START_NS),
        "received_ns": START_NS,
        "started_ns": 1_000_000,
    }
    return Arrival(**(values | changes))


def admitted(coming: Arrival, spec: AppSpec | None = None) -> Admitted:
    spec = spec or app()
    return Admitted(
        arrival=coming,
        grant=KeyGrant(key_id="abc", tenant=spec.tenant, app=spec.id, name="till 3"),
        app=spec,
        principal=Principal(
            id="customer-17",
            verified=True,
            issuer="https://login.example",
            roles=frozenset({"customer"}),
            clearances=frozenset({"pii", "orders"}),
            attributes={"tier": "platinum", "store": "0042"},
        ),
        conversation_id="c0ffee00c0ffee00c0ffee00c0ffee00",
    )


def decided(one: Admitted) -> tuple[Trail, Ruled]:
    """An exchange up to the moment before its first character leaves."""
    trail = Trail(one.arrival)
    trail.findings = [
        Finding(
            detector="pii.card",
            version="1",
            kind="card",
            label="pii",
            where="message:1",
            start=11,
            end=30,
            explanation="16 digits that pass the Luhn check",
        ),
        Finding(
            detector="pii.name", version="3", kind="name", label="pii", where="message:1",
            start=40, end=43, score=710_000,
        ),
    ]  # fmt: skip
    trail.facts = {
        "app.id": one.app.id,
        "principal.attributes.tier": "platinum",
        "request.text": SECRET_WORDS,
        "request.percents": [{"value": 3000, "text": "30 per cent of Ada"}],
        "request.language": "en",
        "context.sources": ["orders"],
    }
    trail.firings = [
        Firing(rule=f"rule-{n}", version=2, phase="request", fired=n == 1, mode="enforce",
               obligations=("annotate",) if n == 1 else ())
        for n in range(3)
    ]  # fmt: skip
    trail.decide(
        Decision(
            stage="governance",
            outcome="transform",
            rule="pii.card",
            why="no model may see card numbers",
            evidence=("message:1 11-30",),
        )
    )
    trail.context = [
        Provenance(
            source="orders", rows=3, chars=420, locator="sql:1f2e", digest="d" * 64,
            labels=("orders",), trusted=True, took_ns=900_000,
        )
    ]  # fmt: skip
    trail.candidates = (
        Candidate(model="large", score=900_000, propensity=1_000_000),
        Candidate(model="small", score=0, propensity=0, lost="not cleared for pii", filtered=True),
    )
    trail.calls = [
        Call(attempt=1, model="large", upstream_model="large", started_ns=2_000, first_ns=9_000)
    ]
    trail.tags = ["vip"]
    for stage in ("admit", "data_prep", "governance", "policy", "context", "routing", "inference"):
        trail.spend(stage, 40_000)  # type: ignore[arg-type]
    trail.wait("context", 900_000)
    prepared = Prepared(
        admitted=one,
        messages=one.ask.messages,
        features=Features(chars=43, words=9, language="en", language_score=990_000),
        query=SECRET_WORDS,
        hidden={"zero-width": 2},
    )
    screened = Screened(
        prepared=prepared,
        messages=one.ask.messages,
        findings=tuple(trail.findings),
        labels=frozenset({"pii"}),
    )
    trail.screened = screened
    grounded = Grounded(
        stitched=Stitched(screened=screened, pieces=()),
        pieces=(),
        findings=(),
        labels=frozenset({"pii", "orders"}),
    )
    return trail, Ruled(grounded=grounded, messages=one.ask.messages, facts=trail.facts)


def answered(trail: Trail) -> Trail:
    """The same exchange after its answer."""
    call = trail.calls[-1]
    call.ended_ns, call.reported_model, call.cost_nano = 90_000, "large-2026-10", 1234
    call.usage = Usage(prompt_tokens=120, completion_tokens=14)
    trail.answer_facts = (
        TextFact(
            kind="percent", value=1500, unit="bp", start=16, end=20, text="15 %",
            polarity="affirmed", role="discount",
        ),
    )  # fmt: skip
    trail.facts |= {"answer.text": ANSWER, "answer.chars": len(ANSWER)}
    trail.firings.append(
        Firing(rule="discount", version=1, phase="answer", fired=False, mode="enforce")
    )
    trail.leave(0, ANSWER)
    return trail


def exchange(exchange_id: str | None = None, **spec: Any) -> tuple[Trail, Ruled, Admitted]:
    """Arrived, admitted, ruled."""
    one = admitted(arrival(exchange_id), app(**spec))
    trail, ruled = decided(one)
    return trail, ruled, one
