"""The upstream's answers: all different, with much to find, and nothing that breaks a rule."""

import orjson
import pytest

from benchmarks.answers import COUNT, answers
from freehold.core.facts import TextFact
from freehold.testing.simulator import plain
from freehold.text.facts import extract


def kinds(found: tuple[TextFact, ...]) -> set[str]:
    return {fact.kind for fact in found}


def test_they_differ_and_are_the_same_each_time() -> None:
    made = answers()
    assert len(set(made)) == COUNT
    assert made == answers()
    assert {len(text) // 200 for text in made} == {2, 3}


def test_each_has_something_for_every_control() -> None:
    for text in answers():
        found = extract(text)
        assert {"percent", "money", "date", "duration"} <= kinds(found), text
        assert len(found) >= 6, text


def test_none_breaks_a_rule() -> None:
    """Of the bundle `on`: no large discount, no promised refund."""
    for text in answers():
        for fact in extract(text):
            if fact.kind == "percent" and fact.polarity != "negated":
                assert (fact.upper or fact.value) <= 2_000, text
            assert (fact.kind, fact.role, fact.polarity) != ("commitment", "refund", "affirmed")


def test_the_simulator_gives_them_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "FIXED_TEXTS", ("One of them.", "The other."))
    fixed = plain.Fixed()
    said = [orjson.loads(fixed.whole("any"))["choices"][0]["message"]["content"] for _ in range(3)]
    assert said == ["One of them.", "The other.", "One of them."]
    streamed = b"".join(fixed.events("any", include_usage=False))
    assert b"The other" in streamed
    assert b"One of" not in streamed
