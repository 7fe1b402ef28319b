"""Propensities sum to one million, and a seed always draws the same."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.decisions import MILLION
from freehold.stages.routing.learned import draw, shares

FINITE = st.floats(-1e9, 1e9)
ARMS = st.lists(st.tuples(FINITE, st.floats(0, 1e9)), min_size=1, max_size=60)


@given(ARMS, st.integers(0, MILLION))
def test_they_sum_to_one_million_and_keep_to_the_floor(arms, floor) -> None:
    scores, doubts = zip(*arms, strict=True)
    found = shares(scores, doubts, floor)
    assert sum(found) == MILLION
    assert min(found) >= floor // len(arms)
    assert found[scores.index(max(scores))] == max(found)


def test_without_doubt_the_best_has_all_but_the_floors() -> None:
    assert shares((1, 3, 2), (0, 0, 0), 30_000) == (10_000, 980_000, 10_000)
    assert shares((1,), (0,), 0) == (MILLION,)
    assert shares((), (), 0) == ()


def test_doubt_gives_the_probability_of_being_better() -> None:
    low, high = shares((0.0, 1.0), (0.0, 1.0), 0)
    assert low == pytest.approx(MILLION * 0.5 * math.erfc(1 / math.sqrt(2)), abs=2)
    assert low + high == MILLION
    assert shares((1.0, 1.0), (0.1, 0.1), 0) == (500_000, 500_000)


@given(ARMS, st.integers(0, MILLION), st.binary(max_size=40))
def test_a_seed_draws_the_same_and_never_what_has_no_share(arms, floor, seed) -> None:
    found = shares(*zip(*arms, strict=True), floor)
    place = draw(found, seed)
    assert found[place] > 0
    assert draw(found, seed) == place


def test_draws_come_as_often_as_their_shares() -> None:
    found = (100_000, 0, 650_000, 250_000)
    counted = Counter(draw(found, str(number).encode()) for number in range(20_000))
    assert [counted[place] / 20_000 for place in range(4)] == pytest.approx(
        [0.1, 0, 0.65, 0.25], abs=0.015
    )


@pytest.mark.parametrize("found", [(), (1,), (MILLION + 1, -1), (500_000, 500_001)])
def test_what_does_not_sum_to_one_million_is_refused(found) -> None:
    with pytest.raises(ValueError):
        draw(found, b"")
