"""What a log and a witness say to each other: c2sp.org/tlog-witness, without the HTTP."""

import base64
import binascii
from collections.abc import Sequence

from msgspec import Struct

from freehold.ledger import notes
from freehold.ledger.checkpoints import Checkpoint
from freehold.ledger.notes import Note, NoteError
from freehold.ledger.tree import HASH_BYTES, roots_of

MOST_PROOF_LINES = 63
MOST_BYTES = 64 * 1024
SIZE_TYPE = "text/x.tlog.size"
PLAIN_TYPE = "text/plain; charset=utf-8"
_OLD = "old "
_MOST_DIGITS = 19


class Submission(Struct, frozen=True):
    """The body of ``add-checkpoint``: the size known before, the proof from it, the checkpoint."""

    old: int
    proof: tuple[bytes, ...]
    note: Note
    checkpoint: Checkpoint

    @classmethod
    def parse(cls, body: bytes) -> "Submission":
        """Of a request's body.

        Raises:
            NoteError: it is none.
        """
        try:
            head, empty, note = body.decode().partition("\n\n")
        except UnicodeDecodeError as error:
            raise NoteError("a checkpoint's submission is UTF-8") from error
        first, *lines = head.split("\n")
        if not empty or not first.startswith(_OLD):
            raise NoteError("a submission is an old size, a proof, an empty line and a checkpoint")
        if len(lines) > MOST_PROOF_LINES:
            raise NoteError(f"a proof has {MOST_PROOF_LINES} hashes at most")
        read = notes.read(note)
        old = size_of(first.removeprefix(_OLD))
        return cls(old, tuple(map(_hash, lines)), read, Checkpoint.parse(read.text))


def submission(old: int, proof: Sequence[bytes], note: str) -> bytes:
    """The body of ``add-checkpoint``."""
    lines = "".join(f"{base64.b64encode(one).decode()}\n" for one in proof)
    return f"{_OLD}{old}\n{lines}\n{note}".encode()


def size_of(text: str) -> int:
    """A tree's size in the one spelling that it has.

    Raises:
        NoteError: it is none.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise NoteError(f"this is no size of a tree: {text[:40]!r}")
    if text != str(int(text)):
        raise NoteError(f"a size has no leading zeros: {text!r}")
    return int(text)


def other_prefix(old: int, old_root: bytes, new: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether a proof that leads to ``root`` shows that the tree's first ``old`` leaves are others
    than those under ``old_root``: then nobody but the log's own key holder can have made both.

    Of an ``old`` that is a power of two a proof does not hold the old root, so it shows nothing.
    """
    if not 0 < old < new or not old & (old - 1):
        return False
    roots = roots_of(old, new, proof)
    return roots is not None and roots[1] == root and roots[0] != old_root


def _hash(line: str) -> bytes:
    try:
        data = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError("a line of a proof is a hash in base64") from error
    if len(data) != HASH_BYTES or base64.b64encode(data).decode() != line:
        raise NoteError("a line of a proof is a hash of 32 bytes in base64")
    return data
