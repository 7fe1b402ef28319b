"""Legal holds, wired."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from freehold.app.homes import opened, with_vault
from freehold.bundle.kept import kept_hashes
from freehold.core.clock import Clock, SystemClock
from freehold.core.errors import StorageError
from freehold.core.legal_holds import LegalHold
from freehold.core.subjects import KeyStore
from freehold.ledger.record import Record
from freehold.services.bundles import kept_or_none
from freehold.services.legal_holds import LegalHolds
from freehold.services.records import Records
from freehold.storage.engine import Database
from freehold.storage.exchanges import StoredExchanges
from freehold.storage.filler import fill
from freehold.storage.legal_holds import StoredLegalHolds

LogEvent = Callable[..., str]


def legal_holds_of(
    home: Path,
    database: Database,
    records: Records,
    keys: KeyStore,
    clock: Clock,
    actor: str,
    log: LogEvent,
) -> LegalHolds:
    """The legal holds of a home, over its open store."""
    store = StoredLegalHolds(database, home)
    return LegalHolds(store, records, keys, lambda: issuers_of(home), clock, actor, log)


def issuers_of(home: Path) -> frozenset[str]:
    """Whoever vouched for people in any bundle that is kept."""
    bundles = filter(None, map(kept_or_none(home), kept_hashes(home)))
    return frozenset(issuer.issuer for bundle in bundles for issuer in bundle.issuers)


def watching_holds(home: Path, database: Database, keys: KeyStore) -> LegalHolds:
    """Those that a gateway heeds; it places and lifts none."""
    records = Records(home, StoredExchanges(database))
    return legal_holds_of(home, database, records, keys, SystemClock(), "freehold", _no_change)


def holds_on(home: Path, records: Records, keys: KeyStore, record: Record) -> list[LegalHold]:
    """The legal holds that keep an exchange now."""
    with opened(home) as database:
        clock = SystemClock()
        legal = legal_holds_of(home, database, records, keys, clock, "freehold", _no_change)
        return legal.on(record)


@contextmanager
def hold_service(home: Path, actor: str) -> Iterator[LegalHolds]:
    """Legal holds for the terminal; placing and lifting are entries in the ledger.

    Raises:
        NotFound: no home is there.
    """
    with with_vault(home) as (database, vault, audit):
        records = Records(home, StoredExchanges(database), lambda: fill(home, database))
        yield legal_holds_of(home, database, records, vault, SystemClock(), actor, audit.event)


def _no_change(*_: object, **__: object) -> str:
    raise StorageError("these holds were opened to be heeded")


@contextmanager
def held_list(home: Path) -> Iterator[tuple[list[LegalHold], int, str]]:
    """Every legal hold that ever was, the time, and why there may be more of them, or nothing;
    nothing is written into the ledger.

    Raises:
        NotFound: no home is there.
    """
    with opened(home) as database:
        store = StoredLegalHolds(database, home)
        try:
            store.catch_up()
            why = ""
        except StorageError as error:
            why = str(error)
        yield store.all(), SystemClock().now_ns(), why
