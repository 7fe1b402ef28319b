"""Group-committed syncs: however many wait, one ``fdatasync`` serves them all."""

import asyncio
import os
import threading
from collections.abc import Callable

_sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)
_PATIENCE_S = 600.0

_Answer = Callable[[OSError | None], None]


def sync_file(descriptor: int) -> None:
    """Bring a file's content to the disk.

    Raises:
        OSError: the disk refused.
    """
    _sync(descriptor)


class Flusher:
    """One helper thread that syncs file descriptors.

    No timer is needed: whoever comes while a sync runs is served by the next one. ``syncs`` counts
    them.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiters: list[_Answer] = []
        self._retired: list[int] = []
        self._current = -1
        self._closing = False
        self._thread: threading.Thread | None = None
        self.syncs = 0

    async def wait(self) -> None:
        """Return when everything written so far, whichever file it went to, is on the disk.

        Raises:
            OSError: the disk refused.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._ask(lambda failure: _answer(loop, future, failure))
        await future

    def sync(self) -> None:
        """The same for a thread, which it blocks.

        Raises:
            OSError: the disk refused, or took longer than any disk may.
        """
        done = threading.Event()
        failures: list[OSError] = []

        def answer(failure: OSError | None) -> None:
            if failure is not None:
                failures.append(failure)
            done.set()

        self._ask(answer)
        if not done.wait(_PATIENCE_S):
            raise TimeoutError("the disk has not answered for ten minutes")
        if failures:
            raise failures[0]

    def switch(self, descriptor: int) -> None:
        """Go on with this file; the one before it is synced and closed."""
        with self._changed:
            previous, self._current = self._current, descriptor
            if previous >= 0:
                self._retired.append(previous)
                self._wake()

    def close(self) -> None:
        """Sync and close the last file and end the thread."""
        self.switch(-1)
        with self._changed:
            self._closing = True
            self._wake()
        if self._thread is not None:
            self._thread.join(timeout=30.0)

    def _ask(self, answer: _Answer) -> None:
        with self._changed:
            self._waiters.append(answer)
            self._wake()

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name="freehold-ledger-sync", daemon=True
            )
            self._thread.start()
        self._changed.notify()

    def _run(self) -> None:
        # a failure while nobody waited is told to whoever waits next
        unreported: OSError | None = None
        while True:
            with self._changed:
                while not (self._waiters or self._retired or self._closing):
                    self._changed.wait()
                waiters, self._waiters = self._waiters, []
                retired, self._retired = self._retired, []
                current, closing = self._current, self._closing
            failure = self._sync_all(retired, current if waiters else -1) or unreported
            unreported = None if waiters else failure
            for answer in waiters:
                answer(failure)
            if closing:
                return

    def _sync_all(self, retired: list[int], current: int) -> OSError | None:
        failure: OSError | None = None
        self.syncs += len(retired) + (current >= 0)
        for descriptor in retired:
            try:
                _sync(descriptor)
            except OSError as error:
                failure = error
            finally:
                os.close(descriptor)
        if current >= 0:
            try:
                _sync(current)
            except OSError as error:
                failure = error
        return failure


def _answer(
    loop: asyncio.AbstractEventLoop, future: "asyncio.Future[None]", failure: OSError | None
) -> None:
    def settle() -> None:
        if future.done():
            return
        if failure is None:
            future.set_result(None)
        else:
            future.set_exception(failure)

    try:
        loop.call_soon_threadsafe(settle)
    except RuntimeError:
        # the loop was closed while its caller waited: nobody is left to tell
        return
