"""The router that learns: what each model is expected to do, against what that costs."""

from collections.abc import Sequence

from msgspec.structs import replace

from freehold.core.decisions import MILLION
from freehold.core.routing import Contest, Estimate, Ranked, Ranking
from freehold.stages.routing.learned import draw, shares
from freehold.stages.routing.learners import Learners
from freehold.stages.routing.objective import Scored, lost, percent, price_of, scored

_NEVER = -1e12
"""A score so low that chance alone leads to it."""


class LearnedRouter:
    """Chooses by the route's objective, and now and then otherwise, to learn."""

    id = "learned"

    def __init__(self, learners: Learners) -> None:
        self._learners = learners

    def rank(self, contest: Contest) -> Ranking:
        """Drawn by propensity; who is tried next goes by score."""
        aim, route = contest.route.objective, contest.route.id
        learner = self._learners.of(contest.owner, route)
        estimates: Sequence[Estimate] = learner.policy.estimates(contest.models, contest.signals)
        if aim.latency_price:
            estimates = [
                replace(estimate, latency_ms=self._learners.latency_ms(estimate.model))
                for estimate in estimates
            ]
        pacer = None
        if aim.nano_per_request is not None:
            pacer = self._learners.pacer(contest.owner, route, aim.nano_per_request)
            if not contest.supposed:
                pacer.saw(estimates)
        price = price_of(aim, pacer)
        found = scored(estimates, aim, price, contest.floor)
        shown = odds(estimates, found, 0 if contest.supposed else aim.explore)
        chosen = draw(shown, contest.exchange_id.encode())
        return Ranking(
            ranked=_ranked(estimates, found, shown, chosen, contest.floor),
            version=learner.policy.version,
            price_nano=round(MILLION / price) if price > 0 else None,
            explored=chosen != found.best,
            why=_why(estimates[chosen], found, len(estimates), explored=chosen != found.best),
        )


def odds(estimates: Sequence[Estimate], found: Scored, explore: int) -> tuple[int, ...]:
    """Each model's propensity. Below the floor only the share that is for learning leads there."""
    scores = [
        float(score) if fine else _NEVER
        for score, fine in zip(found.scores, found.reach, strict=True)
    ]
    if not explore:
        return tuple([MILLION if place == found.best else 0 for place in range(len(scores))])
    doubts = [
        float(estimate.doubt) if fine else 0.0
        for estimate, fine in zip(estimates, found.reach, strict=True)
    ]
    return shares(scores, doubts, explore)


def _ranked(
    estimates: Sequence[Estimate], found: Scored, odds: Sequence[int], chosen: int, floor: int
) -> tuple[Ranked, ...]:
    others = [place for place in range(len(estimates)) if place != chosen]
    others.sort(key=lambda place: (found.reach[place], found.scores[place]), reverse=True)
    ranked = []
    for place in (chosen, *others):
        why = ""
        if place != chosen:
            why = lost(estimates[place], estimates[chosen], floor)
            if place == found.best:
                why = f"{estimates[chosen].model} was tried instead, to learn of it"
        ranked.append(
            Ranked(
                model=estimates[place].model,
                score=found.scores[place],
                propensity=odds[place],
                lost=why,
                estimate=estimates[place],
            )
        )
    return tuple(ranked)


def _why(chosen: Estimate, found: Scored, count: int, *, explored: bool) -> str:
    said = (
        f"expected to do well in {percent(chosen.success)} of such requests, for "
        f"{chosen.cost_nano} nano-units"
    )
    if explored:
        return f"{said}; tried to learn of it"
    if not found.met:
        return f"{said}; no model reaches the floor, so the best of {count}"
    return f"{said}; the best of {count}"
