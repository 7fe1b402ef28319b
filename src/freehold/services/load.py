"""Freehold's own work by layer, beside what was published of another one's day."""

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct

from freehold.core.clock import rfc3339
from freehold.core.decisions import Stage
from freehold.core.sampling import SAMPLED_OF
from freehold.ledger.index import Tenants
from freehold.ledger.load import By, LoadIndex, LoadRow

LAYERS: tuple[tuple[str, Stage, int], ...] = (
    ("routing", "routing", 29),
    ("governance", "governance", 22),
    ("context-stitching", "context", 19),
    ("monitoring", "monitoring", 14),
    ("policy", "policy", 8),
    ("data-prep", "data_prep", 5),
    ("audit", "audit", 3),
)
"""Name, Freehold's stage, and percent of the work in the published case."""

WIRE: tuple[Stage, ...] = ("admit", "inference")
"""What the published case does not count as a layer: the door, and our part of calls to models."""
WIRE_NAME = "wire and door"

PUBLISHED = {
    "what": "a retail chain's orchestration layer, as published",
    "stores": 1_600,
    "requests_a_day": 50_000,
    "percent": {name: percent for name, _, percent in LAYERS},
}
NOT_COUNTED = (
    "Not counted, since no exchange waits for it: filling the index (a process of its own),"
    " checkpoints and mirrors, sweeps."
)


class Layer(Struct, frozen=True, kw_only=True):
    """One layer's part. Shares are fractions: ``share`` of the seven layers, ``share_of_all`` with
    wire and door; ``None`` where nothing was measured, or for wire and door itself. Times are of
    all exchanges; ``cpu_ns`` is estimated from the sample.
    """

    layer: str
    wall_ns: int
    wall_share: float | None
    wall_share_of_all: float | None
    cpu_ns: int | None
    cpu_share: float | None
    cpu_share_of_all: float | None
    waited_ns: int
    published_percent: int | None


class Load(Struct, frozen=True, kw_only=True):
    """Own work of some exchanges. ``tenant``, ``app`` and ``hour`` say of which."""

    tenant: str
    app: str
    hour: str | None
    since: str
    until: str
    exchanges: int
    cpu_sampled: int
    wall_ns: int
    cpu_ns: int | None
    layers: list[Layer]
    wire: Layer


class Report(Struct, frozen=True, kw_only=True):
    """The load of a period; ``total`` is ``None`` where nothing ended in it."""

    total: Load | None
    by: By
    parts: list[Load]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "published": PUBLISHED,
            "cpu_sampled_one_in": SAMPLED_OF,
            "not_counted": NOT_COUNTED,
            "by": self.by or None,
            "total": self.total,
            "parts": self.parts,
        }


class LoadReports:
    """Answers by tenant, app and period; with a tenant, nobody else's work is in any sum.

    Args:
        fill: brings the index up to date before each question.
    """

    def __init__(self, index: LoadIndex, fill: Callable[[], object]) -> None:
        self._index = index
        self._fill = fill

    def report(
        self,
        *,
        tenant: Tenants = None,
        app: str | None = None,
        since_ns: int | None = None,
        until_ns: int | None = None,
        by: By = "",
    ) -> Report:
        """The load of exchanges that ended in a period (whole minutes).

        Raises:
            StorageError: the index can't be read.
        """
        self._fill()

        def asked(by: By) -> list[LoadRow]:
            return self._index.load(
                tenant=tenant, app=app, since_ns=since_ns, until_ns=until_ns, by=by
            )

        total = [_load(row) for row in asked("")]
        parts = [_load(row) for row in asked(by)] if by else []
        return Report(total=total[0] if total else None, by=by, parts=parts)


def _load(row: LoadRow) -> Load:
    seven = [stage for _, stage, _ in LAYERS]
    cpu = _whole(row)
    layers = [_layer(row, cpu, name, (stage,), percent) for name, stage, percent in LAYERS]
    every = [*seven, *WIRE]
    return Load(
        tenant=row.tenant,
        app=row.app,
        hour=None if row.hour_ns is None else rfc3339(row.hour_ns),
        since=rfc3339(row.since_ns),
        until=rfc3339(row.until_ns),
        exchanges=row.exchanges,
        cpu_sampled=row.sampled,
        wall_ns=_sum(row.spent_ns, every),
        cpu_ns=None if cpu is None else _sum(cpu, every),
        layers=layers,
        wire=_layer(row, cpu, WIRE_NAME, WIRE, None),
    )


def _whole(row: LoadRow) -> dict[Stage, int] | None:
    """CPU time of all exchanges, as far as the sample tells."""
    if not row.sampled:
        return None
    return {s: ns * row.exchanges // row.sampled for s, ns in row.cpu_ns.items()}


def _layer(
    row: LoadRow,
    cpu: dict[Stage, int] | None,
    name: str,
    stages: tuple[Stage, ...],
    percent: int | None,
) -> Layer:
    seven = [stage for _, stage, _ in LAYERS]
    of_seven = percent is not None
    wall = _sum(row.spent_ns, stages)
    used = None if cpu is None else _sum(cpu, stages)
    return Layer(
        layer=name,
        wall_ns=wall,
        wall_share=_share(wall, _sum(row.spent_ns, seven)) if of_seven else None,
        wall_share_of_all=_share(wall, _sum(row.spent_ns, [*seven, *WIRE])),
        cpu_ns=used,
        cpu_share=_share(used, _sum(cpu, seven)) if cpu is not None and of_seven else None,
        cpu_share_of_all=_share(used, _sum(cpu, [*seven, *WIRE])) if cpu is not None else None,
        waited_ns=_sum(row.waited_ns, stages),
        published_percent=percent,
    )


def _sum(of: dict[Stage, int], stages: Iterable[Stage]) -> int:
    return sum(of.get(stage, 0) for stage in stages)


def _share(part: int | None, whole: int) -> float | None:
    return round(part / whole, 4) if part is not None and whole else None
