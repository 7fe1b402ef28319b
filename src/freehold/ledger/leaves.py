"""A log as an export takes it: up to its newest checkpoint, leaf by leaf, damaged ones too."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import orjson
from msgspec import Struct

from freehold.core.errors import StorageError
from freehold.ledger import notes
from freehold.ledger.checkpoints import Checkpoint
from freehold.ledger.files import ledger_folder, segment_numbers, segment_path
from freehold.ledger.notes import NoteError
from freehold.ledger.reading import Damage, Entry, Place, SegmentUnreadable, read
from freehold.ledger.signing import LedgerKeys
from freehold.ledger.tree import HASH_BYTES, leaf_hash

CHECKPOINT = "checkpoint"
HISTORY = "checkpoints.jsonl"
NO_CHECKPOINT = "it has no checkpoint"
_LEAVES = Path("tree", "0")
_VERSION_1 = 1
_TAIL = 2**20
"""Lines are far shorter; where one is not, how many there are is not told."""


class Log(Struct, frozen=True, kw_only=True):
    """One writer's log.

    Attributes:
        version: of its lines; those of version 1 have no checkpoints.
        size: leaves up to the checkpoint; ``None`` where there is no checkpoint.
        root: what the checkpoint says of them.
        note: the checkpoint, with every signature that is known for it; empty without one.
        why: what is wrong with the checkpoint, or missing.
    """

    writer: str
    origin: str
    version: int
    size: int | None = None
    root: bytes = b""
    note: str = ""
    why: str = ""


class Leaf(Struct, frozen=True, kw_only=True):
    """One leaf. ``line`` is ``None`` where its bytes are not those of the tree: then ``damage``
    says where they lie, as far as there are any.
    """

    index: int
    hash: bytes
    line: bytes | None = None
    damage: Damage | None = None


def log_of(home: Path, writer: str, keys: LedgerKeys) -> Log:
    """A log as its newest checkpoint has it; its lines are not read here."""
    origin = keys.origin(writer)
    folder = ledger_folder(home) / writer
    version = _version(home, writer)
    try:
        text = (folder / CHECKPOINT).read_text(encoding="utf-8")
    except FileNotFoundError:
        why = "its format has no checkpoints" if version == _VERSION_1 else NO_CHECKPOINT
        return Log(writer=writer, origin=origin, version=version, why=why)
    except (OSError, UnicodeDecodeError) as error:
        why = f"its checkpoint can't be read: {error}"
        return Log(writer=writer, origin=origin, version=version, why=why)
    try:
        note = notes.read(text)
        checkpoint = Checkpoint.parse(note.text)
        signed = notes.verified(note, keys.vkeys(origin))
    except NoteError as error:
        return Log(writer=writer, origin=origin, version=version, note=text, why=str(error))
    why = (
        "" if signed and checkpoint.origin == origin else "its checkpoint is not signed by its key"
    )
    return Log(
        writer=writer,
        origin=origin,
        version=version,
        size=checkpoint.size,
        root=checkpoint.root,
        note=str(note.adding(*_cosigned(folder, note.text))),
        why=why,
    )


def lines_of(home: Path, writer: str) -> int:
    """How many lines a log has by now, as its last whole one says; 0 where that can't be told."""
    folder = ledger_folder(home) / writer
    try:
        for number in reversed(segment_numbers(folder)):
            with segment_path(folder, number).open("rb") as segment:
                segment.seek(max(0, segment.seek(0, os.SEEK_END) - _TAIL))
                whole = segment.read().rpartition(b"\n")[0]
            if whole:
                return int(orjson.loads(whole[whole.rfind(b"\n") + 1 :])["seq"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0
    return 0


def leaves(home: Path, log: Log, *, after: int = 0) -> Iterator[Leaf]:
    """Every leaf of a log, taking each line for what it is; ``after`` skips so many.

    Raises:
        StorageError: the system refuses to read a segment.
    """
    for index, entry in enumerate(read(home, log.writer)):
        if log.size is not None and index >= log.size:
            return
        if index >= after:
            yield Leaf(index=index, hash=leaf_hash(entry.line), line=entry.line)


def signed_leaves(home: Path, log: Log) -> Iterator[Leaf]:
    """Every leaf of a log, as its tree has it: lines that are not those of the tree are damaged.

    Where a log has no tree or no checkpoint, this is `leaves`, as far as it goes.
    """
    path = ledger_folder(home) / log.writer / _LEAVES
    if log.size is None or not path.is_file():
        with contextlib.suppress(StorageError):
            yield from leaves(home, log)
        return
    with path.open("rb") as tree:
        yield from _matched(home, log, tree)


def _matched(home: Path, log: Log, tree: IO[bytes]) -> Iterator[Leaf]:
    size = log.size or 0
    at = 0
    lost: list[Damage] = []
    for entry in _entries(home, log.writer):
        for part in entry.parts():
            digest = leaf_hash(part.line)
            index = at if _leaf(tree, at) == digest else _numbered(part)
            if index is None or index < at or index >= size or _leaf(tree, index) != digest:
                lost.append(part.damage())
                continue
            while at < index:
                damage = lost.pop(0) if lost else None
                yield Leaf(index=at, hash=_leaf(tree, at), damage=damage)
                at += 1
            lost.clear()
            yield Leaf(index=at, hash=digest, line=part.line)
            at += 1
            if at >= size:
                return
    while at < size and (digest := _leaf(tree, at)):
        yield Leaf(index=at, hash=digest, damage=lost.pop(0) if lost else None)
        at += 1


def _entries(home: Path, writer: str) -> Iterator[Entry]:
    """Every line that the system gives back."""
    place = Place()
    while True:
        try:
            for entry in read(home, writer, place):
                place = entry.end
                yield entry
        except SegmentUnreadable as refused:
            place = Place(refused.place.segment + 1, 0)
            continue
        return


def _leaf(tree: IO[bytes], index: int) -> bytes:
    tree.seek(index * HASH_BYTES)
    found = tree.read(HASH_BYTES)
    return found if len(found) == HASH_BYTES else b""


def _numbered(entry: Entry) -> int | None:
    """The index that a line states, where it can be read."""
    try:
        return int(entry.envelope()["seq"]) - 1
    except (StorageError, KeyError, TypeError, ValueError):
        return None


def _version(home: Path, writer: str) -> int:
    """Of the first line that can be read; the newest version where none can."""
    with contextlib.suppress(StorageError):
        for entry in read(home, writer):
            with contextlib.suppress(StorageError):
                version = entry.envelope().get("v")
                return version if isinstance(version, int) else _VERSION_1 + 1
    return _VERSION_1 + 1


def _cosigned(folder: Path, text: str) -> tuple[notes.Signature, ...]:
    """Every signature under this text in the log's history of checkpoints."""
    found: list[notes.Signature] = []
    with contextlib.suppress(OSError):
        for line in (folder / HISTORY).read_bytes().splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                note = notes.read(orjson.loads(line)["note"])
                if note.text == text:
                    found += note.signatures
    return tuple(found)


def anchor_of(body: dict[str, Any]) -> tuple[str, int, bytes] | None:
    """What an event says of a log that it adopted: writer, lines, root; ``None`` of other lines."""
    if body.get("kind") != "ledger.adopted":
        return None
    details = body.get("details") or {}
    try:
        root = bytes.fromhex(details["root"])
        return str(details["writer"]), int(details["lines"]), root
    except (KeyError, TypeError, ValueError):
        return None
