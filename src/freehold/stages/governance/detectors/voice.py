"""A brand's voice: phrases and names that an app's answers leave alone, and simple limits of tone.

What they look for stands in the bundle, app by app; without it they find nothing and cost nothing.
"""

import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import ClassVar

from freehold.core.decisions import Finding, Needs
from freehold.core.ports import Detector
from freehold.core.spec import ToneSpec, VoiceSpec
from freehold.stages.governance.ascii import OTHER, ascii_copy
from freehold.stages.governance.detectors.base import PatternDetector, Shape, is_edge
from freehold.text.normalise import fold
from freehold.text.sentences import SENTENCE_END

LABEL = "voice"
_TWINS = frozenset("abcehikmnopstuvxyzjdglrw")
"""Letters that have a look-alike in another alphabet."""
_GAP = r"[ \t\r\n_\-]{1,3}"
_SPLIT = re.compile(r"[\s\-]+")


class _Phrases(PatternDetector):
    """Declared phrases as whole words, whatever their case, accents and look-alike letters.

    In other scripts than Latin there are no words to be told apart by blanks and no copy in ASCII,
    so such a list is read by `_Anywhere` instead.
    """

    label = LABEL
    kind: ClassVar[str] = ""
    why: ClassVar[str] = ""

    def __init__(self, phrases: Sequence[str] = ()) -> None:
        self.idle = not phrases
        pieces = [tuple(filter(None, _SPLIT.split(ascii_copy(phrase)))) for phrase in phrases]
        self.shapes: tuple[Shape, ...] = tuple(  # type: ignore[misc]
            Shape(
                kind=self.kind,
                pattern=_GAP.join(map(_word, words)),
                score=950_000,
                why=self.why,
                any_case=True,
                check=_stands_alone,
                words=True,
            )
            for words in pieces
        )
        self.live: tuple[str, ...] = tuple(map(_beginning, pieces))  # type: ignore[misc]
        self.version: str = _version(phrases)  # type: ignore[misc]
        super().__init__()

    @property
    def kinds(self) -> frozenset[str]:
        """The one kind that it finds."""
        return frozenset({self.kind})

    def speaking(self, voice: VoiceSpec) -> Detector:
        """The detector for one app's voice."""
        phrases = self.listed(voice)
        if any(OTHER in ascii_copy(phrase) for phrase in phrases):
            return _Anywhere(self.id, self.kind, self.why, phrases)
        return type(self)(phrases)

    def listed(self, voice: VoiceSpec) -> tuple[str, ...]:
        """The phrases that it looks for."""
        raise NotImplementedError


class Banned(_Phrases):
    """Phrases that the brand does not use."""

    id = "voice.banned"
    kind = "banned_phrase"
    why = "a phrase that the app's voice rules out"

    def listed(self, voice: VoiceSpec) -> tuple[str, ...]:
        """The phrases that it looks for."""
        return voice.banned


class Competitor(_Phrases):
    """Names of others, which answers do not mention, and so do not recommend."""

    id = "voice.competitor"
    kind = "competitor"
    why = "a name that the app's voice rules out"

    def listed(self, voice: VoiceSpec) -> tuple[str, ...]:
        """The names that it looks for."""
        return voice.competitors


class _Anywhere:
    """Phrases in any script: it sees the whole answer, since nothing tells where a word ends."""

    label = LABEL
    needs: Needs = "whole"
    idle = False

    def __init__(self, name: str, kind: str, why: str, phrases: Sequence[str]) -> None:
        self.id = name
        self.version = _version(phrases)
        self.kinds = frozenset({kind})
        self._kind = kind
        self._why = why
        either = "|".join(
            r"[\s_\-]{1,3}".join(map(re.escape, filter(None, _SPLIT.split(fold(phrase)))))
            for phrase in sorted(phrases, key=len, reverse=True)
        )
        self._pattern = re.compile(either, re.IGNORECASE)

    def detect(self, text: str, folded: str, where: str) -> Sequence[Finding]:  # noqa: ARG002
        """Every phrase; those that begin or end with Latin letters as whole words."""
        return tuple(
            _finding(self, self._kind, self._why, where, *found.span())
            for found in self._pattern.finditer(folded)
            if _edge(folded, found.start() - 1, found.start())
            and _edge(folded, found.end(), found.end() - 1)
        )


