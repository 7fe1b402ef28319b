"""Which endpoints are down: consecutive failures, a back-off with jitter, one probe at a time."""

import random
from collections.abc import Callable

from freehold.core.clock import Clock

FAILURES = 5
"""So many failures in a row, and an endpoint counts as down."""

FIRST_BACKOFF_S = 1.0
LONGEST_BACKOFF_S = 60.0


class Breaker:
    """A circuit breaker (Nygard, Release It!) for one endpoint.

    Closed while calls succeed; open after ``FAILURES`` in a row, for a time that doubles with
    each failed probe; then half-open: healthy again for one call, which decides.

    Args:
        clock: where the time comes from.
        jitter: a number between 0 and 1, so that replicas do not probe in step.
    """

    __slots__ = ("_clock", "_failures", "_jitter", "_open_until", "_opened", "_probing")

    def __init__(self, clock: Clock, jitter: Callable[[], float] = random.random) -> None:
        self._clock = clock
        self._jitter = jitter
        self._failures = 0
        self._opened = 0
        self._open_until: int | None = None
        self._probing = False

    @property
    def healthy(self) -> bool:
        """False while open, and while a probe is under way."""
        if self._open_until is None:
            return True
        return not self._probing and self._clock.monotonic_ns() >= self._open_until

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
            self._failures = 0
            self._opened = 0
            self._open_until = None
            return
        self._failures += 1
        if probe or (self._failures >= FAILURES and self._open_until is None):
            self._open(retry_after_s)

    def _open(self, retry_after_s: float | None) -> None:
        backoff = min(FIRST_BACKOFF_S * 2.0**self._opened, LONGEST_BACKOFF_S)
        # Half of it for certain, so that a broken endpoint is never asked at once again.
        seconds = backoff * (0.5 + self._jitter() / 2)
        if retry_after_s is not None:
            seconds = max(seconds, min(retry_after_s, LONGEST_BACKOFF_S))
        self._opened = min(self._opened + 1, 16)
        self._open_until = self._clock.monotonic_ns() + int(seconds * 1e9)
