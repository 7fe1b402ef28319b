"""A route's canary: whose conversation it gets, within what the hard filters allow."""

from collections.abc import Sequence

from msgspec.structs import replace

from freehold.core.decisions import MILLION, Decision
from freehold.core.handoffs import Candidate, Ruled
from freehold.core.health import Readiness
from freehold.core.trail import Trail
from freehold.core.trials import CanarySpec, Standing, draw


class NoTrials:
    """The `Standings` port where no canary is ever moved: each stands at its first stage."""

    def of(self, spec: CanarySpec, route_id: str) -> Standing:
        """The first stage."""
        return Standing(trial=spec.id(route_id), route=route_id, model=spec.model)


def troubled(readiness: Readiness) -> str:
    """Why a model on trial should not be asked now: it is only asked when it is well."""
    return readiness.why if readiness.weight < MILLION else ""


def canary(
    spec: CanarySpec, standing: Standing, ruled: Ruled, barred: str, trail: Trail
) -> tuple[Candidate, ...]:
    """All candidates with the canary: whether the conversation is drawn for it, or why not.

    The propensities of all others shrink by its share, so that they still sum to a million. A
    request that it may not take is no part of its trial.

    Args:
        barred: why it may not take this request; empty when it may.
    """
    candidates = trail.candidates
    drawn = draw(spec, standing, ruled.admitted.conversation_id)
    if barred or not drawn.share:
        why = barred or f"it is rolled back: {standing.reason or 'no reason is given'}"
        lost = Candidate(model=spec.model, score=0, propensity=0, lost=why, filtered=bool(barred))
        return (*candidates, lost)
    trail.drawn = drawn
    rule = f"route.{standing.route}.canary"
    said = f"its share of the conversations is {drawn.share / 10_000:g} %"
    if drawn.newcomer:
        why = f"this conversation is drawn for {spec.model}; {said}"
        trail.decide(Decision(stage="routing", outcome="allow", rule=rule, why=why))
    mine = Candidate(
        model=spec.model,
        score=0,
        propensity=drawn.share,
        lost="" if drawn.newcomer else f"this conversation is not drawn for it; {said}",
    )
    lost_to = f"the conversation is drawn for {spec.model}" if drawn.newcomer else ""
    return (*_shrunk(candidates, drawn.share, lost_to), mine)


def _shrunk(candidates: Sequence[Candidate], share: int, lost: str) -> list[Candidate]:
    """What the others keep of their propensities; rounding goes to the largest."""
    rest = MILLION - share
    kept = [c.propensity * rest // MILLION for c in candidates]
    if kept:
        largest = max(range(len(kept)), key=kept.__getitem__)
        kept[largest] += rest - sum(kept)
    return [
        replace(c, propensity=k, lost=c.lost or lost) for c, k in zip(candidates, kept, strict=True)
    ]
