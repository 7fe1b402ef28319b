"""A gate may name a pattern too many, never one too few."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.stages.governance.detectors.base import PatternDetector
from freehold.stages.governance.registry import builtin_detectors
from freehold.text import commitments, facts, patterns
from freehold.text.patterns import Engine, Gates, PatternSet, loosened

ENGINES: list[Engine] = ["re2", "re"] if patterns.default_engine() == "re2" else ["re"]
HERE = Path(__file__).parent
LINES = [
    line.lower()
    for name in ("polarity_adversarial.txt", "polarity_held_out.txt")
    for line in (HERE / name).read_text(encoding="utf-8").splitlines()
    if line.strip()
]
PROMISES = [
    "i've gone ahead and refunded you. you will receive a full refund to your card",
    "wir erstatten ihnen den vollen betrag. nous vous remboursons", "consider it done",
    "le reembolsaremos el dinero. il rimborso è stato approvato", "refund: approved",
    "we krijgen uw geld terug, u krijgt uw geld terug", "granted: your refund", "",
    "your money is on its way back and we have waived the fee", "\ud800 we refund it",
]  # fmt: skip
DETECTORS = tuple(
    gate
    for detector in builtin_detectors()
    if isinstance(detector, PatternDetector)
    for gate in detector.gates
)
SETS = {
    "facts": facts._GATE.patterns,
    "promises": commitments._SHAPES.patterns,
    "detectors": DETECTORS,
}
WORDS = sorted({word for line in [*LINES, *PROMISES] for word in line.split()})


@pytest.mark.parametrize(
    ("pattern", "loose"),
    [
        (r"a{0,3}b{1,4}?c{2,5}d{0,}", "a*b+c{2,5}d*"),
        (r"\{0,3}[x{0,2}][^\]{1,2}]{1,2}", r"\{0,3}[x{0,2}][^\]{1,2}]+"),
        (r"(?: [\w']{0,23}[\w']){0,7}?", r"(?: [\w']*[\w'])*"),
        ("", ""),
    ],
)
def test_counts_go(pattern: str, loose: str) -> None:
    assert loosened(pattern) == loose


@pytest.fixture(scope="module")
def compared() -> list[tuple[PatternSet, PatternSet, Gates]]:
    ignore = {"detectors"}
    return [
        (
            PatternSet(shapes, name in ignore),
            PatternSet(shapes, name in ignore, gate=True),
            commitments._SHAPES if name == "promises" else Gates(shapes[:7], shapes[7:]),
        )
        for name, shapes in SETS.items()
    ]


def check(compared: list[tuple[PatternSet, PatternSet, Gates]], text: str) -> None:
    for exact, gate, groups in compared:
        there = set(exact.hits(text))
        assert there <= set(gate.hits(text))
        if not exact.ignore_case:
            assert there <= set(groups.hits(text))


def test_nothing_that_is_there_is_missed(
    compared: list[tuple[PatternSet, PatternSet, Gates]],
) -> None:
    for text in [*LINES, *PROMISES, " ".join(PROMISES), "\n".join(LINES)]:
        check(compared, text)


@given(words=st.lists(st.sampled_from(WORDS), max_size=25), glue=st.sampled_from([" ", "\n", ", "]))
def test_nothing_is_missed_in_any_words(
    compared: list[tuple[PatternSet, PatternSet, Gates]], words: list[str], glue: str
) -> None:
    check(compared, glue.join(words))


@pytest.mark.parametrize("engine", ENGINES)
def test_groups_are_numbered_as_one_list(engine: Engine) -> None:
    several = Gates([r"\d", "é"], [], ["zzz", r"\bok {0,2}then\b"], engine=engine)
    assert several.patterns == (r"\d", "é", "zzz", r"\bok {0,2}then\b")
    assert several.hits("") == []
    assert several.hits("ok then 5") == [0, 3]
    assert several.hits("é \ud800") == [1]
