"""Hand-offs of every stage, as small as they can be; each takes what a test wants different."""

from typing import Any

from freehold.core.ask import Arrival, Ask, Message, ToolCall
from freehold.core.decisions import Finding
from freehold.core.features import Features
from freehold.core.handoffs import (
    Admitted,
    Answer,
    Attempt,
    Checked,
    Choice,
    Grounded,
    Piece,
    Plan,
    Prepared,
    Ruled,
    Screened,
    Sendable,
    Stitched,
)
from freehold.core.principal import KeyGrant, Principal
from freehold.core.routes import RouteSpec
from freehold.core.spec import AppSpec, ModelSpec, Obligation, RuleSpec
from freehold.core.trail import Trail

NOW_NS = 1_795_224_600_000_000_000


class Standing:
    """A clock that moves only when told."""

    def __init__(self, now_ns: int = NOW_NS) -> None:
        self.wall = now_ns
        self.mono = 1_000_000

    def now_ns(self) -> int:
        return self.wall

    def monotonic_ns(self) -> int:
        return self.mono

    def advance(self, seconds: float) -> None:
        self.wall += int(seconds * 1e9)
        self.mono += int(seconds * 1e9)


def model(id: str = "large", **changes: Any) -> ModelSpec:
    values: dict[str, Any] = {
        "id": id,
        "provider": "openai",
        "base_url": "http://127.0.0.1:9/v1",
        "upstream_model": id,
    }
    return ModelSpec(**(values | changes))


def rule(
    id: str, when: str, *actions: str | Obligation, phase: str = "answer", **changes: Any
) -> RuleSpec:
    obligations = tuple(
        each
        if isinstance(each, Obligation)
        else Obligation(
            action=each,
            role="manager" if each == "require_approval" else "",
            template="Please ask in the shop." if each == "rewrite" else "",
            facts=frozenset({"percent"} if each == "redact" else ()),
            tag="marked" if each == "annotate" else "",
        )
        for each in actions
    )
    values: dict[str, Any] = {"id": id, "version": 1, "phase": phase, "when": when}
    return RuleSpec(obligations=obligations, **(values | changes))


def app(*rules: RuleSpec, **changes: Any) -> AppSpec:
    values: dict[str, Any] = {
        "id": "service",
        "tenant": "north",
        "tenant_path": ("chain", "north"),
        "bundle_hash": "b" * 64,
        "purpose": "customer service",
        "route": RouteSpec(id="default", candidates=("large", "small")),
        "models": {name: model(name) for name in ("large", "small")},
        "rules": rules,
    }
    return AppSpec(**(values | changes))


def ask(*messages: Message | str, **changes: Any) -> Ask:
    made = tuple(m if isinstance(m, Message) else Message(role="user", content=m) for m in messages)
    values: dict[str, Any] = {
        "operation": "chat",
        "messages": made or (Message(role="user", content="Hello"),),
    }
    return Ask(**(values | changes))


def arrival(asked: Ask | None = None, **changes: Any) -> Arrival:
    values: dict[str, Any] = {
        "ask": asked or ask(),
        "route": "/v1/chat/completions",
        "key": "fh_secret",
        "exchange_id": "0198-exchange",
        "received_ns": NOW_NS,
        "started_ns": 0,
    }
    return Arrival(**(values | changes))


def admitted(asked: Ask | None = None, spec: AppSpec | None = None, **changes: Any) -> Admitted:
    spec = spec or app()
    values: dict[str, Any] = {
        "arrival": arrival(asked),
        "grant": KeyGrant(key_id="k1", tenant=spec.tenant, app=spec.id),
        "app": spec,
        "principal": Principal(attributes=dict(spec.attributes)),
        "conversation_id": "c1",
    }
    return Admitted(**(values | changes))


def screened(
    asked: Ask | None = None,
    spec: AppSpec | None = None,
    *,
    query: str | None = None,
    features: Features | None = None,
    labels: frozenset[str] = frozenset(),
    findings: tuple[Finding, ...] = (),
    scope: int | None = None,
    intent: tuple[str, int] = ("", 0),
    **changes: Any,
) -> Screened:
    one = admitted(asked, spec, **changes)
    if query is None:
        query = next((m.content for m in reversed(one.ask.messages) if m.role == "user"), "")
    prepared = Prepared(
        admitted=one,
        messages=one.ask.messages,
        features=features or Features(),
        query=query,
        intent=intent[0],
        intent_score=intent[1],
    )
    return Screened(
        prepared=prepared,
        messages=one.ask.messages,
        findings=findings,
        labels=labels,
        scope=scope,
    )


def grounded(
    asked: Ask | None = None,
    spec: AppSpec | None = None,
    *,
    pieces: tuple[Piece, ...] = (),
    failed: tuple[str, ...] = (),
    labels: frozenset[str] = frozenset(),
    **changes: Any,
) -> Grounded:
    made = screened(asked, spec, labels=labels, **changes)
    return Grounded(
        stitched=Stitched(screened=made, pieces=pieces, failed=failed),
        pieces=pieces,
        findings=(),
        labels=labels | frozenset(label for piece in pieces for label in piece.labels),
    )


def ruled(made: Grounded | None = None) -> Ruled:
    made = made or grounded()
    return Ruled(grounded=made, messages=made.screened.messages, facts={})


def sendable(made: Grounded | None = None, number: int = 1) -> Sendable:
    settled = ruled(made)
    attempt = Attempt(number=number, model=model(), max_tokens=100)
    plan = Plan(ruled=settled, attempts=(attempt,), deadline_ns=2**62)
    return Sendable(plan=plan, attempt=attempt, messages=settled.messages, restorations={})


def checked(
    sent: Sendable,
    *texts: str,
    complete: bool = True,
    safe: tuple[int, ...] | None = None,
    tool_calls: tuple[ToolCall, ...] = (),
    findings: tuple[Finding, ...] = (),
) -> Checked:
    choices = tuple(
        Choice(
            index=i,
            text=text,
            tool_calls=tool_calls,
            finish_reason="stop" if complete else None,
        )
        for i, text in enumerate(texts)
    )
    answer = Answer(sendable=sent, choices=choices, complete=complete)
    return Checked(
        answer=answer,
        choices=choices,
        safe_chars=safe if safe is not None else tuple(map(len, texts)),
        findings=findings,
    )


def trail(asked: Ask | None = None) -> Trail:
    return Trail(arrival(asked))
