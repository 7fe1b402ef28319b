"""Texts whose time is over become unreadable: their keys are destroyed."""

import asyncio
import logging
from collections.abc import Callable

from freehold.core.clock import Clock
from freehold.core.errors import FreeholdError
from freehold.core.legal_holds import Kept
from freehold.core.subjects import KeyStore

_EVERY_S = 3_600.0
_LOG_S = 10.0
_log = logging.getLogger("freehold.retention")
LogEvent = Callable[..., str]


class Retention:
    """Destroys the keys whose time is over.

    Args:
        actor: who does it, as the ledger is to say.
        log: writes the entry that it must leave.
        kept: what legal holds keep.
    """

    def __init__(
        self,
        store: KeyStore,
        log: LogEvent,
        clock: Clock,
        actor: str,
        kept: Callable[[], Kept] = Kept,
    ) -> None:
        self._store = store
        self._log = log
        self._clock = clock
        self._actor = actor
        self._kept = kept

    def overdue(self) -> int:
        """How many there are that no legal hold keeps."""
        return self._store.overdue(self._clock.now_ns(), self._kept())

    def held(self) -> int:
        """How many legal holds keep beyond their time."""
        now = self._clock.now_ns()
        return self._store.overdue(now) - self._store.overdue(now, self._kept())

    def run(self) -> int:
        """Destroy them; say how many.

        Raises:
            StorageError, AuditError: they can't be, or it can't be recorded, so they stay.
        """
        now = self._clock.now_ns()
        if not self._store.overdue(now):
            return 0
        self._kept()  # which may take its time where the store was lost; the vault waits for nobody
        gone = self._store.expire(now, self._record, self._kept)
        if gone:
            self._store.scrub()
        return gone

    def _record(self, keys: int) -> str:
        return self._log("content.expired", self._actor, "vault", {"keys": keys})


async def sweep(
    store: KeyStore, log: LogEvent, clock: Clock, kept: Callable[[], Kept] = Kept
) -> None:
    """Do it every hour, for as long as the gateway runs."""
    loop = asyncio.get_running_loop()

    async def write(*entry: object) -> str:
        return log(*entry)

    def recorded(*entry: object) -> str:  # records are written on the event loop only
        return asyncio.run_coroutine_threadsafe(write(*entry), loop).result(_LOG_S)

    while True:
        try:
            await asyncio.to_thread(Retention(store, recorded, clock, "freehold", kept).run)
        except (FreeholdError, TimeoutError) as error:
            _log.warning("texts whose time is over stay readable: %s", error)
        await asyncio.sleep(_EVERY_S)
