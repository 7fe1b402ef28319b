"""Lines that were written and are to become leaves: no request waits for their hashes."""

from collections.abc import Iterable
from itertools import chain

from freehold.ledger.tree import leaf_hash

_MOST_BYTES = 8 * 1024 * 1024


class Unhashed:
    """Keeps lines until somebody asks for their hashes; at most so many bytes of them, whoever
    brings more hashes them at once.
    """

    __slots__ = ("_bytes", "_leaves", "_lines", "_most")

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most = most_bytes
        self._bytes = 0
        self._lines: list[bytes] = []
        self._leaves: list[bytes] = []

    def add(self, line: bytes) -> None:
        """A line without its newline."""
        self._lines.append(line)
        self._bytes += len(line)
        if self._bytes > self._most:
            self._leaves += map(leaf_hash, self._lines)
            self._lines.clear()
            self._bytes = 0

    def leaves(self) -> Iterable[bytes]:
        """The leaf hashes in the order of the lines, each made when it is read."""
        return chain(self._leaves, map(leaf_hash, self._lines))
