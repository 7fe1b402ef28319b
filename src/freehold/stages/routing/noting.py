"""What a choice leaves behind for the record, and for whoever learns from it later."""

from collections.abc import Sequence
from functools import partial

from msgspec import UNSET

from freehold.core.handoffs import Candidate
from freehold.core.later import Later
from freehold.core.routing import Contest, Ranked, Ranking, Routed
from freehold.core.trail import Trail
from freehold.text import embedding
from freehold.text.signal_bytes import pack


def record(trail: Trail, contest: Contest, ranking: Ranking, *, learns: bool, stayed: bool) -> None:
    """What a choice was made from, for whoever learns from it later."""
    if not learns:
        return
    route, signals = contest.route, contest.signals
    trail.signals = partial(pack, signals)
    trail.routed = Routed(
        route=route.id,
        policy=route.objective.policy,
        owner=contest.owner,
        metric=route.learn.metric,
        version=ranking.version,
        price_nano=ranking.price_nano,
        floor=contest.floor,
        explored=ranking.explored,
        stayed=stayed,
        intent=signals.intent,
        intent_score=signals.intent_score,
        prompt_tokens=signals.prompt_tokens,
        max_tokens=signals.max_tokens,
        embedding=embedding.VERSION if signals.vector is not None else "",
    )


def candidates(
    order: tuple[str, ...],
    ranked: Sequence[Ranked],
    behind: dict[str, str],
    lost: dict[str, str],
) -> Sequence[Candidate]:
    """Everyone considered, with what was expected of them and why they lost. Made when somebody
    reads it: the model is asked before that.
    """
    return Later(len(order), partial(_candidates, order, ranked, behind, lost))


def _candidates(
    order: tuple[str, ...],
    ranked: Sequence[Ranked],
    behind: dict[str, str],
    lost: dict[str, str],
) -> tuple[Candidate, ...]:
    chosen = {one.model: one for one in ranked}
    entries = []
    for model in order:
        one = chosen.get(model)
        if one is None:
            reason = lost.get(model, "") or behind.get(model, "")
            entries.append(
                Candidate(model=model, score=0, propensity=0, lost=reason, filtered=model in lost)
            )
            continue
        why = one.lost
        if why and model in behind:
            why = behind[model]
        entries.append(_candidate(one, why))
    return tuple(entries)


def _candidate(one: Ranked, why: str) -> Candidate:
    expected = one.estimate
    if expected is None:
        return Candidate(model=one.model, score=one.score, propensity=one.propensity, lost=why)
    return Candidate(
        model=one.model,
        score=one.score,
        propensity=one.propensity,
        lost=why,
        success=expected.success,
        doubt=expected.doubt,
        cost_nano=expected.cost_nano,
        latency_ms=expected.latency_ms or UNSET,
        seen=expected.seen,
    )
