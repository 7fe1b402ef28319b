"""Routes and metrics of the bundle as the specs of the request path."""

from collections.abc import Collection
from decimal import Decimal

from freehold.bundle import route as written
from freehold.bundle.ceilings import nano
from freehold.bundle.custom_models import Deploy
from freehold.bundle.deployed import custom_of
from freehold.bundle.hedging import Hedge
from freehold.bundle.metric import Metric
from freehold.bundle.trials import Canary, Shadow
from freehold.core.cascades import CascadeSpec
from freehold.core.decisions import MILLION
from freehold.core.routes import (
    HedgeSpec,
    LearnSpec,
    MetricSpec,
    ObjectiveSpec,
    RouteRule,
    RouteSpec,
)
from freehold.core.trials import CanarySpec, Guardrails, ShadowSpec


def metric_spec(name: str, metric: Metric) -> MetricSpec:
    """What may be said of an answer; a boolean's values are 0 and 1."""
    boolean = metric.type == "boolean"
    if metric.type == "comment":
        return MetricSpec(id=name, boolean=False, days=metric.days, text="comment")
    if metric.type == "demonstration":
        return MetricSpec(id=name, boolean=False, days=metric.days, text="demonstration")
    return MetricSpec(
        id=name,
        boolean=boolean,
        good=metric.optimize,
        least=0 if boolean else round(Decimal(repr(metric.min)) * MILLION),
        most=MILLION if boolean else round(Decimal(repr(metric.max)) * MILLION),
        days=metric.days,
    )


def route_spec(
    route_id: str,
    route: written.Route,
    objective: ObjectiveSpec,
    allowed: Collection[str],
    *,
    owner: str,
    metrics: tuple[str, ...],
) -> RouteSpec:
    """A route with those of its candidates that a tenant allows.

    Args:
        owner: the tenant of the app that takes it.
        metrics: all that the bundle declares.
    """
    candidates = tuple(m for m in dict.fromkeys(route.candidates) if m in allowed)
    learn, learns = route.learn, objective.policy != "static"
    return RouteSpec(
        id=route_id,
        candidates=candidates,
        rules=tuple(_route_rule(rule, candidates) for rule in route.rules),
        objective=objective,
        learn=LearnSpec(
            metric=learn.metric or (metrics[0] if len(metrics) == 1 and learns else ""),
            owner=owner if learn.learn_from == "tree" else "",
        ),
        max_attempts=route.max_attempts,
        deadline_ms=route.deadline_ms,
        attempt_ms=route.attempt_ms,
        hedge=None if route.hedge is None else _hedge(route.hedge),
        demotes_slow=route.on_slow == "fail_over",
        cascade=_cascade(route.cascade),
        shadow=_shadow(route.shadow, allowed),
        canary=_canary(route.canary, allowed),
    )


def learns(route: RouteSpec) -> bool:
    """Whether requests that take this route teach it, or are chosen for by what it learned."""
    return bool(route.learn.metric) or route.objective.policy != "static"


def trial_spec(deploy: Deploy, model: str) -> CanarySpec:
    """A version of a custom model as the canary of a route, as far as its trial's id goes."""
    return CanarySpec(model=model, stages=tuple(_millionths(share) for share in deploy.trials))


def _hedge(hedge: Hedge) -> HedgeSpec:
    percentile = hedge.after_percentile
    return HedgeSpec(
        after_ms=hedge.after_ms,
        after_percentile=None if percentile is None else round(Decimal(repr(percentile)) * 10_000),
        max_share=round(Decimal(repr(hedge.max_share)) * MILLION),
    )


def _shadow(shadow: Shadow | None, allowed: Collection[str]) -> ShadowSpec | None:
    if shadow is None or shadow.model not in allowed:
        return None
    return ShadowSpec(
        model=shadow.model,
        share=_millionths(shadow.share),
        nano_per_day=nano(shadow.money_per_day),
        decision_only=shadow.decision_only,
    )


def _canary(canary: Canary | None, allowed: Collection[str]) -> CanarySpec | None:
    if canary is None or canary.model not in allowed:
        return None
    rails = canary.guardrails
    return CanarySpec(
        model=canary.model,
        own=custom_of(canary.model) != canary.model,
        stages=tuple(_millionths(share) for share in canary.stages),
        advance=canary.advance,
        doubt=_millionths(canary.doubt),
        guardrails=Guardrails(
            quality=_millionths(rails.quality),
            errors=_millionths(rails.errors),
            refusals=_millionths(rails.refusals),
            slow=_millionths(rails.slow),
            slow_ms=rails.slow_ms,
        ),
    )


def _millionths(share: float) -> int:
    return round(Decimal(repr(share)) * MILLION)


def _route_rule(rule: written.RouteRule, candidates: tuple[str, ...]) -> RouteRule:
    return RouteRule(
        id=rule.id,
        when=rule.when,
        prefer=tuple(m for m in rule.prefer if m in candidates),
        only=frozenset(rule.only) if rule.only else None,
        exclude=frozenset(rule.exclude),
        why=rule.why,
    )


def _cascade(cascade: written.Cascade | None) -> CascadeSpec | None:
    """How the answers of a route's smaller models are checked."""
    if cascade is None:
        return None
    return CascadeSpec(
        escalate_below=round(cascade.escalate_below * MILLION),
        checks=tuple(dict.fromkeys(cascade.checks)),
        models=frozenset(cascade.models),
        steps=cascade.steps,
        min_chars=cascade.min_chars,
        keep=cascade.keep,
    )
