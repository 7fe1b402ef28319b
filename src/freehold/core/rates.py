"""What happened in the last minute, exactly enough, in constant memory."""

_SLOTS = 61


class MinuteWindow:
    """Amounts by second. The window spans the current second and the sixty before it.

    So no sixty seconds, however cut, ever see more than the ceiling; a caller at the ceiling may
    wait up to one second longer than needed.
    """

    __slots__ = ("_counts", "_second", "_total")

    def __init__(self) -> None:
        self._counts = [0] * _SLOTS
        self._second = 0
        self._total = 0

    def total(self, second: int) -> int:
        """What the window holds that ends with this second."""
        self._forget(second)
        return self._total

    def add(self, second: int, amount: int = 1) -> int:
        """Count an amount; the second under which it stands, for ``correct``."""
        self._forget(second)
        self._counts[self._second % _SLOTS] += amount
        self._total += amount
        return self._second

    def correct(self, second: int, change: int) -> None:
        """Change what was counted in a second, if the window still reaches back to it."""
        if self._second - _SLOTS < second <= self._second:
            self._counts[second % _SLOTS] += change
            self._total += change

    def free_again(self, second: int, ceiling: int, amount: int = 1) -> int:
        """Seconds until the amount fits under ``ceiling``; at least 1."""
        self._forget(second)
        left = self._total + amount
        for wait in range(1, _SLOTS + 1):
            left -= self._counts[(self._second + wait) % _SLOTS]
            if left <= ceiling:
                return wait
        return _SLOTS

    def idle(self, second: int) -> bool:
        """Whether nothing happened in the window."""
        return self.total(second) == 0

    def _forget(self, second: int) -> None:
        """Move on. A clock that was set back stays in the second that it had reached."""
        steps = second - self._second
        if steps <= 0:
            return
        for step in range(1, min(steps, _SLOTS) + 1):
            slot = (self._second + step) % _SLOTS
            self._total -= self._counts[slot]
            self._counts[slot] = 0
        self._second = second
