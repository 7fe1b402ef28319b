"""The routing stage: a plan of attempts, and why everybody else lost.

In this order, and none of them overrules one before it: filters; what the client or a route's rule
puts first; the choice of the route's router; the conversation's own model, where it is about as
good. Endpoints in trouble, and models that alerts put behind the others, come after all of them.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from freehold.core.clock import Clock
from freehold.core.decisions import Decision
from freehold.core.errors import (
    Abstained,
    FreeholdError,
    ProviderUnavailable,
    RequestError,
    RoutingError,
)
from freehold.core.handoffs import Answer, Attempt, Checked, Plan, Ruled
from freehold.core.health import READY, Health
from freehold.core.judged import Inputs, Trial
from freehold.core.ports import Router, Standing
from freehold.core.routes import RouteSpec
from freehold.core.routing import Contest, Ranking, Signals
from freehold.core.spec import AppSpec, ModelSpec
from freehold.core.standing import StandingMeasures
from freehold.core.timing import timed
from freehold.core.trail import Trail
from freehold.core.trials import CanarySpec, Standings
from freehold.stages.routing import cascading, filters, noting, ranks, trying
from freehold.stages.routing.choosing import LearnedRouter
from freehold.stages.routing.filters import Misfit, Wanted
from freehold.stages.routing.learners import Learners
from freehold.stages.routing.otherwise import otherwise
from freehold.stages.routing.ruling import Order, ordered
from freehold.stages.routing.static import StaticRouter
from freehold.stages.routing.sticky import Sessions, continues, kept

_STATIC = StaticRouter()


class Routing:
    """Filters that learning may never overrule, then the route's own way to choose.

    Args:
        health: how much of its traffic a model's endpoint should get now.
        standing: what alerts and people have put out of the running for a while.
        routers: by id, besides ``static``; if left out, one that learns and knows nothing yet.
        sessions: which model answered each conversation last.
        misfit: why a worst case does not fit into what is left of the budgets.
        canaries: where each canary stands.
    """

    def __init__(
        self,
        health: Health,
        clock: Clock,
        *,
        standing: Standing | None = None,
        routers: Mapping[str, Router] | None = None,
        sessions: Sessions | None = None,
        misfit: Misfit | None = None,
        canaries: Standings | None = None,
    ) -> None:
        self._health = health
        self._clock = clock
        self._standing = StandingMeasures(clock) if standing is None else standing
        if routers is None:
            routers = {LearnedRouter.id: LearnedRouter(Learners())}
        self._routers: dict[str, Router] = {**routers, _STATIC.id: _STATIC}
        self._sessions = Sessions(clock) if sessions is None else sessions
        self._misfit = misfit
        self._canaries = canaries or trying.NoTrials()

    @timed("routing")
    def __call__(self, ruled: Ruled, trail: Trail) -> Plan:
        """Choose.

        Raises:
            RoutingError: every candidate is ruled out, or the route's router is not here.
            RequestError: the client named an unknown model and the app says ``error``.
        """
        route, learns = _route(ruled.admitted.app, ruled)
        order = ordered(route, ruled, trail)
        wanted = trail.inputs.wanted = filters.wanted(ruled, order.models)
        return self.choose(route, order, wanted, ruled, trail, learns=learns)

    def choose(
        self,
        route: RouteSpec,
        order: Order,
        wanted: Wanted,
        ruled: Ruled,
        trail: Trail,
        *,
        learns: bool,
    ) -> Plan:
        """Choose, now that rules and wishes are read and it is known what is wanted.

        Raises:
            RoutingError: every candidate is ruled out, or the route's router is not here.
        """
        app = ruled.admitted.app
        signals = _signals(ruled, wanted)
        lost = dict(order.lost)
        allowed = self._allowed(route, order, wanted, signals.intent, lost, trail.inputs)
        if not allowed:
            trail.candidates = noting.candidates(order.models, (), {}, lost)
            reasons = "; ".join(
                [*(f"{m}: {lost[m]}" for m in order.models), *noting.absent(app, route)]
            )
            trail.decide(
                Decision(stage="routing", outcome="deny", rule=f"route.{route.id}", why=reasons)
            )
            trail.counterfactuals += otherwise(route, order.models, wanted, lost)
            raise noting.refusal(
                f"no model of route {route.id} may take this: {reasons}", ruled, lost
            )
        behind = self._behind(route, allowed, ruled, signals.intent)
        # With every endpoint down, trying is better than refusing: one may be back.
        ready = [model for model in allowed if model.id not in behind] or allowed
        contest = self._contest(route, ruled, ready, signals)
        if behind or contest.floor > route.objective.quality_floor:
            noting.told(trail.inputs, behind=behind, floor=contest.floor)
        try:
            ranking, stayed = self._ranked(contest, order, ruled)
        except RoutingError as error:
            why = str(error)
            trail.decide(Decision(stage="routing", outcome="deny", rule="router", why=why))
            raise
        noting.record(trail, contest, ranking, learns=learns, stayed=stayed)
        trail.candidates = noting.candidates(order.models, ranking.ranked, behind, lost)
        names = ranking.names()
        trail.decide(noting.chosen(order, ranking, names[0]))
        models = _in_turn(route, [app.models[name] for name in names])
        if len(ready) < len(allowed):
            models += [model for model in allowed if model.id in behind]
        if route.canary is not None and order.leaves(route.canary):
            models = self._with_canary(route.canary, contest, order, ruled, wanted, models, trail)
        return self._plan(route, ruled, wanted, models)

    def _plan(
        self,
        route: RouteSpec,
        ruled: Ruled,
        wanted: Wanted,
        models: list[ModelSpec],
    ) -> Plan:
        tried = models[: route.max_attempts]
        checks = cascading.checks(route, tried, wanted.ask)
        return Plan(
            ruled=ruled,
            attempts=tuple(
                Attempt(
                    number=i + 1,
                    model=model,
                    max_tokens=filters.max_tokens(wanted, model),
                    cascade=checks[i],
                )
                for i, model in enumerate(tried)
            ),
            deadline_ns=self._clock.monotonic_ns() + route.deadline_ms * 1_000_000,
        )

    def _contest(
        self, route: RouteSpec, ruled: Ruled, ready: list[ModelSpec], signals: Signals
    ) -> Contest:
        return Contest(
            exchange_id=ruled.admitted.arrival.exchange_id,
            route=route,
            owner=route.learn.owner or ruled.admitted.app.tenant,
            models=tuple(cascading.order(route, ready)),
            signals=signals,
            floor=max(route.objective.quality_floor, self._standing.floor(route.id)),
        )

    def bars(self, model: ModelSpec, ruled: Ruled) -> str:
        """Why a model on trial may not take a request of the app's route; empty when it may."""
        route, intent = ruled.admitted.app.route, ruled.grounded.screened.prepared.intent
        order = ordered(route, ruled)
        wanted = filters.wanted(ruled, order.models)
        return order.lost.get(model.id, "") or self._unfit(model, wanted, route, intent)

    def would(self, model: ModelSpec, ruled: Ruled) -> tuple[bool, str]:
        """Whether the app's route would have chosen a model on trial that it does not bar, were it
        the last of its candidates, and why, or why not. Nothing is tried, and nothing counts.
        """
        app = ruled.admitted.app
        route, order = app.route, ordered(app.route, ruled)
        wanted = filters.wanted(ruled, order.models)
        signals = _signals(ruled, wanted)
        allowed = self._allowed(route, order, wanted, signals.intent, dict(order.lost))
        behind = self._behind(route, allowed, ruled, signals.intent)
        ready = [one for one in allowed if one.id not in behind]
        contest = replace(self._contest(route, ruled, [*ready, model], signals), supposed=True)
        ranking, _ = self._ranked(contest, order, ruled)
        (mine,) = (one for one in ranking.ranked if one.model == model.id)
        chosen = ranking.ranked[0] is mine
        return chosen, ranking.why if chosen else f"{ranking.ranked[0].model} first: {mine.lost}"

    def _unfit(self, model: ModelSpec, wanted: Wanted, route: RouteSpec, intent: str) -> str:
        """A model on trial is not asked where it would only do for want of a better one."""
        return (
            filters.excluded(model, wanted, route.id, intent, self._standing)
            or filters.too_long(model, wanted)
            or self._standing.demoted(route.id, model.id, intent)
            or trying.troubled(self._health.of(model))
        )

    def _with_canary(
        self,
        spec: CanarySpec,
        contest: Contest,
        order: Order,
        ruled: Ruled,
        wanted: Wanted,
        models: list[ModelSpec],
        trail: Trail,
    ) -> list[ModelSpec]:
        """The plan's models, with the canary in front where the conversation is drawn for it."""
        if ruled.admitted.ask.operation == "embedding":
            return models
        route, intent = contest.route, contest.signals.intent
        model = ruled.admitted.app.models[spec.model]
        barred = order.lost.get(spec.model, "") or self._unfit(model, wanted, route, intent)
        trial = self._trial(spec, route, ruled, barred)
        noting.told(trail.inputs, trial=trial)
        trail.candidates = trying.canary(spec, trial, route.id, trail)
        return [model, *models] if trial.newcomer else models

    def _trial(self, spec: CanarySpec, route: RouteSpec, ruled: Ruled, barred: str) -> Trial:
        """Whether a model on trial takes part, and whether this conversation is drawn for it."""
        standing = self._canaries.of(spec, route.id)
        return trying.trial(spec, standing, ruled.admitted.conversation_id, barred)

    def trusts(self, checked: Checked, trail: Trail) -> bool:
        """Whether an answer may be judged: always, but where a cascade checks it first; not yet,
        while the check waits for more of it.

        Raises:
            AnswerDoubted: it will not do, and there is time to ask the next model.
        """
        if checked.answer.sendable.attempt.cascade is None:
            return True
        return cascading.trusts(checked, self._clock.monotonic_ns(), trail)

    def goes_on(self, error: FreeholdError, plan: Plan, attempt: Attempt, trail: Trail) -> bool:
        """Whether the plan's next model may take over after this."""
        return cascading.goes_on(error, plan, attempt, trail)

    def graver(self, one: FreeholdError, other: FreeholdError) -> FreeholdError:
        """Of two attempts' failures that which the caller hears of: one that is worth a retry. That
        a custom model was not sure is told only where every model abstained.
        """
        worth = isinstance(one, ProviderUnavailable) and not isinstance(one, Abstained)
        return one if worth else other

    def spare(self, failure: FreeholdError, trail: Trail) -> Answer:
        """The answer that a cascade doubted and kept, now that every other model has failed.

        Raises:
            FreeholdError: ``failure``, where there is none.
        """
        return cascading.spare(failure, trail)

    def _allowed(
        self,
        route: RouteSpec,
        order: Order,
        wanted: Wanted,
        intent: str,
        lost: dict[str, str],
        inputs: Inputs | None = None,
    ) -> list[ModelSpec]:
        """Those that may take it, in the order of preference; ``lost`` gets the others' reasons,
        ``inputs`` those that came from outside.
        """
        standing = self._standing
        allowed = filters.sorted_out(order.models, wanted, route.id, intent, standing, lost)
        if inputs is not None and lost and not standing.quiet():
            found = {m: standing.excluded(route.id, m, intent) for m in lost}
            noting.told(inputs, stopped={m: why for m, why in found.items() if why == lost[m]})
        allowed = filters.fitting(allowed, wanted, lost)
        if self._misfit is not None:
            before = len(lost)
            allowed = filters.affordable(allowed, wanted, self._misfit, lost)
            if inputs is not None and len(lost) > before:
                noting.told(inputs, unaffordable=dict(list(lost.items())[before:]))
        return allowed

    def _behind(
        self, route: RouteSpec, allowed: list[ModelSpec], ruled: Ruled, intent: str
    ) -> dict[str, str]:
        """Whom the others come before, and why: their endpoints, or an alert."""
        exchange = ruled.admitted.arrival.exchange_id
        behind: dict[str, str] = {}
        health, standing = self._health.of, self._standing
        quiet = standing.quiet()
        for model in allowed:
            readiness = health(model)
            if readiness is READY and quiet:
                continue
            if not readiness.takes(exchange, model.id, slow_too=not route.demotes_slow):
                behind[model.id] = readiness.why
            elif why := standing.demoted(route.id, model.id, intent):
                behind[model.id] = why
        return behind

    def _ranked(self, contest: Contest, order: Order, ruled: Ruled) -> tuple[Ranking, bool]:
        """The router's ranking, and whether the conversation stayed with its model."""
        route = contest.route
        router = self._routers.get(route.objective.policy)
        if ruled.admitted.ask.operation == "embedding":
            router = _STATIC  # vectors of two models can't be compared, so there is no choice
        if router is None:
            raise RoutingError(
                f"route {route.id}: there is no router {route.objective.policy!r} here"
            )
        ranking = router.rank(contest)
        if router is _STATIC:
            return ranking, False
        if type(router) is not LearnedRouter:
            ranks.check(ranking, contest)
        first = [model for model in order.first if any(m.id == model for m in contest.models)]
        if first:
            return ranks.with_first(ranking, first), False
        if len(contest.models) > 1:
            mine = self._session(route, ruled)
            stays = kept(ranking, mine, route.objective.switch_margin) if mine else None
            if stays is not None:
                return stays, True
        return ranking, False

    def _session(self, route: RouteSpec, ruled: Ruled) -> str:
        """The model that answered this conversation last; empty where there is none."""
        if not continues(ruled.grounded.screened.prepared):
            return ""
        return self._sessions.of(route.id, ruled.admitted.conversation_id)


def _route(app: AppSpec, ruled: Ruled) -> tuple[RouteSpec, bool]:
    """The route of this operation, and whether anything is learned from its outcomes."""
    if ruled.admitted.ask.operation != "embedding":
        route = app.route
        return route, bool(route.learn.metric) or route.objective.policy != _STATIC.id
    if app.embedding_route is None:
        raise RequestError("This app has no route for embeddings.", param="model")
    return app.embedding_route, False


def _in_turn(route: RouteSpec, models: list[ModelSpec]) -> list[ModelSpec]:
    """The ranking as the plan tries it: after a model whose answer is checked come those that can
    do better. A router that chose another one at once is not overruled.
    """
    cascade = route.cascade
    if cascade is None or (cascade.models and models[0].id not in cascade.models):
        return models
    return cascading.order(route, models)


def _signals(ruled: Ruled, wanted: Wanted) -> Signals:
    prepared = ruled.grounded.screened.prepared
    return Signals(
        vector=prepared.vector,
        features=prepared.features,
        intent=prepared.intent,
        intent_score=prepared.intent_score,
        prompt_tokens=wanted.prompt,
        max_tokens=wanted.longest,
    )
