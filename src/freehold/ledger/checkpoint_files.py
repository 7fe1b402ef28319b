"""The signed checkpoints of one log on the disk: the newest, and a history of some.

``checkpoint`` is replaced at every signing. ``checkpoints.jsonl`` has a line for at most one a
minute, for each that was the last before a close or a change of keys, and for each that somebody
else cosigned.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from freehold.core.errors import StorageError
from freehold.ledger import notes
from freehold.ledger.canonical import encode
from freehold.ledger.checkpoints import Checkpoint
from freehold.ledger.files import replace_file
from freehold.ledger.notes import Note, NoteError, VerifierKey

CHECKPOINT = "checkpoint"
HISTORY = "checkpoints.jsonl"
_TAIL_BYTES = 64 * 1024
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)


class Remembered(Struct, frozen=True):
    """A line of the history: when it was written (RFC 3339), and the signed note."""

    at: str
    note: str


_line = msgspec.json.Decoder(Remembered)


class CheckpointFiles:
    """Those of the log in a writer's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def newest(self) -> Note | None:
        """The newest checkpoint as it was signed; nothing is verified.

        Raises:
            StorageError: it can't be read.
            NoteError: it is no note.
        """
        path = self._folder / CHECKPOINT
        try:
            text = path.read_bytes().decode()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"the checkpoint {path} can't be read: {error}") from error
        except UnicodeDecodeError as error:
            raise NoteError(f"the checkpoint {path} is no text") from error
        return notes.read(text)

    def put(self, note: str) -> None:
        """Replace the newest one.

        Raises:
            OSError: it can't be written; the one before still stands.
        """
        replace_file(self._folder / CHECKPOINT, note.encode(), sync_name=False)

    def remember(self, at: str, note: str) -> None:
        """Add one to the history.

        Raises:
            OSError: it can't be written.
        """
        line = encode({"at": at, "note": note}) + b"\n"
        path = self._folder / HISTORY
        descriptor = os.open(path, _FLAGS, 0o600)
        try:
            if _unended(path):
                line = b"\n" + line
            os.write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def history(self, *, last_bytes: int = 0) -> Iterator[Remembered]:
        """The history, oldest first; a line that is none is passed over.

        Args:
            last_bytes: read only so much of its end; 0: all of it.

        Raises:
            StorageError: it can't be read.
        """
        path = self._folder / HISTORY
        try:
            with path.open("rb") as file:
                if last_bytes and file.seek(0, os.SEEK_END) > last_bytes:
                    file.seek(-last_bytes, os.SEEK_END)
                    file.readline()
                else:
                    file.seek(0)
                for line in file:
                    try:
                        yield _line.decode(line)
                    except msgspec.MsgspecError:
                        continue
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageError(f"the checkpoints {path} can't be read: {error}") from error

    def signed(self, keys: Iterable[VerifierKey], origin: str) -> Checkpoint | None:
        """The furthest that any of the checkpoints here goes that one of these keys signed.

        Raises:
            StorageError: they can't be read.
            NoteError: the newest one is not signed by any of them, or is no checkpoint.
        """
        keys = tuple(keys)
        newest = self.newest()
        found = [
            checkpoint
            for one in self.history(last_bytes=_TAIL_BYTES)
            if (checkpoint := _verified(one.note, keys, origin)) is not None
        ]
        if newest is not None:
            checkpoint = _verified(str(newest), keys, origin)
            if checkpoint is None:
                raise NoteError("the newest checkpoint is not signed by a key of this ledger")
            found.append(checkpoint)
        return max(found, key=lambda one: one.size, default=None)


def _verified(text: str, keys: tuple[VerifierKey, ...], origin: str) -> Checkpoint | None:
    try:
        note = notes.read(text)
        checkpoint = Checkpoint.parse(note.text)
        if checkpoint.origin == origin and notes.verify(note, keys):
            return checkpoint
    except NoteError:
        return None
    return None


def _unended(path: Path) -> bool:
    """Whether a line was begun and never ended, by a process that died."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
