"""A tool call as rules see it, and which of its arguments nobody vouches for."""

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from freehold.core.facts import TextFact
from freehold.core.spec import Containment, Obligation
from freehold.rules.facts import KINDS, records
from freehold.rules.structured import Leaf, below
from freehold.stages.policy.demands import Fired
from freehold.stages.policy.origins import Origin


class Call(Struct, frozen=True, kw_only=True):
    """One call as it was read."""

    choice: int
    number: int
    tool: str
    where: str
    raw: Any
    leaves: list[Leaf]
    arguments: Any
    facts: tuple[TextFact, ...]
    origins: list[Origin]


def facts_in_call(call: Call) -> dict[str, Any]:
    """What rules see of a call."""
    facts: dict[str, Any] = {
        "tool.name": call.tool,
        "tool.arguments": call.arguments,
        "tool.untrusted": [origin.cel() for origin in call.origins],
    }
    for short, kind in KINDS.items():
        facts[f"tool.{short}"] = records(call.facts, kind)
    return facts


def stops(setting: Containment, kind: str, *, field: bool) -> bool:
    """Whether an argument of this kind, a whole field there or not, needs a rule that allows it."""
    if setting == "addresses":
        return kind == "address" and not field
    return setting == "all" or (setting == "prose" and not field)


def traced(
    calls: Sequence[Call], verdicts: Sequence[Sequence[Fired | None]], mode: Containment
) -> tuple[list[tuple[Call, Origin]], list[tuple[Call, Origin]]]:
    """Arguments from untrusted text that no rule allows: those that the app's setting stops, and
    those that it lets pass.
    """
    stopped: list[tuple[Call, Origin]] = []
    watched: list[tuple[Call, Origin]] = []
    for call, each in zip(calls, verdicts, strict=True):
        allowed = list(obligations(each, "allow"))
        for origin in call.origins:
            if not any(_names(allow, origin) for allow in allowed):
                into = stopped if stops(mode, origin.kind, field=origin.field) else watched
                into.append((call, origin))
    return stopped, watched


def _names(allow: Obligation, origin: Origin) -> bool:
    return not allow.arguments or any(below(path, origin.at) for path in allow.arguments)


def obligations(fired: Sequence[Fired | None], action: str) -> Iterator[Obligation]:
    """Those of the enforcing rules that fired on one call. One that erred allows nothing."""
    for one in fired:
        if one is not None and one.rule.mode == "enforce":
            yield from (o for o in one.obligations if o.action == action)
