"""Trains the tagger: an averaged structured perceptron with a cost for each missed word.

All arithmetic is on integers, so one seed gives the same bytes on every machine.
"""

import random
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import numpy as np

from freehold.text.tagger import COUNT, LABELS, Tagger
from freehold.text.tagger_paths import Paths
from freehold.text.tagger_words import (
    BITS,
    END,
    KNOWN_BITS,
    SMALL,
    TOKEN,
    WIDTHS,
    WORD,
    canonical,
    indices,
    joint_features,
    kind_of,
    known_slot,
    mode_of,
    parts,
    raw_features,
)

Array = np.ndarray[Any, np.dtype[Any]]
Example = tuple[str, list[tuple[int, int, str]]]
"""A text and its spans: start, end, label."""
Row = tuple[Array, Array, Array, int]
"""Of a text: the feature indices of each word, (words, features), the label of each, whether
it is a word, and what a missed one costs."""

_HIDDEN = {"O": 0.04, "NRP": 0.03, "TITLE": 0.15, "PLACE": 0.2}
_HIDDEN_ELSE, _HIDDEN_SMALL = 0.3, 0.05
"""How often a word counts as a rare one, by what it names; in texts of small letters seldom."""
_WRONG, _MISSED, _MISSED_SMALL = 6, 32, 14
"""What must be won by: any wrong label, and no label where there is one."""
_DEAREST = 40
"""What leaving or entering a label may cost at most: words shall tell, not how often it changes."""
_EDGES = np.cumsum((0, *WIDTHS))


class Encoder:
    """Turns texts into rows of feature indices; knows the words that it was shown."""

    def __init__(self, known: frozenset[str]) -> None:
        self._known = known
        self._seen: dict[tuple[str, int, bool, bool], list[int]] = {}

    def _word(self, word: str, mode: int, initial: bool, known: bool) -> list[int]:
        key = word, mode, initial, known
        if key not in self._seen:
            self._seen[key] = raw_features(word, mode, initial=initial, known=known)
        return self._seen[key]

    def encode(self, example: Example, rng: random.Random) -> Row:
        """Feature rows and gold labels. Some words are treated as rare ones, as ``rng`` says."""
        text, spans = example
        mode = mode_of(text)
        words, gold = [], []
        for match in TOKEN.finditer(text):
            words.append(canonical(match[0]))
            labels = [k for a, b, k in spans if a < match.end() and b > match.start()]
            gold.append(LABELS.index(labels[0]) if labels else 0)
        names = {word: LABELS[label] for word, label in sorted(zip(words, gold, strict=True))}
        hidden = set()
        for word, label in names.items():
            share = _HIDDEN.get(label, _HIDDEN_ELSE)
            if rng.random() < (min(share, _HIDDEN_SMALL) if mode == SMALL else share):
                hidden.add(word)
        outside = self._word("\n", mode, False, True)
        found = [outside, outside]
        begins = True
        for word in words:
            kind = kind_of(word)
            known = word.lower() in self._known and not (word in hidden and word[0].isalpha())
            found.append(self._word(word, mode, begins and kind == WORD, known))
            begins = kind == END or (begins and kind != WORD)
        found += [outside, outside]
        hashes = np.array(found, np.uint32)
        features = indices(hashes).astype(np.int32)
        joint = joint_features(parts(hashes))
        count = len(words)
        columns = [
            features[2 + offset : 2 + offset + count, low:high]
            for offset, low, high in zip((0, -1, 1, -2, 2), _EDGES, _EDGES[1:], strict=False)
        ]
        rows = np.concatenate([*columns, joint.T.astype(np.int32)], 1)
        missed = _MISSED_SMALL if mode == SMALL else _MISSED
        is_word = np.array([kind_of(word) == WORD for word in words])
        return rows, np.array(gold, np.int64), is_word, missed


def vocabulary(examples: Iterable[Example]) -> frozenset[str]:
    """Words that occur in more than one text; the others are met like words never seen."""
    counts: Counter[str] = Counter()
    for text, _ in examples:
        counts.update({canonical(word).lower() for word in TOKEN.findall(text)})
    return frozenset(word for word, count in counts.items() if count > 1)


def known_bits(words: Iterable[str]) -> Array:
    """The vocabulary as bits, for the model's file."""
    bits = np.zeros(1 << KNOWN_BITS - 3, np.uint8)
    for word in words:
        slot = known_slot(word)
        bits[slot >> 3] |= 1 << (slot & 7)
    return bits


class Perceptron:
    """Weights and their running sums."""

    def __init__(self) -> None:
        self.weights = np.zeros(((1 << BITS) + 1, COUNT), np.int32)
        self.costs = np.zeros(COUNT, np.int64)
        self._sums = np.zeros(self.weights.shape, np.int64)
        self._cost_sums = np.zeros(COUNT, np.int64)
        self.steps = 1

    def learn(self, rows: Array, gold: Array, words: Array, missed: int) -> int:
        """One text; returns how many words were wrong."""
        self.steps += 1
        self._cost_sums += self.costs
        scores = self.weights[rows].sum(1)
        costs = np.full(scores.shape, _WRONG)
        costs[gold > 0, 0] = missed
        costs[np.arange(len(gold)), gold] = 0
        scores += costs
        guess = np.zeros(len(gold), np.int64)
        for first, path in Paths(self.costs.tolist()).find(scores - scores[:, :1], words):
            guess[first : first + len(path)] = path
        wrong = np.flatnonzero(guess != gold)
        if not len(wrong):
            return 0
        for labels, change in ((gold[wrong], 1), (guess[wrong], -1)):
            place = rows[wrong], labels[:, None]
            np.add.at(self.weights, place, change)
            np.add.at(self._sums, place, change * self.steps)
        for labels, change in ((gold, -1), (guess, 1)):
            before = np.concatenate([[0], labels])
            behind = np.concatenate([labels, [0]])
            changes = before != behind
            for ends in (before[changes], behind[changes]):
                np.add.at(self.costs, ends, change)
        np.clip(self.costs, 0, _DEAREST, out=self.costs)
        self.weights[-1] = 0
        self._sums[-1] = 0
        return len(wrong)

    def averaged(self, known: Array, gate: int = -(1 << 30)) -> Tagger:
        """The model: weights averaged over all steps, as int8 and int32 of one scale."""
        weights = self.weights.astype(np.int64) * self.steps - self._sums
        top = max(int(np.sort(np.abs(weights[:-1]).ravel())[-200]), 1)
        small = np.clip((weights[:-1] * 127 * 2 + top) // (2 * top), -127, 127).astype(np.int8)
        costs = (self._cost_sums * 127 * 2 + top) // (2 * top)
        version = sha256(small.tobytes() + costs.tobytes() + known.tobytes()).hexdigest()[:12]
        return Tagger(small, costs.tolist(), known, gate=gate, scale=40.0, version=version)
