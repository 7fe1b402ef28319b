"""Where segments lie, how a torn one is repaired, and how files are made durable."""

import contextlib
import os
import shutil
from pathlib import Path
from typing import BinaryIO

import orjson

from freehold.core.errors import StorageError

LOCK = "lock"
RECORD_BEGINS = b'{"body":'
_DIGITS = 8
_PREFIX = "segment-"
_SUFFIX = ".log"
_LEAST_FREE = 256 * 1024


def ledger_folder(home: Path) -> Path:
    """The folder with one sub-folder for each writer."""
    return home / "ledger"


def segment_path(folder: Path, number: int) -> Path:
    """``segment-00000001.log`` in a writer's folder."""
    return folder / f"{_PREFIX}{number:0{_DIGITS}d}{_SUFFIX}"


def segment_numbers(folder: Path) -> list[int]:
    """Numbers of the segments in a writer's folder, ascending."""
    numbers = []
    for path in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
        digits = path.name[len(_PREFIX) : -len(_SUFFIX)]
        if digits.isascii() and digits.isdigit():
            numbers.append(int(digits))
    return sorted(numbers)


def writers(home: Path) -> list[str]:
    """Ids of everyone who ever wrote to this ledger, sorted."""
    folder = ledger_folder(home)
    if not folder.is_dir():
        return []
    return sorted(p.name for p in folder.iterdir() if p.is_dir() and p.name.startswith("w-"))


def repair(path: Path) -> int:
    """Cut a segment back to its last whole record; the cut-off bytes go to ``….torn``.

    A record is whole when it ends in a newline and parses: after a power cut, a file system may
    leave a tail of zeros. What begins and ends as a record does and can't be read in between was
    one: it stays, for readers to report. Returns how many bytes were moved.

    Raises:
        StorageError: the segment can't be read or cut.
    """
    try:
        data = path.read_bytes()
        end = _whole(data)
        if end == len(data):
            return 0
        with path.with_suffix(_SUFFIX + ".torn").open("ab") as torn:
            torn.write(data[end:])
            torn.flush()
            os.fsync(torn.fileno())
        with path.open("r+b") as segment:
            segment.truncate(end)
            segment.flush()
            os.fsync(segment.fileno())
    except OSError as error:
        raise StorageError(f"{path} has a torn tail that can't be repaired: {error}") from error
    return len(data) - end


def seal_file(file: BinaryIO) -> None:
    """Make an open file's bytes durable, and the file read-only, where the system can.

    Raises:
        OSError: the disk refuses.
    """
    file.flush()
    os.fsync(file.fileno())
    if hasattr(os, "fchmod"):
        os.fchmod(file.fileno(), 0o400)


def no_space(folder: Path) -> str:
    """What to tell where a disk is full, or as good as that; empty where it is not, or where
    nobody knows. What fails on a full disk seldom says so: SQLite speaks of an I/O error.
    """
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return ""
    return f"no space is left on the disk of {folder}: make room" if free < _LEAST_FREE else ""


def sync_folder(folder: Path) -> None:
    """Make a new file's name durable, where the system can (Windows can't and needn't)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: Path, data: bytes, *, sync_name: bool = True) -> None:
    """Write a file whole or not at all, durably; readable by its owner alone.

    Args:
        sync_name: without it, a power cut may bring back what was there before, whole.

    Raises:
        OSError: it can't be written; what was there before still is.
    """
    aside = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise
    if sync_name:
        sync_folder(path.parent)


def _whole(data: bytes) -> int:
    end = data.rfind(b"\n") + 1
    while end:
        start = data.rfind(b"\n", 0, end - 1) + 1
        line = data[start:end]
        if line.startswith(RECORD_BEGINS) and line.endswith(b'"}\n'):
            return end
        try:
            orjson.loads(line)
        except orjson.JSONDecodeError:
            end = start
        else:
            return end
    return 0
