"""Steps as changes: what was written is what is read, whatever the facts were."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.ledger.steps import changed, changes

NAMES = ("answer.text", "answer.percents", "stream.chars", "stream.ended")
VALUES = st.one_of(
    st.booleans(),
    st.integers(0, 3),
    st.text("ab", max_size=4),
    st.lists(st.integers(0, 2), max_size=4),
)
SHEETS = st.lists(st.dictionaries(st.sampled_from(NAMES), VALUES), min_size=1, max_size=6)


@given(SHEETS)
def test_every_step_is_found_again(sheets: list[dict[str, object]]) -> None:
    whole: dict[str, object] = {}
    before: dict[str, object] = {}
    for sheet in sheets:
        whole |= sheet  # no fact goes away
        again = changed(before, changes(before, copy.deepcopy(whole)))
        assert repr(sorted(again.items())) == repr(sorted(whole.items()))
        before = again


def test_only_what_grew_is_written() -> None:
    assert changes({"answer.text": "Hel"}, {"answer.text": "Hello"}) == {
        "answer.text": {"more": "lo"}
    }
    assert changes({"answer.text": "Hello"}, {"answer.text": "Hello"}) == {}
    assert changes({}, {"request.chars": 5}) == {}  # the same at every step
    assert changes({"stream.ended": 1}, {"stream.ended": True}) == {"stream.ended": {"is": True}}


@pytest.mark.parametrize("old", [{}, {"answer.text": 5}, {"answer.text": [1]}])
def test_what_can_not_have_grown_is_refused(old: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="can't have grown"):
        changed(old, {"answer.text": {"more": "lo"}})
