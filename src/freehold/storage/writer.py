"""One thread for a process's own small writes; whatever waits together commits together."""

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import Self

import sqlalchemy as sa

from freehold.core.errors import FreeholdError, StorageError
from freehold.storage.engine import Database

_log = logging.getLogger("freehold.store")
Work = Callable[[sa.Connection], None]
_BATCH = 256
_SPACING_S = 0.05
_Job = tuple[Work, "Future[None]"]
_WAKE: _Job = (lambda _: None, Future())


class Writer:
    """Runs writes in groups, and ``each_tick`` once a second.

    A group is whatever queued up while the last commit ran: no timer, no delay. When a group
    fails, its members run one by one, so that one bad write spoils no other.

    Nothing that a write or the housekeeping raises ends the thread: it is logged by its kind,
    counted in ``failures``, and the next one goes on.

    Args:
        each_tick: housekeeping.
        tick_s: seconds between two rounds of it.
        spacing_s: least seconds between two rounds of what shall be done ``soon``. The first is
            done at once; those that come faster are done together, since each round takes the
            interpreter's lock from the thread that answers requests.
    """

    def __init__(
        self,
        database: Database,
        each_tick: tuple[Callable[[], None], ...] = (),
        *,
        tick_s: float = 0.5,
        spacing_s: float = _SPACING_S,
    ) -> None:
        self._database = database
        self._each_tick = each_tick
        self._tick_s = tick_s
        self._spacing_s = spacing_s
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._hasty: dict[Callable[[], None], None] = {}
        self._thread: threading.Thread | None = None
        self._guard = threading.Lock()
        self._closing = False
        self.failures = 0
        self._away_since: float | None = None

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def open(self) -> Self:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="freehold-writer", daemon=True)
        self._thread.start()
        return self

    def close(self) -> None:
        """Finish what was submitted, do the housekeeping a last time, end the thread."""
        with self._guard:
            if self._thread is None or self._closing:
                return
            self._closing = True
            self._jobs.put(None)
        self._thread.join(timeout=30.0)

    def submit(self, work: Work) -> "Future[None]":
        """Have ``work`` done in the next transaction. Its future is done when that is committed.

        Raises:
            StorageError: the writer is not open.
        """
        future: Future[None] = Future()
        with self._guard:
            if self._thread is None or self._closing:
                raise StorageError("the store's writer is closed")
            self._jobs.put((work, future))
        return future

    def soon(self, task: Callable[[], None]) -> None:
        """Have housekeeping done in the thread, at once where none was lately; asked for again
        before that, once. A writer that is closed has done it a last time.
        """
        with self._guard:
            if self._thread is None or self._closing or task in self._hasty:
                return
            self._hasty[task] = None
            self._jobs.put(_WAKE)

    def _run(self) -> None:
        next_tick = time.monotonic() + self._tick_s
        next_haste = 0.0
        while True:
            due = min(next_tick, next_haste) if self._hasty else next_tick
            batch, ended = self._take(max(0.0, due - time.monotonic()))
            if batch:
                self._commit(batch)
            if self._hasty and (ended or time.monotonic() >= next_haste):
                self._haste()
                next_haste = time.monotonic() + self._spacing_s
            if ended or time.monotonic() >= next_tick:
                self._housekeep()
                next_tick = time.monotonic() + self._tick_s
            if ended:
                return

    def _haste(self) -> None:
        with self._guard:
            tasks, self._hasty = self._hasty, {}
        for task in tasks:
            self._do(task)

    def _housekeep(self) -> None:
        # all of them, whichever fails
        well = all([self._do(task) for task in self._each_tick])  # noqa: C419
        if well and self._away_since is not None:
            seconds = time.monotonic() - self._away_since
            self._away_since = None
            _log.error("the store is back after %.0f s", seconds)

    def _do(self, task: Callable[[], None]) -> bool:
        """Whether it could be done. That the store is away is logged once, and once that it is
        back.
        """
        try:
            task()
        except StorageError as error:
            self.failures += 1
            if self._away_since is None:
                self._away_since = time.monotonic()
                _log.error("%s; requests go on from what is in memory", error)
        except Exception as error:  # noqa: BLE001 - a thread that ended would keep keys alive
            self._failed("housekeeping", error)
        else:
            return True
        return False

    def _failed(self, what: str, error: Exception) -> None:
        """What it says may quote values, so only its kind is told."""
        self.failures += 1
        _log.error("the store's writer: %s failed: %s", what, type(error).__name__)

    def _take(self, patience_s: float) -> tuple[list[_Job], bool]:
        batch: list[_Job] = []
        try:
            job = self._jobs.get(timeout=patience_s)
            while job is not None and len(batch) < _BATCH:
                if job is not _WAKE:
                    batch.append(job)
                elif not batch:
                    return batch, False
                job = self._jobs.get_nowait()
        except queue.Empty:
            return batch, False
        if job is None:
            return batch, True
        batch.append(job)
        return batch, False

    def _commit(self, batch: list[_Job]) -> None:
        try:
            with self._database.write() as connection:
                for work, _ in batch:
                    work(connection)
        except Exception as error:  # noqa: BLE001 - told to whoever waits for the future
            if len(batch) == 1:
                self._failed("a write", error)
                _tell(batch[0][1], _as_ours(error))
                return
            for job in batch:
                self._commit([job])
            return
        for _, future in batch:
            _tell(future, None)


def _tell(future: "Future[None]", error: FreeholdError | None) -> None:
    """Whoever waited may have gone away, and have cancelled the future."""
    with contextlib.suppress(InvalidStateError):
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)


def _as_ours(error: Exception) -> FreeholdError:
    if isinstance(error, FreeholdError):
        return error
    wrapped = StorageError(f"a write failed: {type(error).__name__}: {error}")
    wrapped.__cause__ = error
    return wrapped
