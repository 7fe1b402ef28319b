"""A share of what is done anyway, and no more."""

from hypothesis import given
from hypothesis import strategies as st

from freehold.core.budget import ShareBudget


def taken(budget, times, now_ns=0):
    return sum(budget.take(now_ns) for _ in range(times))


def test_calls_fill_it_and_it_holds_only_so_much():
    budget = ShareBudget(200_000, most=5, first=0)
    assert taken(budget, 10) == 0
    for _ in range(10):
        budget.saw()
    assert taken(budget, 10) == 2
    for _ in range(1_000):
        budget.saw()
    assert taken(budget, 10) == 5


def test_time_fills_it_where_it_says_so():
    budget = ShareBudget(0, most=5, first=1, per_s=2)
    assert taken(budget, 3) == 1
    assert taken(budget, 3, 500_000_000) == 1
    assert taken(budget, 9, 60_000_000_000) == 5
    assert taken(budget, 9, 1_000_000_000) == 0  # a clock that goes back gives nothing


@given(
    st.lists(st.booleans(), max_size=400),
    st.integers(1, 1_000_000),
    st.integers(1, 20),
)
def test_extras_never_pass_their_share_by_more_than_it_holds(steps, share, most):
    budget = ShareBudget(share, most=most)
    calls = extras = 0
    for call in steps:
        if call:
            budget.saw()
            calls += 1
        else:
            extras += budget.take(0)
        assert extras * 1_000_000 <= calls * share + most * 1_000_000
