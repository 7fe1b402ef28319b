"""A text with its lines joined where a number or an address may go on, for what was wrapped."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from operator import attrgetter

from msgspec.structs import replace

from freehold.core.decisions import Finding
from freehold.text.views import Change, View

WRAPPED = frozenset({"pii.card", "pii.email", "pii.iban", "pii.national_id", "pii.us_ssn"})
"""Detectors of what has a form of its own, so that two halves of it are worth joining."""
_SURE = 700_000
_JOINT = re.compile(
    r"(?:&(?:nbsp|#160|#xa0);|\r?\n[ \t]{0,4}(?:> ?)?)(?=[0-9A-Za-z])", re.IGNORECASE
)
"""Begins with few characters, so that it is quick to find; `_before` says what it stands behind."""


def _before(text: str, joint: re.Match[str]) -> tuple[int, str] | None:
    """Where the joint begins and what stands for it; nothing if lines stay apart."""
    start = joint.start()
    if text[start] != "&" and start and text[start - 1] in " \t":
        start -= 1
    last = text[start - 1 : start]
    if last.isdigit():
        return (start, " ") if text[joint.end()].isdigit() else None
    if last not in ("-", "@") or start < joint.start() or text[start] == "&":
        return None
    return (start, "") if text[max(0, start - 2) : start - 1].isalnum() else None


class Unwrapped(View):
    """The text with one blank for a break between digits, and none behind a dash or an ``@``.

    Attributes:
        joints: where something was joined.
    """

    __slots__ = ("_breaks", "joints")

    def __init__(self, text: str) -> None:
        self.joints: list[int] = []
        self._breaks: list[int] = []
        changes: list[Change] = []
        for joint in _JOINT.finditer(text) if "\n" in text or "&" in text else ():
            place = _before(text, joint)
            if place is None:
                continue
            start, blank = place
            changes.append((start, joint.end(), blank))
            self.joints.append(start)
            if "\n" in joint[0]:
                self._breaks.append(start)
        super().__init__(text, changes)

    def over_a_joint(self, found: list[Finding], plain: list[Finding]) -> list[Finding]:
        """Those of ``found`` that go over a joint and over one line's end at most, where they stand
        in the original. What was ``plain`` to see goes on over no line's end.
        """
        seen = _covered(plain)
        kept: list[Finding] = []
        for finding in found:
            start, end = self.span(finding.start, finding.end)
            if (
                finding.score >= _SURE
                and _between(self.joints, start, end)
                and _between(self._breaks, start, end) < 2
                and not _touches(seen.get(finding.kind, ()), start, end)
            ):
                kept.append(replace(finding, start=start, end=end))
        return kept


def _between(places: list[int], start: int, end: int) -> int:
    """How many of ``places``, ascending, lie inside."""
    return bisect_left(places, end) - bisect_right(places, start)


def _covered(found: list[Finding]) -> dict[str, list[tuple[int, int]]]:
    """What findings cover, by kind, in order and apart."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for finding in sorted(found, key=attrgetter("start")):
        row = spans.setdefault(finding.kind, [])
        if row and finding.start < row[-1][1]:
            row[-1] = (row[-1][0], max(row[-1][1], finding.end))
        else:
            row.append((finding.start, finding.end))
    return spans


def _touches(spans: Sequence[tuple[int, int]], start: int, end: int) -> bool:
    place = bisect_left(spans, (end, 0))
    return place > 0 and spans[place - 1][1] > start
