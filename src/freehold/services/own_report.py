"""The share of the answers that own models gave, and the money that this saved.

What an answer of an own model would have cost is not known; it is estimated as the mean of what
the other models' answers cost in the same app of the same tenant in the same period, else in the
same app, else in all that is looked at. Where no other model answered anything there, no saving is
told.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import asdict

from freehold.bundle.deployed import custom_of
from freehold.core.owning import Use

Grouping = Literal["", "app", "tenant", "model"]


class Part(Struct, frozen=True, kw_only=True):
    """One line of the report.

    Attributes:
        own, answered: exchanges that own models answered, and all that were answered.
        own_share: the one of the other; none of nothing.
        cost_nano: what all of them cost.
        saved_nano: what own models' answers would have cost, less what they did; none where no
            other model answered, so that nobody can tell.
        own_ms, other_ms: mean time of an exchange, in milliseconds.
    """

    name: str
    own: int
    answered: int
    own_share: float | None
    cost_nano: int
    saved_nano: int | None
    own_ms: float | None
    other_ms: float | None


class OwnReport(Struct, frozen=True, kw_only=True):
    """All of it, and by whatever was asked for."""

    total: Part
    parts: tuple[Part, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self.total) | {"parts": [asdict(part) for part in self.parts]}


def own_report(uses: Sequence[Use], custom: Collection[str], by: Grouping = "") -> OwnReport:
    """What own models did.

    Args:
        custom: names of custom models; their versions on trial are known by them.
    """
    prices = _Prices([use for use in uses if not _own(use, custom)])
    groups: dict[str, list[Use]] = {}
    if by:
        for use in uses:
            groups.setdefault(_name(use, by), []).append(use)
    return OwnReport(
        total=_part("", uses, custom, prices),
        parts=tuple(_part(name, groups[name], custom, prices) for name in sorted(groups)),
    )


def _name(use: Use, by: Grouping) -> str:
    return {"app": f"{use.tenant}/{use.app}", "tenant": use.tenant}.get(by, use.model)


def _own(use: Use, custom: Collection[str]) -> bool:
    return custom_of(use.model) in custom


class _Prices:
    """What an answer of another model costs, in nano-units."""

    def __init__(self, others: Iterable[Use]) -> None:
        self._count: Counter[tuple[str, ...]] = Counter()
        self._cost: Counter[tuple[str, ...]] = Counter()
        for use in others:
            for key in ((use.tenant, use.app), (use.app,), ()):
                self._count[key] += use.answered
                self._cost[key] += use.cost_nano

    def of(self, use: Use) -> int | None:
        """All answers of one line together."""
        for key in ((use.tenant, use.app), (use.app,), ()):
            if self._count[key]:
                return self._cost[key] * use.answered // self._count[key]
        return None


def _part(name: str, uses: Iterable[Use], custom: Collection[str], prices: _Prices) -> Part:
    own: list[Use] = []
    others: list[Use] = []
    for use in uses:
        (own if _own(use, custom) else others).append(use)
    saved: list[int | None] = []
    for use in own:
        would = prices.of(use)
        saved.append(None if would is None else would - use.cost_nano)
    mine, all_of_them = _count(own), _count(own) + _count(others)
    return Part(
        name=name,
        own=mine,
        answered=all_of_them,
        own_share=mine / all_of_them if all_of_them else None,
        cost_nano=sum(use.cost_nano for use in (*own, *others)),
        saved_nano=None if None in saved else sum(one for one in saved if one is not None),
        own_ms=_mean_ms(own),
        other_ms=_mean_ms(others),
    )


def _count(uses: Iterable[Use]) -> int:
    return sum(use.answered for use in uses)


def _mean_ms(uses: Sequence[Use]) -> float | None:
    count = _count(uses)
    return sum(use.took_ns for use in uses) / count / 1e6 if count else None
