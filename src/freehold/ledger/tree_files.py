"""The tree over a writer's lines, on the disk: ``tree/0``, ``tree/1`` and so on.

``tree/0`` has the leaf hashes, one after the other; ``tree/L+1`` has one hash for each whole run of
256 in ``tree/L``. Bytes ``[N * 8192, (N + 1) * 8192)`` of file L are tile N of level L
(c2sp.org/tlog-tiles). A file may hold more than the newest checkpoint covers; that counts for
nothing.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from freehold.ledger import tree
from freehold.ledger.flush import sync_file
from freehold.ledger.tree import HASH_BYTES, TILE_BYTES, TILE_HASHES, ReadTile

TREE = "tree"
_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def tile_reader(folder: Path) -> ReadTile:
    """Reads tiles of the log in a writer's folder; what is not there is empty."""

    def read(level: int, number: int) -> bytes:
        try:
            with (folder / TREE / str(level)).open("rb") as file:
                file.seek(number * TILE_BYTES)
                return file.read(TILE_BYTES)
        except FileNotFoundError:
            return b""

    return read


class TreeFiles:
    """Adds to the tree files of one writer. Not for two threads at once.

    Args:
        folder: the writer's.
        size: how many leaves of the files stand; what is behind them is cut off.

    Raises:
        ValueError: the files hold less.
        OSError: they can't be read or written.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self._folder = folder / TREE
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._files: list[int] = []
        self._sizes: list[int] = []
        # of each level, the hashes of the tile that is not whole yet
        self._partial: list[bytes] = []
        self._unsynced = False
        try:
            self._open_levels(size)
        except BaseException:
            self.close()
            raise

    @property
    def size(self) -> int:
        """How many leaves are written."""
        return self._sizes[0]

    def append(self, leaves: bytes) -> None:
        """Write further leaf hashes, one after the other, and the hashes over whole tiles.

        Raises:
            OSError: not all could be written; the same may be tried again.
        """
        level, hashes = 0, leaves
        writes: list[tuple[int, bytes, bytes]] = []
        while hashes:
            self._reach(level)
            together = self._partial[level] + hashes
            whole = len(together) // TILE_BYTES * TILE_BYTES
            writes.append((level, hashes, together[whole:]))
            hashes = b"".join(
                tree.fold_tile(together[at : at + TILE_BYTES]) for at in range(0, whole, TILE_BYTES)
            )
            level += 1
        for at, data, _ in writes:
            _write_at(self._files[at], data, self._sizes[at] * HASH_BYTES)
        for at, data, partial in writes:
            self._sizes[at] += len(data) // HASH_BYTES
            self._partial[at] = partial
        self._unsynced = self._unsynced or bool(writes)

    def sync(self) -> None:
        """Bring what was written to the disk.

        Raises:
            OSError: the disk refused.
        """
        if self._unsynced:
            for file in self._files:
                sync_file(file)
            self._unsynced = False

    def close(self) -> None:
        """Close the files; twice does no harm."""
        files, self._files = self._files, []
        for file in files:
            os.close(file)

    def _open_levels(self, size: int) -> None:
        level = 0
        while level == 0 or size:
            self._reach(level)
            if os.fstat(self._files[level]).st_size < size * HASH_BYTES:
                raise ValueError(f"{self._folder / str(level)} holds less than {size} hashes")
            os.ftruncate(self._files[level], size * HASH_BYTES)
            begin = size // TILE_HASHES * TILE_BYTES
            self._partial[level] = _read_at(self._files[level], begin, size * HASH_BYTES - begin)
            self._sizes[level] = size
            size //= TILE_HASHES
            level += 1
        for path in self._levels_from(level):
            path.unlink()

    def _levels_from(self, first: int) -> Iterable[Path]:
        level = first
        while (path := self._folder / str(level)).exists():
            yield path
            level += 1

    def _reach(self, level: int) -> None:
        if level == len(self._files):
            self._files.append(os.open(self._folder / str(level), _FLAGS, 0o600))
            self._sizes.append(0)
            self._partial.append(b"")


def _write_at(file: int, data: bytes, offset: int) -> None:
    os.lseek(file, offset, os.SEEK_SET)
    while data:
        data = data[os.write(file, data) :]


def _read_at(file: int, offset: int, length: int) -> bytes:
    os.lseek(file, offset, os.SEEK_SET)
    found = b""
    while len(found) < length and (more := os.read(file, length - len(found))):
        found += more
    return found
