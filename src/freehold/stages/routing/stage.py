"""The routing stage: a plan of attempts, and why everybody else lost."""

from freehold.core.clock import Clock
from freehold.core.decisions import MILLION, Decision
from freehold.core.errors import FreeholdError, ProviderUnavailable, RequestError, RoutingError
from freehold.core.handoffs import Answer, Attempt, Candidate, Checked, Fixed, Plan, Ruled
from freehold.core.health import Health
from freehold.core.routes import RouteSpec
from freehold.core.spec import AppSpec, ModelSpec
from freehold.core.timing import timed
from freehold.core.trail import Trail
from freehold.rules.facts import complete, grounded_facts
from freehold.rules.program import conditions
from freehold.stages.routing import cascading

_CLEARANCE = "not cleared for"
_CAPABILITY = {"chat": "chat", "completion": "chat", "embedding": "embedding"}


class Routing:
    """Filters that learning may never overrule, then static preferences.

    ``health`` tells how much of its traffic a model's endpoint should get now.
    """

    def __init__(self, health: Health, clock: Clock) -> None:
        self._health = health
        self._clock = clock

    @timed("routing")
    def __call__(self, ruled: Ruled, trail: Trail) -> Plan:
        """Choose.

        Raises:
            RoutingError: every candidate is ruled out.
            RequestError: the client named an unknown model and the app says ``error``.
        """
        app = ruled.admitted.app
        ask = ruled.admitted.ask
        route = app.route
        if ask.operation == "embedding":
            if app.embedding_route is None:
                raise RequestError("This app has no route for embeddings.", param="model")
            route = app.embedding_route
        order, why = _order(route, _hint(app, ask.model, route), ruled)
        lost: dict[str, str] = {}
        allowed = []
        for model_id in order:
            reason = _excluded(app.models.get(model_id), ruled)
            if reason:
                lost[model_id] = reason
            else:
                allowed.append(app.models[model_id])
        troubled: dict[str, str] = {}
        exchange = ruled.admitted.arrival.exchange_id
        for model in allowed:
            readiness = self._health.of(model)
            if not readiness.takes(exchange, model.id):
                troubled[model.id] = readiness.why
        up = [model for model in allowed if model.id not in troubled]
        # With every endpoint down, trying is better than refusing: one may be back.
        ready = cascading.order(route, up)
        ready += [model for model in allowed if model.id in troubled]
        trail.candidates = _candidates(order, ready, troubled, lost)
        if not ready:
            reasons = "; ".join(f"{model}: {reason}" for model, reason in lost.items())
            trail.decide(
                Decision(stage="routing", outcome="deny", rule=f"route.{route.id}", why=reasons)
            )
            raise _refusal(f"no model of route {route.id} may take this: {reasons}", ruled, lost)
        trail.decide(
            Decision(
                stage="routing",
                outcome="allow",
                rule=why[0],
                why=f"{ready[0].id} is the first of {len(order)} that may take it; {why[1]}",
            )
        )
        checks = cascading.checks(route, ready[: route.max_attempts], ask)
        return Plan(
            ruled=ruled,
            attempts=tuple(
                Attempt(
                    number=i + 1,
                    model=model,
                    max_tokens=_max_tokens(ask.max_tokens, app, model),
                    cascade=checks[i],
                )
                for i, model in enumerate(ready[: route.max_attempts])
            ),
            candidates=trail.candidates,
            deadline_ns=self._clock.monotonic_ns() + route.deadline_ms * 1_000_000,
        )

    def trusts(self, checked: Checked, trail: Trail) -> bool:
        """Whether an answer may be judged: always, but where a cascade checks it first; not yet,
        while the check waits for more of it.

        Raises:
            AnswerDoubted: it will not do, and there is time to ask the next model.
        """
        if checked.answer.sendable.attempt.cascade is None:
            return True
        return cascading.trusts(checked, self._clock.monotonic_ns(), trail)

    def goes_on(self, error: FreeholdError, attempt: Attempt, trail: Trail) -> bool:
        """Whether the plan's next model may take over after this."""
        return cascading.goes_on(error, attempt, trail)

    def graver(self, one: FreeholdError, other: FreeholdError) -> FreeholdError:
        """Of two attempts' failures that which the caller hears of: one that is worth a retry."""
        return one if isinstance(one, ProviderUnavailable) else other

    def spare(self, failure: FreeholdError, trail: Trail) -> Answer:
        """The answer that a cascade doubted and kept, now that every other model has failed.

        Raises:
            FreeholdError: ``failure``, where there is none.
        """
        return cascading.spare(failure, trail)


