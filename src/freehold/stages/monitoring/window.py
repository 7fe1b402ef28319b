"""Quantiles of what happened lately."""

from array import array
from collections.abc import Sequence

_SIZE = 4096


class Window:
    """The last few thousand durations, in a ring; sorted only when someone asks."""

    __slots__ = ("_at", "_ring")

    def __init__(self) -> None:
        self._ring = array("q")
        self._at = 0

    def add(self, value: int) -> None:
        """Remember one, forgetting the oldest when the ring is full."""
        if len(self._ring) < _SIZE:
            self._ring.append(value)
            return
        self._ring[self._at] = value
        self._at = (self._at + 1) % _SIZE

    def add_all(self, values: Sequence[int]) -> None:
        """Remember several, the oldest first."""
        for value in values:
            self.add(value)

    def quantiles(self) -> dict[str, int]:
        """``p50``, ``p95`` and ``p99`` (nearest rank), zero when nothing happened yet."""
        ordered = sorted(self._ring)
        return {name: _rank(ordered, percent) for name, percent in _QUANTILES}


_QUANTILES = (("p50", 50), ("p95", 95), ("p99", 99))


def _rank(ordered: list[int], percent: int) -> int:
    if not ordered:
        return 0
    return ordered[-(-len(ordered) * percent // 100) - 1]
