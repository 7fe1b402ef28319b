"""Samples that a person reads, and what that person found."""

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from examples.airline.summary import Figures, Place, text_of

CHECKED = Path(__file__).resolve().parent / "checked.json"
_BREAK = re.compile(r"[.!?]\s|\n")


class Sample(Enum):
    """What can be read by hand."""

    COMMITMENTS = "commitments"
    PII = "pii"
    SILENT = "silent"  # assistant messages in which no commitment was found


class Round(NamedTuple):
    """One sample that was read: how many were right, and what was wrong with the others.

    `mended` counts those that were wrong then and are not there any more (a finding that is gone,
    or a message in which something is found now).
    """

    seed: int
    read: int
    wrong: tuple[str, ...]
    mended: int


def candidates(kind: Sample, figures: Figures) -> dict[str, Place]:
    """Everything that a sample is drawn from, by its stable name."""
    summary = figures.summary
    if kind is Sample.COMMITMENTS:
        return {fact.key: fact.place for fact in summary.facts if fact.kind == "commitment"}
    if kind is Sample.PII:
        return {finding.key: finding.place for finding in summary.findings}
    told = {fact.place[:2] for fact in summary.facts if fact.kind == "commitment"}
    return {
        f"{turn.conversation}.{turn.place}": Place(
            turn.conversation, turn.place, "text", 0, len(turn.recorded.text)
        )
        for turn in (reply.turn for reply in figures.replies)
        if turn.recorded.text and (turn.conversation, turn.place) not in told
    }


def draw(kind: Sample, figures: Figures, seed: int, size: int) -> Iterator[str]:
    """A random sample, each with the sentences around it."""
    every = candidates(kind, figures)
    names = sorted(every)
    for name in sorted(Random(seed).sample(names, min(size, len(names)))):
        place = every[name]
        text = text_of(figures.conversations, place)
        yield f"{name}\n{_around(text, place.start, place.end)}\n"


def _around(text: str, start: int, end: int) -> str:
    """The sentence, and one on each side."""
    breaks = [0, *(match.end() for match in _BREAK.finditer(text)), len(text)]
    before = [at for at in breaks if at <= start][-2:]
    behind = [at for at in breaks if at >= end][:2]
    return f"{text[before[0] : start]}⟦{text[start:end]}⟧{text[end : behind[-1]]}".strip()


def rounds(figures: Figures, kept: Mapping[str, Sequence[Any]]) -> dict[Sample, list[Round]]:
    """What was read by hand, beside what is found today."""
    results = {}
    for kind in Sample:
        every = candidates(kind, figures)
        results[kind] = [
            Round(
                seed=given["seed"],
                read=len(given["read"]),
                wrong=tuple(given["wrong"].values()),
                mended=sum(name not in every for name in given["wrong"]),
            )
            for given in kept.get(kind.value, ())
        ]
    return results
