"""Exports for auditors, wired for the terminal."""

from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

from freehold.app.archives import archived, needs_room
from freehold.app.homes import opened, own_log, vault_of
from freehold.app.terminal import records_of
from freehold.app.whoever import at_terminal
from freehold.core.clock import SystemClock
from freehold.core.legal_holds import LegalHold
from freehold.services.audit_export import Exported, Exporting, Prepared
from freehold.services.contents import Contents
from freehold.services.export_choice import Asked
from freehold.services.records import Records
from freehold.storage.filler import fill
from freehold.storage.legal_holds import StoredLegalHolds
from freehold.storage.secrets import KeyFolder

Scope = Callable[[Records], Asked]


def export_audit(
    home: Path, scope: Scope, target: Path, *, force: bool, tell: Callable[[str], None]
) -> Exported:
    """Write an archive for auditors: whole or not at all.

    Args:
        scope: what is wanted; it may ask the records which tenants and exchanges there are.
        force: replace a file that is there.
        tell: is told how it goes on.

    Raises:
        NotFound: no home is there, or nothing fits.
        StorageError, AuditError: the ledger can't be read or written, or the archive not be made.
    """
    needs_room(target, force=force)
    with ExitStack() as stack:
        exporting, prepared = _prepared(home, scope, tell, stack)
        write = partial(exporting.write, prepared)
        manifest, digest = archived(write, target, force=force)
    sound = all(log["status"] != "unproven" and not log["damaged"] for log in manifest["logs"])
    return Exported(manifest=manifest, sha256=digest, fingerprint=exporting.signed_by, sound=sound)


def _prepared(
    home: Path, scope: Scope, tell: Callable[[str], None], stack: ExitStack
) -> tuple[Exporting, Prepared]:
    """Everything up to the ledger's entry; the ledger is closed behind it, which signs it."""
    clock = SystemClock()
    with opened(home) as database:
        on_disk = KeyFolder(home)
        records = records_of(home, database)
        asked = scope(records)
        vault = vault_of(home, on_disk, clock)
        with closing(vault.database), own_log(home, on_disk, clock) as (audit, journal):
            contents = Contents(vault, at_terminal(), audit.event)
            fill(home, database)
            told = partial(_told, StoredLegalHolds(database, home).all())
            exporting = stack.enter_context(
                Exporting(home, records, contents, told, at_terminal(), audit.event, tell)
            )
            return exporting, exporting.prepare(asked, journal.writer)


def _told(holds: list[LegalHold], asked: Asked) -> list[dict[str, Any]]:
    """Holds on what was asked for, as an archive tells them: that they stand, and not why."""
    found = []
    for hold in holds:
        if asked.person is not None and (hold.kind, hold.subject) != ("person", asked.person):
            continue
        if asked.exchange is not None and hold.subject != asked.exchange:
            continue
        if asked.tenants is None or not hold.tenant or hold.tenant in asked.tenants:
            told = hold.as_dict()
            found.append({n: told[n] for n in ("id", "kind", "placed_at", "until", "lifted_at")})
    return found
