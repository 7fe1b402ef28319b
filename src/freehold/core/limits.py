"""Ceilings on requests, tokens and money, and whom they hold for."""

from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from msgspec import Struct
from msgspec.structs import force_setattr

Unit = Literal["requests", "tokens", "nano"]
Period = Literal["minute", "day", "month", "total"]
"""A minute is any sixty seconds; days and months are UTC's; the total never begins again."""
ScopeKind = Literal["tenant", "app", "key", "model", "shadow"]
_DAY_NS = 86_400_000_000_000
UNITS: tuple[Unit, ...] = get_args(Unit)
PERIODS: tuple[Period, ...] = get_args(Period)


class Limits(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Ceilings; ``None`` is no ceiling. Money in nano-units of the bundle's currency."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    nano_per_minute: int | None = None
    requests_per_day: int | None = None
    tokens_per_day: int | None = None
    nano_per_day: int | None = None
    requests_per_month: int | None = None
    tokens_per_month: int | None = None
    nano_per_month: int | None = None
    requests_in_total: int | None = None
    tokens_in_total: int | None = None
    nano_in_total: int | None = None
    max_request_chars: int = 200_000
    max_output_tokens: int = 1024


class Ceiling(Struct, frozen=True):
    """At most so much of a unit in a period; ``place`` is the unit's among ``UNITS``."""

    unit: Unit
    period: Period
    most: int
    place: int

    def __str__(self) -> str:
        """``500 tokens a day``; money in nano-units."""
        unit = "nano-units" if self.unit == "nano" else self.unit
        return f"{self.most} {unit} {'in total' if self.period == 'total' else f'a {self.period}'}"


class Scope(Struct, frozen=True, kw_only=True):
    """Something that is counted by itself; its id begins with a `ScopeKind`.

    A tenant with all below it (``tenant:north``), an app of a tenant (``app:north/service``), a key
    (``key:1f0c``), a model (``model:small``), of which each call counts as a request, or the model
    in a route's shadow (``shadow:main/new``).

    Attributes:
        rates: its ceilings on a minute.
        quotas: its ceilings on longer periods.
    """

    id: str
    limits: Limits
    rates: tuple[Ceiling, ...] = ()
    quotas: tuple[Ceiling, ...] = ()

    def __post_init__(self) -> None:
        """The ceilings are sorted out once, not at each request."""
        found = ceilings(self.limits)
        force_setattr(self, "rates", tuple(c for c in found if c.period == "minute"))
        force_setattr(self, "quotas", tuple(c for c in found if c.period != "minute"))


def ceilings(limits: Limits) -> tuple[Ceiling, ...]:
    """Those that are set, short periods first."""
    return tuple(
        Ceiling(unit, period, most, place)
        for period in PERIODS
        for place, unit in enumerate(UNITS)
        if (most := getattr(limits, ceiling_name(unit, period))) is not None
    )


def ceiling_name(unit: str, period: Period) -> str:
    """``tokens_per_day``, ``nano_in_total``: its field in `Limits`."""
    return f"{unit}_in_total" if period == "total" else f"{unit}_per_{period}"


def renewal_ns(period: str, now_ns: int) -> int | None:
    """When the next period begins, in nanoseconds since 1970; ``None`` where none does."""
    day = now_ns // _DAY_NS
    if period == "day":
        return (day + 1) * _DAY_NS
    if period != "month":
        return None
    today = datetime.fromtimestamp(day * 86_400, UTC)
    first = today.replace(day=1) + timedelta(days=32)
    return int(first.replace(day=1).timestamp()) * 1_000_000_000


def as_dict(limits: Limits) -> dict[str, int]:
    """The ceilings that are set, by name; money in nano-units."""
    return {ceiling_name(c.unit, c.period): c.most for c in ceilings(limits)}
