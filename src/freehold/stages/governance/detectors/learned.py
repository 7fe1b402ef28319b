"""Detectors that were trained: a linear head each, on one vector of the text that they share.

What they can and can't: `docs/explanation/detectors-learned.md`.
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from freehold.core.decisions import MILLION, Finding, Needs
from freehold.stages.governance.ascii import ascii_copy
from freehold.text import patterns
from freehold.text.heads import Head, shipped, vector_of
from freehold.text.normalise import fold
from freehold.text.unveil import Unveiled, unmask, unveil
from freehold.text.vectors import parts

FLOOR = 50_000
"""What scores less is no finding, whatever the threshold."""


class LearnedDetector:
    """One finding for a text: the stretch that speaks loudest."""

    id: ClassVar[str] = ""
    label: ClassVar[str] = ""
    head: ClassVar[str] = ""
    why: ClassVar[str] = ""
    needs: Needs = "whole"

    @property
    def kinds(self) -> frozenset[str]:
        """The one kind that it finds."""
        return frozenset({self.label})

    @property
    def version(self) -> str:
        """Changes with the head's file."""
        return self._head().version

    def detect(self, text: str, folded: str, where: str) -> Sequence[Finding]:
        """The loudest stretch, as a finding."""
        best, start, end = self._loudest(text)
        best, note = self.weighed(best, folded, start, end)
        for hidden in self.veiled(text):
            plain = hidden.text
            score, said, till = self._loudest(plain)
            score, more = self.weighed(score, fold(plain), said, till)
            if score > best:
                best, start, end = score, hidden.start, hidden.end
                note = f"; read as {hidden.how}{more}"
        if best < FLOOR or start >= end:
            return ()
        return (
            Finding(
                detector=self.id,
                version=self.version,
                kind=self.label,
                label=self.label,
                where=where,
                start=start,
                end=end,
                score=best,
                explanation=f"{self.why}{note}",
            ),
        )

    def veiled(self, text: str) -> Iterable[Unveiled]:
        """What the text says behind a disguise."""
        return unveil(text)

    def _loudest(self, text: str) -> tuple[int, int, int]:
        head = self._head()
        best, start, end = -1, 0, 0
        for offset, part in parts(text):
            found = head.judge(vector_of(part))
            if found.score > best:
                best, start, end = found.score, found.start + offset, found.end + offset
        return best, start, end

    def weighed(self, score: int, folded: str, start: int, end: int) -> tuple[int, str]:  # noqa: ARG002
        """The score after what else is known of the stretch, and a note about it."""
        return score, ""

    def _head(self) -> Head:
        return shipped(self.head)


class InjectionModel(LearnedDetector):
    """Attempts to take a model over, in a request or hidden in context and tool results."""

    id = "injection.model"
    label = "injection"
    head = "injection"
    why = "reads like an attempt to change a model's instructions"


_LEXICON = (
    r"\b(?:fuck\w*|shit(?:head|bag|ty)?|ass?hole\w*|bastards?|bitch\w*|cunts?|dickheads?|wank\w+"
    r"|motherf\w+|retards?|retarded|morons?|imbeciles?|idiots?|dumbass\w*|scum(?:bags?)?|cretins?"
    r"|degenerates?|subhumans?|vermin|parasites?|inferior|kill (?:you|yourself)|kys|drop dead"
    r"|go to hell|rot in hell|arschl\w+|wichser|schlampe|missgeburt|verpiss|hurensohn|fick dich"
    r"|hijo de puta|pendejo|cabron|gilipollas|connard|salope|encule|stronzo|vaffanculo)\b"
)


class ToxicityModel(LearnedDetector):
    """Insults and threats: words that are nearly always rude, and a head that reads around them.

    A word of the list weighs as much as odds of about 7 to 1; alone it decides nothing.
    """

    id = "toxicity.model"
    label = "toxicity"
    head = "toxicity"
    why = "reads like an insult or a threat"

    def __init__(self) -> None:
        self._words = patterns.compile(_LEXICON, ignore_case=True)

    def veiled(self, text: str) -> Iterable[Unveiled]:
        """The text with masked swear words spelled out, besides the other disguises."""
        return [*unmask(text), *unveil(text)]

    def weighed(self, score: int, folded: str, start: int, end: int) -> tuple[int, str]:
        """More where a word of the lexicon stands in the stretch."""
        if not self._words.test(ascii_copy(folded[start:end])):
            return score, ""
        odds = score / max(1, MILLION - score) * 7.389  # e to the power of 2
        return min(MILLION - 1, round(MILLION * odds / (1 + odds))), "; a word of the lexicon"