class Tone:
    """Simple limits of tone, sentence by sentence."""

    id = "voice.tone"
    label = LABEL
    needs: Needs = "sentence"

    def __init__(self, tone: ToneSpec | None = None) -> None:
        self.idle = tone is None
        self.version = _version((repr(tone),))
        self._tone = tone or ToneSpec()
        people = "|".join(_PERSONS[number] for number in sorted(self._tone.not_first_person))
        self._people = re.compile(rf"\b(?:{people})\b", re.IGNORECASE) if people else None

    @property
    def kinds(self) -> frozenset[str]:
        """Every kind that it can find."""
        return frozenset({"shouting", "emoji", "exclamation", "first_person", "long_sentence"})

    def speaking(self, voice: VoiceSpec) -> Detector:
        """The detector for one app's voice."""
        return type(self)(voice.tone)

    def detect(self, text: str, folded: str, where: str) -> Sequence[Finding]:
        """Whatever goes beyond a limit."""
        found: list[Finding] = []
        start = 0
        for end in (*(m.end() for m in SENTENCE_END.finditer(text)), len(text)):
            for kind, begin, stop in self._in(text[start:end], folded[start:end]):
                why = _WHY[kind]
                found.append(_finding(self, kind, why, where, start + begin, start + stop))
            start = end
        return tuple(found)

    def _in(self, text: str, folded: str) -> Iterator[tuple[str, int, int]]:
        tone = self._tone
        words = list(_WORD.finditer(text))
        if not tone.shouting:
            yield from _shouts(words)
        if not tone.emoji:
            yield from (("emoji", *found.span()) for found in _EMOJI.finditer(text))
        if tone.exclamation_marks is not None:
            marks = [i for i, char in enumerate(folded) if char == "!"]
            if len(marks) > tone.exclamation_marks:
                yield "exclamation", marks[0], marks[-1] + 1
        if self._people is not None:
            for found in self._people.finditer(folded):
                if found[0] != "US":  # the country
                    yield "first_person", *found.span()
        limit = tone.max_sentence_words
        if limit is not None and len(words) > limit:
            yield "long_sentence", words[0].start(), words[-1].end()


_PERSONS = {
    "singular": "i|me|my|mine|myself",
    "plural": "we|us|our|ours|ourselves",
}
_WHY = {
    "shouting": "words in capitals",
    "emoji": "an emoji",
    "exclamation": "more exclamation marks than the app's voice allows in a sentence",
    "first_person": "speaks of itself",
    "long_sentence": "more words than the app's voice allows in a sentence",
}
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W\d_]+)*")
_EMOJI = re.compile(
    "[\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff\u2600-\u27bf\u2b50\u2b55\u231a\u231b\u23e9-\u23f3]"
    "[\ufe0f\u200d\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff\u2600-\u27bf]*"
)
_WIDE = {"long_sentence": 600_000, "exclamation": 800_000, "shouting": 800_000}
"""Findings that may contain others score less, so that those are not dropped as parts of them."""
_MANY = 3


def _shouts(words: Sequence[re.Match[str]]) -> Iterator[tuple[str, int, int]]:
    """Runs of three words in capitals, or of two that are all there is."""
    enough = _MANY if len(words) != _MANY - 1 else _MANY - 1
    run: list[re.Match[str]] = []
    for word in (*words, None):
        if word is not None and word[0].isupper() and sum(map(str.isalpha, word[0])) > 1:
            run.append(word)
            continue
        if len(run) >= enough:
            yield "shouting", run[0].start(), run[-1].end()
        run = []


def _finding(by: Detector, kind: str, why: str, where: str, start: int, end: int) -> Finding:
    return Finding(
        detector=by.id,
        version=by.version,
        kind=kind,
        label=LABEL,
        where=where,
        start=start,
        end=end,
        score=_WIDE.get(kind, 950_000),
        explanation=why,
    )


def _version(declared: Sequence[str]) -> str:
    return f"1:{sha256(repr(tuple(declared)).encode()).hexdigest()[:12]}"


def _char(char: str) -> str:
    low = char.lower()
    return f"[{low}{OTHER}]" if low in _TWINS else re.escape(low)


def _word(word: str) -> str:
    return "".join(map(_char, word))


def _beginning(words: Sequence[str]) -> str:
    """What the beginning of the phrase looks like at the end of a text, the whole of it included:
    what follows may go on with its last word.
    """
    steps = [_char(char) for char in words[0]]
    for word in words[1:]:
        steps += (_GAP, *map(_char, word))
    rest = ""
    for step in reversed(steps[1:]):
        rest = f"(?:{step}{rest})?"
    return f"{steps[0]}{rest}$"


def _stands_alone(folded: str, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Whole words of which more letters are plain than are look-alikes."""
    unsure = folded.count(OTHER, start, end)
    if unsure * 2 < end - start and is_edge(folded, start - 1) and is_edge(folded, end):
        yield start, end, 950_000


def _edge(text: str, outside: int, inside: int) -> bool:
    """Whether a word may end between these: not between two letters or digits of ASCII."""
    if not 0 <= outside < len(text):
        return True
    pair = text[outside] + text[inside]
    return not (pair.isascii() and pair.isalnum())
