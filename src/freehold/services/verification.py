"""Proofs about the ledger: of single records, and that it only ever grew."""

import base64
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

from freehold.core.errors import NotFound, StorageError
from freehold.ledger import notes, verifying
from freehold.ledger.canonical import encode
from freehold.ledger.checkpointer import KEY_ADOPTED
from freehold.ledger.checkpoints import Checkpoint
from freehold.ledger.envelope import FIRST_VERSION, around
from freehold.ledger.files import ledger_folder, replace_file
from freehold.ledger.notes import Note, NoteError
from freehold.ledger.reading import read_all
from freehold.ledger.signing import HISTORY, LedgerKeys
from freehold.ledger.tree import consistency_proof, inclusion_proof, leaf_hash, tree_root
from freehold.ledger.tree_files import tile_reader
from freehold.ledger.verifying.joined import one_file

VERSION = 1
_ADOPTED = b'"kind":"%b"' % KEY_ADOPTED.encode()


class Kept(Struct, frozen=True):
    """A checkpoint that somebody kept elsewhere.

    Attributes:
        place: the file in which it was.
        note: as it was signed.
    """

    place: str
    note: Note
    checkpoint: Checkpoint


class Proofs:
    """What shows a third party that a record stands in the ledger, without the rest of it.

    Args:
        home: where the ledger lies.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._keys = LedgerKeys(home)

    def of_event(self, event_id: str) -> dict[str, Any]:
        """The proof of the line that an event is; reads the whole ledger.

        Raises:
            NotFound: no such event.
            StorageError: it can't be proven, or the ledger can't be read.
        """
        wanted = b'"id":%b' % encode(event_id)
        for entry in read_all(self._home):
            if wanted in entry.line and entry.envelope()["body"].get("id") == event_id:
                return self.of_lines([entry.line])
        raise NotFound(f"no event {event_id}")

    def of_lines(self, lines: Sequence[bytes]) -> dict[str, Any]:
        """Each line with its proof, as ``verify.py`` reads it.

        Args:
            lines: as they stand in the ledger, without their newlines.

        Raises:
            StorageError: a line can't be proven: no checkpoint signs it yet, it was changed, it is
                of format 1, or the ledger can't be read.
        """
        proofs = [self._proven(line) for line in lines]
        return {
            "format": verifying.PROOF_FORMAT,
            "v": VERSION,
            "base": self._keys.base,
            "keys": self._history(),
            "proofs": proofs,
        } | self._vouched([notes.read(one["proof"].partition("\n\n")[2]) for one in proofs])

    def ours(self, kept: Kept) -> bool:
        """Whether it is of a log of this ledger, be that log there or not."""
        return kept.checkpoint.origin.rpartition("/")[0] == self._keys.base

    def consistency(self, kept: Kept) -> dict[str, Any]:
        """That a log of today goes on where a checkpoint ended that somebody kept.

        Raises:
            NotFound: there is no such log here.
            StorageError: the log has fewer lines, or can't be read.
        """
        state = kept.checkpoint
        base, _, writer = state.origin.rpartition("/")
        if not self.ours(kept) or not (ledger_folder(self._home) / writer).is_dir():
            raise NotFound(
                f"{kept.place} is of the log {state.origin}, and there is none of that name here"
            )
        note, checkpoint = self._newest(writer)
        if checkpoint.size < state.size:
            raise StorageError(
                f"{kept.place} signs {state.size:,} lines, and {writer} has {checkpoint.size:,}: "
                "lines were cut off, or an older copy was put in place"
            )
        tile = tile_reader(ledger_folder(self._home) / writer)
        try:
            hashes = consistency_proof(tile, state.size, checkpoint.size)
        except ValueError as error:
            raise StorageError(f"the tree of {writer} is damaged: {error}") from error
        return {
            "format": verifying.CONSISTENCY_FORMAT,
            "v": VERSION,
            "base": base,
            "keys": self._history(),
            "old": str(kept.note),
            "new": str(note),
            "hashes": [base64.b64encode(one).decode() for one in hashes],
        } | self._vouched([note])

    def _vouched(self, signed: Sequence[Note]) -> dict[str, Any]:
        """Where a log rests on a key before the newest, which is the one that is pinned: a line for
        each such key that vouches for it, with its proof. Reads the whole ledger then.
        """
        newest = self._keys.history()[-1]
        try:
            if all(notes.verify(one, [newest.verifier(_origin(one))]) for one in signed):
                return {}
        except NoteError:
            return {}  # a checkpoint that was changed: whoever verifies is told
        found: dict[str, dict[str, str]] = {}
        for entry in read_all(self._home):
            if _ADOPTED not in entry.line:
                continue
            body = entry.envelope()["body"]
            before = str((body.get("details") or {}).get("before_fingerprint"))
            if body.get("kind") == KEY_ADOPTED and before not in found:
                with suppress(StorageError):  # another log may say the same, and be sound
                    found[before] = self._proven(entry.line)
        return {"vouched": list(found.values())}

    def _proven(self, line: bytes) -> dict[str, str]:
        return {"line": line.decode(), "proof": self._proof(line)}

    def _proof(self, line: bytes) -> str:
        said = around(line)
        if said is None or said.version == FIRST_VERSION:
            raise StorageError("a line of format 1 stands under no checkpoint: nothing proves it")
        note, checkpoint = self._newest(said.writer)
        place = f"line {said.seq} of {said.writer}"
        if said.seq > checkpoint.size:
            raise StorageError(
                f"{place} stands under no checkpoint yet; the next one comes in a second"
            )
        tile = tile_reader(ledger_folder(self._home) / said.writer)
        try:
            if tree_root(tile, checkpoint.size) != checkpoint.root:
                raise StorageError(f"the tree of {said.writer} is not the one that was signed")
            index = said.seq - 1
            hashes = inclusion_proof(tile, index, checkpoint.size)
        except ValueError as error:
            raise StorageError(f"the tree of {said.writer} is damaged: {error}") from error
        proven = verifying.Checkpoint(checkpoint.origin, checkpoint.size, checkpoint.root)
        if not verifying.included(leaf_hash(line), index, proven, hashes):
            raise StorageError(f"{place} is not the line that was signed: it was changed")
        rows = [verifying.PROOF, f"index {index}"]
        rows += [base64.b64encode(one).decode() for one in hashes]
        return "\n".join([*rows, "", str(note)])

    def _newest(self, writer: str) -> tuple[Note, Checkpoint]:
        path = ledger_folder(self._home) / writer / "checkpoint"
        try:
            note = notes.read(path.read_text(encoding="utf-8"))
            return note, Checkpoint.parse(note.text)
        except FileNotFoundError:
            raise StorageError(f"nothing of {writer} was signed yet: there is no {path}") from None
        except (OSError, UnicodeDecodeError, NoteError) as error:
            raise StorageError(f"the checkpoint {path} can't be read: {error}") from error

    def _history(self) -> list[Any]:
        path = self._keys.folder / HISTORY
        try:
            return [verifying.read_json(line) for line in path.read_bytes().splitlines()]
        except (OSError, verifying.Malformed) as error:
            raise StorageError(f"the ledger's keys {path} can't be read: {error}") from error


def _origin(note: Note) -> str:
    return Checkpoint.parse(note.text).origin


def read_kept(path: Path) -> list[Kept]:
    """The largest checkpoint of each log in a file or folder, of equal ones the last; the log that
    comes last in the file is the last.

    Raises:
        Unreadable: it holds no checkpoint.
    """
    found: dict[str, Kept] = {}
    for place, note, said in verifying.read_checkpoints(path):
        before = found.pop(said.origin, None)
        if before is None or said.size >= before.checkpoint.size:
            signatures = tuple(notes.Signature(*one) for one in note.signatures)
            before = Kept(place, Note(note.text, signatures), Checkpoint(*said))
        found[said.origin] = before
    if not found:
        raise verifying.Unreadable(f"{path} holds no checkpoint: it is empty")
    return list(found.values())


def write_verifier(target: Path, *, force: bool = False) -> None:
    """Lay the stand-alone verifier somewhere.

    Raises:
        StorageError: something lies there already (unless ``force``), or it can't be written.
    """
    if target.exists() and not force:
        raise StorageError(f"{target} is there already; --force replaces it")
    try:
        replace_file(target, one_file())
        target.chmod(0o644)
    except OSError as error:
        raise StorageError(f"{target} can't be written: {error}") from error
