"""Bounds the waiting for an async iterator, with one timer a call instead of one an item."""

import asyncio
from collections.abc import AsyncGenerator
from typing import TypeVar

T = TypeVar("T")


class DeadlinePassed(Exception):
    """The time is over."""


class Deadline:
    """A deadline that only ever interrupts the wait for the next item.

    ``asyncio.timeout`` around a loop with ``yield`` in it would also cancel whatever the consumer
    does between two items (PEP 789); around each item it would cost a timer each.
    """

    __slots__ = ("_cancelled", "_expired", "_handle", "_loop", "_task")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[object] | None = None
        self._expired = False
        self._cancelled = False

    def arm(self, seconds: float) -> None:
        """Set the deadline, or move it."""
        self.disarm()
        self._handle = self._loop.call_later(max(seconds, 0.0), self._expire)

    def disarm(self) -> None:
        """No deadline any more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    async def next(self, items: AsyncGenerator[T, None]) -> T | None:
        """The next item; ``None`` at the end.

        Raises:
            DeadlinePassed: it did not come in time.
        """
        if self._expired:
            raise DeadlinePassed
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 -- coroutines run in tasks here
        cancelling = task.cancelling()
        self._task = task
        try:
            return await anext(items)
        except StopAsyncIteration:
            return None
        except BaseException as error:
            # Ours only if nobody else has cancelled the task as well.
            if self._cancelled and task.cancelling() == cancelling + 1:
                raise DeadlinePassed from error
            raise
        finally:
            self._task = None
            if self._cancelled:
                self._cancelled = False
                task.uncancel()

    def _expire(self) -> None:
        self._handle = None
        self._expired = True
        if self._task is not None:
            self._cancelled = True
            self._task.cancel()
