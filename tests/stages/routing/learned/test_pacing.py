"""Spending meets the ceiling; the price never falls when the ceiling does."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.stages.routing.learned.pacing import HORIZON, Pacer, Window, frontier
from tests.stages.routing.learned.made import estimate

CHOICES = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=5)
REQUESTS = st.lists(CHOICES, min_size=1, max_size=30)


def spends(requests: list[list[tuple[int, int]]], price: float) -> float:
    """Mean cost of the best choices at a price, the cheaper one where two are alike."""
    best = [max((success - price * cost, -cost) for cost, success in r) for r in requests]
    return -sum(cost for _, cost in best) / len(requests)


@given(REQUESTS, st.integers(0, 10**6))
def test_the_price_keeps_to_the_ceiling_where_that_is_possible(requests, ceiling) -> None:
    window = Window(100)
    for choices in requests:
        window.add(choices)
    window.meet(ceiling)
    least = sum(min(choices)[0] for choices in requests) / len(requests)
    assert spends(requests, window.price) <= max(ceiling, least) + 1e-6


@given(REQUESTS, st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_lower_ceiling_never_has_a_lower_price(requests, one, other) -> None:
    prices = []
    for ceiling in sorted((one, other)):
        window = Window(100)
        for choices in requests:
            window.add(choices)
            window.meet(ceiling)
        prices.append(window.price)
    assert prices[0] >= prices[1]


@given(REQUESTS, st.integers(1, 8), st.integers(0, 10**6))
def test_a_rolling_window_is_as_if_only_its_requests_had_come(requests, size, ceiling) -> None:
    rolling, fresh = Window(size), Window(size)
    for choices in requests:
        rolling.add(choices)
        rolling.meet(ceiling)
    for choices in requests[-size:]:
        fresh.add(choices)
    fresh.meet(ceiling)
    assert rolling.price == pytest.approx(fresh.price, rel=1e-6)


def test_the_frontier_leaves_out_what_is_never_best() -> None:
    base, steps = frontier([(10, 5), (1, 1), (5, 5), (4, 2), (10, 9), (10, 8)])
    assert base == 1
    assert steps == [(1.0, 4), (0.8, 5)]


@pytest.mark.parametrize("ceiling", [250_000, 400_000, 900_000])
def test_spending_meets_the_ceiling_though_costs_are_misjudged(ceiling: int) -> None:
    pacer, rng, spent = Pacer(ceiling), random.Random(4), 0
    for _ in range(4_000):
        cheap = estimate(rng.randrange(500_000, 800_000), 100_000)
        dear = estimate(rng.randrange(600_000, 950_000), 1_000_000)
        price = pacer.price()
        chosen = max((cheap, dear), key=lambda e: e.success - price * e.cost_nano)
        pacer.saw((cheap, dear))
        cost = round(chosen.cost_nano * rng.uniform(0.9, 1.7))
        pacer.spent(cost)
        spent += cost
    assert 0.93 * 4_000 * ceiling < spent <= (4_000 + HORIZON) * ceiling


def test_nothing_is_dear_where_all_is_affordable() -> None:
    pacer = Pacer(10**6)
    for _ in range(50):
        pacer.saw((estimate(500_000, 10), estimate(900_000, 1_000)))
        pacer.spent(1_000)
    assert pacer.price() == 0


@pytest.mark.parametrize(("ceiling", "window"), [(0, 9), (-1, 9), (9, 0)])
def test_no_pacer_without_money_or_memory(ceiling: int, window: int) -> None:
    with pytest.raises(ValueError, match="above zero"):
        Pacer(ceiling, window)
