"""What is made late is made once, and looks like what it is."""

import pytest

from freehold.core.later import Later


def test_items_are_made_when_the_first_is_read_and_only_then() -> None:
    made: list[int] = []

    def make() -> tuple[str, ...]:
        made.append(1)
        return ("a", "b", "c")

    later = Later(3, make)
    assert len(later) == 3
    assert not made
    assert later[0] == "a"
    assert list(later) == ["a", "b", "c"]
    assert later[1:] == ("b", "c")
    assert later == ("a", "b", "c")
    assert later == ["a", "b", "c"]
    assert later != ("a",)
    assert later != 3
    assert "b" in later
    assert (*later, "d") == ("a", "b", "c", "d")
    assert made == [1]
    assert hash(later) == hash(("a", "b", "c"))


def test_a_failure_is_told_again() -> None:
    later: Later[int] = Later(1, lambda: (1 // int(not "x"),))
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            later[0]
