"""What governance's tests build again and again."""

from collections.abc import Iterable, Sequence

from freehold.bundle.names import LEARNED, NAMED, UNFOUNDED
from freehold.core.ask import Arrival, Ask, Message, ToolCall
from freehold.core.features import Features
from freehold.core.handoffs import (
    Admitted,
    Answer,
    Attempt,
    Checked,
    Choice,
    Piece,
    Plan,
    Prepared,
    Ruled,
    Sendable,
    Stitched,
)
from freehold.core.ports import Detector
from freehold.core.principal import KeyGrant, Principal
from freehold.core.routes import RouteSpec
from freehold.core.spec import AppSpec, DetectorSetting, ModelSpec
from freehold.core.trail import Trail
from freehold.stages.governance import BUILT_IN, Governance, builtin_detectors
from freehold.stages.governance.scanner import Panel, Scanner
from freehold.testing.fakes import MemoryKeys

TOOLS = tuple(
    {"type": "function", "function": {"name": name}} for name in ("find", "keep", "mail", "f")
)
"""What an app's client may offer to the model."""
KEY = b"a key for placeholders, 32 bytes"
PATTERNED = tuple(name for name, _ in BUILT_IN if name not in NAMED | LEARNED | UNFOUNDED)
ALL = tuple(
    DetectorSetting(id=name, mode="observe" if name in NAMED else "enforce")
    for name, _ in BUILT_IN
    if name not in LEARNED | UNFOUNDED
)
UNCLEARED = ModelSpec(id="cheap", provider="p", base_url="http://127.0.0.1", upstream_model="u")
CLEARED = ModelSpec(
    id="house",
    provider="p",
    base_url="http://127.0.0.1",
    upstream_model="u",
    clearances=frozenset({"pii"}),
)


def settings(
    mode: str = "enforce", action: str = "redact", *only: str
) -> tuple[DetectorSetting, ...]:
    """Settings for the detectors named, or for all that go by patterns."""
    names = only or PATTERNED
    return tuple(DetectorSetting(id=name, mode=mode, action=action) for name in names)


def scanner(*only: str) -> Scanner:
    """A scanner of requests with these built-in detectors, or all that go by patterns."""
    return Panel(
        settings("enforce", "redact", *only), {d.id: d for d in builtin_detectors()}
    ).request


def found(text: str, using: Scanner) -> list[tuple[str, str]]:
    """(kind, value) of what is found in a text."""

    def never(setting: DetectorSetting, why: str) -> None:
        raise AssertionError(why)

    return [(f.kind, text[f.start : f.end]) for f in using.scan(text, "text", never)]


def prepared(
    *messages: Message | str,
    detectors: tuple[DetectorSetting, ...] = ALL,
    tenant: str = "shop",
    conversation: str = "conversation-1",
    hidden: dict[str, int] | None = None,
    **ask: object,
) -> Prepared:
    turns = tuple(Message(role="user", content=m) if isinstance(m, str) else m for m in messages)
    arrival = Arrival(
        ask=Ask(operation="chat", messages=turns, **ask),
        route="/v1/chat/completions",
        key="",
        exchange_id="exchange-1",
        received_ns=0,
        started_ns=0,
    )
    app = AppSpec(
        id="service",
        tenant=tenant,
        tenant_path=(tenant,),
        bundle_hash="0" * 64,
        purpose="test",
        route=RouteSpec(id="r", candidates=("cheap",)),
        detectors=detectors,
    )
    admitted = Admitted(
        arrival=arrival,
        grant=KeyGrant(key_id="k", tenant=tenant, app="service"),
        app=app,
        principal=Principal(),
        conversation_id=conversation,
    )
    return Prepared(
        admitted=admitted,
        messages=turns,
        features=Features(),
        query=turns[-1].content,
        hidden=hidden or {},
    )


def governance(extra: Sequence[Detector] = ()) -> Governance:
    return Governance((*builtin_detectors(), *extra), placeholder_key=KEY, keys=MemoryKeys())


def piece(text: str, source: str = "orders", **more: object) -> Piece:
    return Piece(source=source, title="", text=text, trusted=True, **more)


def travel(
    gov: Governance,
    request: Prepared,
    pieces: Iterable[Piece] = (),
    model: ModelSpec = UNCLEARED,
    demanded: frozenset[str] = frozenset(),
    trail: Trail | None = None,
) -> tuple[Trail, Sendable]:
    """Everything up to the call, with the context packed into a system message as it is in life."""
    trail = trail or Trail(request.admitted.arrival)
    screened = gov.request(request, trail)
    grounded = gov.context(Stitched(screened=screened, pieces=tuple(pieces)), trail)
    ruled = Ruled(grounded=grounded, messages=screened.messages, facts={}, redact_labels=demanded)
    attempt = Attempt(number=1, model=model, max_tokens=100)
    plan = Plan(ruled=ruled, attempts=(attempt,), deadline_ns=0)
    messages = screened.messages
    if grounded.pieces:
        blocks = "\n".join(
            f'<context source="{p.source}">\n{p.text}\n</context>' for p in grounded.pieces
        )
        messages = (Message(role="system", content=f"Be kind.\n\n{blocks}"), *messages)
    return trail, gov.redact(plan, attempt, messages, trail)


def say(
    gov: Governance,
    trail: Trail,
    sendable: Sendable,
    text: str,
    *,
    complete: bool = True,
    calls: tuple[ToolCall, ...] = (),
) -> Checked:
    """The check of one choice's text so far."""
    choice = Choice(text=text, tool_calls=calls)
    return gov.answer(Answer(sendable=sendable, choices=(choice,), complete=complete), trail)


def stream(
    gov: Governance, sendable: Sendable, text: str, cuts: Iterable[int], arrival: Arrival
) -> tuple[list[str], str]:
    """What was released after each cut, and the whole answer in the end."""
    trail = Trail(arrival)
    released = []
    for cut in cuts:
        checked = say(gov, trail, sendable, text[:cut], complete=False)
        released.append(checked.choices[0].text[: checked.safe_chars[0]])
    checked = say(gov, trail, sendable, text)
    assert checked.safe_chars == (len(checked.choices[0].text),)
    return released, checked.choices[0].text
