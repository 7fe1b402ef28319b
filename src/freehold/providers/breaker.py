"""When an endpoint is down: consecutive failures, a back-off with jitter, one probe at a time, and
a share of the traffic that grows again after it is back.
"""

import random
from collections.abc import Callable

from freehold.core.clock import Clock
from freehold.core.decisions import MILLION

FAILURES = 5
"""So many failures in a row, and an endpoint counts as down."""

FIRST_BACKOFF_S = 1.0
LONGEST_BACKOFF_S = 60.0
SHORTEST_RAMP_S = 1.0
LONGEST_RAMP_S = 30.0
FIRST_SHARE = 100_000
"""Millionths of its traffic that an endpoint gets as soon as it is back."""


class Breaker:
    """A circuit breaker (Nygard, Release It!) for one endpoint, with a slow start.

    Closed while calls succeed; open after ``FAILURES`` in a row, for a time that doubles with
    each failed probe; then half-open: healthy again for one call, which decides. After a success
    its share grows for as long as it was down, within ``SHORTEST_RAMP_S`` and ``LONGEST_RAMP_S``:
    what has just come up is cold, and the whole load at once would fell it again.

    Args:
        clock: where the time comes from.
        jitter: a number between 0 and 1, so that replicas do not probe in step.
    """

    __slots__ = (
        "_back_ns",
        "_clock",
        "_down_ns",
        "_failures",
        "_jitter",
        "_open_until",
        "_opened",
        "_probing",
        "_ramp_ns",
    )

    def __init__(self, clock: Clock, jitter: Callable[[], float] = random.random) -> None:
        self._clock = clock
        self._jitter = jitter
        self._failures = 0
        self._opened = 0
        self._open_until: int | None = None
        self._probing = False
        self._down_ns = 0
        self._back_ns = 0
        self._ramp_ns = 0

    @property
    def down(self) -> bool:
        """Open, or half-open: its last calls failed, and no probe has succeeded since."""
        return self._open_until is not None

    @property
    def healthy(self) -> bool:
        """False while open, and while a probe is under way."""
        if self._open_until is None:
            return True
        return not self._probing and self._clock.monotonic_ns() >= self._open_until

    @property
    def share(self) -> int:
        """Millionths of its usual traffic that it should get now; a probe counts as all of it."""
        if self._open_until is not None:
            return MILLION if self.healthy else 0
        if not self._ramp_ns:
            return MILLION
        since = self._clock.monotonic_ns() - self._back_ns
        if since >= self._ramp_ns:
            self._ramp_ns = 0
            return MILLION
        return max(FIRST_SHARE, MILLION * since // self._ramp_ns)

    def started(self) -> bool:
        """A call begins. True when it is the probe: hand that back to ``ended``."""
        if self._open_until is None or self._probing:
            return False
        self._probing = self._clock.monotonic_ns() >= self._open_until
        return self._probing

    def ended(self, *, probe: bool, ok: bool | None, retry_after_s: float | None = None) -> None:
        """A call is over; ``ok`` is ``None`` when that says nothing (the caller hung up)."""
        if probe:
            self._probing = False
        if ok is None:
            return
        if ok:
            if self._open_until is not None:
                self._recover()
            self._failures = 0
            return
        self._failures += 1
        if probe or (self._failures >= FAILURES and self._open_until is None):
            self._open(retry_after_s)

    def hold_back(self) -> None:
        """Open it although its own calls did not fail: a probe must tell that it is up."""
        self._open(None)

    def _open(self, retry_after_s: float | None) -> None:
        backoff = min(FIRST_BACKOFF_S * 2.0**self._opened, LONGEST_BACKOFF_S)
        # Half of it for certain, so that a broken endpoint is never asked at once again.
        seconds = backoff * (0.5 + self._jitter() / 2)
        if retry_after_s is not None:
            seconds = max(seconds, min(retry_after_s, LONGEST_BACKOFF_S))
        now = self._clock.monotonic_ns()
        if self._open_until is None:
            self._down_ns = now
        self._opened = min(self._opened + 1, 16)
        self._open_until = now + int(seconds * 1e9)

    def _recover(self) -> None:
        now = self._clock.monotonic_ns()
        shortest, longest = int(SHORTEST_RAMP_S * 1e9), int(LONGEST_RAMP_S * 1e9)
        self._ramp_ns = min(max(now - self._down_ns, shortest), longest)
        self._back_ns = now
        self._opened = 0
        self._open_until = None
