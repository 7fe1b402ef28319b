"""What speaks against an answer besides the nearest question: others near, and strange words."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache

_SHARP, _FAR = 10.0, 0.5
"""How much more a nearer question counts; what is so much further counts nothing."""

_LEAST = 4
"""Letters of a word in which a slip is told from another word."""


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
        known: dict[str, set[str]] = defaultdict(set)
        count = 0
        times: Counter[str] = Counter()
        for template, words in questions:
            known[template].update(words)
            times.update(set(words))
            count += 1
        self._known = {template: frozenset(words) for template, words in known.items()}
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
