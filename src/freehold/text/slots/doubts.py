"""What speaks against an answer besides the nearest question: others near, words that are strange
to it, and words that it always had and that are missing.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache

VERSION = "2"
"""Changes whenever a question may get another score: lines were drawn on scores."""
_SHARP, _FAR = 10.0, 0.5
"""How much more a nearer question counts; what is so much further counts nothing."""

_LEAST = 4
"""Letters of a word in which a slip is told from another word."""
_STRANGE = 0.8
"""How much it takes where every word is one that the answer was never approved for."""
_LACKS = 0.8


def combined(lead: float, agreed: float, strange: float, lacks: float) -> float:
    """All of it as one number from 0 to 1, each of the four from 0 to 1 as well. How the parts
    weigh was chosen on questions of intents that nobody had shown (ADR 44): how near the nearest is
    tells less than what else is near and what is said otherwise.

    Args:
        lead: how near the nearest question is, and how far it leads others.
    """
    return math.sqrt(lead) * agreed * (1 - _STRANGE * strange) ** 2 * math.exp(-_LACKS * lacks)


def agreement(near: Iterable[tuple[float, bool]]) -> float:
    """The share of questions near, the nearest first, that agree with an answer: 0 to 1. Each
    counts by how near it is.
    """
    agreed = every = first = 0.0
    for likeness, agrees in near:
        first = first or likeness
        if likeness < first - _FAR:
            break
        weight = math.exp(_SHARP * (likeness - first))
        every += weight
        agreed += weight * agrees
    return agreed / every if every else 0.0


class Words:
    """The words of the questions that each template was approved for, and how rare each word is."""

    def __init__(self, questions: Iterable[tuple[str, Sequence[str]]]) -> None:
        own: dict[str, Counter[str]] = defaultdict(Counter)
        count = 0
        times: Counter[str] = Counter()
        sizes: Counter[str] = Counter()
        for template, words in questions:
            own[template].update(set(words))
            times.update(set(words))
            sizes[template] += 1
            count += 1
        self._own, self._sizes = dict(own), sizes
        self._known = {template: frozenset(words) for template, words in own.items()}
        self._share = {word: n / count for word, n in times.items()}
        self._marks: dict[tuple[str, ...], tuple[tuple[float, str], ...]] = {}
        self._rare = {word: math.log((count + 1) / (n + 0.5)) for word, n in times.items()}
        self._new = math.log(2 * (count + 1))

    def strange(self, words: Iterable[str], templates: Iterable[str]) -> float:
        """The share of words of a question, by how rare they are, that none of these templates was
        asked with: 0 to 1.
        """
        none: frozenset[str] = frozenset()
        known = none.union(*(self._known.get(template, none) for template in templates))
        strange = every = 0.0
        for word in sorted(set(words)):
            weight = max(0.0, self._rare.get(word, self._new))
            every += weight
            strange += 0.0 if word in known or self._slip(word, known) else weight
        return strange / every if every else 0.0

    def lacks(self, words: Iterable[str], templates: Sequence[str]) -> float:
        """How much a word that is missing marks the questions of these templates, of those missing
        the one that does most: the share of their questions that have it, by Laplace's rule less
        sure where they are few, beyond its share of all questions. 0 to 1.
        """
        asked = set(words)
        new = [word for word in asked if word not in self._rare]
        for share, word in self._marks_of(tuple(templates)):
            if word not in asked and not any(self._slip(one, (word,)) for one in new):
                return share
        return 0.0

    def _marks_of(self, templates: tuple[str, ...]) -> tuple[tuple[float, str], ...]:
        """Words with how much they mark questions of these templates, those that do most first."""
        known = self._marks.get(templates)
        if known is None:
            size = 1 + sum(self._sizes[template] for template in templates)
            own: Counter[str] = Counter()
            for template in templates:
                own.update(self._own.get(template, {}))
            marks = ((n / size - self._share[word], word) for word, n in own.items())
            known = tuple(sorted((mark for mark in marks if mark[0] > 0), reverse=True))
            self._marks[templates] = known
        return known

    def _slip(self, word: str, known: Iterable[str]) -> bool:
        """Whether a word that nobody ever wrote is one of these, but for a slip of the finger."""
        if word in self._rare or len(word) < _LEAST:
            return False
        cut = _cut(word)
        return any(abs(len(word) - len(other)) < 2 and cut & _cut(other) for other in known)


@lru_cache(maxsize=20_000)
def _cut(word: str) -> frozenset[str]:
    """A word, and it without each of its letters: two words share one where one letter is wrong,
    lost, doubled, or swapped with the next.
    """
    return frozenset((word, *(word[:at] + word[at + 1 :] for at in range(len(word)))))
