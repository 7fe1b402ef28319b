"""Records as text: valid JSON within the bounds."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.errors import ContextError
from freehold.core.spec import SourceSpec
from freehold.sources.rendering import piece_of


def spec(**changes: Any) -> SourceSpec:
    return SourceSpec(**({"id": "s", "type": "sql", "url": "sqlite:///x"} | changes))


def rendered(records: list[Any], **changes: Any) -> Any:
    return piece_of(spec(**changes), records, locator="here", fetched_ns=1)


def test_none_is_no_piece() -> None:
    assert rendered([]) is None
    assert rendered([{"a": 1}], max_rows=0) is None


def test_one_is_itself_and_many_are_a_list() -> None:
    assert json.loads(rendered([{"a": 1}]).text) == {"a": 1}
    assert json.loads(rendered([{"a": 1}, {"a": 2}]).text) == [{"a": 1}, {"a": 2}]
    assert rendered([{"a": 1}, {"a": 2}]).text.count("\n") == 1


def test_the_title_defaults_to_the_id() -> None:
    assert rendered([1]).title == "s"
    assert rendered([1], title="Orders").title == "Orders"


def test_other_types_have_a_form() -> None:
    record = {"d": Decimal("1.50"), "b": b"\x00\xff", "m": memoryview(b"a"), "s": {1}}
    text = json.loads(rendered([record]).text)
    assert (text["d"], text["b"], text["m"]) == ("1.50", "00ff", "61")


def test_what_has_no_form_fails_as_a_source_does() -> None:
    for record in ({"a": 2**80}, {"a": "\ud800"}):
        with pytest.raises(ContextError, match="no form in JSON"):
            rendered([record])


def test_rows_that_do_not_fit_are_left_out_whole() -> None:
    records = [{"n": i, "text": "x" * 20} for i in range(10)]
    piece = rendered(records, max_chars=100)
    assert len(piece.text) <= 100
    assert json.loads(piece.text) == records[: piece.rows]
    assert piece.rows == 2


def test_a_first_record_that_is_too_long_is_shortened() -> None:
    piece = rendered([{"id": 7, "text": 'ä"\n' * 400, "after": 1}], max_chars=60)
    assert len(piece.text) <= 60
    text = json.loads(piece.text)
    assert text["id"] == 7
    assert text["text"].endswith("…")
    assert "after" not in text


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=60),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


@given(st.lists(_json, min_size=1, max_size=6), st.integers(2, 300), st.integers(1, 6))
def test_always_json_within_the_bounds(records: list[Any], chars: int, rows: int) -> None:
    piece = rendered(records, max_chars=max(chars, 4), max_rows=rows)
    json.loads(piece.text)
    assert len(piece.text) <= max(chars, 4)
    assert 1 <= piece.rows <= min(rows, len(records))
    assert piece.digest == rendered(records, max_chars=max(chars, 4), max_rows=rows).digest
