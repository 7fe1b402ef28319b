"""Amounts of money as people write them."""

import pytest

from freehold.core.facts import TextFact
from freehold.text.facts import extract


def amounts(text: str, language: str = "en") -> list[TextFact]:
    return [fact for fact in extract(text, language) if fact.kind == "money"]


@pytest.mark.parametrize(
    ("text", "value", "currency"),
    [
        ("$1,299.99", 129_999, "USD"),
        ("It costs $1,299.99.", 129_999, "USD"),
        ("€1.299,99", 129_999, "EUR"),
        ("1.299,99 €", 129_999, "EUR"),
        ("1 299,99 €", 129_999, "EUR"),
        ("1\u202f299,99\u00a0€", 129_999, "EUR"),
        ("USD 20", 2000, "USD"),
        ("20 USD", 2000, "USD"),
        ("$20 USD", 2000, "USD"),
        ("US$20", 2000, "USD"),
        ("20 dollars", 2000, "USD"),
        ("20 US dollars", 2000, "USD"),
        ("20 Canadian dollars", 2000, "CAD"),
        ("£5.50", 550, "GBP"),
        ("5 bucks", 500, "USD"),
        ("twenty dollars", 2000, "USD"),
        ("twenty-five dollars", 2500, "USD"),
        ("one hundred and fifty euros", 15_000, "EUR"),
        ("two thousand five hundred dollars", 250_000, "USD"),
        ("a hundred dollars", 10_000, "USD"),
        ("a dollar", 100, "USD"),
        ("$1.5k", 150_000, "USD"),
        ("$2 million", 200_000_000, "USD"),
        ("2 million dollars", 200_000_000, "USD"),
        ("$1,299", 129_900, "USD"),
        ("$0.125", 13, "USD"),  # rounded up
        ("¥5000", 5000, "JPY"),
        ("¥5,000", 5000, "JPY"),
        ("₩12,000", 12_000, "KRW"),
        ("-$20", -2000, "USD"),
        ("€ 1 299,00", 129_900, "EUR"),
        ("€\u202f1\u202f299", 129_900, "EUR"),
        ("$1 299.00", 129_900, "USD"),
        ("$5 100 times", 500, "USD"),
        ("CHF 12.–", 1200, "CHF"),
        ("CHF 1'299.50", 129_950, "CHF"),
        ("12,- €", 1200, "EUR"),
        ("50 cents", 50, "USD"),
        ("R$ 50", 5000, "BRL"),
        ("Rs. 1,00,000", 10_000_000, "INR"),
        ("＄２０", 2000, "USD"),
        ("20$", 2000, "USD"),
        ("99 zł", 9900, "PLN"),
    ],
)
def test_amounts(text: str, value: int, currency: str) -> None:
    (fact,) = amounts(text)
    assert (fact.value, fact.upper, fact.unit, fact.parsed) == (value, None, currency, True)
    assert text[fact.start : fact.end] == fact.text


@pytest.mark.parametrize(
    ("text", "language", "value", "currency"),
    [
        ("Das kostet 1.299 €.", "de", 129_900, "EUR"),
        ("Das kostet 49,99 Euro.", "de", 4999, "EUR"),
        ("Sie bekommen zwanzig Euro zurück.", "de", 2000, "EUR"),
        ("1,5 Mio. €", "de", 150_000_000, "EUR"),
        ("Cela coûte 12 500,50 €.", "fr", 1_250_050, "EUR"),
        ("vingt-cinq euros", "fr", 2500, "EUR"),
        ("quatre-vingt-dix euros", "fr", 9000, "EUR"),
        ("Cuesta veinte euros.", "es", 2000, "EUR"),
        ("treinta y cinco euros", "es", 3500, "EUR"),
        ("299 kr", "sv", 29_900, "SEK"),
        ("299 kr", "da", 29_900, "DKK"),
    ],
)
def test_other_languages(text: str, language: str, value: int, currency: str) -> None:
    (fact,) = amounts(text, language)
    assert (fact.value, fact.unit, fact.parsed) == (value, currency, True)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("$20-$30", 2000, 3000),
        ("$20-30", 2000, 3000),
        ("$20 – $30", 2000, 3000),
        ("$20 to $30", 2000, 3000),
        ("between $20 and $30", 2000, 3000),
        ("20-30 €", 2000, 3000),
        ("20 to 30 dollars", 2000, 3000),
        ("twenty to thirty dollars", 2000, 3000),
        ("$5-10k", 500_000, 1_000_000),
    ],
)
def test_ranges(text: str, low: int, high: int) -> None:
    (fact,) = amounts(text)
    assert (fact.value, fact.upper) == (low, high)


@pytest.mark.parametrize(
    "text",
    [
        "$1.2.3.4",
        "$1,23,4.5.6",
        "$$$",
        "several hundred dollars",
        "a couple of hundred bucks",
        "hundreds of dollars",
        "a few dollars",
        "x dollars",
        "$x",
        "$XX",
        "[amount] dollars",
        "$[amount]",
        "$1.299",  # a thousand and more, or a dollar and a bit
        "$99999999999999999999",
        "9999999999999999 dollars",
    ],
)
def test_unreadable_amounts_are_reported(text: str) -> None:
    (fact,) = amounts(f"You get {text} back.")
    assert (fact.parsed, fact.value) == (False, 0)


@pytest.mark.parametrize(
    "text",
    [
        "Please try 20 times.",
        "All prices are in dollars.",
        "Use $HOME or ${HOME} in the shell.",
        "Payment by gift_card_1234567 or certificate_8045380.",
        "Flight HAT136 leaves at 06:00 AM.",
        "The card ending in 7447 was used.",
        "My 50 pounds suitcase",
        "Recent percentages at the center",
        "",
    ],
)
def test_what_is_no_amount(text: str) -> None:
    assert amounts(text) == []


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("We'll refund $20.", "refund"),
        ("Refund: $6,594 has been processed.", "refund"),
        ("A refund of $38 per passenger is on its way.", "refund"),
        ("There is a fee of $50.", "fee"),
        ("A $50 cancellation fee applies.", "fee"),
        ("You get $20 off.", "discount"),
        ("Here is a voucher worth $15.", "discount"),
        ("The total is $305.", "price"),
        ("Economy Price: $121", "price"),
        ("It costs $30 per passenger.", "price"),
        ("Gift Card 1: $39", "other"),
        ("The price was $1,499, you save a lot.", "price"),
    ],
)
def test_roles(text: str, role: str) -> None:
    assert amounts(text)[0].role == role


def test_amounts_side_by_side_stay_apart() -> None:
    text = "Gift Card 1: $39, Gift Card 2: $67; that is $725 - $503 = $222, or 20 € or 30 €."
    assert [f.value for f in amounts(text)] == [3900, 6700, 72_500, 50_300, 22_200, 2000, 3000]


def test_an_amount_before_something_else() -> None:
    text = "You get $250 or 10 % and $20 and 3 bags, until $20-2024-05-20."
    assert [f.value for f in amounts(text)] == [25_000, 2000, 2000]


def test_a_range_between_equal_ends_is_one_amount() -> None:
    (fact,) = [f for f in extract("20 - 20 $") if f.kind == "money"]
    assert (fact.value, fact.upper) == (2000, None)
