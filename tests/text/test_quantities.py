"""Spans of time and counts of things."""

import pytest

from freehold.core.facts import TextFact
from freehold.text.facts import extract


def found(text: str, kind: str, language: str = "en") -> list[TextFact]:
    return [fact for fact in extract(text, language) if fact.kind == kind]


DAY = 86_400


@pytest.mark.parametrize(
    ("text", "language", "value", "upper", "unit"),
    [
        ("in 5-7 business days", "en", 5 * DAY, 7 * DAY, "business_day"),
        ("within 5 to 7 business days", "en", 5 * DAY, 7 * DAY, "business_day"),
        ("between 3 and 5 days", "en", 3 * DAY, 5 * DAY, "day"),
        ("in three to five days", "en", 3 * DAY, 5 * DAY, "day"),
        ("in two weeks", "en", 14 * DAY, None, "week"),
        ("within 24 hours", "en", DAY, None, "hour"),
        ("a 24-hour window", "en", DAY, None, "hour"),
        ("in 3 days", "en", 3 * DAY, None, "day"),
        ("in 1.5 hours", "en", 5400, None, "hour"),
        ("90 mins", "en", 5400, None, "minute"),
        ("in a couple of weeks", "en", 14 * DAY, None, "week"),
        ("a two-year warranty", "en", 730 * DAY, None, "year"),
        ("it comes tomorrow", "en", DAY, None, "day"),
        ("the day after tomorrow", "en", 2 * DAY, None, "day"),
        ("in 3 Werktagen", "de", 3 * DAY, None, "business_day"),
        ("in zwei Wochen", "de", 14 * DAY, None, "week"),
        ("sous 5 jours ouvrés", "fr", 5 * DAY, None, "business_day"),
        ("en 3 días hábiles", "es", 3 * DAY, None, "business_day"),
    ],
)
def test_durations(text: str, language: str, value: int, upper: int | None, unit: str) -> None:
    (fact,) = found(text, "duration", language)
    assert (fact.value, fact.upper, fact.unit) == (value, upper, unit)
    assert text[fact.start : fact.end] == fact.text


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("we have 3 units", 3000, "unit"),
        ("12 pieces", 12_000, "piece"),
        ("2 boxes", 2000, "box"),
        ("5 in stock", 5000, "piece"),
        ("only 7 left", 7000, "piece"),
        ("three passengers", 3000, "passenger"),
        ("2 checked bags", 2000, "bag"),
        ("3 free checked bags", 3000, "bag"),
        ("0 checked bags", 0, "bag"),
        ("a dozen boxes", 12_000, "box"),
        ("2.5 kg", 2500, "kg"),
        ("50 pounds", 50_000, "lb"),
        ("1,200 items", 1_200_000, "item"),
        ("Available Economy Seats: 12", 12_000, "seat"),
        ("**Baggage:** 3", 3000, "bag"),
        ("Quantity: 4", 4000, "piece"),
        ("12 Stück", 12_000, "piece"),
        ("14 units in stock", 14_000, "unit"),
        ("4 boxes per customer", 4000, "box"),
    ],
)
def test_quantities(text: str, value: int, unit: str) -> None:
    (fact,) = found(text, "quantity")
    assert (fact.value, fact.unit) == (value, unit)
    assert text[fact.start : fact.end] == fact.text


@pytest.mark.parametrize(
    "text",
    [
        "Flight HAT136 from JFK",
        "the card ending in 7447",
        "reservation 2FBBAH",
        "06:00 AM EST",
        "open 24/7",
        "1 in economy",
        "version 3.2",
        "$30 per passenger",
        "gift_card_1234567",
        "on May 20 passengers board",
        "",
    ],
)
def test_what_is_neither(text: str) -> None:
    assert found(text, "quantity") + found(text, "duration") == []
