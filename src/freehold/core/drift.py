"""Telling when a stream of numbers, or a mix of kinds, is not what it was before. No I/O, no clock.

`ChangePoint` is Freehold's own test for numbers; `adwin` gives river's (extra ``drift``) behind the
same Protocol. `psi` compares two mixes.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from msgspec import Struct

BUCKET = 8
"""Numbers that are added up before anything is tested."""
BUCKETS = 128
"""How far back the test looks, in buckets: 1,024 numbers."""
FEWEST = 3
"""Buckets on each side of a cut, so that a few outliers are no change."""
THRESHOLD = 30.0
"""Squared standard errors between both sides; see `benchmarks/drift.py` for what it costs."""
_CLIP = 4.0
_LARGEST = 1e100
_FARTHEST = 12.0
"""A square of differences counts as so many times their mean at most."""


class Shift(Struct, frozen=True):
    """A change: the mean before it, the mean since, and over how many numbers that is."""

    before: float
    after: float
    since: int


class ChangeDetector(Protocol):
    """Reads one number after the other and says when their mean has changed."""

    @property
    def seen(self) -> int:
        """How many numbers stand behind ``level``."""
        ...

    @property
    def level(self) -> float:
        """The mean since the last change."""
        ...

    def add(self, value: float) -> Shift | None:
        """Read one; a `Shift` where the mean has changed, which is then the new normal."""
        ...


class ChangePoint:
    """Generalised likelihood ratio for a change of mean at an unknown time (Siegmund and
    Venkatraman, 1995), over buckets of eight and the last 1,024 numbers.

    Each cut of the window is tested: squared distance of the two sides' means against the noise,
    which is taken from differences of neighbouring buckets (von Neumann, 1941): a jump is in only
    one of them, and what hangs on its neighbour counts as the noise that it is. Outliers count as
    at most four standard deviations. Give it logarithms where a change is by a factor (latency).

    Args:
        threshold: squared standard errors that a change must show.
        least: a change of the mean that is smaller is of no interest.
    """

    __slots__ = (
        "_buckets",
        "_held",
        "_least",
        "_reach",
        "_squares",
        "_threshold",
        "_total",
        "_twice",
    )

    def __init__(self, *, threshold: float = THRESHOLD, least: float = 0.0) -> None:
        self._threshold = threshold
        self._least = least
        self._held: list[float] = []
        self._reach = math.inf
        self.load(())

    @property
    def seen(self) -> int:
        """How many numbers stand behind ``level``."""
        return len(self._buckets) * BUCKET

    @property
    def level(self) -> float:
        """The mean since the last change, of the last 1,024 numbers at most; 0 at first."""
        return self._total / len(self._buckets) if self._buckets else 0.0

    def add(self, value: float) -> Shift | None:
        """Read one number; every eighth is tested. What is no number is passed over."""
        held = self._held
        if -_LARGEST < value < _LARGEST:
            held.append(value)
        if len(held) < BUCKET:
            return None
        mean = self._tamed()
        held.clear()
        self._push(mean)
        return self._test() if len(self._buckets) >= 2 * FEWEST else None

    def dump(self) -> list[float]:
        """What it needs to go on after a restart; `load` takes it."""
        return list(self._buckets)

    def load(self, buckets: Iterable[float]) -> None:
        """Go on where another left off."""
        self._buckets: list[float] = []
        self._squares: list[float] = []
        self._total = self._twice = 0.0
        for mean in buckets:
            if -_LARGEST < mean < _LARGEST:
                self._push(float(mean))

    def _tamed(self) -> float:
        """The mean of the bucket, its outliers brought nearer."""
        held, reach = self._held, self._reach
        level = self.level
        low, high = level - reach, level + reach
        if min(held) < low or max(held) > high:
            return sum(min(max(value, low), high) for value in held) / BUCKET
        return sum(held) / BUCKET

    def _push(self, mean: float) -> None:
        buckets, squares = self._buckets, self._squares
        if buckets:
            square = (mean - buckets[-1]) ** 2
            if len(squares) > FEWEST:
                square = min(square, _FARTHEST * self._twice / len(squares))
            squares.append(square)
            self._twice += square
        buckets.append(mean)
        self._total += mean
        if len(buckets) > BUCKETS:
            self._total -= buckets.pop(0)
            self._twice -= squares.pop(0)
        if len(buckets) >= 2 * FEWEST:
            # never so near that a change of interest would be taken for outliers
            self._reach = max(_CLIP * math.sqrt(self._variance() * BUCKET), 2 * self._least)

    def _variance(self) -> float:
        """Of a bucket's mean; a little more than nothing where all are alike."""
        scale = max(abs(self._buckets[0]), abs(self._buckets[-1]), 1e-9)
        return max(self._twice / len(self._squares) / 2, (scale * 1e-6) ** 2)

    def _test(self) -> Shift | None:
        buckets, total = self._buckets, self._total
        count = len(buckets)
        mean = total / count
        best, at, left = 0.0, 0, 0.0
        last = count - FEWEST
        for before, bucket in enumerate(buckets, 1):
            left += bucket - mean
            if FEWEST <= before <= last:
                # the squared distance of the two means over 1/before + 1/after
                score = left * left / (before * (count - before))
                if score > best:
                    best, at = score, before
        if best * count <= self._threshold * self._variance():
            return None
        since = count - at
        old = math.fsum(buckets[:at]) / at
        new = math.fsum(buckets[at:]) / since
        if abs(new - old) < self._least:
            return None
        self.load(buckets[at:])
        return Shift(old, new, since * BUCKET)


