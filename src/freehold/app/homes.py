"""What a home holds, opened for the terminal and closed again behind it."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from freehold.core.clock import SystemClock
from freehold.core.errors import NotFound
from freehold.learning.registry import Registry
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
    with closing(open_database(home, os.environ.get("FREEHOLD_DATABASE_URL"))) as database:
        yield database


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
    with own_log(home, on_disk, clock) as (audit, _):
        yield audit


@contextmanager
def own_log(
    home: Path, on_disk: KeyFolder, clock: SystemClock
) -> Iterator[tuple[Audit, SegmentJournal]]:
    """The same with the log that it writes, which is signed when it is closed."""
    with closing(SegmentJournal(home, clock=clock).open()) as journal:
        yield Audit(journal, runtime_digest(), on_disk.commitment, clock=clock), journal


@contextmanager
def with_vault(home: Path) -> Iterator[tuple[Database, Vault, Audit]]:
    """The store and the vault of a home that is there, and what writes into its ledger."""
    clock = SystemClock()
    with opened(home) as database:
        on_disk = KeyFolder(home)
        vault = vault_of(home, on_disk, clock)
        with closing(vault.database), ledger_of(home, on_disk, clock) as audit:
            yield database, vault, audit


def vault_of(home: Path, on_disk: KeyFolder, clock: SystemClock) -> Vault:
    """The vault of subject keys that belongs to this home."""
    return open_vault(home, os.environ.get("FREEHOLD_KEYS_URL"), on_disk.subjects(), clock)


def custom_folder(home: Path) -> Path:
    """Where the registry of a home lies."""
    return home / "custom"


def registry_of(home: Path) -> Registry:
    """The custom models of a home."""
    return Registry(custom_folder(home))


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
