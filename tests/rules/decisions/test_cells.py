"""Cells of tables: what they let through, and what can't be read."""

from decimal import Decimal

import pytest

from freehold.rules.decisions.cells import key_of, parse
from freehold.rules.decisions.kinds import BOOLEAN, DATE, NUMBER, TEXT, day_number


@pytest.mark.parametrize(
    ("cell", "inside", "outside"),
    [
        ("5", ["5"], ["4", "5.1"]),
        (5, ["5"], ["6"]),
        ("1, 2", ["1", "2"], ["3"]),
        ([1, 2], ["1", "2"], ["3"]),
        ("< 10", ["9.99", "-3"], ["10"]),
        ("<= 10", ["10"], ["10.01"]),
        ("> 10", ["10.01"], ["10"]),
        ("!= 3", ["2"], ["3"]),
        ("[0..10)", ["0", "9.9"], ["10", "-0.1"]),
        ("(0..10]", ["10"], ["0", "10.1"]),
        ("]0..10[", ["5"], ["0", "10"]),
        ("[10..)", ["10", "1000"], ["9"]),
        ("< 0, [5..6]", ["-1", "5.5"], ["3"]),
        ("not(1, [5..6])", ["2"], ["1", "5"]),
    ],
)
def test_conditions_on_numbers(cell: object, inside: list[str], outside: list[str]) -> None:
    condition = parse(cell, NUMBER)
    assert all(condition.holds(Decimal(value)) for value in inside)
    assert not any(condition.holds(Decimal(value)) for value in outside)
    assert not condition.holds(None)


@pytest.mark.parametrize("cell", [None, "", "-", "any"])
def test_an_empty_cell_lets_everything_through(cell: object) -> None:
    condition = parse(cell, TEXT)
    assert condition.anything
    assert condition.holds("x")
    assert condition.holds(None)


def test_texts_dates_booleans_and_missing_values() -> None:
    assert parse("gold, 'a, b'", TEXT).values == {"gold", "a, b"}
    assert parse("not(gold)", TEXT).holds("silver")
    assert parse("yes", BOOLEAN).holds(True)
    before = parse("< 2004-01-01", DATE)
    assert before.holds(key_of(DATE, day_number("2003-12-31")))
    assert not before.holds(key_of(DATE, day_number("2004-01-01")))
    assert parse("missing", NUMBER).holds(None)
    assert not parse("missing", NUMBER).holds(Decimal(1))
    assert parse("given", NUMBER).holds(Decimal(1))
    assert not parse("given", NUMBER).holds(None)


@pytest.mark.parametrize(
    ("cell", "kind", "said"),
    [
        ("abc", NUMBER, "no number or condition"),
        ("1,200,", NUMBER, "empty place"),
        ("[5..3]", NUMBER, "lower end comes first"),
        ("[5..5)", NUMBER, "no value"),
        ("< gold", TEXT, "takes numbers and dates"),
        ("2025-13-01", DATE, "no date"),
        ("perhaps", BOOLEAN, "true or false"),
        ("!= 1, 2", NUMBER, "stands alone"),
        ({"a": 1}, NUMBER, "no condition"),
        ("'gold", TEXT, "quote"),
        ("nan", NUMBER, "no number"),
    ],
)
def test_what_can_not_be_read_is_said(cell: object, kind: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse(cell, kind)  # type: ignore[arg-type]
