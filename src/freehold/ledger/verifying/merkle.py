"""Merkle trees, RFC 6962 and 9162."""

from __future__ import annotations

from collections.abc import Sequence

from freehold.ledger.verifying.basics import sha256
from freehold.ledger.verifying.notes import Checkpoint


def leaf_hash(line: bytes) -> bytes:
    """Of a line without its newline."""
    return sha256(b"\x00" + line).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Of two subtrees."""
    return sha256(b"\x01" + left + right).digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Root over leaf hashes, level by level; a last one without a sibling goes up as it is."""
    if not leaves:
        return sha256(b"").digest()
    while len(leaves) > 1:
        row = [
            sha256(b"\x01" + leaves[at] + leaves[at + 1]).digest()
            for at in range(0, len(leaves) - 1, 2)
        ]
        if len(leaves) % 2:
            row.append(leaves[-1])
        leaves = row
    return leaves[0]


class Peaks:
    """The roots of the complete subtrees of what was added so far, the largest first."""

    def __init__(self) -> None:
        self._stack: list[tuple[int, bytes]] = []

    def add(self, level: int, value: bytes) -> None:
        while self._stack and self._stack[-1][0] == level:
            value = node_hash(self._stack.pop()[1], value)
            level += 1
        self._stack.append((level, value))

    def root(self, rest: Sequence[bytes] = ()) -> bytes:
        """With leaf hashes to the right of them, fewer than in the smallest subtree."""
        values = [value for _, value in self._stack]
        if rest or not values:
            values.append(merkle_root(rest))
        total = values.pop()
        while values:
            total = node_hash(values.pop(), total)
        return total


def included(leaf: bytes, index: int, checkpoint: Checkpoint, proof: Sequence[bytes]) -> bool:
    """Whether the leaf stands at `index` of the tree (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < checkpoint.size:
        return False
    at, last, value = index, checkpoint.size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            value = node_hash(sibling, value)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and value == checkpoint.root


def consistent(old: Checkpoint, new: Checkpoint, proof: Sequence[bytes]) -> bool:
    """Whether the old tree is a prefix of the new one (RFC 9162, 2.1.4.2)."""
    if old.size > new.size:
        return False
    if old.size in (0, new.size):
        empty = merkle_root(())
        return not proof and old.root == (new.root if old.size else empty)
    path = list(proof)
    if old.size & (old.size - 1) == 0:
        path.insert(0, old.root)
    if not path:
        return False
    at, last = old.size - 1, new.size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = path[0]
    for value in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = node_hash(value, first), node_hash(value, second)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, value)
        at, last = at >> 1, last >> 1
    return last == 0 and first == old.root and second == new.root
