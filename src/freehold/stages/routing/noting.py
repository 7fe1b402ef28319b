"""What a choice leaves behind for the record, and for whoever learns from it later."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from msgspec import UNSET

from freehold.core.decisions import Decision
from freehold.core.errors import RoutingError
from freehold.core.handoffs import Candidate, Ruled
from freehold.core.judged import Inputs, World
from freehold.core.later import Later
from freehold.core.routes import RouteSpec
from freehold.core.routing import Contest, Ranked, Ranking, Routed
from freehold.core.spec import AppSpec
from freehold.core.trail import Trail
from freehold.stages.routing import filters
from freehold.stages.routing.filters import CLEARANCE, TOO_LONG
from freehold.stages.routing.ruling import Order
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


def told(inputs: Inputs, **said: Any) -> None:
    """What somebody outside said of the models: fields of a `World`."""
    world = inputs.world
    if world is None:
        world = inputs.world = World()
    for name, value in said.items():
        setattr(world, name, value)


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


def chosen(order: Order, ranking: Ranking, first: str) -> Decision:
    """Who is asked first, and why."""
    why = f"{first} is the first of {len(order.models)} that may take it; {order.why}"
    return Decision(
        stage="routing",
        outcome="allow",
        rule=order.rule,
        why=f"{first}: {ranking.why}" if ranking.why else why,
    )


def absent(app: AppSpec, route: RouteSpec) -> list[str]:
    """Why custom models are not there that a rule of the route leaves requests to."""
    only = {model for rule in route.rules for model in rule.only or ()}
    return sorted({why for name, why in app.waiting.items() if name in only})


def refusal(why: str, ruled: Ruled, lost: dict[str, str]) -> RoutingError:
    """The refusal when nobody is left; it names a parameter if that is what ruled a model out."""
    for fixed in ruled.grounded.screened.fixed:
        if filters.stands(fixed) in lost.values():
            said = f"`{fixed.param}` holds what looks like a value of kind {fixed.kind}"
            return RoutingError(
                why,
                public=f"No model is allowed to take this request: {said}, where none can be "
                "replaced.",
                param=fixed.param,
            )
    carried = ruled.grounded.screened.carried
    if carried and any(CLEARANCE in reason for reason in lost.values()):
        return RoutingError(
            why,
            public="No model is allowed to take this request: an earlier answer in this"
            " conversation or in its messages was made from data that needs a clearance, and no"
            " model of this app that could take it has that.",
        )
    if any(TOO_LONG in reason for reason in lost.values()):
        return RoutingError(
            why,
            public="No model is allowed to take this request: it is too long for every model that"
            " may take it.",
        )
    return RoutingError(why)
