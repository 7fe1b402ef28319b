"""The Merkle tree: the roots and proofs of RFC 6962, for every leaf and every size."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.ledger import tree
from freehold.ledger.tree import Frontier, leaf_hash, node_hash
from freehold.ledger.verifying import Checkpoint, included

# the leaves and roots with which Certificate Transparency's implementations test themselves
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
MANY = 700
_HASHES = [leaf_hash(b"%d" % n) for n in range(MANY)]


def slow_root(hashes: list[bytes]) -> bytes:
    """MTH as RFC 6962, section 2.1 defines it."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return node_hash(slow_root(hashes[:split]), slow_root(hashes[split:]))


class Tiles:
    """The tile files of a tree, in memory."""

    def __init__(self, hashes: list[bytes]) -> None:
        self.levels = [b"".join(hashes)]
        while len(self.levels[-1]) >= tree.TILE_BYTES:
            below = self.levels[-1]
            whole = range(0, len(below) // tree.TILE_BYTES * tree.TILE_BYTES, tree.TILE_BYTES)
            tiles = (below[at : at + tree.TILE_BYTES] for at in whole)
            self.levels.append(b"".join(map(tree.fold_tile, tiles)))

    def __call__(self, level: int, number: int) -> bytes:
        if level >= len(self.levels):
            return b""
        begin = number * tree.TILE_BYTES
        return self.levels[level][begin : begin + tree.TILE_BYTES]


_TILES = Tiles(_HASHES)
_ROOTS = [tree.tree_root(_TILES, size) for size in range(MANY + 1)]


def proved(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """What the verifier says, which shares nothing with the tree."""
    return included(leaf, index, Checkpoint("", size, root), proof)


def test_roots_are_those_of_certificate_transparency() -> None:
    frontier = Frontier()
    assert frontier.root() == hashlib.sha256(b"").digest() == tree.tree_root(Tiles([]), 0)
    for leaf, root in zip(LEAVES, ROOTS, strict=True):
        frontier.append(leaf_hash(leaf))
        assert frontier.root().hex() == root
    tiles = Tiles([leaf_hash(leaf) for leaf in LEAVES])
    assert [tree.tree_root(tiles, size).hex() for size in range(1, 9)] == list(ROOTS)


def test_proofs_are_those_of_certificate_transparency() -> None:
    tiles = Tiles([leaf_hash(leaf) for leaf in LEAVES])
    path = [node.hex() for node in tree.inclusion_proof(tiles, 5, 8)]
    assert path == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    proof = [node.hex() for node in tree.consistency_proof(tiles, 6, 8)]
    assert proof == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_roots_are_what_the_rfc_defines() -> None:
    frontier = Frontier()
    for size in range(1, MANY + 1):
        frontier.append(_HASHES[size - 1])
        assert frontier.root() == _ROOTS[size]
        assert frontier.hashes == tree.frontier(_TILES, size).hashes
        if size < 40 or size % 61 == 0:
            assert frontier.root() == slow_root(_HASHES[:size])


def test_every_leaf_of_every_size_can_be_proved() -> None:
    for size in [*range(1, 66), 255, 256, 257, 511, 512, 513, MANY]:
        root = _ROOTS[size]
        for index in range(size):
            proof = tree.inclusion_proof(_TILES, index, size)
            assert proved(_HASHES[index], index, size, proof, root)


def test_every_size_goes_on_from_every_smaller_one() -> None:
    for new in [*range(66), 255, 256, 257, 511, 512, 513, MANY]:
        for old in range(new + 1):
            proof = tree.consistency_proof(_TILES, old, new)
            assert tree.verify_consistency(old, _ROOTS[old], new, _ROOTS[new], proof)


sizes = st.integers(1, MANY)


@given(sizes, st.data())
def test_a_leaf_is_proved_at_no_other_place_and_no_other_leaf_at_its(
    size: int, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = tree.inclusion_proof(_TILES, index, size)
    root, leaf = _ROOTS[size], _HASHES[index]
    assert proved(leaf, index, size, proof, root)
    assert not proved(leaf, index - size, size, proof, root), "no place counts from the end"
    other = data.draw(st.integers(-1, MANY))
    if other != index:
        assert not proved(leaf, other, size, proof, root)
    assert not proved(leaf_hash(b"x"), index, size, proof, root)
    assert not proved(leaf, index, size, [*proof, root], root)
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        assert not proved(leaf, index, size, proof[:at] + proof[at + 1 :], root)
        wrong = proof[at][:-1] + bytes([proof[at][-1] ^ 1])
        changed = [*proof[:at], wrong, *proof[at + 1 :]]
        assert not proved(leaf, index, size, changed, root)


@given(st.integers(1, MANY), sizes, st.data())
def test_no_other_tree_is_consistent(old: int, new: int, data: st.DataObject) -> None:
    old, new = min(old, new), max(old, new)
    proof = tree.consistency_proof(_TILES, old, new)
    assert tree.verify_consistency(old, _ROOTS[old], new, _ROOTS[new], proof)
    wrong = leaf_hash(b"x")
    assert not tree.verify_consistency(old, wrong, new, _ROOTS[new], proof)
    assert not tree.verify_consistency(old, _ROOTS[old], new, wrong, proof)
    assert not tree.verify_consistency(new + 1, _ROOTS[old], new, _ROOTS[new], proof)
    assert not tree.verify_consistency(old, _ROOTS[old], new, _ROOTS[new], [*proof, wrong])
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        changed = [*proof[:at], wrong, *proof[at + 1 :]]
        assert not tree.verify_consistency(old, _ROOTS[old], new, _ROOTS[new], changed)
        assert not tree.verify_consistency(old, _ROOTS[old], new, _ROOTS[new], proof[:-1])


def test_only_an_empty_root_is_what_nothing_goes_on_from() -> None:
    assert tree.verify_consistency(0, tree.EMPTY_ROOT, 5, _ROOTS[5], [])
    assert not tree.verify_consistency(0, _ROOTS[1], 5, _ROOTS[5], [])
    assert not tree.verify_consistency(0, tree.EMPTY_ROOT, 5, _ROOTS[5], [_ROOTS[1]])


def test_tiles_that_are_too_short_prove_nothing() -> None:
    short = Tiles(_HASHES[:300])
    assert proved(_HASHES[3], 3, 300, tree.inclusion_proof(short, 3, 300), _ROOTS[300])
    with pytest.raises(ValueError, match="tile 1 of level 0"):
        tree.inclusion_proof(short, 3, 301)
    with pytest.raises(ValueError, match="tile 1 of level 0"):
        tree.tree_root(short, 400)
    with pytest.raises(ValueError, match="no leaf 300"):
        tree.inclusion_proof(short, 300, 300)
    with pytest.raises(ValueError, match="none of 301"):
        tree.consistency_proof(short, 301, 300)
    with pytest.raises(ValueError, match="whole subtrees"):
        Frontier(3, [_HASHES[0]])


@given(st.binary(max_size=9000))
def test_a_leaf_hash_is_over_the_whole_line(line: bytes) -> None:
    assert leaf_hash(line) == hashlib.sha256(b"\0" + line).digest()


def test_a_copy_of_a_frontier_grows_apart() -> None:
    frontier = Frontier()
    frontier.append(_HASHES[0])
    other = frontier.copy()
    other.append(_HASHES[1])
    assert (frontier.size, frontier.root()) == (1, _ROOTS[1])
    assert (other.size, other.root()) == (2, _ROOTS[2])
