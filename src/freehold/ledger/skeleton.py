"""A pruned Merkle tree: of some leaves the line, of the others the hashes of the largest whole
subtrees that hold none of those. Both together give the root (RFC 6962, section 2.1).
"""

from collections.abc import Iterator
from typing import NamedTuple

from freehold.ledger.tree import EMPTY_ROOT, node_hash


class Pruned(NamedTuple):
    """A subtree of ``2 ** level`` leaves without a shown one; ``number`` counts such subtrees."""

    level: int
    number: int
    hash: bytes


class _Subtree(NamedTuple):
    level: int
    hash: bytes
    hidden: bool
    """Whether it may still become part of a larger subtree without a shown leaf."""


class Skeleton:
    """Leaves go in from left to right; what is pruned comes out in the same order, as soon as it is
    known to be as large as it gets. Holds one hash for each level.

    Attributes:
        size: how many leaves went in.
    """

    __slots__ = ("_whole", "size")

    def __init__(self) -> None:
        self.size = 0
        self._whole: list[_Subtree] = []

    def add(self, leaf: bytes, *, shown: bool) -> Iterator[Pruned]:
        """Add a leaf's hash, and give what is now pruned for good. Use it up."""
        if shown:
            yield from self._settle()
        level, digest, hidden = 0, leaf, not shown
        whole = self._whole
        index = self.size
        self.size += 1
        while index & 1:
            left = whole.pop()
            if hidden and not left.hidden:
                yield Pruned(level, index, digest)
            digest = node_hash(left.hash, digest)
            hidden = hidden and left.hidden
            level += 1
            index >>= 1
        whole.append(_Subtree(level, digest, hidden))

    def end(self) -> Iterator[Pruned]:
        """What is left, once all leaves are in."""
        return self._settle()

    def root(self) -> bytes:
        """The root over all leaves so far."""
        if not self._whole:
            return EMPTY_ROOT
        *others, last = self._whole
        root = last.hash
        for left in reversed(others):
            root = node_hash(left.hash, root)
        return root

    def _settle(self) -> Iterator[Pruned]:
        """A shown leaf lies in the other half of whatever these subtrees could be part of."""
        begin = 0
        for at, subtree in enumerate(self._whole):
            if subtree.hidden:
                self._whole[at] = subtree._replace(hidden=False)
                yield Pruned(subtree.level, begin >> subtree.level, subtree.hash)
            begin += 1 << subtree.level
