"""A route's canary: whose conversation it gets, within what the hard filters allow."""

from collections.abc import Sequence

from msgspec.structs import replace

from freehold.core.decisions import MILLION, Decision
from freehold.core.handoffs import Candidate
from freehold.core.health import Readiness
from freehold.core.judged import Trial
from freehold.core.trail import Trail
from freehold.core.trials import CanarySpec, Drawn, Standing, draw


class NoTrials:
    """The `Standings` port where no canary is ever moved: each stands at its first stage."""

    def of(self, spec: CanarySpec, route_id: str) -> Standing:
        """The first stage."""
        return Standing(trial=spec.id(route_id), route=route_id, model=spec.model)


def troubled(readiness: Readiness) -> str:
    """Why a model on trial should not be asked now: it is only asked when it is well."""
    return readiness.why if readiness.weight < MILLION else ""


def trial(spec: CanarySpec, standing: Standing, conversation: str, barred: str) -> Trial:
    """How the model on trial stands to a request. One that it may not take is no part of its trial.

    Args:
        barred: why it may not take this request; empty when it may.
    """
    drawn = draw(spec, standing, conversation)
    if barred or not drawn.share:
        over = "" if barred else f"it is rolled back: {standing.reason or 'no reason is given'}"
        return Trial(barred=barred, over=over)
    return Trial(share=drawn.share, newcomer=drawn.newcomer, stage=drawn.stage, id=standing.trial)


def canary(spec: CanarySpec, trial: Trial, route: str, trail: Trail) -> tuple[Candidate, ...]:
    """All candidates with the canary: whether the conversation is drawn for it, or why not.

    The propensities of all others shrink by its share, so that they still sum to a million.
    """
    candidates = trail.candidates
    if not trial.share:
        why = trial.barred or trial.over
        filtered = bool(trial.barred)
        lost = Candidate(model=spec.model, score=0, propensity=0, lost=why, filtered=filtered)
        return (*candidates, lost)
    trail.drawn = Drawn(
        trial=trial.id,
        route=route,
        model=spec.model,
        stage=trial.stage,
        share=trial.share,
        newcomer=trial.newcomer,
    )
    rule = f"route.{route}.canary"
    said = f"its share of the conversations is {trial.share / 10_000:g} %"
    if trial.newcomer:
        why = f"this conversation is drawn for {spec.model}; {said}"
        trail.decide(Decision(stage="routing", outcome="allow", rule=rule, why=why))
    mine = Candidate(
        model=spec.model,
        score=0,
        propensity=trial.share,
        lost="" if trial.newcomer else f"this conversation is not drawn for it; {said}",
    )
    lost_to = f"the conversation is drawn for {spec.model}" if trial.newcomer else ""
    return (*_shrunk(candidates, trial.share, lost_to), mine)


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
