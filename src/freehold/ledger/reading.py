"""Reading segments: whole lines only, from any place, while their writer goes on.

A line that holds no record stands between newlines like any other, so what is behind it can be
read. :meth:`Entry.envelope` says which lines those are.
"""

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from msgspec import Struct

from freehold.core.errors import StorageError
from freehold.ledger.files import (
    LOCK,
    RECORD_BEGINS,
    ledger_folder,
    segment_numbers,
    segment_path,
    writers,
)
from freehold.ledger.locking import FileLock

_CHUNK = 1024 * 1024


class Place(Struct, frozen=True, order=True):
    """A byte position in a writer's segments."""

    segment: int = 0
    offset: int = 0


class Damage(Struct, frozen=True, kw_only=True):
    """Bytes of a segment that are no record any more; ``length`` counts no newline."""

    writer: str
    segment: int
    offset: int
    length: int

    def __str__(self) -> str:
        return f"{self.writer} segment {self.segment} at byte {self.offset}"


class SegmentUnreadable(StorageError):
    """The system refuses to read a segment from ``place`` on.

    ``lost`` says that the disk itself does, so that trying again is in vain.
    """

    def __init__(self, message: str, place: "Place", *, lost: bool) -> None:
        super().__init__(message)
        self.place = place
        self.lost = lost


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

    def parts(self) -> "list[Entry]":
        """The line's records one by one, where the newline between them was damaged; most often
        the line itself.
        """
        ending = b'"writer":"%b"}' % self.writer.encode()
        parts: list[Entry] = []
        begin = 0
        while (found := self.line.find(ending, begin)) >= 0:
            end = found + len(ending)
            if not self.line.startswith(RECORD_BEGINS, end + 1):
                break
            parts.append(self._part(begin, end))
            begin = end + 1
        return [*parts, self._part(begin, len(self.line))]

    def _part(self, begin: int, end: int) -> "Entry":
        return Entry(
            writer=self.writer,
            segment=self.segment,
            offset=self.offset + begin,
            line=self.line[begin:end],
        )

    def damage(self) -> Damage:
        """This line, as one that can't be read."""
        return Damage(
            writer=self.writer, segment=self.segment, offset=self.offset, length=len(self.line)
        )

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

    A last line without its newline is being written, or torn: it is left for a later reading,
    unless there is a later segment, since nobody will end it then.

    Raises:
        SegmentUnreadable: the system refuses; what was read before has been given.
    """
    folder = ledger_folder(home) / writer
    place = after or Place()
    numbers = [number for number in segment_numbers(folder) if number >= place.segment]
    for number in numbers:
        offset = place.offset if number == place.segment else 0
        ended = number != numbers[-1]
        yield from _lines(segment_path(folder, number), writer, number, offset, ended=ended)


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


def _lines(path: Path, writer: str, number: int, offset: int, *, ended: bool) -> Iterator[Entry]:
    rest = b""
    for chunk in _chunks(path, number, offset):
        block = rest + chunk
        begin = 0
        while (end := block.find(b"\n", begin)) >= 0:
            yield Entry(writer=writer, segment=number, offset=offset, line=block[begin:end])
            offset += end + 1 - begin
            begin = end + 1
        rest = block[begin:]
    if rest and ended:
        yield Entry(writer=writer, segment=number, offset=offset, line=rest)


def _chunks(path: Path, number: int, offset: int) -> Iterator[bytes]:
    done = offset
    try:
        with path.open("rb") as file:
            file.seek(offset)
            while chunk := file.read(_CHUNK):
                yield chunk
                done += len(chunk)
    except OSError as error:
        raise SegmentUnreadable(
            f"{path} can't be read from byte {done} on: {error.strerror or error}",
            Place(number, done),
            lost=error.errno == errno.EIO,
        ) from error
