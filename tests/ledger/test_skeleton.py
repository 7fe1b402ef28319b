"""The pruned tree: what is shown and what stands for the rest give the root, and nothing less."""

from hypothesis import given
from hypothesis import strategies as st

from freehold.ledger.skeleton import Pruned, Skeleton
from freehold.ledger.tree import EMPTY_ROOT, Frontier, leaf_hash, node_hash


def folded(shown: list[bool]) -> tuple[Skeleton, list[Pruned], list[bytes]]:
    skeleton, pruned = Skeleton(), []
    leaves = [leaf_hash(b"%d" % number) for number in range(len(shown))]
    for leaf, seen in zip(leaves, shown, strict=True):
        pruned += skeleton.add(leaf, shown=seen)
    return skeleton, [*pruned, *skeleton.end()], leaves


def root_of(size: int, nodes: dict[tuple[int, int], bytes]) -> bytes:
    """The root from what is known, top down, after RFC 6962."""

    def node(begin: int, end: int) -> bytes:
        span = end - begin
        if span & (span - 1) == 0:
            level = span.bit_length() - 1
            known = nodes.get((level, begin >> level))
            if known is not None:
                return known
        assert span > 1, f"leaf {begin} is not there"
        middle = begin + (1 << ((span - 1).bit_length() - 1))
        return node_hash(node(begin, middle), node(middle, end))

    return node(0, size) if size else EMPTY_ROOT


@given(st.lists(st.booleans(), max_size=200))
def test_lines_and_skeleton_give_the_root(shown: list[bool]) -> None:
    skeleton, pruned, leaves = folded(shown)
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    assert skeleton.root() == frontier.root()
    nodes = {(level, number): digest for level, number, digest in pruned}
    nodes |= {(0, at): leaf for at, leaf in enumerate(leaves) if shown[at]}
    assert root_of(len(shown), nodes) == frontier.root()


@given(st.lists(st.booleans(), max_size=200))
def test_what_is_pruned_is_as_large_as_it_gets_and_in_order(shown: list[bool]) -> None:
    _, pruned, leaves = folded(shown)
    begins = [number << level for level, number, _ in pruned]
    assert begins == sorted(begins)
    hidden: set[int] = set()
    for level, number, _ in pruned:
        span = range(number << level, (number + 1) << level)
        assert not hidden & set(span)
        hidden |= set(span)
        above = range((number >> 1) << (level + 1), ((number >> 1) + 1) << (level + 1))
        assert any(at >= len(leaves) or shown[at] for at in above)
    assert hidden == {at for at, seen in enumerate(shown) if not seen}


def test_one_shown_leaf_among_many_leaves_a_hash_a_level() -> None:
    _, pruned, _ = folded([at == 700 for at in range(1024)])
    assert len(pruned) == 10
