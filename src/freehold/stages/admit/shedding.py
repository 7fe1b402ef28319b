"""More requests than the gateway can take: some are refused at once, so that the others are not
late, the least important first.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final
from zlib import crc32

from freehold.core.clock import Clock
from freehold.core.errors import Overloaded
from freehold.core.priority import Priority

TICK_S: Final = 0.1
TARGET_NS: Final = 500_000_000
"""The event loop may be as late as this; beyond it, waiting requests only get older."""
LEAST: Final = 96
"""The limit never goes below this: a few dozen clients at once are a normal load."""
CEILING: Final = 2_000
_SHARES: Final[dict[Priority, int]] = {"low": 50, "normal": 80, "high": 100}
"""Percent of the limit from which requests of a priority are refused."""
_LONGEST_WAIT_S: Final = 5
_log = logging.getLogger("freehold.gateway")


class Shedder:
    """A limit to the requests under way at once, which falls while the event loop is late and rises
    again when it is not (additive increase, multiplicative decrease, as TCP does).

    Nothing queues here: a refusal costs next to nothing, and the client's back-off is the queue.

    Args:
        clock: for the lateness of the loop.
        ceiling: the limit when all is well; what memory and file descriptors allow.
    """

    def __init__(self, clock: Clock, *, ceiling: int = CEILING) -> None:
        self._clock = clock
        self._ceiling = max(ceiling, 1)
        self._floor = min(LEAST, self._ceiling)
        self._late = 0
        self.limit = self._ceiling
        self.in_flight = 0
        self.lag_ns = 0
        self.shed: dict[Priority, int] = {"low": 0, "normal": 0, "high": 0}

    @property
    def pressed(self) -> bool:
        """Whether a request of low priority would be refused just now, or the loop was late and the
        limit has not come back yet: no time for what nobody waits for.
        """
        return self.limit < self._ceiling or self.in_flight * 100 >= self.limit * _SHARES["low"]

    def enter(self, priority: Priority, exchange_id: str) -> None:
        """Count one in; ``leave`` when it is over.

        Raises:
            Overloaded: there are too many for its priority.
        """
        if self.in_flight * 100 >= self.limit * _SHARES[priority]:
            self.shed[priority] += 1
            # clients that were refused together must not come back together
            wait = 1 + crc32(exchange_id.encode()) % _LONGEST_WAIT_S
            raise Overloaded(
                f"{self.in_flight} requests are under way, and {self.limit} are the limit just now",
                retry_after_s=wait,
            )
        self.in_flight += 1

    def leave(self) -> None:
        """One is over."""
        self.in_flight -= 1

    def tick(self, late_ns: int) -> None:
        """The loop came so late to its appointment. One late tick alone is a hiccup."""
        self.lag_ns = max(late_ns, 0)
        if late_ns <= TARGET_NS:
            self._late = 0
            self.limit = min(self.limit + max(self.limit // 20, 1), self._ceiling)
            return
        self._late += 1
        if self._late > 1:
            busy = min(self.limit, max(self.in_flight, self._floor))
            self.limit = max(busy * 9 // 10, self._floor)

    async def watch(self) -> None:
        """Measure how late the loop is, ten times a second, until cancelled."""
        due = self._clock.monotonic_ns()
        while True:
            await asyncio.sleep(TICK_S)
            due += int(TICK_S * 1e9)
            now = self._clock.monotonic_ns()
            self.tick(now - due)
            due = now


def ceiling_here(wanted: str | None, open_files: Callable[[], int]) -> int:
    """How many requests may be under way at once: what is wanted, or what open files allow.

    Each takes two sockets; a fifth of what a process may open stays for everything else.
    """
    if wanted:
        with contextlib.suppress(ValueError):
            if int(wanted) > 0:
                return int(wanted)
        _log.warning("FREEHOLD_MAX_IN_FLIGHT is %r: no whole number above 0; left out", wanted)
    allowed = open_files()
    return CEILING if allowed <= 0 else max(min(CEILING, allowed * 2 // 5), LEAST)