class _Adwin:
    """river's ADWIN behind `ChangeDetector`."""

    __slots__ = ("_adwin", "_before", "_least")

    def __init__(self, made: Any, least: float) -> None:
        self._adwin = made
        self._least = least
        self._before = 0.0

    @property
    def seen(self) -> int:
        return int(self._adwin.width)

    @property
    def level(self) -> float:
        return float(self._adwin.estimation)

    def add(self, value: float) -> Shift | None:
        before = float(self._adwin.estimation)
        self._adwin.update(value)
        if not self._adwin.drift_detected:
            return None
        after = float(self._adwin.estimation)
        return Shift(before, after, self.seen) if abs(after - before) >= self._least else None


def adwin(*, delta: float = 0.002, least: float = 0.0) -> ChangeDetector:
    """ADWIN (Bifet and Gavaldà, 2007) as river has it: an adaptive window without a longest length,
    so that it finds slower changes than `ChangePoint`, and later. Importing river takes seconds.

    Raises:
        ImportError: the extra ``drift`` is not installed.
    """
    from river import drift

    made: Any = drift.ADWIN
    return _Adwin(made(delta=delta), least)


def psi(reference: Mapping[str, int], current: Mapping[str, int]) -> tuple[float, float]:
    """Population stability index of two mixes, and the value that chance alone passes about once
    in a thousand comparisons.

    Without a change the index is about ``(1/n + 1/m)`` times chi-squared with one degree of freedom
    less than kinds (Yurdakul, 2018), so small windows look unstable: compare with the second value
    as well as with the customary 0.1 (some) and 0.25 (much). Half an observation stands in for
    kinds that one side has not seen.
    """
    kinds = sorted(reference.keys() | current.keys())
    n, m = sum(reference.values()), sum(current.values())
    if not n or not m or len(kinds) < 2:
        return 0.0, math.inf
    more = len(kinds) / 2
    value = 0.0
    for kind in kinds:
        was = (reference.get(kind, 0) + 0.5) / (n + more)
        now = (current.get(kind, 0) + 0.5) / (m + more)
        value += (now - was) * math.log(now / was)
    freedom = len(kinds) - 1
    # Wilson and Hilferty, 1931: the 99.9th percentile of chi-squared
    part = 2 / (9 * freedom)
    chance = freedom * (1 - part + 3.0902 * math.sqrt(part)) ** 3
    return value, chance * (1 / n + 1 / m)
