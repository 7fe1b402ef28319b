"""The router that learns: what each model is expected to do, against what that costs."""

from collections.abc import Sequence
from functools import partial

from freehold.core.decisions import MILLION
from freehold.core.later import Later
from freehold.core.prices import money
from freehold.core.routing import Contest, Ranked, Ranking
from freehold.stages.routing.learned import Expected, draw, shares
from freehold.stages.routing.learners import Learners
from freehold.stages.routing.objective import Scored, lost, percent, price_of, scored, weight_of

_NEVER = -1e12
"""A score so low that chance alone leads to it."""
_DARING = 0.25
"""What part of the doubt may try others. All of it tries for long what hardly can be better, which
costs quality where one model is many times dearer; with a twentieth, models that changed places
are found out too late.
"""


class LearnedRouter:
    """Chooses by the route's objective, and now and then otherwise, to learn."""

    id = "learned"

    def __init__(self, learners: Learners) -> None:
        self._learners = learners

    def rank(self, contest: Contest) -> Ranking:
        """Drawn by propensity; who is tried next goes by score."""
        aim, route = contest.route.objective, contest.route.id
        learner = self._learners.of(contest.owner, route)
        expected = learner.policy.expected(contest.models, contest.signals)
        if aim.latency_price:
            expected.latency = [self._learners.latency_ms(name) for name in expected.names]
        pacer = None
        if aim.nano_per_request is not None:
            pacer = self._learners.pacer(contest.owner, route, aim.nano_per_request)
            if not contest.supposed:
                pacer.offered(expected.cost, expected.success)
        return ranking(expected, contest, price_of(aim, pacer), learner.policy.version)


def ranking(
    expected: Expected, contest: Contest, price_nano: int | None, version: int = 0
) -> Ranking:
    """The choice that follows from what is expected: the same whenever it is made."""
    aim = contest.route.objective
    found = scored(expected, aim, weight_of(price_nano), contest.floor)
    shown = odds(expected, found, 0 if contest.supposed else aim.explore)
    chosen = draw(shown, contest.exchange_id.encode())
    order = _order(found, chosen)
    explored = chosen != found.best
    return Ranking(
        ranked=Later(len(order), partial(_ranked, expected, found, shown, order, contest)),
        order=tuple([expected.names[place] for place in order]),
        version=version,
        price_nano=price_nano,
        explored=explored,
        why=_why(expected, chosen, met=found.met, explored=explored),
    )


def odds(expected: Expected, found: Scored, explore: int) -> tuple[int, ...]:
    """Each model's propensity. Below the floor only the share that is for learning leads there."""
    if not explore:
        return tuple([MILLION if place == found.best else 0 for place in range(len(expected))])
    if False not in found.reach:
        return shares(found.scores, [_DARING * doubt for doubt in expected.doubt], explore)
    scores = [s if fine else _NEVER for s, fine in zip(found.scores, found.reach, strict=True)]
    doubts = [
        _DARING * d if fine else 0.0 for d, fine in zip(expected.doubt, found.reach, strict=True)
    ]
    return shares(scores, doubts, explore)


def _order(found: Scored, chosen: int) -> list[int]:
    """The chosen one's place, and the others' by score; below the floor they come last."""
    scores, reach = found.scores, found.reach
    order = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)
    if False in reach:
        order.sort(key=reach.__getitem__, reverse=True)
    if order[0] != chosen:
        order.remove(chosen)
        order.insert(0, chosen)
    return order


def _ranked(
    expected: Expected, found: Scored, odds: Sequence[int], order: list[int], contest: Contest
) -> tuple[Ranked, ...]:
    chosen = order[0]
    ranked = []
    for place in order:
        why = ""
        if place != chosen:
            why = lost(expected, place, chosen, contest.floor)
            if place == found.best:
                why = f"{expected.names[chosen]} was tried instead, to learn of it"
        ranked.append(
            Ranked(
                model=expected.names[place],
                score=found.scores[place],
                propensity=odds[place],
                lost=why,
                estimate=expected.estimate(place),
            )
        )
    return tuple(ranked)


def _why(expected: Expected, chosen: int, *, met: bool, explored: bool) -> str:
    said = (
        f"expected to do well in {percent(expected.success[chosen])} of such requests, for "
        f"{money(expected.cost[chosen])}"
    )
    if explored:
        return f"{said}; tried to learn of it"
    if not met:
        return f"{said}; no model reaches the floor, so the best of {len(expected)}"
    return f"{said}; the best of {len(expected)}"
