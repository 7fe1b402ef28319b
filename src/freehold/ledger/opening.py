"""What a process finds that opens a writer's folder: a log that it may go on with, or none.

A log is gone on with only if its lines are what its newest signed checkpoint says. What is behind
that checkpoint was written by a process that died before it could sign, and is taken as it is. A
log that is not continued stays as it is, for evidence.
"""

import contextlib
import os
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from freehold.core.errors import StorageError
from freehold.ledger import tree
from freehold.ledger.checkpoint_files import CheckpointFiles
from freehold.ledger.checkpoints import Checkpoint
from freehold.ledger.envelope import COUNTED, FIRST_VERSION, around
from freehold.ledger.files import repair, replace_file, segment_numbers, segment_path
from freehold.ledger.log_state import LogState, fits, read_state, sizes_before
from freehold.ledger.notes import NoteError, VerifierKey
from freehold.ledger.reading import Entry, Place, read
from freehold.ledger.tree import Frontier, leaf_hash
from freehold.ledger.tree_files import TreeFiles, tile_reader

_END_BYTES = 4096
RETIRED = "retired"
ADOPTED = "ledger.adopted"
ROLLED_BACK = "ledger.rolled_back"


class Retired(Struct, frozen=True):
    """A log that is not continued: the event that tells of it, and what was found."""

    kind: str
    details: dict[str, Any]

    @property
    def routine(self) -> bool:
        """Whether nothing is wrong with it: it is only of an older format."""
        return self.kind == ADOPTED


class Standing(Struct, kw_only=True):
    """A log that is gone on with, as it stands behind its last line.

    Attributes:
        files: open, with all of ``frontier`` written.
        cut: how it stood where its last segment begins.
        torn: how many bytes that were no record were moved away from its end.
    """

    frontier: Frontier
    files: TreeFiles
    tenants: dict[str, int]
    counted: dict[str, int]
    segment: int
    cut: LogState
    torn: int
    signed: Checkpoint | None


class _Differs(Exception):
    """The log is not what it should be: what was found, for the event."""


class _Walk:
    """Goes over a log's lines from a state on."""

    def __init__(self, writer: str, state: LogState, signed: Checkpoint | None) -> None:
        self.writer = writer
        self.start = state
        self.signed = signed
        self.frontier = state.tree()
        self.tenants = dict(state.tenants)
        self.counted = dict(state.counted)
        self.leaves = bytearray()
        self.cut = state
        self._segment = state.segment
        self._check_root()

    def add(self, entry: Entry) -> None:
        """The next line."""
        while entry.segment > self._segment:
            self._segment += 1
            self._cut()
        self._count(entry)
        leaf = leaf_hash(entry.line)
        self.leaves += leaf
        self.frontier.append(leaf)
        self._check_root()

    def end(self) -> None:
        """No more lines."""
        if self.signed is not None and self.frontier.size < self.signed.size:
            raise _Differs(f"{self.frontier.size} lines where {self.signed.size} were signed for")

    def cuts_to(self, folder: Path, segment: int) -> None:
        """Segments that hold no line yet begin here, too."""
        while self._segment < segment:
            self._segment += 1
            self._cut()
        self.cut = msgspec.structs.replace(self.cut, before=sizes_before(folder, self._segment))

    def _cut(self) -> None:
        self.cut = msgspec.structs.replace(
            self.start,
            segment=self._segment,
            size=self.frontier.size,
            frontier=list(self.frontier.hashes),
            tenants=dict(self.tenants),
            counted=dict(self.counted),
        )

    def _count(self, entry: Entry) -> None:
        said = around(entry.line)
        number = self.frontier.size + 1
        if said is None:
            return  # damaged; its place in the sequence is known, and readers report it
        if (said.seq, said.writer) != (number, self.writer) or said.version == FIRST_VERSION:
            raise _Differs(
                f"line {number} calls itself line {said.seq} of {said.writer}, "
                f"format {said.version}"
            )
        self.tenants[said.tenant] = max(said.tenant_seq, self.tenants.get(said.tenant, 0))
        if said.type == COUNTED:
            self.counted[said.tenant] = said.tenant_seq

    def _check_root(self) -> None:
        signed = self.signed
        if signed is None or self.frontier.size != signed.size:
            return
        if self.frontier.root() != signed.root:
            raise _Differs(f"the first {signed.size} lines are not those that were signed for")


