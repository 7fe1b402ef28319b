"""Texts whose time is over become unreadable: their keys are destroyed."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from freehold.core.clock import Clock
from freehold.core.errors import FreeholdError
from freehold.core.legal_holds import Kept
from freehold.core.subjects import KeyStore

_EVERY_S = 3_600.0
_LOG_S = 10.0
_log = logging.getLogger("freehold.retention")
LogEvent = Callable[..., str]


class Erasure(Protocol):
    """One that the ledger tells of."""

    @property
    def event_id(self) -> str:
        """Of the ledger's entry."""
        ...

    @property
    def name(self) -> str:
        """The keyed hash by which the vault knows whom."""
        ...

    @property
    def tenant(self) -> str:
        """Whose person."""
        ...


Again = Callable[[Callable[[Erasure, int], object]], int]


class Retention:
    """Destroys the keys whose time is over.

    Args:
        actor: who does it, as the ledger is to say.
        log: writes the entry that it must leave.
        kept: what legal holds keep.
        again: repeats erasures of which the vault knows nothing, since an older copy of it was put
            back; told how to record each.
    """

    def __init__(
        self,
        store: KeyStore,
        log: LogEvent,
        clock: Clock,
        actor: str,
        kept: Callable[[], Kept] = Kept,
        again: Again = lambda _: 0,
    ) -> None:
        self._again = again
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
        if self._again(self._repeated):
            self._store.scrub()
        now = self._clock.now_ns()
        if not self._store.overdue(now):
            return 0
        self._kept()  # which may take its time where the store was lost; the vault waits for nobody
        gone = self._store.expire(now, self._record, self._kept)
        if gone:
            self._store.scrub()
        return gone

    def _repeated(self, erasure: Erasure, keys: int) -> str:
        details = {"keys": keys, "erased": erasure.event_id}
        event = self._log(
            "erasure.repeated", self._actor, erasure.name, details, tenant=erasure.tenant
        )
        _log.warning("an older copy of the vault was put back; erased again as %s says", event)
        return event

    def _record(self, keys: int) -> str:
        return self._log("content.expired", self._actor, "vault", {"keys": keys})


async def sweep(
    store: KeyStore,
    log: LogEvent,
    clock: Clock,
    kept: Callable[[], Kept] = Kept,
    again: Again = lambda _: 0,
) -> None:
    """Do it every hour, for as long as the gateway runs."""
    loop = asyncio.get_running_loop()

    async def write(*entry: object, **more: str) -> str:
        return log(*entry, **more)

    def recorded(*entry: object, **more: str) -> str:  # records are written on the event loop only
        return asyncio.run_coroutine_threadsafe(write(*entry, **more), loop).result(_LOG_S)

    while True:
        try:
            sweeping = Retention(store, recorded, clock, "freehold", kept, again)
            await asyncio.to_thread(sweeping.run)
        except (FreeholdError, TimeoutError) as error:
            _log.warning("texts whose time is over stay readable: %s", error)
        await asyncio.sleep(_EVERY_S)
