"""Whether records can be written: after a failure, not before one of usual size can be again."""

import logging
from collections.abc import Callable

from freehold.core.clock import Clock

_log = logging.getLogger("freehold.audit")
_PAUSE_NS = 1_000_000_000
_SECOND_NS = 1_000_000_000


class Health:
    """What became of the last writes. The log hears of a failure once, and once of its end.

    Args:
        room: whether the ledger's disk takes a good deal more than one record. It is asked only
            while writes fail, and after a no not again for a second, since it may write and wait.

    Attributes:
        failing: a write failed, and none of its size has succeeded since.
        failures: writes that failed so far.
    """

    __slots__ = (
        "_began_ns", "_clock", "_earlier", "_needed", "_next_ns", "_room", "failing", "failures",
    )  # fmt: skip

    def __init__(self, room: Callable[[], bool], clock: Clock) -> None:
        self._room = room
        self._clock = clock
        self._needed: int | None = 0
        self._began_ns = 0
        self._next_ns = 0
        self._earlier = 0
        self.failing = False
        self.failures = 0

    def failed(self, error: Exception, size: int | None) -> None:
        """A record of this many bytes was not written; ``None``: the disk did not take it."""
        if not self.failing:
            self._earlier = self.failures
        self.failures += 1
        self._needed = size if size is None or self._needed is None else max(size, self._needed)
        if not self.failing:
            self.failing = True
            self._began_ns = self._clock.monotonic_ns()
            _log.error("%s; no answer leaves until records can be written again", error)

    def wrote(self, size: int) -> None:
        """A record was written while writes fail: a smaller one proves nothing."""
        if (self._needed is not None and size >= self._needed) or self.has_room():
            self.recovered()

    def synced(self) -> None:
        """The disk has taken what was written."""
        if self.failing and self._needed is None:
            self.recovered()

    def has_room(self) -> bool:
        """Ask the disk, unless it said no a moment ago."""
        if self._clock.monotonic_ns() < self._next_ns:
            return False
        if self._room():
            return True
        self._next_ns = self._clock.monotonic_ns() + _PAUSE_NS
        return False

    @property
    def lost(self) -> dict[str, int]:
        """How many records could not be written since this began, and for how many seconds."""
        seconds = (self._clock.monotonic_ns() - self._began_ns) // _SECOND_NS
        return {"failed": self.failures - self._earlier, "seconds": seconds}

    def recovered(self) -> None:
        """Records can be written again."""
        lost = self.lost
        self.failing = False
        self._needed = 0
        _log.warning(
            "the ledger can be written again after %d s; %d writes failed",
            lost["seconds"],
            lost["failed"],
        )
