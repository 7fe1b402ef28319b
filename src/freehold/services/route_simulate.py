"""Every route of a bundle against the recorded requests that took it."""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from freehold.bundle.problems import did_you_mean, one_of
from freehold.bundle.resolve import ResolvedBundle
from freehold.core.errors import NotFound
from freehold.core.routes import RouteSpec
from freehold.services.route_log import Chosen
from freehold.services.route_replay import Replay, replay
from freehold.services.route_report import Curve, from_log

_Groups = list[tuple[RouteSpec, list[Chosen]]]


class Simulated(Struct, frozen=True, kw_only=True):
    """Replays by route; ``skipped``: why → how many requests no route of the draft chooses for."""

    replays: tuple[Replay, ...]
    skipped: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"routes": [one.as_dict() for one in self.replays], "skipped": self.skipped}


def simulated(
    rows: Iterable[Chosen],
    draft: ResolvedBundle,
    *,
    only: str | None = None,
    metric: str = "",
    least_ess: float,
) -> Simulated:
    """What the draft's routes would have done.

    Raises:
        NotFound: the draft has no such route, or nobody such a metric.
    """
    rows = _told_by(rows, draft, metric)
    groups, skipped = _grouped(rows, draft, only)
    return Simulated(
        replays=tuple(
            replay(mine, route, least_ess=least_ess, metric=metric) for route, mine in groups
        ),
        skipped=skipped,
    )


def curves(
    rows: Sequence[Chosen],
    bundle: ResolvedBundle,
    *,
    only: str | None = None,
    metric: str = "",
    least_ess: float,
) -> list[Curve]:
    """Cost against quality, for every route with outcomes.

    Raises:
        NotFound: the bundle has no such route, or nobody such a metric.
    """
    rows = _told_by(rows, bundle, metric)
    groups, _ = _grouped(rows, bundle, only)
    found = (from_log(mine, route, least_ess=least_ess, metric=metric) for route, mine in groups)
    return [curve for curve in found if curve is not None]


def _told_by(rows: Iterable[Chosen], bundle: ResolvedBundle, metric: str) -> list[Chosen]:
    """All of them, once the metric is known to be one: of the bundle, or of what was told."""
    found = list(rows)
    known = {*bundle.bundle.metrics, *(name for row in found for name in row.scores)}
    if metric and metric not in known:
        hint = did_you_mean(metric, known) or f"there is {one_of(known) or 'none'}"
        raise NotFound(f"no metric {metric[:80]}; {hint}")
    return found


def _grouped(
    rows: Iterable[Chosen], bundle: ResolvedBundle, only: str | None
) -> tuple[_Groups, dict[str, int]]:
    """By the route that the bundle gives to the app; each tenant's aims are its own."""
    if only is not None and only not in bundle.bundle.routes:
        raise NotFound(f"no route {only}; there is {', '.join(sorted(bundle.bundle.routes))}")
    groups: _Groups = []
    skipped: dict[str, int] = {}
    for row in rows:
        try:
            route = bundle.app_for(row.tenant, row.app).route
        except NotFound:
            why = "the bundle has no such tenant or app"
            skipped[why] = skipped.get(why, 0) + 1
            continue
        if only is not None and route.id != only:
            continue
        mine = next((group for group in groups if group[0] == route), None)
        if mine is None:
            mine = (route, [])
            groups.append(mine)
        mine[1].append(row)
    return groups, skipped
