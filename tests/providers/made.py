"""Hand-offs as small as they can be, for tests of what stands behind routing."""

from typing import Any

from freehold.core.ask import Arrival, Ask, Message
from freehold.core.features import Features
from freehold.core.handoffs import (
    Admitted,
    Attempt,
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
from freehold.core.spec import AppSpec, ModelSpec
from freehold.core.trail import Trail

FAR = 2**62


def model(**fields: Any) -> ModelSpec:
    settings: dict[str, Any] = {
        "id": "m1",
        "provider": "openai",
        "base_url": "http://127.0.0.1:9/v1",
        "upstream_model": "upstream",
    }
    return ModelSpec(**(settings | fields))


def user(text: str = "Hi") -> Message:
    return Message(role="user", content=text)


def make_plan(
    *models: ModelSpec,
    messages: tuple[Message, ...] = (user(),),
    pieces: tuple[Piece, ...] = (),
    system_prompt: str = "",
    deadline_ns: int = FAR,
    max_tokens: int = 100,
    exchange_id: str = "x1",
    **ask: Any,
) -> Plan:
    models = models or (model(),)
    asked = Ask(**({"operation": "chat", "messages": messages} | ask))
    arrival = Arrival(
        ask=asked, route="/v1", key="", exchange_id=exchange_id, received_ns=0, started_ns=0
    )
    app = AppSpec(
        id="app",
        tenant="t",
        tenant_path=("t",),
        bundle_hash="h",
        purpose="test",
        system_prompt=system_prompt,
        route=RouteSpec(id="r", candidates=tuple(m.id for m in models)),
        models={m.id: m for m in models},
    )
    admitted = Admitted(
        arrival=arrival,
        grant=KeyGrant(key_id="k", tenant="t", app="app"),
        app=app,
        principal=Principal(),
        conversation_id="c",
    )
    prepared = Prepared(admitted=admitted, messages=messages, features=Features(), query="")
    screened = Screened(prepared=prepared, messages=messages, findings=(), labels=frozenset())
    stitched = Stitched(screened=screened, pieces=pieces)
    grounded = Grounded(stitched=stitched, pieces=pieces, findings=(), labels=frozenset())
    ruled = Ruled(grounded=grounded, messages=messages, facts={})
    attempts = tuple(
        Attempt(number=i, model=m, max_tokens=max_tokens) for i, m in enumerate(models, 1)
    )
    return Plan(ruled=ruled, attempts=attempts, deadline_ns=deadline_ns)


def make_sendable(
    *models: ModelSpec, messages: tuple[Message, ...] = (user(),), **fields: Any
) -> Sendable:
    plan = make_plan(*models, messages=messages, **fields)
    return Sendable(plan=plan, attempt=plan.attempts[0], messages=messages, restorations={})


def make_trail(sendable_or_plan: Sendable | Plan) -> Trail:
    plan = sendable_or_plan.plan if isinstance(sendable_or_plan, Sendable) else sendable_or_plan
    return Trail(plan.ruled.admitted.arrival)
