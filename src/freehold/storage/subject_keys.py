"""Subjects' keys at hand: made and durable ahead of their need, so that no request waits for one.

A key is taken from a stock that is on the disk already; whose it has become is written down by the
vault's own writer thread within half a second, many together. Killed in between, the record still
names the key, and an erasure destroys what the records of a person name, too. So nothing is ever
sealed under a key that could be lost, and no sealed text can outlive its erasure.
"""

import contextlib
import logging
from collections import deque
from collections.abc import Callable, Collection
from typing import Self

from msgspec import Struct

from freehold.core.clock import Clock
from freehold.core.errors import StorageError
from freehold.core.subjects import DAY_NS, Destroyed, Subject, SubjectKey
from freehold.storage.vault import Key, Vault
from freehold.storage.writer import Writer

STOCK = 1_024
_FIRST = 256
_MOST_HELD = 20_000
_USUAL_DAYS = 180
_PARTS = 6
_MONTH_DAYS = 30
_FRESH_DAYS = 30
_log = logging.getLogger("freehold.vault")


def _nothing() -> None:
    pass


class _Held(Struct, frozen=True):
    key: Key
    until_ns: int


class StoredKeys:
    """The `SubjectKeys` of a process that only reads: it makes none."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def of(self, subject: Subject, days: int) -> SubjectKey:  # noqa: ARG002 - nobody's
        """Raises: StorageError: nothing is kept here."""
        raise StorageError("nothing is sealed here")

    def find(self, key_id: str) -> SubjectKey | None:
        """A key by its id; see the port."""
        found = self._vault.find(key_id)
        return found if isinstance(found, Key) else None


class LiveKeys:
    """The `SubjectKeys` of one process.

    A subject gets a new key in each period: a sixth of the time for which texts are kept, a month
    at most. So what is old becomes unreadable when its key is destroyed, at the latest that much
    after its time.

    Args:
        erased: told, in the writer's thread, that somebody was erased.
    """

    def __init__(self, vault: Vault, clock: Clock, erased: Callable[[], None] = _nothing) -> None:
        self._vault = vault
        self._erased = erased
        self._clock = clock
        self.writer = Writer(vault.database, (self._tick,))
        self._stock: deque[tuple[Key, int]] = deque()
        self._held: dict[tuple[Subject, int], _Held] = {}
        self._taken: deque[tuple[Key, int, int]] = deque()
        self._hurried = False
        self._away = False
        self._seen = 0
        self._longest = _USUAL_DAYS

    def open(self) -> Self:
        """Lay in a stock and start the writer.

        Raises:
            StorageError: the vault can't be reached.
        """
        self._seen, _ = self._vault.erased_since(0)
        self._settle(_FIRST)
        self.writer.open()
        self._hurry()  # the rest of the stock, while the gateway begins to listen
        return self

    def close(self) -> None:
        """Write down what was taken, give back what was not, end the thread."""
        self.writer.close()
        try:
            self._settle(0)
            with self._vault.database.write() as connection:
                self._vault.give_back(connection, (key for key, _ in self._stock))
        except StorageError as error:
            _log.warning("subject keys that were made ahead stay in the vault: %s", error)
        self._stock.clear()
        self._vault.database.close()

    def of(self, subject: Subject, days: int) -> Key:
        """A key of this subject's; see the port.

        Raises:
            StorageError: the stock is used up: the vault is away, or can't follow.
        """
        now = self._clock.now_ns()
        held = self._held.get((subject, days))
        if held is not None and now < held.until_ns:
            return held.key
        return self._take(subject, days, now)

    def find(self, key_id: str) -> SubjectKey | None:
        """A key by its id; see the port."""
        found = self._vault.find(key_id)
        return found if isinstance(found, Key) else None

    def find_all(self, key_ids: Collection[str]) -> dict[str, SubjectKey | Destroyed]:
        """Keys by their ids, and what is left of destroyed ones."""
        return dict(self._vault.find_all(key_ids))

    def refresh(self) -> None:
        """Forget the keys of whoever was erased, write down whose the taken ones are, fill the
        stock. In the writer's thread.
        """
        try:
            # the number first: a key taken from now on knows of these erasures
            number, names = self._vault.erased_since(self._seen)
            if number != self._seen:
                self._forget(names)
                self._seen = number
                self._erased()
            self._settle(STOCK)
            self._hurried = self._away = False
        except StorageError as error:
            if not self._away:
                _log.warning("the vault of subject keys is away: %s", error)
            self._away = True

    # -- parts --

    def _take(self, subject: Subject, days: int, now: int) -> Key:
        self._longest = max(self._longest, days)
        key = self._next()
        key.subject, key.tenant = self._vault.name(subject), subject.tenant
        period = max(1, min(_MONTH_DAYS, days // _PARTS)) * DAY_NS
        until = (now // period + 1) * period
        if len(self._held) >= _MOST_HELD:  # whoever came first gets another one when they return
            del self._held[next(iter(self._held))]
        self._held[subject, days] = _Held(key, until)
        self._taken.append((key, until + days * DAY_NS, self._seen))
        if not self._hurried and (len(self._stock) < STOCK // 2 or len(self._taken) > STOCK // 2):
            self._hurry()
        return key

    def _next(self) -> Key:
        try:
            return self._stock.popleft()[0]
        except IndexError:
            raise StorageError(
                "no subject key is at hand: the vault is away, or too many people came at once"
            ) from None

    def _tick(self) -> None:
        self._hurried = False
        self.refresh()

    def _hurry(self) -> None:
        """Have it done now, not at the next tick; once in a tick is enough while it fails."""
        self._hurried = True
        with contextlib.suppress(StorageError):  # on its way out: `close` does the rest
            self.writer.submit(lambda _: None).add_done_callback(lambda _: self.refresh())

    def _settle(self, stock: int) -> None:
        """Write down what was taken and make what is missing, in one transaction.

        Raises:
            StorageError: it can't be done; what was taken waits for the next time.
        """
        taken = [self._taken.popleft() for _ in range(len(self._taken))]
        missing = max(0, stock - len(self._stock))
        now = self._clock.now_ns()
        stale = self._stale(now)
        if not (taken or missing or stale):
            return
        # of a key whose owner is never written down nobody knows when its time is over: later
        # than that of any other
        expires = now + (self._longest + 2 * _MONTH_DAYS + _FRESH_DAYS) * DAY_NS
        try:
            with self._vault.database.write() as connection:
                late = self._vault.assign(connection, taken) if taken else set()
                made = self._vault.make(connection, missing, expires)
                self._vault.give_back(connection, stale)
        except StorageError:
            self._taken.extendleft(reversed(taken))
            raise
        self._forget(late)
        self._stock.extend((key, now) for key in made)

    def _stale(self, now: int) -> list[Key]:
        """Half of the stock, where it lay there for a month."""
        if not self._stock or now - self._stock[0][1] < _FRESH_DAYS * DAY_NS:
            return []
        return [self._stock.popleft()[0] for _ in range(len(self._stock) // 2)]

    def _forget(self, names: set[str]) -> None:
        if not names:
            return
        for place, held in list(self._held.items()):
            if held.key.subject in names:
                self._held.pop(place, None)
