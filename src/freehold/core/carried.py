"""Own work that is done when an exchange's record is written already: the next record tells of it.

Closing a record, counting the exchange and writing the last of its answer come after the words that
would tell of them. Left out, audit and monitoring would look cheaper than they are.
"""

from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct

from freehold.core.decisions import Stage
from freehold.core.trail import Trail

Owner = tuple[str, str]
"""Tenant and app; both empty for callers without a valid key."""
NOBODY: Owner = ("", "")

Work = dict[Stage, int]
"""Nanoseconds by stage."""


class Rest(NamedTuple):
    """What an owner's records have not told; ``cpu_ns`` of exchanges that it is measured of."""

    owner: Owner
    spent_ns: Work
    cpu_ns: Work


class _Untold(Struct):
    spent_ns: Work
    cpu_ns: Work
    grows: Work = {}
    said: Work = {}
    grows_cpu: Work = {}
    said_cpu: Work = {}


class Carried:
    """Keeps it by tenant and app, for one thread. A process that is killed takes it along: at most
    the end of one exchange for each tenant and app.
    """

    __slots__ = ("_of",)

    def __init__(self) -> None:
        self._of: dict[Owner, _Untold] = {}

    def add(self, owner: Owner, stage: Stage, spent_ns: int, cpu_ns: int = 0) -> None:
        """Work for an exchange that is over."""
        untold = self._at(owner)
        _add(untold.spent_ns, stage, spent_ns)
        if cpu_ns:
            _add(untold.cpu_ns, stage, cpu_ns)

    def due(self, owner: Owner) -> Rest:
        """What the next record is to tell; it stays until ``told``."""
        untold = self._at(owner)
        if untold.grows:
            _more(untold.spent_ns, untold.grows, untold.said)
            _more(untold.cpu_ns, untold.grows_cpu, untold.said_cpu)
            untold.grows = untold.grows_cpu = {}
        return Rest(owner, untold.spent_ns, untold.cpu_ns)

    def told(self, owner: Owner, trail: Trail) -> None:
        """A record told what was due, and this exchange's work so far; what comes is due next."""
        spent, cpu = trail.spent_ns, trail.cpu_ns or {}
        self._of[owner] = _Untold({}, {}, spent, dict(spent), cpu, dict(cpu))

    def rest(self) -> Iterator[Rest]:
        """Everything that no record has told, owner by owner."""
        for owner in list(self._of):
            due = self.due(owner)
            if due.spent_ns:
                yield due
        self._of.clear()

    def _at(self, owner: Owner) -> _Untold:
        untold = self._of.get(owner)
        if untold is None:
            untold = self._of[owner] = _Untold({}, {})
        return untold


def _add(work: Work, stage: Stage, nanoseconds: int) -> None:
    work[stage] = work.get(stage, 0) + nanoseconds


def _more(work: Work, now: Work, said: Work) -> None:
    for stage, nanoseconds in now.items():
        more = nanoseconds - said.get(stage, 0)
        if more:
            _add(work, stage, more)
