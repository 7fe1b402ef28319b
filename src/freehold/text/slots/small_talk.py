"""Words around a question that make no other question of it: greetings, thanks, signatures, asides.

Nobody lists them: they are what stands beside many different questions.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable

from msgspec.structs import replace

from freehold.text.slots.questions import ASKS, Question, reading

_PARTS = re.compile(r"(?<=[.!?;:,\n-])\s+")
_SENTENCES = re.compile(r"(?<=[.!?;\n])\s+")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_MOST_WORDS, _LEAST_BESIDE, _LEAST_TIMES = 7, 5, 6
_MOST_SENTENCE = 16

Heard = tuple[str, ...]


def words_of(text: str) -> Heard:
    """Its words in small letters."""
    return tuple(_WORD.findall(text.casefold()))


def parts_of(text: str) -> list[str]:
    """As it is parted by stops and commas."""
    return [part for part in _PARTS.split(text) if part]


def small_talk(questions: Iterable[str]) -> frozenset[str]:
    """Parts and sentences that stand beside questions that have little in common, each longer than
    they are. What begins like a question must be a whole sentence.
    """
    beside: dict[Heard, list[frozenset[str]]] = defaultdict(list)
    for question in dict.fromkeys(questions):
        sentences = [words_of(part) for part in _SENTENCES.split(question)]
        _hear(beside, sentences, _MOST_SENTENCE, whole=True)
        parts = [words_of(part) for part in parts_of(question)]
        if len(parts) > len(sentences):
            _hear(beside, parts, _MOST_WORDS, whole=False)
    return frozenset(" ".join(part) for part, rests in beside.items() if len(rests) >= _LEAST_TIMES)


def _hear(
    beside: dict[Heard, list[frozenset[str]]], parts: list[Heard], most: int, *, whole: bool
) -> None:
    for at, part in enumerate(parts):
        if not 0 < len(part) <= most or (part[0] in ASKS and not whole):
            continue
        rest = frozenset(word for n, other in enumerate(parts) if n != at for word in other)
        known = beside[part]
        if (
            len(rest) >= max(_LEAST_BESIDE, min(len(part), _MOST_WORDS))
            and len(known) < _LEAST_TIMES
            and all(_unlike(rest, other) for other in known)
        ):
            known.append(rest)


def _unlike(one: frozenset[str], other: frozenset[str]) -> bool:
    return 3 * len(one & other) < len(one | other)


def without(question: str, talk: Collection[str]) -> str:
    """A question without small talk; as it is where nothing else is left."""
    if not talk:
        return question
    kept = []
    for sentence in _SENTENCES.split(question):
        if " ".join(words_of(sentence)) not in talk:
            kept += [p for p in parts_of(sentence) if " ".join(words_of(p)) not in talk]
    return " ".join(kept) or question


def bare(question: Question, talk: Collection[str]) -> Question:
    """A question as it reads without small talk."""
    if not talk:
        return question
    read = reading(without(question.masked, talk), question.language)
    return replace(read, leans=read.leans or question.leans)
