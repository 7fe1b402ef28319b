"""The text prepared for extractors, and whether a clause affirms, denies or supposes.

A `Document` holds same-length views of one text, so that every offset means the same in all
of them. Polarity is read from the words of the clause: cheap, explainable, and in doubt
"affirmed", because a rule must rather see an offer too many than one too few.
"""

from freehold.core.facts import Polarity
from freehold.text import negation
from freehold.text.normalise import fold

# A sentence ends at each of these; commas and brackets stay, as softer limits.
_CLEAN = str.maketrans(
    {
        **dict.fromkeys("!?;|\u2022", "\n"),
        **dict.fromkeys('"*_`#<>~[]{})\t=&', " "),
        "(": ",",
        "-": " ",
        ":": ",",
        "/": " ",
    }
)
_COLON_KEPT = str.maketrans({":": " "})


class Document:
    """Same-length views of one text, made once and shared by all extractors."""

    __slots__ = ("clean", "folded", "language", "low", "taken", "text")

    def __init__(self, text: str, language: str) -> None:
        self.text = text
        self.language = language
        self.folded = fold(text)
        self.low = self.folded.lower()
        if len(self.low) != len(text):  # no known character does this once folded
            self.low = "".join(c.lower() if len(c.lower()) == 1 else c for c in self.folded)
        # a full stop ends a sentence only before a space; " - " is a soft limit
        self.clean = (
            self.low.replace(". ", "\n ")
            .replace(".\n", "\n\n")
            .replace(" - ", " , ")
            .translate(_CLEAN)
        )
        self.taken: list[tuple[int, int]] = []

    def is_free(self, start: int, end: int) -> bool:
        """Whether no fact has claimed a character of this span yet."""
        return all(end <= left or start >= right for left, right in self.taken)

    def before(self, start: int) -> list[str]:
        """The words of the sentence up to `start`; commas are words of their own."""
        left = self.clean.rfind("\n", 0, start) + 1
        return self.clean[max(left, start - 300) : start].replace(",", " , ").split()

    def after(self, end: int) -> list[str]:
        """The words of the sentence from `end` on, at most about twenty."""
        right = self.clean.find("\n", end, end + 140)
        return self.clean[end : right if right >= 0 else end + 140].replace(",", " , ").split()

    def is_question(self, end: int) -> bool:
        """Whether the sentence around `end` closes with a question mark."""
        right = self.clean.find("\n", end)
        return right >= 0 and self.low[right] == "?"


def polarity(doc: Document, start: int, end: int) -> Polarity:
    """How the clause around a span stands to it."""
    before = doc.before(start)
    denied, supposed = negation.scan_before(before, doc.language)
    if denied:
        return "negated"
    after = doc.after(end)
    if negation.denies_after(before, after, doc.language):
        return "negated"
    if supposed or negation.is_only_quoted(before, after):
        return "hypothetical"
    return "affirmed"
