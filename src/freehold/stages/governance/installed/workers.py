"""Threads for calls that may never come back: late ones are left behind, and counted."""

import asyncio
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from freehold.stages.governance.waiting import Unheard

T = TypeVar("T")

THREADS = 4
"""So many calls of one detector run side by side; others wait for their turn."""
MOST_HUNG = 4
"""So many calls that are still away, and nobody asks any more until one is back."""
_IDLE_S = 30.0


class _Task(Generic[T]):
    __slots__ = ("call", "future", "late", "loop", "running")

    def __init__(self, call: Callable[[], T], loop: asyncio.AbstractEventLoop) -> None:
        self.call = call
        self.loop = loop
        self.future: asyncio.Future[T] = loop.create_future()
        self.running = False
        self.late = False


class Workers:
    """Runs one detector's calls, a few at once.

    A thread can't be ended from outside. One whose caller has given up goes on, its result is
    thrown away, and another takes its place; `MOST_HUNG` such threads, and calls fail at once
    until one of them comes back. They are daemons: none holds up the end of the process.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._queue: SimpleQueue[_Task[Any]] = SimpleQueue()
        self._alive = 0
        self._idle = 0
        self._hung = 0

    @property
    def hung(self) -> int:
        """Calls that were given up and are still away."""
        return self._hung

    async def run(self, call: Callable[[], T]) -> T:
        """The call's result. Whoever cancels this leaves the call behind.

        Raises:
            Unheard: too many calls are away already.
            BaseException: whatever the call raised.
        """
        task = _Task(call, asyncio.get_running_loop())
        with self._lock:
            if self._hung >= MOST_HUNG:
                raise Unheard(f"{self._hung} of its calls never came back, so it is not asked")
            self._queue.put(task)
            if not self._idle and self._alive - self._hung < THREADS:
                self._start()
        try:
            return await task.future
        except asyncio.CancelledError:
            with self._lock:
                task.late = True
                self._hung += task.running
            raise

    def _start(self) -> None:
        self._alive += 1
        threading.Thread(target=self._work, name=f"detector {self._name}", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            try:
                task = self._queue.get(timeout=_IDLE_S)
            except Empty:
                task = None
            with self._lock:
                self._idle -= 1
                if task is None:
                    self._alive -= 1
                    return
                if task.late:
                    continue
                task.running = True
            if not self._do(task):
                return

    def _do(self, task: _Task[Any]) -> bool:
        """Run it; false where this thread was replaced meanwhile, and ends."""
        result: Any = None
        error: BaseException | None = None
        try:
            result = task.call()
        except BaseException as raised:  # noqa: BLE001 - SystemExit too is only its failure
            error = raised
        with self._lock:
            task.running = False
            if task.late:
                self._hung -= 1
                self._alive -= 1
                return False
        try:
            task.loop.call_soon_threadsafe(_settle, task.future, result, error)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return True
        return True


def _settle(future: "asyncio.Future[Any]", result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        name = "".join(c for c in type(error).__name__ if c.isascii() and c.isalnum())[:60]
        future.set_exception(Unheard(f"{name} in it"))
