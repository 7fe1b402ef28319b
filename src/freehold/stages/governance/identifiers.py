"""Ids and names: what no placeholder can stand in for, on the way in and on the way out."""

import re
from collections.abc import Callable, Iterator
from hashlib import sha256

from msgspec.structs import replace

from freehold.core.ask import Ask, ToolCall
from freehold.core.decisions import Decision, Finding
from freehold.core.errors import GovernanceRefusal
from freehold.core.handoffs import Sendable
from freehold.core.trail import Trail
from freehold.stages.governance.detectors.banking import is_card_number
from freehold.stages.governance.exchange import Exchange
from freehold.stages.governance.scanner import Panel, Scanner

Read = Callable[[Scanner, str, str], tuple[Finding, ...]]
"""Findings of a text by scanner, text and place."""

_CALL_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_VALUES = frozenset({"pii", "secret"})
_CERTAIN = 700_000
"""Millionths. Below, words nearby have made the difference, and in an id they mean nothing."""


def read_all(ask: Ask, exchange: Exchange, read: Read) -> None:
    """Have every id and name of a tool or call read, so that it is known what they hold.

    Raises:
        ControlFailed: a detector in enforce mode failed.
    """
    scanner = exchange.panel.request
    named = dict.fromkeys(value for value, _ in _named(ask) if value)
    if not named:
        return
    # most hold nothing, so all are read at once first
    if read(scanner, "\n".join(named), "identifiers"):
        for value in named:
            read(scanner, value, "identifiers")
        return
    for value in named:
        if exchange.recall(scanner, value) is None:
            exchange.remember(scanner, value, ())


def refuse(ask: Ask, exchange: Exchange, trail: Trail) -> None:
    """Refuse a request whose ids, names of functions or seed hold what a detector acts on;
    :func:`read_all` has read them.

    Raises:
        GovernanceRefusal: it names the parameter and never the value.
    """
    scanner = exchange.panel.request
    seed = ask.options.get("seed")
    card = scanner.uses.get("pii.card")
    if (
        seed is not None
        and card is not None
        and card.acts
        and is_card_number(str(seed).lstrip("-"))
    ):
        raise _refusal(trail, "pii.card", "card", "seed")
    for value, param in _named(ask):
        found = _held(exchange.recall(scanner, value) or (), scanner)
        if found is not None:
            raise _refusal(trail, found.detector, found.kind, param)


def _named(ask: Ask) -> Iterator[tuple[str, str]]:
    """Each id and name of a tool or call, and the parameter that it stands in."""
    for place, message in enumerate(ask.messages):
        if message.tool_call_id:
            yield message.tool_call_id, f"messages[{place}].tool_call_id"
        for number, call in enumerate(message.tool_calls):
            yield call.id, f"messages[{place}].tool_calls[{number}].id"
            yield call.name, f"messages[{place}].tool_calls[{number}].function.name"
    for place, name in enumerate(offered(ask)):
        yield name, f"tools[{place}].function.name"
    allowed = _allowed(ask)
    for place, tool in enumerate(allowed or ()):
        yield _name(tool), f"tool_choice.allowed_tools.tools[{place}].function.name"
    if isinstance(ask.tool_choice, dict) and allowed is None:
        yield _name(ask.tool_choice), "tool_choice.function.name"


def offered(ask: Ask) -> list[str]:
    """The names of the functions that a request offers, in their order."""
    return [_name(tool) for tool in ask.tools]


def _allowed(ask: Ask) -> list[dict[str, object]] | None:
    """The functions that ``tool_choice`` lists as allowed, if it lists any."""
    choice = ask.tool_choice
    narrowed = choice.get("allowed_tools") if isinstance(choice, dict) else None
    return None if narrowed is None else narrowed["tools"]


def _callable(ask: Ask) -> set[str]:
    """The names of the functions that a model may call in its answer."""
    names = set(offered(ask))
    if ask.tool_choice == "none":
        return set()
    if isinstance(ask.tool_choice, dict):
        narrowed = _allowed(ask)
        return names.intersection(map(_name, [ask.tool_choice] if narrowed is None else narrowed))
    return names


def _name(tool: dict[str, object]) -> str:
    function = tool.get("function")
    return str(function.get("name", "")) if isinstance(function, dict) else ""


def _held(found: tuple[Finding, ...], scanner: Scanner) -> Finding | None:
    for finding in found:
        acts = scanner.uses[finding.detector].acts
        if acts and finding.label in _VALUES and finding.score >= _CERTAIN:
            return finding
    return None


def _refusal(trail: Trail, rule: str, kind: str, param: str) -> GovernanceRefusal:
    said = f"`{param}` holds what looks like a value of kind {kind}, where none can be replaced"
    refusal = _refused(trail, rule, said, f"This request was refused: {said}.")
    refusal.param = param
    return refusal


def _refused(trail: Trail, rule: str, said: str, public: str) -> GovernanceRefusal:
    trail.decide(
        Decision(
            stage="governance",
            outcome="deny",
            rule=rule,
            mode="enforce",
            why=f"refused: {said}",
            public=public,
        )
    )
    return GovernanceRefusal(said, public=public, rule=rule)


def broken(trail: Trail) -> GovernanceRefusal:
    """The refusal of JSON that would be none any more without what must not leave."""
    said = "without what must not leave, the answer would not be JSON any more"
    return _refused(trail, "json", said, f"The answer was refused: {said}.")


def answered(
    call: ToolCall,
    sendable: Sendable,
    place: tuple[int, int],
    read: Read,
    panel: Panel,
    trail: Trail,
) -> ToolCall:
    """A model's tool call with an id that may leave: its own, or a fresh one if it holds a value.

    ``place`` is the choice's index and the call's number in it; of them the fresh id is made, so
    that it stays the same however often the answer is checked.

    Raises:
        GovernanceRefusal: the model called a tool that was not offered, or that ``tool_choice``
            rules out.
        ControlFailed: a detector in enforce mode failed.
    """
    admitted, scanner = sendable.plan.ruled.admitted, panel.answer
    if call.name not in _callable(admitted.ask):
        offers = call.name in offered(admitted.ask)
        told = "`tool_choice` rules out" if offers else "was not offered"
        said = f"the model called a tool that {told}"
        raise _refused(trail, "tools", said, f"The answer was refused: {said}.")
    if _CALL_ID.fullmatch(call.id) and (
        not scanner.uses or _held(read(scanner, call.id, "answer:id"), scanner) is None
    ):
        return call
    seed = f"{admitted.arrival.exchange_id}:{place[0]}:{place[1]}"
    return replace(call, id=f"call_{sha256(seed.encode()).hexdigest()[:24]}")
