"""Time as a port: stages are handed a clock and never reach for one."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where the time comes from; tests pass one that stands still."""

    def now_ns(self) -> int:
        """Wall-clock nanoseconds since the Unix epoch."""
        ...

    def monotonic_ns(self) -> int:
        """Nanoseconds that never go back, for durations."""
        ...


class SystemClock:
    """The machine's own clocks."""

    __slots__ = ()

    def now_ns(self) -> int:
        """Wall-clock nanoseconds since the Unix epoch."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Nanoseconds that never go back, for durations."""
        return time.perf_counter_ns()


def rfc3339(now_ns: int) -> str:
    """RFC 3339 in UTC with microseconds: ``2026-11-21T01:30:00.000000Z``."""
    moment = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{now_ns // 1000 % 1_000_000:06d}Z"
