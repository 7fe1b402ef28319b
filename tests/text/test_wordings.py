"""Wordings that a stranger tried and that were missed or misread, each with an honest neighbour."""

import pytest

from freehold.text.facts import extract


def told(text: str) -> list[tuple[str, str, str]]:
    return [(f.kind, f.role, f.polarity) for f in extract(text)]


@pytest.mark.parametrize(
    "text",
    [
        "%30 off",
        "You get %30 off today",
        "30 \u2105 off",
        "30 0/0 off",
        "I've marked it down by 30%",
        "I can bring it down 30%",
        "It is 30% lower",
        "That's the price minus 30%",
        "30% for you!",
        "Sure, 30% it is.",
        "I'd be a fool not to give you 30 % off",
        "I can't do 40 % off in store, only online you get it",
    ],
)
def test_a_discount(text: str) -> None:
    assert told(text) == [("percent", "discount", "affirmed")]


@pytest.mark.parametrize(
    "text",
    [
        "a%20%20b and x=%30",
        "Sales were 30% lower",
        "Sales dropped by 30%",
        "Sales are down 30%",
        "The battery is at 30% for you",
        "Unfortunately 25 % off is more than I can do",
        "25 % is more than we can offer",
        "I can't do 40 % off, only in store",
        "I'd be a fool to refuse, but I can't give you 30 % off",
    ],
)
def test_no_discount(text: str) -> None:
    assert ("percent", "discount", "affirmed") not in told(text)


@pytest.mark.parametrize(
    "text",
    [
        "Refund issued \u2705",
        "I can promise a refund",
        "I promise you a full refund",
        "Nat\u00fcrlich \u00fcberweisen wir Ihnen den Betrag",
        "Das Geld ist zu Ihnen unterwegs",
    ],
)
def test_a_refund(text: str) -> None:
    assert told(text) == [("commitment", "refund", "affirmed")]


@pytest.mark.parametrize(
    "text",
    [
        "I can't promise a refund",
        "We promise fast delivery of your refund policy",
        "Das Paket ist unterwegs zu Ihnen",
        "I can't offer you 30 % off, and we don't refund it.",
        "Leider \u00fcberweisen wir Ihnen den Betrag nicht",
    ],
)
def test_no_refund(text: str) -> None:
    assert ("commitment", "refund", "affirmed") not in told(text)


def test_a_number_in_digits_and_in_words() -> None:
    (fact,) = extract("14 (fourteen) business days")
    assert (fact.value, fact.unit) == (14 * 86_400, "business_day")
