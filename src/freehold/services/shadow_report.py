"""Many comparisons with shadows as a few numbers."""

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import fmean, median

from msgspec import Struct

from freehold.core.decisions import MILLION
from freehold.core.trials import ShadowSeen


class ShadowSum(Struct, frozen=True, kw_only=True):
    """One model in the shadow of one route.

    ``words`` and ``sense`` are means from 0 to 1, times are medians, money is summed; all of them,
    and rules, over the ``answered`` comparisons.
    """

    route: str
    model: str
    outcomes: dict[str, int]
    answered: int
    words: float
    sense: float
    took_ms: int
    before_ms: int
    cost_nano: int
    before_nano: int
    rules: dict[str, int]
    before_rules: dict[str, int]


def summed(seen: Iterable[ShadowSeen]) -> list[ShadowSum]:
    """By route and model, in the order of their names."""
    groups: dict[tuple[str, str], list[ShadowSeen]] = {}
    for one in seen:
        groups.setdefault((one.route, one.model), []).append(one)
    return [_sum(route, model, each) for (route, model), each in sorted(groups.items())]


def _sum(route: str, model: str, each: Sequence[ShadowSeen]) -> ShadowSum:
    told = [one for one in each if one.words is not None]
    asked = [one for one in each if one.outcome in ("allowed", "held", "denied")]
    return ShadowSum(
        route=route,
        model=model,
        outcomes=dict(Counter(one.outcome for one in each).most_common()),
        answered=len(told),
        words=fmean((one.words or 0) / MILLION for one in told) if told else 0.0,
        sense=fmean((one.sense or 0) / MILLION for one in told) if told else 0.0,
        took_ms=int(median(one.took_ms for one in told)) if told else 0,
        before_ms=int(median(one.before_ms for one in told)) if told else 0,
        cost_nano=sum(one.cost_nano for one in told),
        before_nano=sum(one.before_nano for one in told),
        rules=dict(Counter(rule for one in asked for rule in one.rules).most_common()),
        before_rules=dict(Counter(rule for one in asked for rule in one.before_rules)),
    )
