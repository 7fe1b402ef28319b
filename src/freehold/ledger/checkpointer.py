"""Signs for what was appended, once a second, in a thread of its own."""

import logging
import threading
from collections.abc import Iterable
from typing import Protocol

from freehold.core.clock import Clock
from freehold.core.errors import FreeholdError
from freehold.ledger.envelope import event
from freehold.ledger.log_state import LogState
from freehold.ledger.merkle_log import MerkleLog, Signing

_log = logging.getLogger("freehold.ledger")
PERIOD_S = 1.0
KEY_ADOPTED = "ledger.key_adopted"
_DAY_NS = 86_400_000_000_000


class Appended(Protocol):
    """What a journal gives to whoever signs for it."""

    def take(self) -> tuple[Iterable[bytes], list[LogState]]:
        """The leaf hashes since the last time, and where segments began between them."""
        ...

    def count(self) -> None:
        """Write a ``counted`` line for each tenant with lines since its last one.

        Raises:
            AuditError: not all could be written.
        """
        ...

    def add(self, record: bytes) -> None:
        """Write a record of the ledger's own.

        Raises:
            AuditError: it can't be written.
        """
        ...


class Checkpointer:
    """Every second: adopt a new key, close a day, sign. A failure loses nothing: the same is tried
    again a second later, and the log hears of it once, and once of its end.

    Attributes:
        failing: what went wrong at the last attempt; empty where nothing did.
    """

    def __init__(
        self,
        journal: Appended,
        log: MerkleLog,
        signing: Signing,
        clock: Clock,
        *,
        period_s: float = PERIOD_S,
    ) -> None:
        self._journal = journal
        self._merkle = log
        self._signing = signing
        self._clock = clock
        self._period_s = period_s
        self._day = clock.now_ns() // _DAY_NS
        self._busy = threading.Lock()
        self._ending = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name="freehold-ledger-checkpoints", daemon=True
        )
        self._refused_key = ""
        self.failing = ""

    @property
    def signed(self) -> int:
        """How many lines the newest checkpoint covers."""
        return self._merkle.signed

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def now(self) -> None:
        """Sign for everything appended so far, without waiting for the next second.

        Raises:
            OSError: something can't be written or brought to the disk.
        """
        with self._busy:
            self._sign()

    def close(self) -> None:
        """End the thread; count every tenant and sign for the last time. Where it never began,
        nothing is signed.
        """
        if self._thread.ident is None:
            self._merkle.close()
            return
        self._ending.set()
        self._thread.join()
        with self._busy:
            try:
                self._attempt(last=True)
            finally:
                self._merkle.close()

    def _run(self) -> None:
        while not self._ending.wait(self._period_s):
            with self._busy:
                self._attempt()

    def _attempt(self, *, last: bool = False) -> None:
        try:
            self._renew_key()
            self._close_day(last=last)
            self._sign(keep=last)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next second tries again
            if not self.failing:
                _log.error("the ledger can't be signed for just now, nothing is lost: %s", error)
            self.failing = str(error) or type(error).__name__
        else:
            if self.failing:
                _log.warning("the ledger is signed for again")
            self.failing = ""

    def _sign(self, *, keep: bool = False) -> None:
        self._merkle.add(*self._journal.take())
        self._merkle.sign(keep=keep)

    def _close_day(self, *, last: bool) -> None:
        day = self._clock.now_ns() // _DAY_NS
        if last or day != self._day:
            try:
                self._journal.count()
            except FreeholdError:
                if not last:
                    raise
                # a full disk: what is there is signed for all the same
                _log.warning("the ledger's tenants could not be counted at its close")
            self._day = day

    def _renew_key(self) -> None:
        """Go over to a new key, with one checkpoint that both have signed."""
        try:
            newest = self._signing.renewed()
        except FreeholdError as error:
            if str(error) != self._refused_key:
                self._refused_key = str(error)
                _log.error("the ledger goes on with its key before: %s", error)
            return
        if newest is None:
            return
        self._sign(keep=True)
        details = {
            "key": newest.n,
            "fingerprint": newest.fingerprint,
            "before": self._signing.key.n,
            "before_fingerprint": self._signing.key.fingerprint,
        }
        origin = self._signing.origin
        self._journal.add(event(KEY_ADOPTED, origin, details, self._clock.now_ns()))
        before = self._signing.adopt()
        self._merkle.add(*self._journal.take())
        self._merkle.sign(before, keep=True)
        _log.info("the ledger's checkpoints are signed with key %d now", newest.n)