def _refusal(why: str, ruled: Ruled, lost: dict[str, str]) -> RoutingError:
    """The refusal when nobody is left; it names a parameter if that is what ruled a model out."""
    for fixed in ruled.grounded.screened.fixed:
        if _stands(fixed) in lost.values():
            said = f"`{fixed.param}` holds what looks like a value of kind {fixed.kind}"
            return RoutingError(
                why,
                public=f"No model is allowed to take this request: {said}, where none can be "
                "replaced.",
                param=fixed.param,
            )
    carried = ruled.grounded.screened.carried
    if carried and any(_CLEARANCE in reason for reason in lost.values()):
        return RoutingError(
            why,
            public="No model is allowed to take this request: an earlier answer in this"
            " conversation or in its messages was made from data that needs a clearance, and no"
            " model of this app that could take it has that.",
        )
    return RoutingError(why)


def _stands(fixed: Fixed) -> str:
    return f"not cleared for {fixed.label}, which {fixed.param} holds ({fixed.kind})"


def _hint(app: AppSpec, wanted: str, route: RouteSpec) -> str | None:
    """The model that the client asked for, if it is one of the route's."""
    target = app.aliases.get(wanted, wanted)
    if target in route.candidates:
        return target
    if app.unknown_model == "error" and target not in ("", "auto"):
        known = ", ".join(sorted({"auto", *app.aliases, *route.candidates}))
        raise RequestError(f"This app has no model `{wanted}`; it has {known}.", param="model")
    return None


def _order(route: RouteSpec, hint: str | None, ruled: Ruled) -> tuple[list[str], tuple[str, str]]:
    """Candidates, most preferred first, and which rule made that order.

    A route's rules outrank the client's wish, which outranks the written order.
    """
    front: list[str] = []
    why = (f"route.{route.id}", "in the route's own order")
    if hint is not None:
        front, why = [hint], (f"route.{route.id}", "the client asked for it")
    if route.rules:
        program = conditions(tuple(rule.when for rule in route.rules), "route")
        facts = complete(program.names, grounded_facts(program.names, ruled.grounded))
        for rule, holds in zip(route.rules, program.run(facts), strict=True):
            if holds:
                front = [*rule.prefer, *front]
                why = (f"route.{route.id}.{rule.id}", rule.why or rule.when)
                break
    seen = dict.fromkeys([*front, *route.candidates])
    return list(seen), why


def _excluded(model: ModelSpec | None, ruled: Ruled) -> str:
    """Why this model may not take the request; empty when it may."""
    if model is None:
        return "the tenant does not allow this model"
    app = ruled.admitted.app
    ask = ruled.admitted.ask
    if app.allowed_regions is not None and model.region not in app.allowed_regions:
        return f"region {model.region or 'unknown'} is not allowed"
    barred = ruled.grounded.whole_labels - model.clearances
    if barred:
        return f"{_CLEARANCE} {', '.join(sorted(barred))}"
    for fixed in ruled.grounded.screened.fixed:
        if fixed.label not in model.clearances:
            return _stands(fixed)
    needed = {_CAPABILITY[ask.operation]}
    if ask.tools:
        needed.add("tools")
    if ask.response_format is not None and ask.response_format.get("type") != "text":
        needed.add("json")
    missing = needed - model.capabilities
    if missing:
        return f"can't do {', '.join(sorted(missing))}"
    return ""


def _max_tokens(wanted: int | None, app: AppSpec, model: ModelSpec) -> int:
    ceiling = min(app.limits.max_output_tokens, model.max_output_tokens)
    return ceiling if wanted is None else max(1, min(wanted, ceiling))


def _candidates(
    order: list[str], ready: list[ModelSpec], troubled: dict[str, str], lost: dict[str, str]
) -> tuple[Candidate, ...]:
    """Everyone considered. A static choice is certain: the winner's propensity is one."""
    winner = ready[0].id if ready else None
    entries = []
    for rank, model_id in enumerate(order):
        reason = lost.get(model_id, "")
        if not reason and model_id != winner:
            reason = troubled.get(model_id, "less preferred")
        entries.append(
            Candidate(
                model=model_id,
                score=MILLION * (len(order) - rank) // len(order),
                propensity=MILLION if model_id == winner else 0,
                lost=reason,
                filtered=model_id in lost,
            )
        )
    return tuple(entries)
