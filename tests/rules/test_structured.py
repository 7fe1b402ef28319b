"""JSON that a model wrote: what is read, and what is not."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.spec import FieldSpec
from freehold.rules.members import typed
from freehold.rules.structured import (
    MAX_CHARS,
    MAX_DEPTH,
    MAX_LEAVES,
    Unreadable,
    below,
    leaves,
    parsed,
    read,
    read_object,
    shown,
    without,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
def test_what_is_written_is_read(value: Any) -> None:
    assert read(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "no JSON"),
        ("not JSON at all", "no JSON"),
        ('{"a": 1} {"b": 2}', "no JSON"),
        ('{"a": NaN}', "no JSON"),
        ('{"a": 1e999}', "no JSON"),
        ('{"a": 1, "a": 2}', "given twice"),
        ('{"x": {"to": "a", "b": 1, "to": "c"}}', "given twice"),
        ('{"a": 9223372036854775808}', "too large"),
        ('{"a": "\\ud800"}', "half a character"),
        ("[" * 100_000 + "]" * 100_000, "deep"),
        ("[" * (MAX_DEPTH + 1) + "1" + "]" * (MAX_DEPTH + 1), "deep"),
        (json.dumps([0] * (MAX_LEAVES + 1)), "values"),
        ('"' + "x" * MAX_CHARS + '"', "characters"),
    ],
    ids=lambda value: value[:20],
)
def test_what_two_readers_may_take_for_two_things_is_not_read(text: str, says: str) -> None:
    with pytest.raises(Unreadable, match=says) as caught:
        read(text)
    assert "to" not in str(caught.value).split(), "what it holds is not quoted"


def test_no_arguments_are_an_empty_object_and_a_list_is_none() -> None:
    assert read_object("") == read_object(" \n") == read_object("{}") == {}
    with pytest.raises(Unreadable, match="no object"):
        read_object("[1]")


def test_paths() -> None:
    found = leaves({"a": {"b": [1, {"c d": "x"}]}, "e": [], "": True})
    assert [shown(leaf.path) for leaf in found] == ["a.b[0]", "a.b[1].?", "e", "?"]
    assert parsed("lines[].sku") == ("lines", "[]", "sku")
    assert parsed("lines[0]") == ("lines", "[0]")
    for wrong in ("", ".a", "a.", "a..b", "[0]", "a[x]", "a[", "a]b"):
        assert parsed(wrong) is None, wrong
    assert below("lines[].sku", ("lines", 3, "sku"))
    assert below("lines", ("lines", 3, "sku"))
    assert below("lines[3]", ("lines", 3, "sku"))
    assert not below("lines[2]", ("lines", 3, "sku"))
    assert not below("lines[].sku", ("lines", 3))
    assert not below("line", ("lines",))


def test_without_puts_something_else_there() -> None:
    value = {"to": ["a", "b"], "lines": [{"note": "x", "sku": 1}, {"note": "y"}]}
    changed = without(value, ["to[1]", "lines[].note"], "-")
    assert changed == {"to": ["a", "-"], "lines": [{"note": "-", "sku": 1}, {"note": "-"}]}
    assert value["to"] == ["a", "b"], "what was given is left as it was"


@pytest.mark.parametrize(
    ("type", "unit", "written", "value"),
    [
        ("money", "USD", "12.5", 1250),
        ("money", "USD", "12.001", 1201),
        ("money", "USD", '"12.50"', 1250),
        ("money", "USD", '"$1,299.00"', 129_900),
        ("money", "JPY", "500", 500),
        ("money", "", '"20 EUR"', 2000),
        ("percent", "", "15", 1500),
        ("percent", "", '"15 %"', 1500),
        ("percent", "", '"15-20 %"', 2000),
        ("fraction", "", "0.15", 1500),
        ("quantity", "", "2.5", 2500),
        ("duration", "day", "2", 172_800),
        ("duration", "", '"2 hours"', 7200),
        ("date", "", '"1970-01-11"', 10),
        ("int", "", "7", 7),
        ("string", "", '"x"', "x"),
        ("strings", "", '["x"]', ["x"]),
        ("bool", "", "true", True),
    ],
)
def test_declared_members_have_their_unit(type: Any, unit: str, written: str, value: Any) -> None:
    made = typed(read('{"m": ' + written + "}"), [FieldSpec(path="m", type=type, unit=unit)])
    assert made.value == {"m": value}


@pytest.mark.parametrize(
    ("type", "unit", "written"),
    [
        ("money", "USD", '"20 EUR"'),
        ("money", "", "20"),
        ("money", "USD", '"about $20 or $30"'),
        ("money", "USD", "true"),
        ("money", "USD", "[5]"),
        ("money", "USD", "1e18"),
        ("percent", "", '"a lot"'),
        ("date", "", "20260101"),
        ("duration", "", "2"),
        ("int", "", "2.5"),
        ("int", "", "true"),
        ("int", "", '"2"'),
        ("string", "", "2"),
        ("strings", "", '"x"'),
        ("bool", "", '"true"'),
    ],
)
def test_what_is_something_else_than_declared_is_unreadable(
    type: Any, unit: str, written: str
) -> None:
    with pytest.raises(Unreadable, match=f"`m` is declared as {type}"):
        typed(read('{"m": ' + written + "}"), [FieldSpec(path="m", type=type, unit=unit)])


def test_absent_members_have_their_default_and_stay_absent_without_one() -> None:
    fields = [
        FieldSpec(path="refund.amount", type="money", unit="USD", default=0),
        FieldSpec(path="tags", type="strings", default=("none",)),
        FieldSpec(path="reason", type="string"),
        FieldSpec(path="lines[].price", type="money", unit="USD", default=5),
    ]
    assert typed({"refund": None}, fields).value == {"refund": {"amount": 0}, "tags": ["none"]}
    lines = typed({"lines": [{"price": 1}, {}], "refund": {"amount": 2}}, fields).value
    assert lines["lines"] == [{"price": 100}, {"price": 5}]
    assert lines["refund"] == {"amount": 200}
    for odd in ({"refund": 3}, {"lines": {"price": 1}}):
        with pytest.raises(Unreadable):
            typed(odd, fields)


def test_other_numbers_stay_what_they_are() -> None:
    made = typed(read('{"a": 1.5, "b": [2, 0.25]}'), [])
    assert made.value == {"a": 1.5, "b": [2, 0.25]}
    assert not isinstance(made.value["a"], Decimal)
