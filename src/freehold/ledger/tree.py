"""The Merkle tree of RFC 6962 (and RFC 9162, section 2) over a log's lines, in tiles of C2SP.

``node(height, index)`` stands for the hash over the leaves ``[index * 2**height, (index + 1) *
2**height)``. Tile ``n`` of level ``l`` holds up to 256 hashes: those of height ``8 * l`` with the
indices from ``256 * n`` on (c2sp.org/tlog-tiles), each only where all its leaves are there.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

HASH_BYTES = 32
TILE_HASHES = 256
TILE_BYTES = HASH_BYTES * TILE_HASHES
EMPTY_ROOT = hashlib.sha256().digest()
_TILE_HEIGHT = 8
# whole blocks of SHA-256; from 2,048 bytes at once hashlib gives up the interpreter lock, and then
# waits to get it back
_PIECE = 1984

ReadTile = Callable[[int, int], bytes]
"""(level, n) → the hashes of that tile, one after the other, as many as there are."""


def leaf_hash(line: bytes) -> bytes:
    """SHA-256 over a zero byte and the line, which has no newline."""
    if len(line) < _PIECE:
        return hashlib.sha256(b"\0" + line).digest()
    digest = hashlib.sha256(b"\0" + line[: _PIECE - 1])
    for begin in range(_PIECE - 1, len(line), _PIECE):
        digest.update(line[begin : begin + _PIECE])
    return digest.digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256 over a one byte and two hashes of 32 bytes."""
    return hashlib.sha256(b"\1" + left + right).digest()


class Frontier:
    """What is needed of a tree to add to it: the hashes of its whole subtrees.

    Attributes:
        size: how many leaves the tree has.
        hashes: the roots of the whole subtrees, the largest (leftmost) first: one for each bit that
            is set in ``size``.
    """

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self.hashes = list(hashes)
        if len(self.hashes) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has not {len(self.hashes)} whole subtrees")

    def append(self, leaf: bytes) -> None:
        """Add a leaf's hash."""
        size = self.size
        hashes = self.hashes
        self.size = size + 1
        while size & 1:
            leaf = node_hash(hashes.pop(), leaf)
            size >>= 1
        hashes.append(leaf)

    def root(self) -> bytes:
        """The hash over the whole tree."""
        return _folded(self.hashes) if self.hashes else EMPTY_ROOT

    def copy(self) -> "Frontier":
        """One that grows apart from this one."""
        return Frontier(self.size, self.hashes)


def tree_root(read: ReadTile, size: int) -> bytes:
    """The root of the first ``size`` leaves.

    Raises:
        ValueError: a tile holds less than such a tree needs.
    """
    return _range_root(read, 0, size) if size else EMPTY_ROOT


def frontier(read: ReadTile, size: int) -> Frontier:
    """The frontier of the first ``size`` leaves.

    Raises:
        ValueError: a tile holds less than such a tree needs.
    """
    return Frontier(size, [_node(read, height, index) for height, index in _subtrees(0, size)])


def inclusion_proof(read: ReadTile, index: int, size: int) -> list[bytes]:
    """The audit path of a leaf in the tree of ``size`` leaves, from its sibling up (RFC 6962,
    section 2.1.1).

    Raises:
        ValueError: there is no such leaf, or a tile holds less than such a tree needs.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    proof = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            proof.append(_range_root(read, middle, end))
            end = middle
        else:
            proof.append(_range_root(read, begin, middle))
            begin = middle
    proof.reverse()
    return proof


def consistency_proof(read: ReadTile, old: int, new: int) -> list[bytes]:
    """That the first ``old`` leaves are the same in the tree of ``new`` leaves (RFC 6962, section
    2.1.2). Empty where ``old`` is nothing or all.

    Raises:
        ValueError: ``old`` is more than ``new``, or a tile holds less than such a tree needs.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} leaves holds none of {old}")
    if old == 0:
        return []
    proof = []
    begin, end = 0, new
    while end != old:
        middle = begin + _split(end - begin)
        if old <= middle:
            proof.append(_range_root(read, middle, end))
            end = middle
        else:
            proof.append(_range_root(read, begin, middle))
            begin = middle
    if begin:
        proof.append(_range_root(read, begin, end))
    proof.reverse()
    return proof


def verify_consistency(
    old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether the tree of ``new`` leaves goes on where that of ``old`` ended (RFC 9162,
    2.1.4.2).
    """
    if not 0 <= old <= new:
        return False
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    if old == new:
        return not proof and old_root == new_root
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    return roots_of(old, new, path) == (old_root, new_root)


def roots_of(old: int, new: int, path: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """The roots of the first ``old`` and of all ``new`` leaves to which a proof leads; ``None``
    where it has not as many hashes as it needs.

    Args:
        path: the proof; where ``old`` is a power of two, the old root in front of it.
    """
    if not path:
        return None
    place, last = old - 1, new - 1
    while place & 1:
        place >>= 1
        last >>= 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return None
        if place & 1 or place == last:
            first = node_hash(sibling, first)
            second = node_hash(sibling, second)
            while place and not place & 1:
                place >>= 1
                last >>= 1
        else:
            second = node_hash(second, sibling)
        place >>= 1
        last >>= 1
    return (first, second) if last == 0 else None


def fold_tile(hashes: bytes) -> bytes:
    """The root over a power of two of hashes that lie one after the other."""
    level = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
    while len(level) > 1:
        level = [node_hash(level[at], level[at + 1]) for at in range(0, len(level), 2)]
    return level[0]


def _split(size: int) -> int:
    """The largest power of two below ``size``, which is at least 2."""
    return 1 << ((size - 1).bit_length() - 1)


def _subtrees(begin: int, end: int) -> list[tuple[int, int]]:
    """The whole subtrees of ``[begin, end)`` as (height, index), the largest first; ``begin`` is a
    multiple of the largest.
    """
    found = []
    size = end - begin
    for height in reversed(range(size.bit_length())):
        if size >> height & 1:
            found.append((height, begin >> height))
            begin += 1 << height
    return found


def _range_root(read: ReadTile, begin: int, end: int) -> bytes:
    return _folded([_node(read, height, index) for height, index in _subtrees(begin, end)])


def _folded(hashes: Sequence[bytes]) -> bytes:
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def _node(read: ReadTile, height: int, index: int) -> bytes:
    level, rest = divmod(height, _TILE_HEIGHT)
    tile, first = divmod(index << rest, TILE_HASHES)
    begin, end = first * HASH_BYTES, (first + (1 << rest)) * HASH_BYTES
    hashes = read(level, tile)[begin:end]
    if len(hashes) != end - begin:
        raise ValueError(f"tile {tile} of level {level} has no {first + (1 << rest)} hashes")
    return fold_tile(hashes)
