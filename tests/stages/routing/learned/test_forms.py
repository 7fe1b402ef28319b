"""How a text is put together, in numbers."""

import numpy as np
import pytest

from freehold.stages.routing.learned.forms import layout, prose

ODD = [
    "",
    " ",
    "\ud800",
    "9" * 5_000,
    "1,," * 900,
    "字" * 500,
    "a",
    "A. 1\nB. 2",
    "?" * 900,
    "½ 1/2",
]


@pytest.mark.parametrize("text", ODD)
def test_every_text_has_as_many_finite_numbers(text: str) -> None:
    for form in (prose, layout):
        found = form(text)
        assert len(found) == len(form("A cup costs $3. How much do 4 cups cost?"))
        assert np.isfinite(found).all()


def test_steps_of_a_sum_are_counted() -> None:
    short = prose("A cup costs $3. How much do 4 cups cost?")
    long = prose(
        "A cup costs $3, and a pot costs twice as much as 2 cups. If Ann buys 4 cups each week, and"
        " half of the pots that remain, how much does she spend in 6 weeks?"
    )
    assert sum(b > a for a, b in zip(short, long, strict=True)) > len(short) / 3
    assert sum(b < a for a, b in zip(short, long, strict=True)) < len(short) / 4


def test_choices_are_seen() -> None:
    question = "Which is the capital of France?"
    plain, offered = layout(question), layout(f"{question}\nA. Paris\nB. 12\nC. Rome\nD. 7")
    assert plain[6:11] == [0, 0, 0, 0, 0]
    assert all(value > 0 for value in offered[6:11])
