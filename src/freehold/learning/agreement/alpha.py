"""Krippendorff's alpha: agreement among any number of labelers, beyond what chance would give.

Klaus Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), with its coincidence matrix
and its differences for nominal, ordinal, interval and ratio data. A unit with fewer than two values
says nothing and is left out.
"""

from collections.abc import Hashable, Sequence
from itertools import permutations
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Level = Literal["nominal", "ordinal", "interval", "ratio"]
Floats = NDArray[np.float64]
FIRM, TENTATIVE = 0.8, 0.667
"""Krippendorff's customary lines: rely on it; conclude with care. Below: mend the guideline."""
_SEED = 7


class Agreement(Struct, frozen=True, kw_only=True):
    """What the labels of one queue come to.

    Attributes:
        alpha: 1 for perfect agreement, 0 for what chance gives, below for less; ``None`` where
            nothing varies, or no unit has two values.
        low, high: its bootstrap interval; equal to ``alpha`` where too few units vary.
        units, values: units with at least two values, and all values in them.
        says: ``firm``, ``tentative``, ``weak``; ``unknown`` without an alpha.
    """

    alpha: float | None
    low: float | None
    high: float | None
    units: int
    values: int
    says: Literal["firm", "tentative", "weak", "unknown"]


class _Coincidences:
    """Pairs of values within units, unit by unit, so that units can be drawn again."""

    def __init__(self, units: Sequence[Sequence[Hashable]], level: Level) -> None:
        kept = [[value for value in unit if value is not None] for unit in units]
        kept = [unit for unit in kept if len(unit) > 1]
        distinct = {value for unit in kept for value in unit}
        # labels of any kind can stand side by side; what has an order is a number
        order: list[Hashable] = sorted(distinct, key=repr if level == "nominal" else _number)
        place = {value: number for number, value in enumerate(order)}
        self.level: Level = level
        self.count = len(kept)
        self.values = sum(map(len, kept))
        self._size = len(order)
        self._numbers = np.array([0.0 if level == "nominal" else _number(v) for v in order])
        unit_of, cell, share = [], [], []
        for number, unit in enumerate(kept):
            for one, two in permutations([place[value] for value in unit], 2):
                unit_of.append(number)
                cell.append(one * self._size + two)
                share.append(1 / (len(unit) - 1))
        self._unit_of = np.array(unit_of, dtype=np.intp)
        self._cell = np.array(cell, dtype=np.intp)
        self._share = np.array(share, dtype=np.float64)

    def alpha(self, drawn: Floats | None = None) -> float | None:
        """Alpha, each unit as often as it was drawn; ``None`` where nothing varies."""
        share = self._share if drawn is None else self._share * drawn[self._unit_of]
        size = self._size
        seen = np.bincount(self._cell, share, minlength=size * size).reshape(size, size)
        of_value = seen.sum(axis=1)
        total = float(of_value.sum())
        if total < 2:
            return None
        away = self._distances(of_value)
        expected = float((np.outer(of_value, of_value) * away).sum()) / (total - 1)
        if expected <= 0:
            return None
        return 1 - float((seen * away).sum()) / expected

    def _distances(self, of_value: Floats) -> Floats:
        """How far two values are apart, squared, by the level of measurement."""
        size = self._size
        if self.level == "nominal":
            return 1 - np.eye(size)
        if self.level == "ordinal":
            upto = np.cumsum(of_value)
            places = np.arange(size)
            first, last = np.minimum.outer(places, places), np.maximum.outer(places, places)
            between = upto[last] - upto[first] + of_value[first]
            steps: Floats = between - (of_value[first] + of_value[last]) / 2
            return steps**2 * (1 - np.eye(size))
        apart = np.subtract.outer(self._numbers, self._numbers)
        if self.level == "ratio":
            sums = np.add.outer(self._numbers, self._numbers)
            apart = np.divide(apart, sums, out=np.zeros_like(apart), where=sums != 0)
        squared: Floats = apart**2
        return squared


def alpha(units: Sequence[Sequence[Hashable]], level: Level = "nominal") -> float | None:
    """Krippendorff's alpha.

    Args:
        units: for each unit (a case) the values that it was given, by whomever; ``None`` is a
            missing one. Numbers for any level but nominal.

    Raises:
        ValueError: a value that has to be a number is none.
    """
    return _Coincidences(units, level).alpha() if units else None


def agreement(
    units: Sequence[Sequence[Hashable]],
    level: Level = "nominal",
    *,
    draws: int = 1_000,
    confidence: float = 0.95,
) -> Agreement:
    """Alpha with its interval from ``draws`` bootstrap samples of units, drawn with a fixed seed.

    Raises:
        ValueError: as `alpha`.
    """
    found = _Coincidences(units, level)
    point = found.alpha() if found.count else None
    if point is None:
        return Agreement(
            alpha=None, low=None, high=None, units=found.count, values=found.values, says="unknown"
        )
    dice = np.random.default_rng(_SEED)
    chance = np.full(found.count, 1 / found.count)
    drawn = (
        found.alpha(dice.multinomial(found.count, chance).astype(np.float64)) for _ in range(draws)
    )
    # samples in which nothing varies have no alpha
    made = [one for one in drawn if one is not None]
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(made, [tail, 100 - tail]) if made else (point, point)
    return Agreement(
        alpha=point,
        low=float(low),
        high=float(high),
        units=found.count,
        values=found.values,
        says="firm" if point >= FIRM else "tentative" if point >= TENTATIVE else "weak",
    )


def _number(value: Hashable) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is no number, which ordinal, interval and ratio data are")
    return float(value)
