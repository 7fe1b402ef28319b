"""Whether an endpoint has become slower than it was, and whether it is as fast again."""

from math import exp, log
from typing import Final

from freehold.core.drift import ChangePoint

LEAST: Final = log(1.15)
"""A smaller change of the mean is of no interest."""
LEAST_NS: Final = 5_000_000
"""Nor is one of fewer nanoseconds: nobody waits for it. Shorter times count as this long."""
FORGET_NS: Final = 600 * 1_000_000_000
"""After so long the new pace is the normal one: the endpoint is what it is."""
_SURE: Final = 7.0
"""Log odds at which it counts as fast again; about one in a thousand by chance."""
_FEWEST: Final = 4
_REFINED: Final = 24
_STEP: Final = 0.005
_PRIOR: Final = 0.05
"""Weight of the slope that is assumed before lengths have varied."""


class Pace:
    """How long answers of one kind take, in logarithms, length taken out.

    A change is found by `ChangePoint`. What belongs to the length (of the answer where it comes
    whole, of the prompt where it is the first character) is taken out by a running regression, so
    that longer questions are no slower endpoint. Once it is slow, each answer that still comes is
    weighed between both paces (Wald's sequential test, in Page's form): few are needed.

    Args:
        slope: how a logarithm of the time follows the logarithm of the length, to begin with.
    """

    __slots__ = (
        "_detector",
        "_evidence",
        "_heard",
        "_last",
        "_mean_x",
        "_mean_y",
        "_noise",
        "_prior",
        "_reference",
        "_refined",
        "_since_ns",
        "_var_x",
        "_var_xy",
        "after",
        "before",
        "seen",
    )

    def __init__(self, slope: float) -> None:
        self._prior = slope
        self._detector = ChangePoint(least=LEAST)
        self._mean_x = self._mean_y = self._var_x = self._var_xy = 0.0
        self._reference: float | None = None
        self._noise = 0.0
        self._last: float | None = None
        self._since_ns = 0
        self._evidence = 0.0
        self._heard = self._refined = 0
        self.seen = 0
        self.before = 0.0
        self.after = 0.0

    @property
    def slow(self) -> bool:
        """Whether it has become slower, and is not known to be as fast again."""
        return self.after > 0.0

    @property
    def percent(self) -> int:
        """By how much slower, in percent of the time that it took before."""
        return round((exp(self.after - self.before) - 1) * 100)

    def passed(self, now_ns: int) -> bool:
        """Whether it has been slow for so long that this is its pace now."""
        if self.slow and now_ns - self._since_ns >= FORGET_NS:
            self._forget()
            return True
        return False

    def late(self, ns: int, length: int) -> bool:
        """Whether this wait, which was given up, was longer than answers usually take."""
        return (
            self.seen >= 16 and self._plain(log(max(ns, LEAST_NS)), log(length + 1)) > self._level
        )

    def add(self, ns: int, length: int, now_ns: int) -> bool:
        """An answer took ``ns`` for so many tokens. True where it turns slow, or back."""
        y, x = log(max(ns, LEAST_NS)), log(length + 1)
        value = self._plain(y, x)
        self._learn(y, x)
        self._hear(value)
        was = self.slow
        shift = self._detector.add(value)
        if shift is not None:
            before = self.before if was else shift.before
            self._judge(before, shift.after, now_ns, was=was)
        elif was:
            self._refine(value)
            if self._fast_again(value):
                self._forget()
        return was != self.slow

    @property
    def _level(self) -> float:
        return self._detector.level or self._mean_y

    def _judge(self, before: float, after: float, now_ns: int, *, was: bool) -> None:
        more_ns = exp(after) - exp(before)
        if after - before < LEAST or more_ns < LEAST_NS:
            self.after = 0.0
            return
        self.before, self.after = before, after
        self._evidence, self._heard, self._refined = 0.0, 0, 0
        if not was:
            self._since_ns = now_ns

    def _forget(self) -> None:
        """What comes from now on is normal."""
        self.after = 0.0
        self._detector = ChangePoint(least=LEAST)

    def _refine(self, value: float) -> None:
        """The first answers after a change was found tell better how large it is: the detector
        takes them for outliers in part.
        """
        if self._refined < _REFINED:
            self._refined += 1
            self.after += (value - self.after) / (4 + self._refined)
            self.after = max(self.after, self.before + LEAST)

    def _fast_again(self, value: float) -> bool:
        """Whether what has come since speaks for the old pace, and by how much (log odds)."""
        change = self.after - self.before
        gain = (self.before + change / 2 - value) * change / max(self._noise, 1e-4)
        self._evidence = max(self._evidence + min(gain, _SURE / 2), 0.0)
        self._heard = self._heard + 1 if self._evidence else 0
        return self._evidence >= _SURE and self._heard >= _FEWEST

    def _plain(self, y: float, x: float) -> float:
        """The logarithm of the time for an answer of the usual length."""
        if self._reference is None:
            return y
        slope = (self._var_xy + _PRIOR * self._prior) / (self._var_x + _PRIOR)
        return y - min(max(slope, 0.0), 1.0) * (x - self._reference)

    def _learn(self, y: float, x: float) -> None:
        self.seen += 1
        step = max(_STEP, 1 / self.seen)
        dx, dy = x - self._mean_x, y - self._mean_y
        self._mean_x += step * dx
        self._mean_y += step * dy
        if self.seen > 1:
            self._var_x += step * (dx * dx * (1 - step) - self._var_x)
            self._var_xy += step * (dx * dy * (1 - step) - self._var_xy)
        if self.seen == 16:
            self._reference = self._mean_x

    def _hear(self, value: float) -> None:
        """The noise, from differences of neighbours; a jump is in only one of them."""
        if self._last is not None:
            half = (value - self._last) ** 2 / 2
            if self._noise:
                half = min(half, 12 * self._noise)
            self._noise += max(_STEP, 1 / self.seen) * (half - self._noise)
        self._last = value
