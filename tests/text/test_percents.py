"""Percentages as people write them, and what they are for."""

import pytest

from freehold.core.facts import TextFact
from freehold.text.facts import extract


def percents(text: str, language: str = "en") -> list[TextFact]:
    return [fact for fact in extract(text, language) if fact.kind == "percent"]


@pytest.mark.parametrize(
    ("text", "value", "upper"),
    [
        ("You get 30% off.", 3000, None),
        ("You get 30 % off.", 3000, None),
        ("You get 30 percent off.", 3000, None),
        ("You get 30 per cent off.", 3000, None),
        ("You get 30 pct off.", 3000, None),
        ("You get a 30-percent discount.", 3000, None),
        ("You get thirty percent off.", 3000, None),
        ("You get Thirty-five Percent off.", 3500, None),
        ("That is one hundred percent off.", 10_000, None),
        ("A discount of 12.5 % applies.", 1250, None),
        ("A discount of 12,5 % applies.", 1250, None),
        ("A discount of 0.25 % applies.", 25, None),
        ("A discount of 20.001 % applies.", 2001, None),  # rounded up: it is above 20
        ("Take 15-20 % off.", 1500, 2000),
        ("Take 15–20 % off.", 1500, 2000),
        ("Take 15% - 20% off.", 1500, 2000),
        ("Take 15 to 20 percent off.", 1500, 2000),
        ("Take fifteen to twenty percent off.", 1500, 2000),
        ("Between 15 and 20 % off.", 1500, 2000),
        ("Between 15% and 20% off.", 1500, 2000),
        ("Save up to 40% off today.", 4000, None),
        ("Take a quarter off the price.", 2500, None),
        ("It is one third off this week.", 3334, None),
        ("Two thirds off everything.", 6668, None),
        ("Everything is half price.", 5000, None),
        ("Half off on all shoes.", 5000, None),
        ("It is yours at half the regular price.", 5000, None),
        ("Two for the price of one!", 5000, None),
        ("Three for the price of two!", 3334, None),
        ("It is 2-for-1 today.", 5000, None),
        ("Buy one get one free.", 5000, None),
        ("Buy two, get one free.", 3334, None),
        ("BOGO on all lamps.", 5000, None),
        ("5 ‰ off", 50, None),
        ("Take ½ off.", 5000, None),
        ("All at ⅓ off.", 3334, None),
        ("You get **30**% off.", 3000, None),
        ("You get **30 %** off.", 3000, None),
        ("You get thirty (30) percent off.", 3000, None),
        ("You get 30%-off.", 3000, None),
        ("２０％ off", 2000, None),
        ("You get ٣٠٪ off", 3000, None),
        ("Get 𝟑𝟎% off", 3000, None),
        ("30\u00a0% off", 3000, None),
        ("30\u202f% off", 3000, None),
        ("we have 3 shops and 30 % off", 3000, None),
        ("1,000% off", 100_000, None),
    ],
)
def test_discounts(text: str, value: int, upper: int | None) -> None:
    (fact,) = percents(text)
    assert (fact.value, fact.upper, fact.unit) == (value, upper, "bp")
    assert (fact.polarity, fact.role, fact.parsed) == ("affirmed", "discount", True)
    assert text[fact.start : fact.end] == fact.text


@pytest.mark.parametrize(
    ("text", "language", "value"),
    [
        ("Wir geben Ihnen 12,5 % Rabatt.", "de", 1250),
        ("Sie erhalten zwanzig Prozent Nachlass.", "de", 2000),
        ("Sie erhalten einen 20-prozentigen Rabatt.", "de", 2000),
        ("Alles zum halben Preis.", "de", 5000),
        ("Heute ein Viertel günstiger.", "de", 2500),
        ("Une remise de 15 pour cent vous attend.", "fr", 1500),
        ("Vingt pour cent de réduction.", "fr", 2000),
        ("Tout à moitié prix.", "fr", 5000),
        ("Un descuento del 25 por ciento.", "es", 2500),
        ("Veinte por ciento de descuento.", "es", 2000),
        ("Hoy 2x1 en lámparas.", "es", 5000),
        ("1.250 % Rabatt", "de", 125_000),
    ],
)
def test_other_languages(text: str, language: str, value: int) -> None:
    (fact,) = percents(text, language)
    assert (fact.value, fact.role, fact.parsed) == (value, "discount", True)


@pytest.mark.parametrize(
    "text",
    [
        "You get x% off.",
        "You get XX % off.",
        "You get [discount]% off.",
        "You get a big % off.",
        "You get several percent off.",
        "You get 1.2.3 % off.",
        "You get twentyish percent off.",
        "You get 30 (thirty) percent off.",
        "You get 30\u200b% off.",
        "You get 33⅓% off.",
        "You get 30-ish percent off.",
        "You get 3️⃣0️⃣% off.",
        "A discount of __% is yours.",
        "You get a single-digit percent discount.",
        "99999999999999999999 % off",
    ],
)
def test_unreadable_phrases_are_reported(text: str) -> None:
    (fact,) = percents(text)
    assert (fact.parsed, fact.value, fact.role) == (False, 0, "discount")


@pytest.mark.parametrize(
    "text",
    [
        "It was a 50/50 decision.",
        "The 95th percentile is fine.",
        "Rates rose by 5 percentage points.",
        "See https://shop.example/a%20b%2Fc for more.",
        "What percent of people agree?",
        "printf('%d items', n) and 7%2",
        "about half of our stores",
        "a third party seller",
        "the price of one ticket",
        "",
    ],
)
def test_what_is_no_percentage(text: str) -> None:
    assert percents(text) == []


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("20 % of customers come back.", "share"),
        ("About 30% of our stores open on Sunday.", "share"),
        ("Your battery is at 80 %.", "other"),
        ("We promise 99.9 % uptime.", "other"),
        ("The shirt is cotton 80%.", "other"),
        ("80% cotton, 20% polyester", "other"),
        ("I am 100% sure.", "other"),
        ("The interest is 4.5 % a year.", "rate"),
        ("Prices include 19 % VAT.", "rate"),
        ("Policy allows at most 20 %.", "other"),
        ("Our policy limits discounts to 20 %.", "other"),
        ("30% of the price is taken off.", "discount"),
        ("We can offer 30 %.", "discount"),
        ("Would you like 30 %?", "discount"),
        ("Is 30% OK for you?", "discount"),
        ("I can give you 30 % on this.", "discount"),
        ("Save 20%", "discount"),
        ("I'll take 10 % from the total.", "discount"),
    ],
)
def test_roles(text: str, role: str) -> None:
    assert percents(text)[0].role == role


def test_each_of_two_offers_is_a_fact() -> None:
    assert [f.value for f in percents("You get 20 % and 10 % off, or 7% off.")] == [2000, 1000, 700]
