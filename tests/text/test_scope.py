"""What an app is for, from its examples."""

import pytest

from freehold.text.scope import Scope

INSIDE = [
    "where is my order", "my parcel has not arrived yet", "can I return the kettle",
    "I want a refund for my toaster", "what is your return policy", "cancel my order please",
    "do you have the jacket in blue", "the blender I bought is broken", "track my delivery",
    "how much is shipping to France", "is the lamp in stock", "change my delivery address",
]  # fmt: skip
OUTSIDE = ["write me a poem", "what is the capital of Peru", "explain quantum physics"]


def test_what_is_like_the_examples_is_in_and_else_out() -> None:
    scope = Scope({"": INSIDE}, OUTSIDE)
    for text in ("where is the toaster that I ordered", "can I get a refund for the jacket"):
        assert scope.like(text).score >= 500_000, text
    for text in (
        "explain the theory of physics to me",
        "write me a poem about the capital of Peru",
    ):
        assert scope.like(text).score < 500_000, text


def test_groups_say_which_one() -> None:
    scope = Scope({"returns": INSIDE[2:5], "orders": [*INSIDE[:2], *INSIDE[5:]]})
    assert scope.like("can I return this kettle").group == "returns"


def test_a_long_question_is_judged_by_its_two_ends() -> None:
    scope = Scope({"": INSIDE}, OUTSIDE)
    filler = "x y z " * 500
    assert scope.like(f"where is my order {filler} track my delivery").score >= 0


def test_nothing_to_go_by_is_neither() -> None:
    assert Scope({"": INSIDE}).like("?!").score == 500_000


def test_too_few_or_empty_examples_are_refused() -> None:
    with pytest.raises(ValueError, match="needs 5 examples, there are 2"):
        Scope({"": INSIDE[:2]})
    with pytest.raises(ValueError, match="no word"):
        Scope({"": [*INSIDE, "..."]})
