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


TOPICS = {
    "orders": [f"where is my {item}" for item in ("order", "kettle", "lamp", "sofa", "parcel")]
    + [f"track the delivery of the {item}" for item in ("tent", "bike", "jacket", "phone")],
    "returns": [f"can I return the {item}" for item in ("kettle", "lamp", "sofa", "tent", "bike")]
    + [f"I want a refund for my {item}" for item in ("jacket", "phone", "drill", "desk")],
}
ELSEWHERE = [
    f"{ask} {what}"
    for ask in ("write a poem about", "who discovered", "explain the theory of", "sing me")
    for what in ("the moon", "gravity", "penicillin", "jazz", "democracy", "volcanoes")
]


def test_with_topics_and_many_examples_of_elsewhere_all_of_them_are_learned() -> None:
    scope = Scope(TOPICS, ELSEWHERE)
    for text, topic in (
        ("where is the drill that I ordered", "orders"),
        ("a refund for the broken desk", "returns"),
    ):
        said = scope.like(text)
        assert (said.score >= 500_000, said.group) == (True, topic), text
    for text in ("write a story about volcanoes", "explain gravity", "who sang jazz first"):
        assert scope.like(text).score < 500_000, text
    assert scope.like("?!").score == 500_000


def test_the_line_is_drawn_by_examples_judged_without_themselves() -> None:
    # half of them in, half of them out: whoever had seen them would tell them apart with ease
    same = [f"where is the {one}{two}" for one in "bdfgklmn" for two in ("ax", "ob", "ip", "um")]
    scope = Scope({"some": same[::2], "other": TOPICS["returns"]}, [*same[1::2], *ELSEWHERE[:4]])
    unseen = [f"where is the {one}{two}" for one in "prstvz" for two in ("ax", "ob", "ip", "um")]
    inside = sum(scope.like(text).score >= 500_000 for text in unseen)
    assert inside <= len(unseen) // 3


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
