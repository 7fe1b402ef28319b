"""How the apps of a custom model are answered today, from their records."""

from collections.abc import Collection

import numpy as np
from msgspec import Struct

from freehold.services.records import Records

_LATELY = 1_000
_ANSWERED = ("allowed", "transformed")
_NANO = 1_000_000_000


class Today(Struct, frozen=True, kw_only=True):
    """The last answers of some apps, whoever gave them.

    Attributes:
        exchanges: so many were looked at.
        p50_ms, p95_ms: of a whole exchange, in milliseconds: half and 19 of 20 took at most that.
        cost: of an answer, in units of the bundle's currency.
        models: how many each model answered.
    """

    exchanges: int
    p50_ms: float
    p95_ms: float
    cost: float
    models: dict[str, int]


def today(records: Records, apps: Collection[str]) -> Today | None:
    """Of the newest thousand exchanges of each app; ``None`` where none was answered.

    Raises:
        StorageError: the store can't be read.
    """
    rows = [
        row
        for app in apps
        for row in records.recent(app=app, limit=_LATELY)
        if row.outcome in _ANSWERED and row.model
    ]
    if not rows:
        return None
    middle, most = np.percentile([(row.duration_ns or 0) / 1e6 for row in rows], [50, 95])
    models: dict[str, int] = {}
    for row in rows:
        models[row.model or ""] = models.get(row.model or "", 0) + 1
    return Today(
        exchanges=len(rows),
        p50_ms=float(middle),
        p95_ms=float(most),
        cost=sum(row.cost_nano or 0 for row in rows) / len(rows) / _NANO,
        models=dict(sorted(models.items())),
    )
