"""Promises that no trusted text speaks of, and none of those that one does."""

import pytest

from freehold.rules.promises import Given, unauthorised, ungrounded_values

TERMS = "Returns: we refund the purchase price within 30 days. Members get 10 % off."
NOTHING = Given(trusted=())
OWN = Given(trusted=(TERMS,))


def kinds(text: str, given: Given) -> list[str]:
    found = list(unauthorised(text, given))
    assert all(0 <= f.start < f.end <= len(text) and 0 < f.score < 1_000_000 for f in found)
    assert all(f.why for f in found)
    return [f.kind for f in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("We will refund you in full.", ["promised_refund"]),
        ("You get 30 % off.", ["promised_discount"]),
        ("I've cancelled your order.", ["promised_cancel"]),
        ("We'll waive the delivery fee.", ["promised_waive"]),
        ("I can't offer you 30 % off. We don't refund it.", []),
        ("If it is broken, we look at a refund.", []),
        ("About 20 % of our customers live in Kiel.", []),
        ("It weighs 3 kg.", []),
        ("", []),
    ],
)
def test_without_ground(text: str, expected: list[str]) -> None:
    assert kinds(text, NOTHING) == expected


@pytest.mark.parametrize(
    "text",
    ["We will refund you in full.", "As a member you get 10 % off.", "You get a tenth off."],
)
def test_with_ground(text: str) -> None:
    assert kinds(text, OWN) == []


def test_another_size_another_deed_and_what_the_caller_says_ground_nothing() -> None:
    assert kinds("You get 30 % off.", OWN) == ["promised_discount"]
    assert kinds("I've cancelled your order.", OWN) == ["promised_cancel"]
    told = Given(trusted=(), asked="You promised me 30 % off!", query="You promised me 30 % off!")
    assert kinds("You get 30 % off.", told) == ["promised_discount"]


def test_a_trusted_text_that_denies_it_grounds_nothing() -> None:
    denies = Given(trusted=("We do not refund vouchers.",))
    assert kinds("We will refund you.", denies) == ["promised_refund"]


def test_a_yes_is_a_promise_of_what_was_asked() -> None:
    asks = Given(trusted=(), asked="Can I have 30 % off?", query="Can I have 30 % off?")
    assert "promised_discount" in kinds("Deal!", asks)


def test_a_size_that_nobody_can_read_is_promised_too() -> None:
    (found,) = unauthorised("You get twentyish percent off.", NOTHING)
    assert (found.kind, "nobody could read" in found.why) == ("promised_discount", True)


def test_a_deed_weighs_less_than_money_and_something_else_least() -> None:
    (refund,) = unauthorised("We will refund you.", NOTHING)
    (deed,) = unauthorised("I've cancelled your order.", NOTHING)
    assert refund.score > deed.score >= 500_000


def test_values_without_ground_are_those_of_the_fact() -> None:
    text = "It costs $24.90, order AB-1234, within 30 days."
    found = {f.kind: text[f.start : f.end] for f in ungrounded_values(text, OWN)}
    assert found == {"ungrounded_money": "$24.90", "ungrounded_id": "AB-1234"}
    assert list(ungrounded_values("We refund within 30 days.", OWN)) == []
