"""Where a writer's log stood when its newest segment began, signed: so that opening reads one
segment, not all.

It is a shortcut and nothing else. What it says follows from the segments before, and it is made
again from them where it is absent, wrong or signed by nobody here.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Struct

from freehold.ledger import notes
from freehold.ledger.canonical import encode
from freehold.ledger.files import replace_file, segment_numbers, segment_path
from freehold.ledger.notes import NoteError, Signer, VerifierKey
from freehold.ledger.tree import Frontier

STATE = "state"
_FIRST_LINE = "freehold ledger state"


class LogState(Struct, frozen=True, kw_only=True):
    """Everything about the lines before a segment that is needed to go on behind them.

    Attributes:
        origin: the log's name.
        segment: the number of the segment that begins here.
        before: the sizes in bytes of the segments before it, from number 1 on.
        size: how many lines these hold.
        frontier: the roots of the whole subtrees over them, the largest first.
        tenants: each tenant's last ``tenant_seq``.
        counted: of the tenants that have one, that of their last ``counted`` line.
    """

    origin: str
    segment: int = 1
    before: list[int] = []
    size: int = 0
    frontier: list[bytes] = []
    tenants: dict[str, int] = {}
    counted: dict[str, int] = {}

    def tree(self) -> Frontier:
        """The frontier, to go on with.

        Raises:
            ValueError: it is not one of a tree of this size.
        """
        return Frontier(self.size, self.frontier)


_decoder = msgspec.json.Decoder(LogState)


def write_state(folder: Path, state: LogState, signer: Signer) -> None:
    """Replace the file.

    Raises:
        OSError: it can't be written; the one before still stands.
    """
    note = notes.sign(f"{_FIRST_LINE}\n{encode(state).decode()}\n", signer)
    replace_file(folder / STATE, note.encode())


def read_state(folder: Path, origin: str, keys: Iterable[VerifierKey]) -> LogState | None:
    """The state, if it is signed by one of these keys and is of this log; else none."""
    try:
        note = notes.read((folder / STATE).read_bytes().decode())
        first, _, rest = note.text.partition("\n")
        if first != _FIRST_LINE or not notes.verify(note, keys):
            return None
        state = _decoder.decode(rest)
        state.tree()
    except (OSError, ValueError, NoteError, msgspec.MsgspecError):
        return None
    return state if state.origin == origin else None


def fits(folder: Path, state: LogState) -> bool:
    """Whether the segments before the state have their sizes, and its own is there."""
    try:
        whole = sizes_before(folder, state.segment) == state.before
    except OSError:
        return False
    return whole and state.segment in segment_numbers(folder)


def sizes_before(folder: Path, segment: int) -> list[int]:
    """The sizes in bytes of the segments from number 1 up to this one, without it.

    Raises:
        OSError: one is not there.
    """
    return [segment_path(folder, number).stat().st_size for number in range(1, segment)]
