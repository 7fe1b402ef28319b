"""Telling systems outside of held answers and alerts, at least once each, with patience."""

import asyncio
import logging
from typing import Protocol

from freehold.core.approvals import Notice
from freehold.core.errors import FreeholdError
from freehold.core.ports import NoticeFailed, Notifier

BACKOFF_S = (5, 30, 120, 600, 3_600, 10_800, 21_600, 43_200, 86_400)
"""Seconds until the next try, after the first, the second, …; after the last, it is given up."""

_IDLE_S = 1.0
_AWAY_S = 5.0
_log = logging.getLogger("freehold.notices")


class NoticeQueue(Protocol):
    """Notices that wait, kept where a crash does not lose them."""

    def take(self, limit: int = 20) -> list[Notice]:
        """Notices that are due, for this process alone."""
        ...

    def done(self, notice: Notice, error: str = "") -> None:
        """It was delivered or, with ``error``, given up."""
        ...

    def again(self, notice: Notice, after_s: int, error: str) -> None:
        """It was not taken; try again later."""
        ...


class Deliveries:
    """Takes notices that are due and has them sent."""

    def __init__(self, queue: NoticeQueue, notifier: Notifier) -> None:
        self._queue = queue
        self._notifier = notifier

    async def run(self) -> None:
        """Go on until cancelled; while the store is away, wait."""
        while True:
            try:
                busy = await self.once()
            except FreeholdError as error:
                _log.warning("notices wait: %s", error)
                await asyncio.sleep(_AWAY_S)
                continue
            if not busy:
                await asyncio.sleep(_IDLE_S)

    async def once(self) -> int:
        """Try all that are due once; say how many."""
        taken = await asyncio.to_thread(self._queue.take)
        for notice in taken:
            await self._try(notice)
        return len(taken)

    async def _try(self, notice: Notice) -> None:
        try:
            await self._notifier.send(notice.notice_id, notice.body.encode(), notice.about)
        except Exception as failed:  # noqa: BLE001 - one bad notice must not stop the others
            why = str(failed) if isinstance(failed, NoticeFailed) else type(failed).__name__
            if notice.attempts >= len(BACKOFF_S):
                _log.error("notice %s is given up: %s", notice.notice_id, why)
                await asyncio.to_thread(self._queue.done, notice, why)
                return
            _log.warning("notice %s will be tried again: %s", notice.notice_id, why)
            after = BACKOFF_S[notice.attempts]
            await asyncio.to_thread(self._queue.again, notice, after, why)
        else:
            await asyncio.to_thread(self._queue.done, notice)
