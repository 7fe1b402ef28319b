"""Files in a folder, or in a zip that is never unpacked."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from freehold.ledger.verifying.basics import (
    LINE_LIMIT,
    NOTE_LIMIT,
    ZIP_ENTRIES,
    ZIP_RATIO,
    ZIP_SMALL,
    Malformed,
    Unreadable,
)

_CHUNK = 4 * 1024 * 1024
_ENDLESS = 1 << 62


class Files:
    """Where files are read from: a folder, or a zip that is never unpacked."""

    odd: Sequence[str] = ()

    def names(self, below: str = "") -> list[str]:
        """Names of files and folders directly in a folder, sorted; none where there is none."""
        raise NotImplementedError

    def all_names(self) -> list[str]:
        """Every file below, as ``a/b``, sorted."""
        raise NotImplementedError

    def size(self, name: str) -> int | None:
        """Bytes of a file; ``None`` where there is none."""
        raise NotImplementedError

    def open(self, name: str) -> BinaryIO:
        """The file, which must be there."""
        raise NotImplementedError


class Folder(Files):
    """Files below a folder. Links are not followed, and only plain files are read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self, below: str = "") -> list[str]:
        folder = self.path / below
        try:
            return sorted(one.name for one in folder.iterdir()) if folder.is_dir() else []
        except OSError as error:
            raise Malformed(f"{below or folder} can't be listed: {error.strerror}") from error

    def all_names(self) -> list[str]:
        found: list[str] = []
        waiting = [""]
        while waiting:
            below = waiting.pop()
            for name in self.names(below):
                inner = f"{below}/{name}" if below else name
                if (self.path / inner).is_dir() and not (self.path / inner).is_symlink():
                    waiting.append(inner)
                else:
                    found.append(inner)
            if len(found) > ZIP_ENTRIES:
                raise Unreadable(f"{self.path} holds too many files")
        return sorted(found)

    def size(self, name: str) -> int | None:
        path, mode = self.path, 0
        try:
            for part in name.split("/"):
                path = path / part
                mode = path.lstat().st_mode
                if stat.S_ISLNK(mode):
                    raise Malformed(f"{name} is a link, and links are not followed")
            if not stat.S_ISREG(mode):
                raise Malformed(f"{name} is no plain file")
            return path.stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise Malformed(f"{name} can't be read: {error}") from error

    def open(self, name: str) -> BinaryIO:
        if self.size(name) is None:
            raise Malformed(f"{name} is not there")
        return (self.path / name).open("rb")


_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    struct.error,
    LookupError,
)


class Zip(Files):
    """An archive that is never unpacked: its entries are read where they are."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
            entries = self._zip.infolist()
        except (*_ZIP_ERRORS, OSError) as error:
            raise Unreadable(f"{path} is no zip that can be read: {error}") from error
        total = sum(entry.file_size for entry in entries)
        if len(entries) > ZIP_ENTRIES:
            raise Unreadable(f"{path} has {len(entries):,} entries, which no archive has")
        if total > max(ZIP_SMALL, ZIP_RATIO * path.stat().st_size):
            raise Unreadable(f"{path} would unpack to {total:,} bytes, which no archive does")
        self._entries = {entry.filename: entry for entry in entries if not entry.is_dir()}
        self.odd = _odd_entries(entries)

    def all_names(self) -> list[str]:
        return sorted(self._entries)

    def names(self, below: str = "") -> list[str]:
        start = f"{below}/" if below else ""
        inner = (name[len(start) :] for name in self._entries if name.startswith(start))
        return sorted({name.split("/")[0] for name in inner})

    def size(self, name: str) -> int | None:
        entry = self._entries.get(name)
        return None if entry is None else entry.file_size

    def open(self, name: str) -> BinaryIO:
        if name not in self._entries:
            raise Malformed(f"{name} is not there")
        try:
            return self._zip.open(self._entries[name])  # type: ignore[return-value]
        except (*_ZIP_ERRORS, OSError) as error:
            raise Malformed(f"{name} can't be unpacked: {error}") from error


def _odd_entries(entries: Iterable[zipfile.ZipInfo]) -> list[str]:
    """Names that no archive of ours has: twice the same, outside, links, encrypted."""
    seen: set[str] = set()
    odd = []
    for entry in entries:
        name = entry.filename
        parts = name.rstrip("/").split("/")
        bad = name in seen or "\\" in name or ":" in name or not name.isprintable()
        bad = bad or any(part in ("", ".", "..") for part in parts)
        if bad or entry.flag_bits & 1 or stat.S_ISLNK(entry.external_attr >> 16):
            odd.append(name)
        seen.add(name)
    return odd


def chunks(files: Files, name: str, size: int | None = None) -> Iterator[bytes]:
    """A file piece by piece, or so many bytes of it.

    Raises:
        Malformed: it is not there, or can't be read.
    """
    try:
        with files.open(name) as file:
            left = _ENDLESS if size is None else size
            while left and (chunk := file.read(min(_CHUNK, left))):
                yield chunk
                left -= len(chunk)
    except (*_ZIP_ERRORS, OSError) as error:
        raise Malformed(f"{name} can't be read: {error}") from error


def small(files: Files, name: str, limit: int = NOTE_LIMIT) -> bytes | None:
    """A small file as a whole; ``None`` where there is none.

    Raises:
        Malformed: it is larger than such a file is, or can't be read.
    """
    size = files.size(name)
    if size is None:
        return None
    if size > limit:
        raise Malformed(f"{name} is larger than such a file can be")
    return b"".join(chunks(files, name))


def lines_of(files: Files, name: str, size: int | None = None) -> Iterator[tuple[int, bytes, bool]]:
    """Each line with its place in bytes; the last one says whether its newline is there.

    Args:
        size: read so many bytes only, since somebody may be writing faster than we read.

    Raises:
        Malformed: the file can't be read, or a line is longer than any.
    """
    at, rest = 0, b""
    for chunk in chunks(files, name, size):
        found = (rest + chunk).split(b"\n")
        rest = found.pop()
        for line in found:
            yield at, line, True
            at += len(line) + 1
        if len(rest) > LINE_LIMIT:
            raise Malformed(f"{name} has a line from byte {at} on that is longer than any line")
    if rest:
        yield at, rest, False