def examine(folder: Path, origin: str, keys: tuple[VerifierKey, ...]) -> Standing | Retired:
    """Repair the end of a log and see whether it may be gone on with. The folder's lock is held.

    Raises:
        StorageError: the folder can't be read or repaired.
        OSError: likewise.
    """
    numbers = segment_numbers(folder)
    torn = repair(segment_path(folder, numbers[-1])) if numbers else 0
    if is_format_1(folder):
        return _adopted(folder)
    state = read_state(folder, origin, keys)
    signed = None
    try:
        signed = _furthest(CheckpointFiles(folder).signed(keys, origin), state)
        walk = _walked_from(folder, state, signed) or _walked(
            folder, LogState(origin=origin), signed
        )
    except (_Differs, NoteError) as difference:
        return Retired(ROLLED_BACK, _found(folder, str(difference), signed))
    last = numbers[-1] if numbers else 0
    walk.cuts_to(folder, last)
    return Standing(
        frontier=walk.frontier,
        files=_tree_files(folder, walk),
        tenants=walk.tenants,
        counted=walk.counted,
        segment=last,
        cut=walk.cut,
        torn=torn,
        signed=signed,
    )


def is_format_1(folder: Path) -> bool:
    """Whether the first line that says so is of format 1.

    Raises:
        StorageError: the log can't be read.
    """
    for entry in read(folder.parent.parent, folder.name):
        said = around(entry.line)
        if said is not None:
            return said.version == FIRST_VERSION
    return False


def is_settled(folder: Path) -> bool:
    """Whether the last line is the one up to which the newest checkpoint goes: a look at the end of
    the log, no proof of the rest.
    """
    numbers = segment_numbers(folder)
    try:
        note = CheckpointFiles(folder).newest()
        if note is None or not numbers:
            return note is None and not numbers
        with segment_path(folder, numbers[-1]).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _END_BYTES))
            *_, last, rest = [b"", *file.read().split(b"\n")]
        said = around(last)
        return not rest and said is not None and said.seq == Checkpoint.parse(note.text).size
    except (OSError, NoteError, StorageError):
        return False


def is_retired(folder: Path) -> bool:
    """Whether somebody has told already that this log is not continued."""
    return (folder / RETIRED).exists()


def retire(folder: Path, retired: Retired, teller: str, at: str) -> None:
    """Remember that the event has been written, and in whose log.

    Raises:
        OSError: it can't be written.
    """
    said = {"at": at, "kind": retired.kind, "told_by": teller}
    replace_file(folder / RETIRED, msgspec.json.encode(said, order="sorted") + b"\n")


def _furthest(signed: Checkpoint | None, state: LogState | None) -> Checkpoint | None:
    """What was signed for; a state is written after a checkpoint that goes as far, so one that
    goes further has outlived it.
    """
    if state is None or (signed is not None and signed.size >= state.size):
        return signed
    return Checkpoint(state.origin, state.size, state.tree().root())


def _walked_from(folder: Path, state: LogState | None, signed: Checkpoint | None) -> _Walk | None:
    """Over the newest segment only, if segments and tree before it are those of the state."""
    if state is None or not fits(folder, state):
        return None
    with contextlib.suppress(OSError, ValueError, _Differs):
        if tree.frontier(tile_reader(folder), state.size).hashes == state.frontier:
            return _walked(folder, state, signed)
    return None


def _walked(folder: Path, state: LogState, signed: Checkpoint | None) -> _Walk:
    walk = _Walk(folder.name, state, signed)
    home = folder.parent.parent
    for entry in read(home, folder.name, Place(state.segment, 0)):
        walk.add(entry)
    walk.end()
    return walk


def _tree_files(folder: Path, walk: _Walk) -> TreeFiles:
    files = TreeFiles(folder, walk.start.size)
    try:
        files.append(bytes(walk.leaves))
    except OSError:
        files.close()
        raise
    return files


def _adopted(folder: Path) -> Retired:
    """What anchors a log of format 1: how many lines it has, and the root over them."""
    frontier = Frontier()
    for entry in read(folder.parent.parent, folder.name):
        frontier.append(leaf_hash(entry.line))
    return Retired(
        ADOPTED,
        {"writer": folder.name, "lines": frontier.size, "root": frontier.root().hex()},
    )


def _found(folder: Path, why: str, signed: Checkpoint | None) -> dict[str, Any]:
    details: dict[str, Any] = {
        "writer": folder.name,
        "found": why,
        "bytes": {
            path.name: path.stat().st_size
            for path in (segment_path(folder, n) for n in segment_numbers(folder))
        },
    }
    if signed is not None:
        details |= {"signed_size": signed.size, "signed_root": signed.root.hex()}
    return details
