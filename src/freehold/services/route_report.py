"""Cost against quality: what a route could do, beside what needs no router at all."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import asdict

from freehold.bundle.problems import did_you_mean, one_of
from freehold.core.errors import NotFound, RequestError
from freehold.core.routes import ObjectiveSpec, RouteSpec
from freehold.services.measure_ope import prompt_features
from freehold.services.route_log import Chosen
from freehold.services.route_replay import compared, logged, targets
from freehold.services.routing_tables import Table
from freehold.stages.routing.evaluation.log import Floats, Log, support

_STEPS = 13
_WIDTH = 128
_NANO = 1e9


class Point(Struct, frozen=True, kw_only=True):
    """A policy's mean cost and quality a request; the interval is of the quality.

    ``why_not`` says why a point from a log is none to rely on; empty where it is one.
    """

    name: str
    cost: float
    quality: float
    low: float
    high: float
    ess: float | None = None
    why_not: str = ""


class Curve(Struct, frozen=True, kw_only=True):
    """All points of one route or table.

    Attributes:
        cost_in: what cost is counted in.
        router: the router at rising prices of cost, the dearest first.
        models: each model alone.
        zero_router: corners of the best mix of models that looks at no request; any router below
            the lines between them is worth nothing.
        best: the best single model.
        oracle: the cheapest of the best for each request; ``None`` where no log can tell.
        now: what was really done.
    """

    route: str
    rows: int
    cost_in: str
    router: tuple[Point, ...]
    models: tuple[Point, ...]
    zero_router: tuple[Point, ...]
    best: Point
    oracle: Point | None
    now: Point | None = None

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        named = ("router", "models", "zero_router", "best", "oracle", "now")
        found = asdict(self)
        for name in named:
            value = getattr(self, name)
            if isinstance(value, tuple):
                found[name] = [asdict(point) for point in value]
            elif value is not None:
                found[name] = asdict(value)
        return found


def from_table(table: Table, prices: Mapping[str, float], *, seed: int = 0) -> Curve:
    """On a table that knows every answer. The router is ridge regression on the prompts' vectors,
    each prompt judged by what was learned from others.

    Args:
        prices: money of a call by model, where the table has no costs. Without either, the model
            with the lowest mean costs 0 and the one with the highest 1, the others in between.

    Raises:
        NotFound, RequestError: a price is of a model that the table does not have, or only some
            of its models have one.
    """
    costs, unit = _costs(table, prices)
    features = prompt_features(table, _WIDTH)
    expected = _crosswise(features, table.scores, seed)
    worth = _crosswise(features, costs, seed)
    rows = np.arange(len(table.prompts))

    def point(name: str, picked: Any) -> Point:
        return _as_it_was(name, table.scores[rows, picked], costs[rows, picked])

    router = tuple(
        point(f"price {price:.4g}", np.argmax(expected - price * worth, axis=1))
        for price in _prices(expected, worth)
    )
    models = tuple(point(m, np.full(len(rows), i)) for i, m in enumerate(table.models))
    top = table.scores >= table.scores.max(axis=1, keepdims=True) - 1e-12
    oracle = point("oracle", np.argmin(np.where(top, costs, np.inf), axis=1))
    return Curve(
        route="",
        rows=len(rows),
        cost_in=unit,
        router=router,
        models=models,
        zero_router=hull(models),
        best=max(models, key=lambda p: (p.quality, -p.cost)),
        oracle=oracle,
    )


def _costs(table: Table, prices: Mapping[str, float]) -> tuple[Floats, str]:
    """Of each call, and what they are counted in. Prices and ranks never stand side by side."""
    for model in prices:
        if model not in table.models:
            hint = did_you_mean(model, table.models) or f"there is {one_of(table.models)}"
            raise NotFound(f"the table has no model {model[:80]}; {hint}")
    if table.costs is not None:
        return table.costs, "money"
    means = table.scores.mean(axis=0)
    each: Floats = np.argsort(np.argsort(means)) / max(1, len(means) - 1)
    unit = "rank: 0 is the weakest model, 1 the best"
    if prices:
        unpriced = [model for model in table.models if model not in prices]
        if unpriced:
            raise RequestError(f"Every model needs a price; {one_of(unpriced)} has none.")
        each, unit = np.array([prices[model] for model in table.models]), "money"
    return np.tile(each.astype(np.float64), (len(table.prompts), 1)), unit


def from_log(
    rows: Sequence[Chosen], route: RouteSpec, *, least_ess: float, metric: str = ""
) -> Curve | None:
    """From what a route's log can tell, by doubly robust estimates; ``None`` without outcomes."""
    metric = metric or route.learn.metric
    rated = [r for r in rows if not r.kept and r.score(metric) is not None]
    if len(rated) < 2:
        return None
    models = tuple(sorted({arm.model for row in rated for arm in row.allowed}))
    scores = [row.score(metric) or 0.0 for row in rated]
    costs = [row.cost_nano / _NANO for row in rated]
    log = logged(rated, models, scores)
    span = max(1, *(arm.cost_nano for row in rated for arm in row.allowed))

    def point(name: str, target: Floats) -> Point | None:
        quality = compared(rated, models, scores, target, least_ess, better="higher")
        cost = compared(rated, models, costs, target, least_ess, better="lower")
        if quality is None or cost is None or not len(target):
            return None
        return Point(
            name=name,
            cost=cost.dr.value,
            quality=quality.dr.value,
            low=quality.dr.low,
            high=quality.dr.high,
            ess=quality.ess,
            why_not=support(log, target).why_not(least_ess),
        )

    def priced(nano: int | None) -> Point | None:
        aim = ObjectiveSpec(policy="learned", nano_per_success=nano, explore=0)
        wanted = RouteSpec(id=route.id, candidates=models, objective=aim)
        target, possible = targets(rated, wanted, models)
        if not possible.all():
            return None
        return point("best expected" if nano is None else f"{nano / _NANO:.3g} a success", target)

    sweep = [None, *(int(span * f) for f in np.geomspace(300, 1, _STEPS - 1))]
    router = [p for p in map(priced, sweep) if p is not None]
    single = [p for i, m in enumerate(models) if (p := point(m, _all(log, i))) is not None]
    sound = tuple(p for p in single if not p.why_not) or tuple(single)
    return Curve(
        route=route.id,
        rows=len(rated),
        cost_in="money",
        router=tuple(router),
        models=tuple(single),
        zero_router=hull(sound),
        best=max(sound, key=lambda p: (p.quality, -p.cost)),
        oracle=None,
        now=_as_it_was("now", scores, costs),
    )


