"""Checkpoints of every log of a home, brought to where the bundle says.

One process of a home does it, whichever has the lock; a look costs a ``stat`` for each writer, and
what takes time happens in threads and tasks that no request waits for.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from freehold.core.clock import Clock, rfc3339
from freehold.core.errors import AuditError, FreeholdError, StorageError
from freehold.core.mirrors import (
    Contradicted,
    Head,
    Held,
    Mirror,
    MirrorFailed,
    MirrorSpec,
    Taken,
)
from freehold.ledger.heads import Heads, WriterLog
from freehold.services.mirror_metrics import mirror_lines, offered
from freehold.services.mirror_states import (
    Lag,
    LogState,
    MirrorState,
    MirrorStates,
    Refused,
    described,
    lag_of,
)

LogEvent = Callable[..., str]
Mirrors = Sequence[tuple[MirrorSpec, Mirror]]
Tell = Callable[[MirrorSpec, Lag], None]

ACTOR = "freehold"
LOOK_S = 1.0
PAUSES_S = (5, 10, 30, 60, 120, 300)
"""Seconds until the next try, after the first failure in a row, the second, …, and all others."""
AGAIN_S = 600
"""A log that a mirror contradicts is offered again after so long: its owner may have mended it."""
_TELL_EVERY = 5
_SECOND_NS = 1_000_000_000
_log = logging.getLogger("freehold.mirrors")


class Mirroring:
    """Brings checkpoints to mirrors.

    Args:
        mirrors: those of this moment; asked at every look.
        log: writes ledger entries; called on the event loop.
        tell: is told again and again how far each mirror is behind.
    """

    def __init__(
        self,
        home: Path,
        mirrors: Callable[[], Mirrors],
        log: LogEvent,
        clock: Clock,
        tell: Tell = lambda _spec, _lag: None,
    ) -> None:
        self._mirrors = mirrors
        self._log = log
        self._clock = clock
        self._tell = tell
        self._heads = Heads(home)
        self.states = MirrorStates(home)
        self.leads = False
        self._logs: list[WriterLog] = []
        self._next: dict[str, int] = {}
        self._again: dict[tuple[str, str], int] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._looks = 0
        self._waits = ""
        self._unreadable: dict[str, str] = {}
        self._results = offered()

    async def run(self) -> None:
        """Go on until cancelled."""
        try:
            while True:
                await asyncio.sleep(LOOK_S)
                waits = ""
                try:
                    await self.step()
                except FreeholdError as error:
                    waits = str(error)
                    if waits != self._waits:
                        _log.warning("checkpoints wait to be mirrored: %s", waits)
                self._waits = waits
        finally:
            for task in self._tasks.values():
                task.cancel()
            self.states.lock.release()

    async def step(self) -> None:
        """Look at every log once, and begin what is due.

        Raises:
            StorageError: the ledger or the states can't be read.
        """
        mirrors = self._mirrors()
        if not mirrors:
            return
        if not self.leads:
            self.leads = await asyncio.to_thread(self.states.lead)
            if not self.leads:
                await asyncio.to_thread(self.states.refresh)
        self._logs = await asyncio.to_thread(self._heads.look)
        self._tell_unreadable()
        now = self._clock.now_ns()
        for spec, mirror in mirrors:
            state = self.states.of(spec)
            self._notice(state, now)
            if self.leads and spec.label not in self._tasks and self._due(spec, state, now):
                task = asyncio.get_running_loop().create_task(self._serve(spec, mirror, state))
                self._tasks[spec.label] = task
                task.add_done_callback(partial(self._done, spec.label))
        if self.leads and self._looks % _TELL_EVERY == 0:
            for spec, _ in mirrors:
                self._tell(spec, self.lag(spec))
        self._looks += 1

    async def settle_down(self) -> None:
        """Return when nothing that was begun is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())
            await asyncio.sleep(0)

    def look(self) -> None:
        """Read what is there, and send nothing.

        Raises:
            StorageError: the ledger or the states can't be read.
        """
        self.states.refresh()
        self._logs = self._heads.look()
        for spec, _ in self._mirrors():
            self._notice(self.states.of(spec), self._clock.now_ns())

    def lag(self, spec: MirrorSpec) -> Lag:
        """How far a mirror is behind now."""
        settled = self._settled(spec, self.states.of(spec))
        return lag_of(self.states.of(spec), list(self._logs), settled, self._clock.now_ns())

    def rows(self) -> list[dict[str, Any]]:
        """Every mirror for people, as of the last look."""
        now = self._clock.now_ns()
        found = []
        for spec, _ in self._mirrors():
            state = self.states.of(spec)
            settled = self._settled(spec, state)
            found.append(described(spec, state, list(self._logs), settled, now))
        return found

    def lines(self) -> Iterator[str]:
        """Lines of the metrics page."""
        lags = {spec.label: self.lag(spec) for spec, _ in self._mirrors()}
        return mirror_lines(lags, self._results)

    async def once(self, spec: MirrorSpec, mirror: Mirror) -> MirrorState:
        """Offer every log to one mirror now, whatever is due; give what it holds then. It is kept
        only where this process leads.

        Raises:
            StorageError: the ledger can't be read.
        """
        self._logs = await asyncio.to_thread(self._heads.look)
        state = self.states.of(spec)
        self._notice(state, self._clock.now_ns())
        self._again.clear()
        await self._serve(spec, mirror, state)
        return state

    def _tell_unreadable(self) -> None:
        """A checkpoint that is none is not mirrored, and somebody has to know."""
        unreadable = dict(self._heads.unreadable)
        for name, why in unreadable.items():
            if name not in self._unreadable:
                _log.error("the checkpoint of %s can't be mirrored: %s", name, why)
        self._unreadable = unreadable

    # -- what is due --

    def _notice(self, state: MirrorState, now: int) -> None:
        """Since when there is something that a mirror has not got."""
        for log in self._logs:
            held = state.of(log.head.origin)
            if held.has(log.head):
                held.since_ns = 0
            elif not held.since_ns:
                held.since_ns = min(now, max(log.changed_ns, held.taken_ns))

    def _due(self, spec: MirrorSpec, state: MirrorState, now: int) -> bool:
        if now < self._next.get(spec.label, 0):
            return False
        waiting = any(self._wanted(spec, state, log.head, now) for log in self._logs)
        return waiting or any(self._gone(spec, state, now))

    def _wanted(self, spec: MirrorSpec, state: MirrorState, head: Head, now: int) -> bool:
        held = state.of(head.origin)
        if held.has(head) or self.states.settled(spec.label, head.origin):
            return False
        return now >= self._again.get((spec.label, head.origin), 0)

    def _gone(self, spec: MirrorSpec, state: MirrorState, now: int) -> Iterator[str]:
        """Logs that a mirror knows, and of which nothing is here any more."""
        here = {log.head.origin for log in self._logs}
        for origin, held in state.logs.items():
            known = (
                held.size
                and origin not in here
                and origin.rpartition("/")[2] not in (self._heads.unreadable)
            )
            waits = now < self._again.get((spec.label, origin), 0)
            if known and not waits and not self.states.settled(spec.label, origin):
                yield origin

    # -- offering --

    async def _serve(self, spec: MirrorSpec, mirror: Mirror, state: MirrorState) -> None:
        """Offer everything that a mirror has not got."""
        now = state.tried_ns = self._clock.now_ns()
        failed, taken = "", 0
        for origin in list(self._gone(spec, state, now)):
            held = state.of(origin)
            said = f"it has taken {held.size:,} lines, and the log is gone"
            self._refuse(spec, origin, held, Contradicted("ahead", said, size=held.size), 0)
        for log in list(self._logs):
            if not self._wanted(spec, state, log.head, now):
                continue
            try:
                await self._offer(spec, mirror, log, state.of(log.head.origin))
                taken += 1
            except MirrorFailed as failure:
                failed = str(failure)
                self._results.add((spec.label, "failed"))
                if failure.away:
                    break
        self._count(spec, state, failed, taken)
        if self.leads:
            await asyncio.to_thread(self.states.save, self.states.dump())

    async def _offer(
        self, spec: MirrorSpec, mirror: Mirror, log: WriterLog, held: LogState
    ) -> None:
        """Raises: MirrorFailed: not this time."""
        head = log.head
        try:
            done = await self._take(spec, mirror, log, held)
            if done.cosigned:
                at = rfc3339(self._clock.now_ns())
                await asyncio.to_thread(log.keep, head.note, done.cosigned, at)
        except StorageError as error:
            raise MirrorFailed(str(error)) from None
        except Contradicted as contradicted:
            await self._contradicted(spec, log, held, contradicted)
            return
        if held.refused is not None:
            _log.warning("mirror %s takes %s again", spec.label, head.origin)
            self._entry("ledger.agreed", spec, head.origin, {"size": head.size})
        held.take(head, done.mark, self._clock.now_ns())
        self._results.add((spec.label, "taken"))

    async def _take(
        self, spec: MirrorSpec, mirror: Mirror, log: WriterLog, held: LogState
    ) -> Taken:
        """Raises: Contradicted: by what is remembered of the mirror, or better by what it shows."""
        try:
            await asyncio.to_thread(_hold_against, log, held)
        except Contradicted:
            if spec.kind != "webhook":  # which can't answer; others see it, and may have proof
                await mirror.take(log, Held(size=held.size if spec.kind == "witness" else 0))
            raise
        return await mirror.take(log, held.held())

    async def _contradicted(
        self, spec: MirrorSpec, log: WriterLog, held: LogState, why: Contradicted
    ) -> None:
        """Raises: MirrorFailed: only the checkpoint here is an old one, or a newer one came."""
        if why.kind == "ahead":
            await asyncio.to_thread(_hold_lines, log, why.size)
        self._refuse(spec, log.head.origin, held, why, log.head.size)

    def _refuse(
        self, spec: MirrorSpec, origin: str, held: LogState, why: Contradicted, here: int
    ) -> None:
        """Write down that what lies elsewhere is not what is here: nothing is more serious."""
        now = self._clock.now_ns()
        self._again[spec.label, origin] = now + AGAIN_S * _SECOND_NS
        self._results.add((spec.label, "contradicted"))
        before = held.refused
        if before is None or (before.kind, before.size) != (why.kind, why.size):
            _log.critical("mirror %s contradicts the ledger here: %s: %s", spec.label, origin, why)
            before = held.refused = Refused(
                kind=why.kind,
                said=str(why),
                at=rfc3339(now),
                here=here,
                size=why.size,
                there=why.there,
                proven=why.proven,
            )
        if not before.told:
            details = {
                "kind": before.kind,
                "said": before.said,
                "here": before.here,
                "size": before.size,
                "there": before.there,
                "proven": before.proven,
            }
            before.told = self._entry("ledger.refused", spec, origin, details)

    def _entry(self, kind: str, spec: MirrorSpec, origin: str, details: Mapping[str, Any]) -> bool:
        try:
            self._log(kind, ACTOR, origin, {"mirror": spec.label, **details})
        except AuditError as error:
            _log.error("the ledger has no entry of what mirror %s says: %s", spec.label, error)
            return False
        return True

    def _count(self, spec: MirrorSpec, state: MirrorState, failed: str, taken: int) -> None:
        now = self._clock.now_ns()
        if failed:
            if not state.error:
                _log.warning("mirror %s does not take checkpoints: %s", spec.label, failed)
            state.failures = 1 if taken else state.failures + 1
            state.failing_since_ns = state.failing_since_ns or now
            pause = PAUSES_S[min(state.failures, len(PAUSES_S)) - 1]
        else:
            if state.error:
                _log.warning("mirror %s takes checkpoints again", spec.label)
            state.failures = state.failing_since_ns = 0
            pause = spec.every_s
        state.error = failed
        self._next[spec.label] = now + pause * _SECOND_NS

    def _done(self, label: str, task: asyncio.Task[None]) -> None:
        self._tasks.pop(label, None)
        if not task.cancelled() and (crash := task.exception()) is not None:
            self._next[label] = self._clock.now_ns() + PAUSES_S[-1] * _SECOND_NS
            _log.error("mirror %s: %r", label, crash)

    def _settled(self, spec: MirrorSpec, state: MirrorState) -> frozenset[str]:
        return frozenset(o for o in state.logs if self.states.settled(spec.label, o))


def _hold_against(log: WriterLog, held: LogState) -> None:
    """Raises: Contradicted: what a mirror took once is not a part of the log here."""
    head = log.head
    if head.size < held.size:
        _hold_lines(log, held.size)
        said = f"it has taken {held.size:,} lines, and {head.size:,} are here"
        raise Contradicted("ahead", said, size=held.size)
    if not held.fits(log):
        said = f"it has taken other {held.size:,} lines than are here"
        raise Contradicted("forked", said, size=held.size)


def _hold_lines(log: WriterLog, size: int) -> None:
    """Raises: MirrorFailed: so many lines are here, and only their checkpoint is not: a power cut
    may take its name, or a newer one came in between.
    """
    try:
        lines = log.lines()
    except StorageError as error:
        raise MirrorFailed(str(error)) from None
    if lines >= size:
        raise MirrorFailed("the newest checkpoint here is older than what was mirrored")


@contextlib.contextmanager
def leading(states: MirrorStates, patience_s: float) -> Iterator[bool]:
    """Whether this process may mirror, for the time of the block."""
    leads = states.lead(patience_s)
    if not leads:
        states.refresh()
    try:
        yield leads
    finally:
        if leads:
            states.lock.release()
