"""Numbers in digits and in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.text import numbers


@pytest.mark.parametrize(
    ("digits", "language", "expected"),
    [
        ("20", "en", (20, 0)),
        ("12.5", "en", (125, 1)),
        ("12,5", "en", (125, 1)),
        ("1,299", "en", (1299, 0)),
        ("1,299", "de", (1299, 3)),
        ("1.299", "de", (1299, 0)),
        ("1.299", "en", (1299, 3)),
        ("0.125", "de", (125, 3)),
        ("1,299.99", "en", (129_999, 2)),
        ("1.299,99", "en", (129_999, 2)),
        ("1'299.50", "de", (129_950, 2)),
        ("1 299,50", "fr", (129_950, 2)),
        ("1.234.567", "de", (1_234_567, 0)),
        ("1,00,000", "en", (100_000, 0)),
        ("1234.567", "en", (1_234_567, 3)),
        ("1.2.3", "en", None),
        ("1.2.3.4", "en", None),
        ("1,23,4", "en", None),
        ("0,299,000", "en", None),
        ("9" * 16, "en", None),
        ("1." * 3 + "5", "en", None),
    ],
)
def test_digits(digits: str, language: str, expected: tuple[int, int] | None) -> None:
    assert numbers.parse(digits, language) == expected


@given(st.integers(0, 10**12), st.integers(0, 99))
def test_both_spellings_mean_the_same(whole: int, cents: int) -> None:
    english = f"{whole:,}.{cents:02}"
    german = english.replace(",", "_").replace(".", ",").replace("_", ".")
    expected = numbers.parse(english, "en")
    assert expected is not None
    assert numbers.scaled(expected, 100) == whole * 100 + cents
    assert numbers.parse(german, "de") == expected


@given(st.text(alphabet="0123456789.,' ", max_size=20))
def test_any_digits_are_read_or_refused(digits: str) -> None:
    number = numbers.parse(digits) if digits.strip() else None
    assert number is None or number[0] >= 0


def test_fractions_are_rounded_up_and_bounded() -> None:
    assert numbers.scaled((20_001, 3), 100) == 2001
    assert numbers.scaled((10**15, 0), 10**12) is None


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("thirty", 30),
        ("twenty five", 25),
        ("one hundred and fifty", 150),
        ("a hundred", 100),
        ("two thousand five hundred", 2500),
        ("twelve hundred", 1200),
        ("three hundred thousand", 300_000),
        ("two million", 2_000_000),
        ("a dozen", 12),
        ("fünfundzwanzig", 25),
        ("dreißig", 30),
        ("dreissig", 30),
        ("zweihundert", 200),
        ("vingt cinq", 25),
        ("soixante quinze", 75),
        ("quatre vingt dix", 90),
        ("treinta y cinco", 35),
        ("veinticinco", 25),
        ("five six", None),
        ("twenty thirty", None),
        ("and five", None),
        ("five and", None),
        ("five a", None),
        ("", None),
        ("lamp", None),
    ],
)
def test_words(words: str, value: int | None) -> None:
    assert numbers.parse_words(words.split()) == value
