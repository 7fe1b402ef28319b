"""Use cases wired for the terminal: each opens what it needs of a home, and closes it again."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from freehold.app.holding import issuers_of, legal_holds_of
from freehold.app.homes import (
    ledger_of,
    needs_data,
    opened,
    registry_of,
    store_of,
    vault_of,
    with_vault,
)
from freehold.app.whoever import at_terminal
from freehold.bundle.kept import live_mark
from freehold.core.clock import SystemClock
from freehold.core.errors import NotFound, StorageError
from freehold.core.subjects import KeyStore
from freehold.services.alert_desk import AlertDesk
from freehold.services.bundles import described_bundle, kept_bundle, kept_or_none
from freehold.services.contents import Contents
from freehold.services.erasure import Erasing
from freehold.services.keys import KeyService
from freehold.services.learned_from import learned_from
from freehold.services.load import LoadReports
from freehold.services.records import Records
from freehold.services.retention import Retention
from freehold.services.route_states import taught
from freehold.services.spending import Spending
from freehold.storage.alerts import StoredAlerts
from freehold.storage.cases import StoredCases
from freehold.storage.engine import Database
from freehold.storage.erased_again import erased_again
from freehold.storage.exchanges import StoredExchanges
from freehold.storage.filler import fill
from freehold.storage.held_texts import HeldTexts
from freehold.storage.holds import steps_of
from freehold.storage.keys import StoredKeys
from freehold.storage.lineage import LineageRows
from freehold.storage.load import StoredLoad
from freehold.storage.outcomes import StoredOutcomes
from freehold.storage.secrets import KeyFolder
from freehold.storage.spend_table import SpendTable


@contextmanager
def key_service(home: Path, folder: Path | None = None) -> Iterator[KeyService]:
    """Keys for the terminal. With a bundle's folder, keys can be created.

    Raises:
        NotFound: without a bundle's folder, where no home is: then there are no keys either.
    """
    clock = SystemClock()
    bundle = described_bundle(folder) if folder is not None else None
    if folder is None:
        needs_data(home)
    with store_of(home) as database:
        on_disk = KeyFolder(home)
        with ledger_of(home, on_disk, clock) as audit:
            store = StoredKeys(database, on_disk.pepper(), clock)
            yield KeyService(store, bundle, clock, audit.event, at_terminal())


@contextmanager
def key_list(home: Path) -> Iterator[tuple[KeyService, Records]]:
    """The keys and the records of a home, to look at: nothing is written into its ledger.

    Raises:
        NotFound: no home is there.
    """
    with opened(home) as database:
        store = StoredKeys(database, b"", SystemClock())
        yield (
            KeyService(store, None, SystemClock(), _no_change, at_terminal()),
            records_of(home, database),
        )


@contextmanager
def spending_service(home: Path) -> Iterator[Spending]:
    """What was used, to look at.

    Raises:
        NotFound: no home is there.
    """
    clock = SystemClock()
    with opened(home) as database:
        keys = StoredKeys(database, b"", clock)
        try:
            bundle = kept_bundle(home, live_mark(home)[1])
        except NotFound:  # nothing was ever live here; keys have ceilings all the same
            bundle = None
        yield Spending(
            SpendTable(database),
            bundle,
            lambda: {e.grant.key_id: (e.grant.name, e.grant.limits) for e in keys.list()},
            clock,
        )


def _no_change(*_: object) -> None:
    raise StorageError("these keys were opened to be read")


@contextmanager
def record_service(home: Path) -> Iterator[Records]:
    """The records, with the index brought up to date first.

    Raises:
        NotFound: no home is there.
    """
    with opened(home) as database:
        yield records_of(home, database)


@contextmanager
def load_service(home: Path) -> Iterator[tuple[Records, LoadReports]]:
    """The records, and Freehold's own work on them, with the index brought up to date first.

    Raises:
        NotFound: no home is there.
    """
    with opened(home) as database:
        loads = LoadReports(StoredLoad(database), lambda: fill(home, database))
        yield records_of(home, database), loads


@contextmanager
def content_service(home: Path) -> Iterator[tuple[Records, Contents]]:
    """The records with their kept texts; each reading is an entry in the ledger.

    Raises:
        NotFound: no home is there.
    """
    with with_vault(home) as (database, vault, audit):
        yield records_of(home, database), Contents(vault, at_terminal(), audit.event)


@contextmanager
def record_service_with_keys(home: Path) -> Iterator[tuple[Records, KeyStore]]:
    """The records and the vault, to say what became of kept texts; none of them is read.

    Raises:
        NotFound: no home is there.
    """
    with opened(home) as database:
        vault = vault_of(home, KeyFolder(home), SystemClock())
        with closing(vault.database):
            yield records_of(home, database), vault


@contextmanager
def erasing_service(home: Path) -> Iterator[tuple[Records, Erasing]]:
    """The records, and what erases the texts of a person.

    Raises:
        NotFound: no home is there.
    """
    with with_vault(home) as (database, vault, audit):
        records = records_of(home, database)
        clock = SystemClock()
        bundle_of = kept_or_none(home)
        issuers = issuers_of(home)
        held = HeldTexts(database, clock)
        lineage = LineageRows(database)
        learned = partial(taught, StoredOutcomes(database))
        cases = StoredCases(database)
        models = partial(learned_from, home, registry_of(home), cases.of_exchange)
        log = audit.event
        holds = legal_holds_of(home, database, records, vault, clock, at_terminal(), log)
        yield (
            records,
            Erasing(
                records,
                vault,
                held,
                issuers,
                bundle_of,
                at_terminal(),
                log,
                lineage,
                learned,
                holds.against,
                cases,
                models,
            ),
        )


@contextmanager
def retention_service(home: Path) -> Iterator[Retention]:
    """What destroys the keys of texts whose time is over.

    Raises:
        NotFound: no home is there.
    """
    with with_vault(home) as (database, vault, audit):
        clock, records = SystemClock(), records_of(home, database)
        holds = legal_holds_of(home, database, records, vault, clock, at_terminal(), audit.event)
        again = partial(erased_again, home, vault, holds.kept)
        yield Retention(vault, audit.event, clock, at_terminal(), holds.kept, again)


@contextmanager
def alert_desk(home: Path) -> Iterator[AlertDesk]:
    """Alerts of a home, and what may be done about them; each act is an entry in the ledger.

    Raises:
        NotFound: no home is there.
    """
    clock = SystemClock()
    with opened(home) as database, ledger_of(home, KeyFolder(home), clock) as audit:
        yield AlertDesk(StoredAlerts(database, clock), audit.event, clock, at_terminal())


def records_of(home: Path, database: Database) -> Records:
    """The records of a home, over its open store."""
    return Records(
        home,
        StoredExchanges(database),
        lambda: fill(home, database),
        lambda exchange_id: steps_of(database, exchange_id=exchange_id),
        lambda exchange_id: StoredOutcomes(database).of([exchange_id]),
    )
