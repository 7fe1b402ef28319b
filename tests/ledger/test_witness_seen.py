"""Checkpoints that a witness cosigned are known again, as many as there is room for."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from freehold.ledger.witness_seen import Seen


def test_what_was_added_is_known_and_nothing_else(tmp_path: Path) -> None:
    seen = Seen(tmp_path / "seen")
    assert "a" not in seen
    for text in "abc":
        seen.add(text)
    assert [text in Seen(tmp_path / "seen") for text in "abcd"] == [True, True, True, False]


@given(torn=st.integers(1, 15))
def test_what_a_power_cut_tears_off_spoils_nothing_else(tmp_path_factory, torn: int) -> None:
    path = tmp_path_factory.mktemp("seen") / "seen"
    seen = Seen(path)
    for text in "abc":
        seen.add(text)
    path.write_bytes(path.read_bytes()[:-torn])
    assert "c" not in seen
    seen.add("d")
    assert [text in seen for text in "abcd"] == [True, True, False, True]


def test_the_older_half_is_forgotten_when_it_is_full(tmp_path: Path) -> None:
    seen = Seen(tmp_path / "seen", most=10)
    for number in range(100):
        seen.add(str(number))
        newest = range(max(0, number - 4), number + 1)
        assert all(str(one) in seen for one in newest)
        assert (tmp_path / "seen").stat().st_size <= 10 * 16
