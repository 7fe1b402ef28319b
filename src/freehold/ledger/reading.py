"""Reading segments: whole lines only, from any place, while their writer goes on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from msgspec import Struct

from freehold.core.errors import StorageError
from freehold.ledger.files import LOCK, ledger_folder, segment_numbers, segment_path, writers
from freehold.ledger.locking import FileLock

_CHUNK = 1024 * 1024


class Place(Struct, frozen=True, order=True):
    """A byte position in a writer's segments."""

    segment: int = 0
    offset: int = 0


class Entry(Struct, frozen=True, kw_only=True):
    """One line of a segment, without its newline."""

    writer: str
    segment: int
    offset: int
    line: bytes

    @property
    def end(self) -> Place:
        """Where the next line begins."""
        return Place(self.segment, self.offset + len(self.line) + 1)

    def envelope(self) -> dict[str, Any]:
        """``body``, ``salt``, ``seq``, ``v`` and ``writer``.

        Raises:
            StorageError: the line is not a record.
        """
        try:
            parsed = orjson.loads(self.line)
        except orjson.JSONDecodeError as error:
            raise StorageError(
                f"{self.writer} segment {self.segment} has no record at byte {self.offset}"
            ) from error
        if not isinstance(parsed, dict) or not isinstance(parsed.get("body"), dict):
            raise StorageError(
                f"{self.writer} segment {self.segment}: byte {self.offset} begins no record"
            )
        return parsed


def read(home: Path, writer: str, after: Place | None = None) -> Iterator[Entry]:
    """A writer's records from ``after`` on, in the order in which they were written.

    A last line without its newline is being written, or torn: it is left for a later reading.
    """
    folder = ledger_folder(home) / writer
    place = after or Place()
    for number in segment_numbers(folder):
        if number >= place.segment:
            offset = place.offset if number == place.segment else 0
            yield from _lines(segment_path(folder, number), writer, number, offset)


def read_all(home: Path) -> Iterator[Entry]:
    """Every writer's records, writer by writer."""
    for writer in writers(home):
        yield from read(home, writer)


def read_at(home: Path, writer: str, segment: int, offset: int, length: int) -> Entry:
    """The record at a place that an index remembers; ``length`` counts no newline.

    Raises:
        StorageError: the segment is gone.
    """
    path = segment_path(ledger_folder(home) / writer, segment)
    try:
        with path.open("rb") as file:
            file.seek(offset)
            line = file.read(length)
    except OSError as error:
        raise StorageError(f"{path} can't be read: {error}") from error
    return Entry(writer=writer, segment=segment, offset=offset, line=line)


def lock_of(home: Path, writer: str) -> FileLock:
    """The lock that a living writer holds; whoever gets it knows that the writer is dead."""
    return FileLock(ledger_folder(home) / writer / LOCK)


def _lines(path: Path, writer: str, number: int, offset: int) -> Iterator[Entry]:
    with path.open("rb") as file:
        file.seek(offset)
        rest = b""
        while chunk := file.read(_CHUNK):
            block = rest + chunk
            begin = 0
            while (end := block.find(b"\n", begin)) >= 0:
                yield Entry(writer=writer, segment=number, offset=offset, line=block[begin:end])
                offset += end + 1 - begin
                begin = end + 1
            rest = block[begin:]