def _as_it_was(
    name: str, scores: Sequence[float] | Floats, costs: Sequence[float] | Floats
) -> Point:
    """The mean of what calls came to, with its 95 % interval."""
    mean = float(np.mean(scores))
    se = float(np.std(scores, ddof=1) / np.sqrt(len(scores)))
    return Point(
        name=name,
        cost=float(np.mean(costs)),
        quality=mean,
        low=mean - 1.96 * se,
        high=mean + 1.96 * se,
    )


def hull(points: Sequence[Point]) -> tuple[Point, ...]:
    """The corners that no mix of the others beats, the cheapest first."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda p: (p.cost, -p.quality)):
        if kept and point.quality <= kept[-1].quality:
            continue
        while len(kept) > 1 and _slope(kept[-2], kept[-1]) <= _slope(kept[-2], point):
            kept.pop()
        kept.append(point)
    return tuple(kept)


def _prices(expected: Floats, worth: Floats) -> list[float]:
    """Prices of cost at which another share of requests leaves the best model for the cheapest."""
    rows = np.arange(len(expected))
    best, cheap = np.argmax(expected, axis=1), np.argmin(worth, axis=1)
    extra = worth[rows, best] - worth[rows, cheap]
    dear = extra > 0
    if not dear.any():
        return [0.0]
    ratio = (expected[rows, best] - expected[rows, cheap])[dear] / extra[dear]
    found = np.quantile(ratio, np.linspace(0, 1, _STEPS - 1))
    return [0.0, *map(float, np.unique(found)), float(found[-1]) * 1.01 + 1e-12]


def _slope(one: Point, two: Point) -> float:
    gap = two.cost - one.cost
    return (two.quality - one.quality) / gap if gap > 0 else np.inf


def _all(log: Log, arm: int) -> Floats:
    """One model wherever it was allowed, else what was done."""
    target: Floats = np.zeros(np.shape(log.propensity))
    allowed = log.propensity[:, arm] > 0
    target[allowed, arm] = 1.0
    target[~allowed] = log.propensity[~allowed]
    return target


def _crosswise(features: Floats, wanted: Floats, seed: int, folds: int = 5) -> Floats:
    """Ridge regression of every model's column, on the other folds' rows."""
    fold = np.random.default_rng(seed).permutation(len(features)) % folds
    found: Floats = np.empty(wanted.shape)
    for part in range(folds):
        out, rest = fold == part, fold != part
        columns, means = features[rest].mean(axis=0), wanted[rest].mean(axis=0)
        centred = features[rest] - columns
        gram = centred.T @ centred + 10.0 * np.eye(features.shape[1])
        slopes = np.linalg.solve(gram, centred.T @ (wanted[rest] - means))
        found[out] = means + (features[out] - columns) @ slopes
    return found
