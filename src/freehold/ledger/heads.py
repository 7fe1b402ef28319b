"""Logs of a home as whoever mirrors them sees them: newest checkpoints, and proofs from tiles."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from freehold.core.errors import StorageError
from freehold.core.mirrors import Head
from freehold.ledger import notes
from freehold.ledger.checkpoint_files import CHECKPOINT, CheckpointFiles
from freehold.ledger.checkpoints import Checkpoint
from freehold.ledger.files import (
    ledger_folder,
    replace_file,
    segment_numbers,
    segment_path,
    writers,
)
from freehold.ledger.notes import Note, NoteError, VerifierKey
from freehold.ledger.signing import LedgerKeys
from freehold.ledger.tree import consistency_proof, tree_root, verify_consistency
from freehold.ledger.tree_files import tile_reader

COSIGNED = "cosigned"
_CHUNK = 1024 * 1024
_Stamp = tuple[int, int, int]


class WriterLog:
    """One writer's log: a `freehold.core.mirrors.LogView`. Nothing of it is kept but its head.

    Args:
        changed_ns: when the checkpoint file was last written.
    """

    def __init__(self, folder: Path, head: Head, keys: LedgerKeys, changed_ns: int = 0) -> None:
        self._folder = folder
        self._keys = keys
        self._head = head
        self._tile = tile_reader(folder)
        self.changed_ns = changed_ns

    @property
    def head(self) -> Head:
        """Its newest checkpoint when this was made."""
        return self._head

    def proof(self, old: int) -> tuple[bytes, ...]:
        """That the first ``old`` lines are those of then. It is verified here first, so that a
        witness which refuses it does not refuse a slip of this machine's disk.

        Raises:
            StorageError: the tree can't be read, or does not fit its own checkpoint.
        """
        head = self._head
        try:
            proof = consistency_proof(self._tile, old, head.size)
            root = tree_root(self._tile, old)
        except (ValueError, OSError) as error:
            raise StorageError(f"the tree in {self._folder} can't be read: {error}") from error
        if not verify_consistency(old, root, head.size, head.root, proof):
            raise StorageError(f"the tree in {self._folder} does not fit its own checkpoint")
        return tuple(proof)

    def root(self, size: int) -> bytes:
        """The root over the first ``size`` lines.

        Raises:
            StorageError: the tree can't be read.
        """
        try:
            return tree_root(self._tile, size)
        except (ValueError, OSError) as error:
            raise StorageError(f"the tree in {self._folder} can't be read: {error}") from error

    def lines(self) -> int:
        """How many whole lines the segments hold; reads them all.

        Raises:
            StorageError: they can't be read.
        """
        count = 0
        try:
            for number in segment_numbers(self._folder):
                with segment_path(self._folder, number).open("rb") as file:
                    while chunk := file.read(_CHUNK):
                        count += chunk.count(b"\n")
        except OSError as error:
            raise StorageError(f"{self._folder} can't be read: {error}") from error
        return count

    def own(self, note: str) -> Head | None:
        """What a note says, if it is a checkpoint of this log that a key of this home signed."""
        return signed_head(note, self._keys.vkeys(self._head.origin))

    def keep(self, note: str, signatures: str, at: str) -> None:
        """Keep the cosignatures of a head beside it: in ``cosigned``, and in the history.

        Raises:
            StorageError: they can't be written.
        """
        path = self._folder / COSIGNED
        text, more = notes.read(note), _signatures(signatures)
        with contextlib.suppress(OSError, NoteError, UnicodeDecodeError):
            before = notes.read(path.read_text(encoding="utf-8"))
            if before.text == text.text:
                text = before
        whole = str(_without_same_keys(text, more).adding(*more))
        try:
            replace_file(path, whole.encode())
            CheckpointFiles(self._folder).remember(at, whole)
        except OSError as error:
            raise StorageError(f"{path} can't be written: {error}") from error

    def cosigned(self) -> str:
        """The head's note, with the cosignatures of witnesses where there are any."""
        path = self._folder / COSIGNED
        with contextlib.suppress(OSError, NoteError, UnicodeDecodeError):
            note = path.read_text(encoding="utf-8")
            if notes.read(note).text == notes.read(self._head.note).text:
                return note
        return self._head.note


class Heads:
    """The logs of a home, looked at again and again; unchanged files are not read twice."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._keys = LedgerKeys(home)
        self._seen: dict[str, tuple[_Stamp, WriterLog]] = {}
        self.unreadable: dict[str, str] = {}
        """Writers whose checkpoint is no checkpoint, and why."""

    def look(self) -> list[WriterLog]:
        """Every writer's log that has a checkpoint, by the writer's name.

        Raises:
            StorageError: the ledger's folder can't be read.
        """
        try:
            names = writers(self._home)
        except OSError as error:
            raise StorageError(f"the ledger can't be read: {error}") from error
        self._seen = {name: seen for name, seen in self._seen.items() if name in names}
        self.unreadable = {}
        for name in names:
            self._look_at(name)
        return [log for _, (_, log) in sorted(self._seen.items())]

    def _look_at(self, name: str) -> None:
        folder = ledger_folder(self._home) / name
        path = folder / CHECKPOINT
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if name in self._seen and self._seen[name][0] == stamp:
                return
            head = head_of(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            self._seen.pop(name, None)
            return
        except (OSError, NoteError, UnicodeDecodeError) as error:
            self._seen.pop(name, None)
            self.unreadable[name] = str(error)
            return
        self._seen[name] = (stamp, WriterLog(folder, head, self._keys, status.st_mtime_ns))


def head_of(note: str) -> Head:
    """What a note says; no signature is verified.

    Raises:
        NoteError: it is no checkpoint.
    """
    said = Checkpoint.parse(notes.read(note).text)
    return Head(origin=said.origin, size=said.size, root=said.root, note=note)


def signed_head(note: str, keys: Sequence[VerifierKey]) -> Head | None:
    """What a note says, if one of these keys signed it and the key's name is the log's."""
    try:
        head = head_of(note)
        names = notes.verified(notes.read(note), keys)
    except NoteError:
        return None
    return head if head.origin in names else None


def _signatures(lines: str) -> tuple[notes.Signature, ...]:
    return notes.read("-\n\n" + lines).signatures


def _without_same_keys(note: Note, more: Sequence[notes.Signature]) -> Note:
    """A witness that signs again has a newer time: its older signature goes."""
    again = {(one.name, one.key_id) for one in more}
    kept = tuple(one for one in note.signatures if (one.name, one.key_id) not in again)
    return Note(note.text, kept)
