"""What an index of the ledger answers about Freehold's own work."""

from typing import Literal, Protocol

from msgspec import Struct

from freehold.core.decisions import Stage
from freehold.ledger.index import Tenants

By = Literal["", "app", "tenant", "hour"]


class LoadRow(Struct, frozen=True, kw_only=True):
    """Own work by stage, summed up. ``cpu_ns`` is of the ``sampled`` among the ``exchanges``.

    ``since_ns`` and ``until_ns`` are the first minute's beginning and the last one's end of those
    in which something was recorded. ``tenant``, ``app`` and ``hour_ns`` say of what it is.
    """

    tenant: str = ""
    app: str = ""
    hour_ns: int | None = None
    since_ns: int
    until_ns: int
    exchanges: int
    sampled: int
    spent_ns: dict[Stage, int]
    cpu_ns: dict[Stage, int]
    waited_ns: dict[Stage, int]


class LoadIndex(Protocol):
    """Sums own work up. With a ``tenant``, everyone else's does not exist."""

    def load(
        self,
        *,
        tenant: Tenants = None,
        app: str | None = None,
        since_ns: int | None = None,
        until_ns: int | None = None,
        by: By = "",
    ) -> list[LoadRow]:
        """By the time at which exchanges ended, in whole minutes that touch the period."""
        ...
