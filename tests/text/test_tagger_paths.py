"""The best path of labels, against all the paths there are; and only where a label leads."""

from itertools import pairwise, product

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from freehold.text.tagger_paths import Paths

LEAD = st.integers(-50, 50)
COSTS = st.lists(st.integers(0, 50), min_size=4, max_size=4)
LEADS = st.lists(st.tuples(LEAD, LEAD, LEAD), min_size=1, max_size=5)
FAR = -1000


def array(leads: list[tuple[int, ...]]) -> np.ndarray:
    return np.array([(0, *row) for row in leads])


def worth(leads: np.ndarray, costs: list[int], path: tuple[int, ...]) -> int:
    steps = sum(costs[a] + costs[b] for a, b in pairwise((0, *path, 0)) if a != b)
    return int(sum(leads[i, label] for i, label in enumerate(path))) - steps


def found(leads: np.ndarray, costs: list[int]) -> tuple[int, ...]:
    path = [0] * len(leads)
    for first, part in Paths(costs).find(leads, np.ones(len(leads), bool)):
        path[first : first + len(part)] = part
    return tuple(path)


@given(LEADS, COSTS)
def test_no_other_path_is_worth_more(rows: list[tuple[int, ...]], costs: list[int]) -> None:
    leads = array(rows)
    best = worth(leads, costs, tuple(Paths(costs).best(leads.T[1:].tolist(), [1, 2, 3])))
    assert best == max(worth(leads, costs, path) for path in product(range(4), repeat=len(rows)))


@example([(0, 1, 0), (1, 0, 0), (0, 1, 2)], [0, 0, 0, 2], 7)  # the top label can't stand
@example([(0, 2, 0), (1, 0, 0), (46, -2, 0), (0, 2, 0)], [1, 24, 0, 0], 3)  # within another's
@given(LEADS, COSTS, st.integers(1, 7))
def test_labels_that_lead_somewhere_are_all_that_matters(
    rows: list[tuple[int, ...]], costs: list[int], kind: int
) -> None:
    """One label, two, three: each has its own way to be decoded."""
    leads = array(
        [tuple(lead if kind >> i & 1 else FAR for i, lead in enumerate(row)) for row in rows]
    )
    if {*leads.argmax(1)} - {0} == {i + 1 for i in range(3) if kind >> i & 1} and (
        leads.argmax(1).all()
    ):
        wanted = Paths(costs).best(leads.T[1:].tolist(), [1, 2, 3])
        assert worth(leads, costs, found(leads, costs)) == worth(leads, costs, tuple(wanted))


@given(LEADS, COSTS)
def test_nothing_is_named_where_nothing_leads(
    rows: list[tuple[int, ...]], costs: list[int]
) -> None:
    quiet: list[tuple[int, ...]] = [(-1, -1, -1)] * 4
    leads = array(quiet + rows + quiet)
    path = found(leads, costs)
    assert not any(path[:4])
    assert not any(path[-4:])
    assert Paths(costs).find(leads, np.zeros(len(leads), bool)) == []
