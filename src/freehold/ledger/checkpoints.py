"""What a log states about itself: so many lines, with this root (c2sp.org/tlog-checkpoint)."""

import base64
import binascii

from msgspec import Struct

from freehold.ledger.notes import NoteError
from freehold.ledger.tree import HASH_BYTES

_MOST_DIGITS = 19


class Checkpoint(Struct, frozen=True):
    """The text of a checkpoint's note.

    Attributes:
        origin: the log's name, which is also its key's.
        size: how many lines the log has.
        root: of the tree over them.
        more: lines behind these three, which Freehold's own logs never have.
    """

    origin: str
    size: int
    root: bytes
    more: tuple[str, ...] = ()

    def text(self) -> str:
        """As it is signed."""
        root = base64.b64encode(self.root).decode()
        return "".join(f"{line}\n" for line in (self.origin, self.size, root, *self.more))

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Of a note's text.

        Raises:
            NoteError: it is no checkpoint.
        """
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() or not all(lines):
            raise NoteError("a checkpoint has three lines at least, none of them empty")
        origin, size, encoded, *more = lines
        try:
            root = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError) as error:
            raise NoteError("a checkpoint's third line is a hash in base64") from error
        if not (size.isascii() and size.isdigit() and len(size) <= _MOST_DIGITS):
            raise NoteError("a checkpoint's second line is the size of a tree")
        made = cls(origin, int(size), root, tuple(more))
        if len(root) != HASH_BYTES or made.text() != text:
            raise NoteError("a checkpoint is written in one way only")
        return made
