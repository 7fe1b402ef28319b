"""The ledger's keys, wired for the terminal."""

from pathlib import Path
from typing import Any

from freehold.app.homes import ledger_of, needs_data
from freehold.core.clock import SystemClock
from freehold.services import ledger_keys
from freehold.storage.secrets import KeyFolder


def rotate_ledger_key(home: Path, actor: str, reason: str, *, lost: bool) -> dict[str, Any]:
    """Change the key that signs the ledger.

    Args:
        lost: the one before can't be used any more, so nothing endorses the new one.

    Raises:
        NotFound: no home is there.
        StorageError, AuditError: it can't be changed, or not be written down.
    """
    needs_data(home)
    clock = SystemClock()
    made = ledger_keys.replace_lost(home, clock) if lost else None
    with ledger_of(home, KeyFolder(home), clock) as audit:
        if made is not None:
            return ledger_keys.tell_lost(home, made, audit.event, actor=actor, reason=reason)
        return ledger_keys.rotate(home, audit.event, clock, actor=actor, reason=reason)
