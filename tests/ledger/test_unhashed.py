"""Lines wait for their hashes, in order, and never too many of them."""

from hypothesis import given
from hypothesis import strategies as st

from freehold.ledger.tree import leaf_hash
from freehold.ledger.unhashed import Unhashed


@given(st.lists(st.binary(max_size=40)), st.integers(0, 100))
def test_every_line_becomes_a_leaf_in_its_order(lines: list[bytes], most: int) -> None:
    unhashed = Unhashed(most)
    for line in lines:
        unhashed.add(line)
    assert list(unhashed.leaves()) == [leaf_hash(line) for line in lines]


def test_no_more_than_so_many_bytes_wait() -> None:
    unhashed = Unhashed(100)
    for _ in range(50):
        unhashed.add(b"x" * 30)
        assert sum(map(len, unhashed._lines)) <= 100
