"""Whatever an extractor reads opens its gate: what a gate does not see is read by nobody."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.text import dates, facts, money, patterns, percents, quantities, shares
from freehold.text.facts import extract
from freehold.text.patterns import Pattern

READ: list[tuple[Pattern, set[int]]] = [
    (percents._PERCENT, {facts._PERCENT, facts._IDIOM, facts._TYPO}),
    (percents._IDIOM, {facts._IDIOM}),
    (shares._FRACTIONS, {facts._IDIOM}),
    (money._NAMED, {facts._NAMED}),
    (money._UNREADABLE, {facts._ODD}),
    (dates._NUMERIC, {facts._DATE}),
    (dates._NAMED, {facts._MONTH}),
    (quantities._NUMBERED, {facts._DIGIT}),
    (quantities._NAMED, {facts._COUNT}),
    (quantities._RELATIVE, {facts._COUNT}),
]


@pytest.mark.parametrize(("pattern", "gates"), READ)
def test_what_is_read_opens_its_gate(pattern: Pattern, gates: set[int]) -> None:
    known = re.compile(patterns.to_stdlib(pattern.pattern))

    @settings(max_examples=30, deadline=None)
    @given(st.from_regex(known, fullmatch=True))
    def opens(text: str) -> None:
        low = text.lower()
        if pattern.test(low):
            assert gates.intersection(facts._GATE.hits(low)), low

    opens()


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("You save 3000bps.", "percent", 3_000),
        ("You get 4 for three today.", "percent", 2_500),
        ("It costs 5k€ in all.", "money", 500_000),
        ("We pay 10k$ for it.", "money", 1_000_000),
    ],
)
def test_amounts_without_a_space(text: str, kind: str, value: int) -> None:
    assert [(f.kind, f.value) for f in extract(text)] == [(kind, value)]
