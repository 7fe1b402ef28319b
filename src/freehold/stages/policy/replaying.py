"""Policy once more, from what a record says: the same rules, on the facts that they saw."""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from freehold.core.handoffs import Demand, Discharge
from freehold.core.spec import Containment, Obligation
from freehold.core.trail import Trail
from freehold.stages.policy.again import Again
from freehold.stages.policy.approving import say_who_approved, still_held
from freehold.stages.policy.calls import Call
from freehold.stages.policy.demands import Demands, Fired, seen_by
from freehold.stages.policy.judging import follow, refuse_if_blocked, tag
from freehold.stages.policy.progress import Progress
from freehold.stages.policy.tool_calls import weigh
from freehold.stages.policy.verdicts import RuleSet


class Awaited(Struct, frozen=True):
    """A person's approval that the answer, or the request, waits for."""

    role: str
    rule: str


class Told(Struct, frozen=True, kw_only=True):
    """One step of an answer as it was recorded; see `core.judged.Sheet`."""

    facts: dict[str, Any]
    again: Again
    last: bool = True
    left: bool = False
    whole: dict[str, Any] | None = None
    kept: dict[str, Any] | None = None


def request(
    told: Told, rules: RuleSet, discharged: Sequence[Discharge], trail: Trail
) -> Awaited | None:
    """As `Policy.request` judges.

    Raises:
        PolicyRefusal, StillHeld, ControlFailed: as there.
    """
    demands = rules.judge(told.facts, trail, {}, again=told.again)
    refuse_if_blocked(demands, trail)
    demand = demands.approval(_on_these(discharged, told, rules), told.facts)
    if demand is not None:
        return _awaited(*demand, discharged, request=True)
    say_who_approved(discharged, {fired.rule.id for fired in demands.fired}, trail)
    tag(demands, trail)
    return None


def _on_these(discharged: Sequence[Discharge], told: Told, rules: RuleSet) -> Sequence[Discharge]:
    """The demands that persons have met. On which words, nobody can tell any more: that they are
    the same is taken as recorded, and said to be.
    """
    by_id = {rule.id: (place, rule) for place, rule in enumerate(rules.rules)}
    met = []
    for each in discharged:
        place, rule = by_id.get(each.rule, (0, None))
        if rule is not None and told.again.lacks_words(rule):
            told.again.taken[place] = "the words on which it was approved"
            each = replace(each, seen=seen_by(rule, told.facts))
        met.append(each)
    return met


def answer(
    steps: Iterable[Told],
    rules: RuleSet,
    discharged: Sequence[Discharge],
    trail: Trail,
    *,
    streams: bool,
) -> Awaited | None:
    """As `Policy.answer` judges the words of an answer, step by step.

    Raises:
        PolicyRefusal, StillHeld, ControlFailed: as there.
    """
    progress = Progress()
    done = False
    for step in steps:
        progress.left = step.left
        demands = rules.judge(
            step.facts,
            trail,
            progress.fired,
            last=step.last,
            whole=step.whole,
            kept=step.kept,
            again=step.again,
        )
        follow(demands, progress, trail, discharged, streams=streams)
        done = step.last
    if not done:
        return None
    if progress.pending is not None and progress.pending[1].action == "require_approval":
        return _awaited(*progress.pending, discharged, request=False)
    if discharged:
        say_who_approved(discharged, progress.fired, trail)
    return None


def tool_calls(
    calls: Sequence[tuple[Call, Told]], rules: RuleSet, mode: Containment, trail: Trail
) -> tuple[Demands, frozenset[str]]:
    """As `tool_calls.judge` judges; what is demanded of all calls, and the rules that fired.

    Raises:
        PolicyRefusal, ControlFailed: as there.
    """
    verdicts: list[list[Fired | None]] = [
        rules.verdicts_again(told.facts, told.again) if rules.rules else [] for _, told in calls
    ]
    return weigh([call for call, _ in calls], verdicts, rules, mode, trail)


def called(
    demands: Demands, fired: frozenset[str], discharged: Sequence[Discharge], trail: Trail
) -> Awaited | None:
    """What comes of tool calls that no rule blocks, now that the words are judged.

    Raises:
        StillHeld: they were held before, and what was approved is not all that rules demand.
    """
    tag(demands, trail)
    demand = demands.approval(discharged)
    if demand is not None:
        return _awaited(*demand, discharged, request=False)
    say_who_approved(discharged, fired, trail)
    return None


def _awaited(
    fired: Fired, obligation: Obligation, discharged: Sequence[Discharge], *, request: bool
) -> Awaited:
    rule = fired.rule
    if discharged:
        demand = Demand(role=obligation.role, rule=rule.id, version=rule.version)
        raise still_held(demand, request=request)
    return Awaited(obligation.role, rule.id)
