"""When an answer is right, and what its probability says of that."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from freehold.learning.trainers.causal_measure import Judged, calibrate, doubts, right
from freehold.text.local.causal import chance


@pytest.mark.parametrize(
    ("said", "wanted", "good"),
    [
        ("Yes, within 30 days.", "yes within 30 days", True),
        ("Yes, within 14 days.", "Yes, within 30 days.", False),
        ("Yes, within 30 days, or 60.", "Yes, within 30 days.", False),
        ("No.", "Yes, within days.", False),
        ("Да, в течение 30 дней", "Да, в течение 30 дней.", True),
        ("🦙", "🦙", True),
        ("", "Yes.", False),
    ],
)
def test_right_has_the_numbers_and_nearly_the_words(said: str, wanted: str, good: bool) -> None:
    assert right(said, wanted, 0.8) is good


def test_the_chance_rises_and_never_more_than_the_examples_show() -> None:
    asked = [(0.2, False)] * 6 + [(0.5, True), (0.5, False)] + [(0.9, True)] * 18
    steps = calibrate(asked)
    assert chance(steps, 0.1) == chance(steps, 0.2) == 125_000  # 0 of 6: 1/8
    assert chance(steps, 0.5) == 500_000
    assert chance(steps, 0.95) == 950_000  # 18 of 18: 19/20
    assert calibrate([]) == []


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=40))
def test_steps_rise(asked: list[tuple[float, bool]]) -> None:
    steps = calibrate(asked)
    assert steps == sorted(steps)
    assert [share for _, share in steps] == sorted(share for _, share in steps)
    assert all(0 < share < 1_000_000 for _, share in steps)


def test_one_that_would_never_answer_says_so() -> None:
    never = Judged(accuracy=0.4, coverage=0.0, precision=0.0, steps=[], asked=9)
    (told,) = doubts(never, 0.9)
    assert told.startswith("of 9 held-out questions it is sure enough of none (`precision: 0.9`)")
    assert doubts(replace(never, coverage=0.1), 0.9) == []
    assert doubts(replace(never, asked=0), 0.9) == [], "nobody asked"
