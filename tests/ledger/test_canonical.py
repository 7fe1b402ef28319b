"""Canonical bytes: one form a value, the same that other canonicalisers give."""

import json
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from freehold.ledger.canonical import encode, plain

TEXT = st.text(max_size=20)
ASCII = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=10)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ASCII, inner, max_size=4),
    max_leaves=20,
)


class Point(Struct, kw_only=True):
    y: int
    x: frozenset[str]


@given(VALUES)
def test_equals_sorted_orjson(value: Any) -> None:
    assert encode(value) == orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


@given(VALUES)
def test_equals_the_standard_library_sorted(value: Any) -> None:
    whole = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert json.loads(encode(value)) == json.loads(whole)


def test_structs_and_sets_are_sorted() -> None:
    assert encode(Point(y=1, x=frozenset("cab"))) == b'{"x":["a","b","c"],"y":1}'


def test_lone_surrogates_do_not_stop_a_record() -> None:
    assert encode({"a": "x\ud800y"}) == b'{"a":"x?y"}'


@given(st.recursive(VALUES | st.floats() | st.integers(), st.lists, max_leaves=10))
def test_plain_leaves_no_float_and_nothing_to_round(value: Any) -> None:
    def check(item: Any) -> None:
        assert not isinstance(item, float)
        if isinstance(item, int):
            assert abs(item) < 2**53
        for inner in item if isinstance(item, list) else ():
            check(inner)

    check(plain(value))
    assert orjson.loads(encode(plain(value))) == plain(value)


def test_keys_become_ascii() -> None:
    assert plain({"größe%": 1.5, 3: {2, 1}}) == {"gr%C3%B6%C3%9Fe%25": "1.5", "3": [1, 2]}
