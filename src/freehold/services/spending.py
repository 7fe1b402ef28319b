"""What tenants, apps, keys and models have used, beside their ceilings."""

from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Struct

from freehold.bundle.ceilings import nano
from freehold.bundle.resolve import ResolvedBundle
from freehold.bundle.settings import limits_of
from freehold.core.clock import Clock
from freehold.core.decisions import MILLION
from freehold.core.errors import NotFound
from freehold.core.limits import Limits, Period, ScopeKind, as_dict, ceiling_name, ceilings

_DAY_NS = 86_400 * 1_000_000_000
_Sums = tuple[int, int, int]
_Row = tuple[str, Period, int]


class SpendRows(Protocol):
    """Where sums are kept, by scope and period."""

    def largest(self, period: Period, day: int, kind: str, limit: int) -> dict[_Row, _Sums]:
        """The scopes of a kind that used most, most first."""
        ...

    def of(self, scopes: list[str], day: int) -> dict[_Row, _Sums]:
        """What scopes have used in the current periods."""
        ...


class Used(Struct, frozen=True, kw_only=True):
    """What one scope has used in one period, what is reserved included.

    Attributes:
        name: without the kind: ``north/service``, ``1f0c22ab90de``.
        ceilings: all that are set, by name; money in nano-units.
        fullest: the name of the one that is nearest to being reached.
        share: how much of that is used, in millionths; none without ceilings.
    """

    kind: ScopeKind
    name: str
    title: str
    period: Period
    requests: int
    tokens: int
    nano: int
    ceilings: dict[str, int]
    fullest: str = ""
    share: int | None = None


class Spending:
    """Reads sums, and finds the ceilings that belong to them.

    Args:
        bundle: the one that is live; ``None`` where none ever was, so that only keys have ceilings.
        keys: key id → its name and ceilings.
    """

    def __init__(
        self,
        rows: SpendRows,
        bundle: ResolvedBundle | None,
        keys: Callable[[], Mapping[str, tuple[str, Limits]]],
        clock: Clock,
    ) -> None:
        self._rows = rows
        self._bundle = bundle
        self._keys = keys
        self._clock = clock

    @property
    def currency(self) -> str:
        """Of the money."""
        return "" if self._bundle is None else self._bundle.bundle.currency

    def used(self, kind: ScopeKind, period: Period, limit: int = 50) -> list[Used]:
        """Who used most in the current day, month, or in total.

        Raises:
            StorageError: the store can't be read.
        """
        day = self._clock.now_ns() // _DAY_NS
        found = self._rows.largest(period, day, kind, limit)
        current = self._rows.of([scope for scope, _, _ in found], day)
        keys = self._keys() if kind == "key" else {}
        return [self._one(kind, row, sums, current, keys) for row, sums in found.items()]

    def _one(
        self,
        kind: ScopeKind,
        row: _Row,
        sums: _Sums,
        current: Mapping[_Row, _Sums],
        keys: Mapping[str, tuple[str, Limits]],
    ) -> Used:
        scope, period, _ = row
        name = scope.partition(":")[2]
        title, limits = keys.get(name, ("", Limits())) if kind == "key" else ("", Limits())
        if kind != "key":
            limits = self._limits(kind, name)
        by_period = {p: found for (s, p, _), found in current.items() if s == scope}
        fullest, share = "", None
        for ceiling in ceilings(limits):
            if ceiling.period == "minute":
                continue
            used = by_period.get(ceiling.period, (0, 0, 0))[ceiling.place]
            part = used * MILLION // ceiling.most if ceiling.most else MILLION
            if share is None or part > share:
                fullest, share = ceiling_name(ceiling.unit, ceiling.period), part
        return Used(
            kind=kind,
            name=name,
            title=title,
            period=period,
            requests=sums[0],
            tokens=sums[1],
            nano=sums[2],
            ceilings=as_dict(limits),
            fullest=fullest,
            share=share,
        )

    def _limits(self, kind: ScopeKind, name: str) -> Limits:
        """The ceilings under the live bundle; none for what it does not have any more."""
        bundle = self._bundle
        if bundle is None:
            return Limits()
        if kind == "model":
            scope = bundle.models[name].scope if name in bundle.models else None
            return Limits() if scope is None else scope.limits
        tenant, _, app = name.partition("/")
        if kind == "shadow":
            route = bundle.bundle.routes.get(tenant)
            money = route.shadow.money_per_day if route is not None and route.shadow else None
            return Limits() if money is None else Limits(nano_per_day=nano(money))
        if kind == "tenant":
            return limits_of(bundle.effective(tenant)) if tenant in bundle.tenants else Limits()
        try:
            return bundle.app_for(tenant, app).limits
        except NotFound:
            return Limits()
