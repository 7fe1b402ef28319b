"""Readings of one subject over time: numbers that may shift, and mixes that may change."""

import math
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, NamedTuple

from freehold.core.alerts import Watch
from freehold.core.drift import ChangeDetector, ChangePoint, psi

MOST_A_TICK = 64
"""Readings of one series that are looked at between two ticks; under more load, the first ones."""
_SETTLED = 256
"""Numbers without a change behind which a level is a normal one."""
_RECENT = 2_048
_REFERENCE = 1_000
_CURRENT = 300
_KINDS = 50
OTHER = "other"
_SECOND_NS = 1_000_000_000


class Change(NamedTuple):
    """How far a series is from its normal: ``size`` in the watch's terms, signed for numbers, and
    ``score``, its share of what counts by default.
    """

    size: float
    score: float
    said: str


class Numbers:
    """A series of numbers; logarithms where changes are by factors.

    ``reference`` is the normal: the level when it had settled, until the series is told to take
    another for normal. ``total`` counts everything ever looked at.
    """

    __slots__ = ("_fresh", "_recent", "_shifted", "detector", "reference", "room", "total", "watch")

    def __init__(self, watch: Watch, make: Callable[[], ChangeDetector] = ChangePoint) -> None:
        self.watch = watch
        self.detector = make()
        self.reference: float | None = None
        self.total = 0
        self.room = MOST_A_TICK
        self._shifted = False
        self._fresh = 0
        self._recent: deque[tuple[int, float]] | None = None

    def remember(self) -> None:
        """Keep the newest readings too: somebody asks for their level."""
        if self._recent is None:
            self._recent = deque(maxlen=_RECENT)

    def add(self, value: float, now_ns: int) -> None:
        """Look at one reading, in the watch's unit."""
        if self.room <= 0:
            return
        self.room -= 1
        self.total += 1
        if self._recent is not None:
            self._recent.append((now_ns, value))
        seen = math.log(max(value, self.watch.smallest)) if self.watch.factor else value
        shift = self.detector.add(seen)
        if shift is not None:
            self._shifted = True
            if self.reference is None:
                self.reference = shift.before
        elif self.reference is None and self.detector.seen >= _SETTLED:
            self.reference = self.detector.level

    def change(self) -> Change | None:
        """How far it is from its normal; ``None`` where no normal is known yet."""
        if self.reference is None:
            return None
        level, seen = self.detector.level, self.detector.seen
        gap = level - self.reference
        if not self._shifted and seen < _SETTLED:
            gap = 0.0
        size = math.expm1(min(gap, 50.0)) if self.watch.factor else gap
        return Change(size, abs(size) / self.watch.least, self._said(level, size, seen))

    def level(self, window_s: int, now_ns: int, fewest: int) -> float | None:
        """The 95th percentile of times, or the mean, over the last so many seconds."""
        recent = self._recent
        if recent is None:
            return None
        since = now_ns - window_s * _SECOND_NS
        while recent and recent[0][0] < since:
            recent.popleft()
        if len(recent) < fewest:
            return None
        values = [value for _, value in recent]
        if self.watch.unit == "ms":
            return sorted(values)[-(-len(values) * 95 // 100) - 1]
        return math.fsum(values) / len(values)

    def accept(self) -> None:
        """What it is now is the normal."""
        if self.detector.seen:
            self.reference = self.detector.level
        self._shifted = False

    def dump(self) -> dict[str, Any]:
        """What it needs to go on after a restart."""
        kept = self.detector
        buckets = kept.dump() if isinstance(kept, ChangePoint) else []
        return {"reference": self.reference, "shifted": self._shifted, "buckets": buckets}

    def load(self, kept: dict[str, Any]) -> None:
        """Go on where another process left off."""
        reference = kept.get("reference")
        self.reference = float(reference) if reference is not None else None
        self._shifted = bool(kept.get("shifted"))
        if isinstance(self.detector, ChangePoint):
            self.detector.load(kept.get("buckets", ()))

    def _said(self, level: float, size: float, seen: int) -> str:
        reference = self.reference or 0.0
        if not self.watch.factor:
            return f"{level:.3g}, where {reference:.3g} is normal (over {seen} readings)"
        now, normal = math.exp(min(level, 700.0)), math.exp(min(reference, 700.0))
        way = "above" if size >= 0 else "below"
        return f"{now:.4g}, {abs(size):.0%} {way} the normal {normal:.4g} (over {seen} readings)"


class Mix:
    """A series of kinds: the first thousand are the reference, the newest three hundred are what
    is compared with it. Kinds beyond fifty count as ``other``.
    """

    __slots__ = ("_current", "_known", "_newest", "_reference", "room", "total", "watch")

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.total = 0
        self.room = MOST_A_TICK
        self._reference: Counter[str] = Counter()
        self._known = 0
        self._current: Counter[str] = Counter()
        self._newest: deque[str] = deque()

    def add(self, kind: str) -> None:
        """Look at one."""
        if self.room <= 0:
            return
        self.room -= 1
        self.total += 1
        reference = self._reference
        if kind not in reference and len(reference) >= _KINDS:
            kind = OTHER
        if self._known < _REFERENCE:
            reference[kind] += 1
            self._known += 1
            return
        current = self._current
        if kind not in current and len(current) >= _KINDS:
            kind = OTHER
        self._newest.append(kind)
        current[kind] += 1
        if len(self._newest) > _CURRENT:
            old = self._newest.popleft()
            current[old] -= 1
            if not current[old]:
                del current[old]

    def change(self) -> Change | None:
        """The stability index of now against the reference, and no less than chance explains."""
        if len(self._newest) < _CURRENT:
            return None
        index, chance = psi(self._reference, self._current)
        size = index if index > chance else 0.0
        return Change(size, index / max(self.watch.least, chance), self._said(index))

    def accept(self) -> None:
        """What it is now is the normal."""
        if self._newest:
            self._reference = Counter()
            for kind in self._newest:
                self._reference[kind] += 1
            self._known = _REFERENCE  # complete, though it is smaller
            self._newest.clear()
            self._current.clear()

    def dump(self) -> dict[str, Any]:
        """What it needs to go on after a restart."""
        return {"reference": dict(self._reference), "newest": list(self._newest)}

    def load(self, kept: dict[str, Any]) -> None:
        """Go on where another process left off."""
        self._reference = Counter({str(k): int(n) for k, n in kept.get("reference", {}).items()})
        self._known = _REFERENCE if kept.get("newest") else self._reference.total()
        self._newest = deque(str(kind) for kind in kept.get("newest", ()))
        self._current = Counter(self._newest)

    def _said(self, index: float) -> str:
        was, now = self._reference.total() or 1, self._current.total() or 1
        gaps = {
            kind: self._current[kind] / now - self._reference[kind] / was
            for kind in self._reference.keys() | self._current.keys()
        }
        most = sorted(gaps, key=lambda kind: (-abs(gaps[kind]), kind))[:3]
        shares = ", ".join(
            f"{kind} {self._reference[kind] / was:.0%} → {self._current[kind] / now:.0%}"
            for kind in most
        )
        return f"stability index {index:.2f}: {shares}"


Series = Numbers | Mix
