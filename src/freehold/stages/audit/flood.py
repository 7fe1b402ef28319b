"""How many records a stranger may cause: whoever has no key must not be able to fill the disk."""


class FloodGate:
    """A token bucket with one second's worth of burst, times five, that counts what it refuses."""

    __slots__ = ("_last_ns", "_level", "_rate", "_suppressed", "_top")

    def __init__(self, per_second: int) -> None:
        self._rate = per_second
        self._top = per_second * 5 * 1_000_000_000
        self._level = self._top
        self._last_ns = 0
        self._suppressed = 0

    def pass_(self, now_ns: int) -> tuple[bool, int]:
        """Whether this one may pass and, if so, how many were refused since the last that did."""
        gained = max(0, now_ns - self._last_ns) * self._rate
        self._last_ns = max(now_ns, self._last_ns)
        self._level = min(self._top, self._level + gained)
        if self._level < 1_000_000_000:
            self._suppressed += 1
            return False, 0
        self._level -= 1_000_000_000
        return True, self.drain()

    def drain(self) -> int:
        """How many were refused since the last that passed; counting starts again."""
        count, self._suppressed = self._suppressed, 0
        return count
