"""Calendar dates as days since 1970-01-01."""

import datetime

import pytest

from freehold.core.facts import TextFact
from freehold.text.facts import extract


def dates(text: str, language: str = "en") -> list[TextFact]:
    return [fact for fact in extract(text, language) if fact.kind == "date"]


def days(iso: str) -> int:
    return (datetime.date.fromisoformat(iso) - datetime.date(1970, 1, 1)).days


@pytest.mark.parametrize(
    ("text", "language", "iso", "unit"),
    [
        ("on 2024-05-20.", "en", "2024-05-20", "day"),
        ("at 2024-05-20T15:00:00Z", "en", "2024-05-20", "day"),
        ("on May 20, 2024, at noon", "en", "2024-05-20", "day"),
        ("on May 20th, 2024", "en", "2024-05-20", "day"),
        ("on 20 May 2024", "en", "2024-05-20", "day"),
        ("on the 20th of May 2024", "en", "2024-05-20", "day"),
        ("on Dec. 1, 2023.", "en", "2023-12-01", "day"),
        ("on 05/20/2024", "en", "2024-05-20", "day"),
        ("on 20/05/2024", "en", "2024-05-20", "day"),
        ("on 05/06/2024", "en", "2024-05-06", "ambiguous"),
        ("on 05/06/2024", "fr", "2024-06-05", "ambiguous"),
        ("on 05/05/2024", "en", "2024-05-05", "day"),
        ("am 20.05.2024", "de", "2024-05-20", "day"),
        ("am 20. Mai 2024", "de", "2024-05-20", "day"),
        ("le 1er janvier 2025", "fr", "2025-01-01", "day"),
        ("el 3 de marzo de 2025", "es", "2025-03-03", "day"),
        ("by 20 May", "en", "1970-05-20", "no_year"),
        ("by May 20th.", "en", "1970-05-20", "no_year"),
        ("born 1968-08-24)", "en", "1968-08-24", "day"),
        ("on 02/29/2024", "en", "2024-02-29", "day"),
    ],
)
def test_dates(text: str, language: str, iso: str, unit: str) -> None:
    (fact,) = dates(text, language)
    assert (fact.value, fact.unit) == (days(iso), unit)
    assert text[fact.start : fact.end] == fact.text
    assert not fact.text.endswith((".", ","))


def test_a_range_of_days() -> None:
    (fact,) = dates("from May 20-25, 2024")
    assert (fact.value, fact.upper) == (days("2024-05-20"), days("2024-05-25"))


@pytest.mark.parametrize(
    "text",
    [
        "You may 20 times",
        "They march 5 miles",
        "on 2024-02-30",
        "on 2024-13-01",
        "version 10.5.20 and 1.2.3",
        "call 555-12-3456",
        "ID 12345-2024-05-201",
        "a ratio of 3/4/5 parts of 7/8",
        "in 2024",
        "",
    ],
)
def test_what_is_no_date(text: str) -> None:
    assert [f for f in dates(text) if f.text != "3/4/5"] == []
