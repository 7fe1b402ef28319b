"""What a home holds, opened for the terminal and closed again behind it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from freehold.core.clock import SystemClock
from freehold.core.errors import NotFound
from freehold.ledger.runtime import runtime_digest
from freehold.ledger.segment import SegmentJournal
from freehold.stages.audit import Audit
from freehold.storage.engine import DATABASE_FILE, Database
from freehold.storage.migrate import open_database
from freehold.storage.secrets import KeyFolder
from freehold.storage.vault import Vault, open_vault


@contextmanager
def store_of(home: Path) -> Iterator[Database]:
    """The store of a home, which is made if it is not there."""
    database = open_database(home, os.environ.get("FREEHOLD_DATABASE_URL"))
    try:
        yield database
    finally:
        database.close()


@contextmanager
def opened(home: Path) -> Iterator[Database]:
    """The store of a home that is there.

    Raises:
        NotFound: no home is there.
    """
    needs_data(home)
    with store_of(home) as database:
        yield database


@contextmanager
def ledger_of(home: Path, on_disk: KeyFolder, clock: SystemClock) -> Iterator[Audit]:
    """What writes into the ledger of a home."""
    journal = SegmentJournal(home, clock=clock).open()
    try:
        yield Audit(journal, runtime_digest(), on_disk.commitment, clock=clock)
    finally:
        journal.close()


@contextmanager
def with_vault(home: Path) -> Iterator[tuple[Database, Vault, Audit]]:
    """The store and the vault of a home that is there, and what writes into its ledger."""
    clock = SystemClock()
    with opened(home) as database:
        on_disk = KeyFolder(home)
        vault = vault_of(home, on_disk, clock)
        try:
            with ledger_of(home, on_disk, clock) as audit:
                yield database, vault, audit
        finally:
            vault.database.close()


def vault_of(home: Path, on_disk: KeyFolder, clock: SystemClock) -> Vault:
    """The vault of subject keys that belongs to this home."""
    return open_vault(home, os.environ.get("FREEHOLD_KEYS_URL"), on_disk.subjects(), clock)


def needs_data(home: Path) -> None:
    """Whoever only looks makes no home: it would be an empty one in the wrong folder.

    Raises:
        NotFound: no home is there.
    """
    if not any((home / name).exists() for name in (DATABASE_FILE, "ledger")):
        raise NotFound(
            f"no Freehold data in {home.resolve()}; name the folder that `freehold serve` uses "
            "with --home or FREEHOLD_HOME"
        )
