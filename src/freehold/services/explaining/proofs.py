"""What beside the record itself is known of it: signed checkpoints over its lines, kept texts."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from freehold.core.errors import StorageError
from freehold.core.legal_holds import LegalHold
from freehold.core.subjects import KeyStore
from freehold.ledger.checkpoint_files import CheckpointFiles
from freehold.ledger.checkpoints import Checkpoint
from freehold.ledger.content import fate
from freehold.ledger.files import ledger_folder
from freehold.ledger.notes import NoteError
from freehold.ledger.record import Record
from freehold.services.explaining.account import Proof


def proof_of(
    record: Record, home: Path, keys: KeyStore | None = None, holds: Iterable[LegalHold] = ()
) -> Proof:
    """Look it up. Nothing is verified (``freehold audit verify`` does that), and no text is read.

    Args:
        home: where the ledger is.
        keys: the vault, to say what became of kept texts; ``None`` leaves that open.
        holds: the legal holds that keep it.
    """
    sizes: dict[str, int] = {}
    for writer in sorted({line["writer"] for line in record.lines}):
        with suppress(StorageError, NoteError):
            note = CheckpointFiles(ledger_folder(home) / writer).newest()
            if note is not None:
                sizes[writer] = Checkpoint.parse(note.text).size
    content, at = fate(record, keys.find) if keys is not None else ("", "")
    return Proof(content=content, content_at=at, checkpoints=sizes, holds=tuple(holds))
