"""The keys that sign the ledger's checkpoints, and the checkpoints themselves."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from freehold.core.clock import Clock, rfc3339
from freehold.core.errors import NotFound, StorageError
from freehold.ledger import notes
from freehold.ledger.checkpoint_files import CheckpointFiles
from freehold.ledger.checkpoints import Checkpoint
from freehold.ledger.files import ledger_folder, writers
from freehold.ledger.heads import COSIGNED
from freehold.ledger.notes import Note, NoteError, Verified
from freehold.ledger.signing import LedgerKey, LedgerKeys, endorsed

KEY_ROTATED = "ledger.key_rotated"
_TIME_BYTES = 8
_COSIGNATURE_BYTES = 72

WriteEvent = Callable[[str, str, str, dict[str, Any]], str]
"""kind, actor, subject, details → the event's id"""


def shown(home: Path) -> dict[str, Any]:
    """The ledger's name, all its keys and what each log is verified with now.

    Raises:
        NotFound: no ledger is there that has keys.
        StorageError: its keys can't be read.
    """
    keys = LedgerKeys(home)
    history = keys.history()
    if not history:
        raise NotFound(f"the ledger in {home} has no key yet: its first use makes one")
    base = keys.base
    return {
        "ledger": base,
        "keys": [
            _told(key, base, by_former=by_former)
            for key, by_former in zip(history, endorsed(base, history), strict=True)
        ],
        "logs": [
            {"writer": writer, "vkey": str(history[-1].verifier(keys.origin(writer)))}
            for writer in writers(home)
        ],
    }


def rotate(
    home: Path, event: WriteEvent, clock: Clock, *, actor: str, reason: str
) -> dict[str, Any]:
    """Make a new key, endorsed by the one before. It is written down first, so that it does not
    happen unrecorded.

    Raises:
        AuditError: it can't be written down.
        StorageError: the key before can't be used, or the new one not be written.
    """
    keys = LedgerKeys(home)
    before = keys.newest()[0]
    details = {"before": before.n, "key": before.n + 1, "reason": reason}
    event(KEY_ROTATED, actor, keys.base, details)
    return _told(keys.rotate(rfc3339(clock.now_ns())), keys.base, by_former=True)


def replace_lost(home: Path, clock: Clock) -> LedgerKey:
    """Make a new key that nothing endorses, since the one before can't be used any more; until then
    no event can be written, so :func:`tell_lost` comes after.

    Raises:
        StorageError: the key before can be used, or the new one not be written.
    """
    keys = LedgerKeys(home)
    try:
        keys.newest()
    except StorageError:
        return keys.rotate(rfc3339(clock.now_ns()), lost=True)
    raise StorageError("the ledger's key is there and can be read: rotate it without --lost")


def tell_lost(
    home: Path, made: LedgerKey, event: WriteEvent, *, actor: str, reason: str
) -> dict[str, Any]:
    """Write down that a lost key was replaced.

    Raises:
        AuditError: it can't be written down.
    """
    base = LedgerKeys(home).base
    details = {"before": made.n - 1, "key": made.n, "reason": reason, "lost": True}
    event(KEY_ROTATED, actor, base, details)
    return _told(made, base, by_former=False)


def checkpoints(home: Path, writer: str | None = None) -> list[dict[str, Any]]:
    """The newest checkpoint of each log, or of one.

    Raises:
        NotFound: no ledger is there, or no such log in it.
        StorageError: one can't be read.
    """
    if not ledger_folder(home).is_dir():
        raise NotFound(
            f"no ledger in {home.resolve()}; name the folder that `freehold serve` uses with "
            "--home or FREEHOLD_HOME"
        )
    names = [name for name in writers(home) if writer in (None, name)]
    if writer is not None and not names:
        raise NotFound(f"the ledger in {home} has no log {writer}")
    keys = LedgerKeys(home)
    found = [_checkpoint(home, name, keys) for name in names]
    return [one for one in found if one is not None]


def _told(key: LedgerKey, base: str, *, by_former: bool) -> dict[str, Any]:
    return {
        "n": key.n,
        "from": key.since,
        "fingerprint": key.fingerprint,
        "public": key.public,
        "vkey": str(key.verifier(base)),
        "endorsed": by_former,
    }


def _checkpoint(home: Path, writer: str, keys: LedgerKeys) -> dict[str, Any] | None:
    folder = ledger_folder(home) / writer
    try:
        note = CheckpointFiles(folder).newest()
        if note is None:
            return None  # of format 1, or nothing was signed yet
        said = Checkpoint.parse(note.text)
        signed = notes.verify(note, keys.vkeys(keys.origin(writer)))
        signed_ns = (folder / "checkpoint").stat().st_mtime_ns
    except (NoteError, OSError) as error:
        raise StorageError(f"the checkpoint of {writer} is no checkpoint: {error}") from error
    return {
        "writer": writer,
        "origin": said.origin,
        "size": said.size,
        "root": said.root.hex(),
        "at": rfc3339(signed_ns),
        "keys": _numbers(keys, signed),
        "note": str(note),
        "cosigned": _cosigned(folder),
    }


def _numbers(keys: LedgerKeys, signed: tuple[Verified, ...]) -> list[int]:
    publics = {one.key.public for one in signed}
    return [key.n for key in keys.history() if key.public_bytes in publics]


def _cosigned(folder: Path) -> dict[str, Any] | None:
    """The newest checkpoint that somebody cosigned. Whether the cosignatures are theirs is for the
    verifier, who is told their keys.
    """
    try:
        note = notes.read((folder / COSIGNED).read_text(encoding="utf-8"))
        said = Checkpoint.parse(note.text)
    except (OSError, UnicodeDecodeError, NoteError):
        return None
    return {"size": said.size, "root": said.root.hex(), "by": _cosigners(note, said.origin)}


def _cosigners(note: Note, origin: str) -> list[dict[str, str]]:
    return [
        {
            "name": one.name,
            "at": rfc3339(int.from_bytes(one.value[:_TIME_BYTES]) * 1_000_000_000),
        }
        for one in note.signatures
        if one.name != origin and len(one.value) == _COSIGNATURE_BYTES
    ]
