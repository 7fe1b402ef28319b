"""The text prepared for extractors, and whether a clause affirms, denies or supposes.

A `Document` holds same-length views of one text, so that every offset means the same in all
of them. Polarity is read from the words of the clause: cheap, explainable, and in doubt
"affirmed", because a rule must rather see an offer too many than one too few.
"""

from collections.abc import Callable

from freehold.core.facts import Polarity
from freehold.text import negation, negation_words
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
_CLEAN_ASCII = bytes(ord(_CLEAN.get(code, chr(code))) for code in range(256))
_ITS_NAME = frozenset("off discount reduction rebate refund".split())
_SPANS = 32  # whose surroundings a document remembers: those of one or two sentences
Around = tuple[list[str], list[str]]
Subject = Callable[[], frozenset[str]]
"""What the question that a text answers is about; asked only where that decides something."""


def nothing() -> frozenset[str]:
    """The subject of a text that answers no question."""
    return frozenset()


class Document:
    """Same-length views of one text, made once and shared by all extractors."""

    __slots__ = (
        "_around",
        "_promised",
        "_sentences",
        "_taken",
        "_triggers",
        "about",
        "before",
        "clean",
        "folded",
        "language",
        "low",
        "text",
    )

    def __init__(
        self, text: str, language: str, before: str = "", about: Subject = nothing
    ) -> None:
        self.text = text
        self.language = language
        self.before = before
        self.about = about
        self.folded = fold(text)
        self.low = self.folded.lower()
        if len(self.low) != len(text):  # no known character does this once folded
            self.low = "".join(c.lower() if len(c.lower()) == 1 else c for c in self.folded)
        low = self.low
        if "\u2014" in text:  # folded to a hyphen, but it parts clauses
            low = "".join("," if c == "\u2014" else x for c, x in zip(text, low, strict=True))
        # a full stop ends a sentence only before a space; " - " is a soft limit
        clean = (
            low.replace("... but ", " ,   but ")
            .replace(". ", "\n ")
            .replace(".\n", "\n\n")
            .replace(".*", "\n*")
            .replace(".)", "\n)")
            .replace('."', '\n"')
            .replace(" - ", " , ")
        )
        if clean.isascii():  # a tenth of the time
            self.clean = clean.encode().translate(_CLEAN_ASCII).decode()
        else:
            self.clean = clean.translate(_CLEAN)
        if self.clean.endswith("."):
            self.clean = self.clean[:-1] + "\n"
        self._taken = bytearray(len(text))
        self._promised: bytearray | None = None
        self._sentences: dict[int, bool] = {}
        self._triggers: frozenset[str] | None = None
        self._around: dict[tuple[int, int], Around] = {}

    def is_free(self, start: int, end: int) -> bool:
        """Whether no fact has claimed a character of this span yet."""
        return self._taken.find(1, start, end) < 0

    def claim(self, start: int, end: int) -> bool:
        """Claim a span for a fact; false, and nothing changes, when it is not free."""
        if self._taken.find(1, start, end) >= 0:
            return False
        self._taken[start:end] = b"\x01" * (end - start)
        return True

    def promise(self, start: int, end: int) -> bool:
        """Claim a span for a commitment, which may hold other facts but no other commitment."""
        if self._promised is None:
            self._promised = bytearray(len(self.text))
        if self._promised.find(1, start, end) >= 0:
            return False
        self._promised[start:end] = b"\x01" * (end - start)
        return True

    def group(self, span: tuple[int, int]) -> str:
        """The folded, lower-case text of a span; "" for a group that took no part."""
        return self.low[span[0] : span[1]] if span[0] >= 0 else ""

    def around(self, start: int, end: int) -> Around:
        """(words before, words after) of a span within its sentence; commas are words.

        At most about sixty words before and twenty behind.
        """
        around = self._around.get((start, end))
        if around is None:
            clean = self.clean
            left = max(clean.rfind("\n", 0, start) + 1, start - 300)
            right = clean.find("\n", end, end + 140)
            before = clean[left:start].replace(",", " , ").split()
            after = clean[end : right if right >= 0 else end + 140].replace(",", " , ").split()
            if len(self._around) >= _SPANS:
                self._around.clear()
            around = self._around[start, end] = (before, after)
        return around

    def is_plain(self, start: int) -> bool:
        """Whether the sentence around `start` has no word that could deny or suppose anything."""
        clean = self.clean
        if self._triggers is None:
            words = clean.replace(",", " ").split()
            self._triggers = negation_words.triggers(self.language).intersection(words)
        if not self._triggers:
            return True
        left = clean.rfind("\n", 0, start) + 1
        plain = self._sentences.get(left)
        if plain is None:
            right = clean.find("\n", start)
            sentence = clean[left : right if right >= 0 else len(clean)]
            plain = True
            for word in self._triggers:
                if word in sentence:
                    plain = False
                    break
            self._sentences[left] = plain
        return plain

    def is_question(self, end: int) -> bool:
        """Whether the sentence around `end` closes with a question mark."""
        if "?" not in self.low:
            return False
        right = self.clean.find("\n", end, end + 400)
        return right >= 0 and self.low[right] == "?"


def _is_beyond(after: list[str]) -> bool:
    """Whether what follows a value says that it is too much ("is more than I can do")."""
    words = [word for word in after[:8] if word not in _ITS_NAME]
    return words[:3] == ["is", "more", "than"] and words[3:5] in (["i", "can"], ["we", "can"])


def polarity(doc: Document, start: int, end: int) -> Polarity:
    """How the clause around a span stands to it."""
    if " is more than " in doc.clean[end : end + 60] and _is_beyond(doc.around(start, end)[1]):
        return "negated"
    if doc.is_plain(start):
        return "affirmed"
    before, after = doc.around(start, end)
    language, question = doc.language, doc.is_question(end)
    if negation.denied_before(before, after, language, question=question) or negation.denied_after(
        before, after, language, question=question
    ):
        return "affirmed" if negation.is_taken_back(after, language) else "negated"
    if negation.is_disowned(before, after):
        return "negated"
    if negation.is_supposed(before) or negation.is_only_quoted(before, after):
        return "hypothetical"
    return "affirmed"
