"""What the pattern detectors share: a head that a pattern finds, a check, and words nearby.

A detector's verdict on a span depends only on the text before it and on a bounded stretch of what
follows, never on what was matched elsewhere. On that rests the release of streams: see
`freehold.stages.governance.live`.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from msgspec import Struct

from freehold.core.decisions import Finding, Needs
from freehold.stages.governance.ascii import ascii_copy
from freehold.text import patterns

CONTEXT_CHARS = 48
"""How far before a span the words are read that raise or lower its score."""

Spans = Iterable[tuple[int, int, int]]
Check = Callable[[str, int, int], Spans]
"""From the folded text and the span of a pattern's match to (start, end, score) of what counts."""

_BREAK = re.compile(r"[^0-9A-Za-z]")


class Near(Struct, frozen=True):
    """Words before a span that change its score: ``change`` in millionths, when the nearest of all.

    ``chars`` is how far back to look, at most `CONTEXT_CHARS`.
    """

    words: patterns.Pattern
    change: int
    note: str
    chars: int = CONTEXT_CHARS


def near(words: str, change: int, note: str, chars: int = CONTEXT_CHARS) -> Near:
    """``words`` are beginnings of words, apart by blanks, `_` for a blank; case is ignored."""
    either = "|".join(word.replace("_", "[ _]?") for word in words.split())
    pattern = patterns.compile(rf"(?:^|[^A-Za-z])(?:{either})", ignore_case=True)
    return Near(pattern, change, note, chars)


class Shape(Struct, frozen=True):
    """One way in which a kind of thing is written.

    Attributes:
        kind: of the finding.
        pattern: matches the thing, or the head that ``check`` reads on from. No groups: captures
            cost RE2 its speed.
        score: millionths, before ``check`` and the words nearby.
        why: for the record's readers.
        gate: a cheaper pattern that is found wherever ``pattern`` is; case is ignored.
        any_case: whether ``pattern`` ignores case.
        check: an own judgement; it replaces score and span.
        nearby: words before it that count.
        words: whether it may be written as several words (numbers in groups).
    """

    kind: str
    pattern: str
    score: int
    why: str
    gate: str = ""
    any_case: bool = False
    check: Check | None = None
    nearby: tuple[Near, ...] = ()
    words: bool = False


class PatternDetector:
    """A detector made of shapes. ``live`` patterns match, at the end of a text, the beginning of
    something of several words that further text could complete (see `live`).
    """

    id: ClassVar[str] = ""
    version: ClassVar[str] = "1"
    label: ClassVar[str] = "pii"
    needs: ClassVar[Needs] = "span"
    shapes: ClassVar[tuple[Shape, ...]] = ()
    live: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self._compiled = tuple(patterns.compile(s.pattern, s.any_case) for s in self.shapes)
        self._re2 = patterns.default_engine() == "re2"

    @property
    def kinds(self) -> frozenset[str]:
        """Every kind that it can find."""
        return frozenset(shape.kind for shape in self.shapes)

    @property
    def gates(self) -> tuple[str, ...]:
        """One gate for each shape, in their order; case is to be ignored."""
        return tuple(shape.gate or shape.pattern for shape in self.shapes)

    def detect(self, text: str, folded: str, where: str) -> Sequence[Finding]:
        """Findings of all shapes."""
        found: list[Finding] = []
        folded = ascii_copy(folded)
        if len(folded) != len(text):
            raise ValueError("the folded text has another length")
        for index in range(len(self.shapes)):
            self.read(index, folded, where, found)
        return found

    def read(
        self, index: int, folded: str, where: str, found: list[Finding], floor: int = 0
    ) -> None:
        """Append the findings of one shape that score ``floor`` or more.

        ``folded`` is ASCII and as long as the text. What is found at one place hides nothing that
        begins inside it, or else the result would depend on where reading began.
        """
        shape = self.shapes[index]
        raising: list[int] | None = None
        if shape.score < floor:
            raising = _ends(shape.nearby, folded)
            if not raising:
                return
        native: Any = self._compiled[index].prepare()
        source = folded.encode() if self._re2 else folded
        at = 0
        while (match := native.search(source, at)) is not None:
            start, end = match.span()
            if raising is None or _follows(raising, start):
                check = shape.check
                spans = check(folded, start, end) if check else ((start, end, shape.score),)
                for span in spans:
                    finding = self._finding(shape, folded, where, *span)
                    if finding.score >= floor:
                        found.append(finding)
            if not shape.words:
                at = max(end, at + 1)
            else:
                gap = _BREAK.search(folded, start + 1)
                if gap is None:
                    return
                at = gap.start()

    def _finding(
        self, shape: Shape, folded: str, where: str, start: int, end: int, score: int
    ) -> Finding:
        why = shape.why
        if shape.nearby:
            score, note = _weigh(shape.nearby, folded, start, score)
            if note:
                why = f"{why}; {note}"
        return Finding(
            detector=self.id,
            version=self.version,
            kind=shape.kind,
            label=self.label,
            where=where,
            start=start,
            end=end,
            score=score,
            explanation=why,
        )


def _ends(nearby: tuple[Near, ...], folded: str) -> list[int]:
    """Where words end that raise a score, ascending."""
    return sorted(end for near in nearby if near.change > 0 for _, end in near.words.spans(folded))


def _follows(ends: list[int], start: int) -> bool:
    """Whether one of these ends lies shortly before ``start``."""
    place = bisect_right(ends, start)
    return place > 0 and start - ends[place - 1] <= CONTEXT_CHARS


def _weigh(nearby: tuple[Near, ...], folded: str, start: int, score: int) -> tuple[int, str]:
    """The score after the nearest of the words that count, and a note about it."""
    best, change, note = -1, 0, ""
    for words in nearby:
        low = max(0, start - words.chars)
        spans = words.words.spans(folded[low:start])
        if spans and low + spans[-1][1] > best:
            best, change, note = low + spans[-1][1], words.change, words.note
    return min(999_000, max(0, score + change)), note


def is_edge(folded: str, at: int) -> bool:
    """Whether no letter, digit or underscore stands at ``at`` (outside the text none does)."""
    return not (0 <= at < len(folded)) or not (folded[at].isalnum() or folded[at] == "_")


def loose(folded: str, start: int, end: int) -> bool:
    """Whether a span with a check digit stands by itself: not inside a word, a longer number, an
    identifier with dashes.
    """
    if not is_edge(folded, end) or not is_edge(folded, start - 1):
        return False
    if start > 1 and folded[start - 1] in "-." and not is_edge(folded, start - 2):
        return False
    return not (folded[end : end + 1] in {"-", "."} and folded[end + 1 : end + 2].isdigit())


def free(folded: str, start: int, end: int) -> bool:
    """Whether a span of digits stands by itself: also no decimal, amount, path, tag or sum."""
    if not loose(folded, start, end):
        return False
    before = folded[start - 1] if start else " "
    if before in "$#\\~":
        return False
    if (
        before in "-./@&+*"
        and start > 1
        and (folded[start - 2] == before or not is_edge(folded, start - 2))
    ):
        return False
    after = folded[end : end + 2]
    return not (len(after) == 2 and after[0] in "-./,:@%" and after[1].isdigit())
