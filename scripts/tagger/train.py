"""Trains the tagger: an averaged structured perceptron with a cost for each missed word.

All arithmetic is on integers, so one seed gives the same bytes on every machine.
"""

import random
from typing import Any

import numpy as np

from freehold.text.tagger import (
    BITS,
    LABELS,
    LEFT,
    LEFT2,
    RIGHT,
    RIGHT2,
    SELF,
    joint_features,
    word_features,
)
from freehold.text.tagger import tokens as read

Array = np.ndarray[Any, np.dtype[Any]]
Example = tuple[str, list[tuple[int, int, str]]]
"""A text and its spans: start, end, label."""
_COUNT = len(LABELS)
_PLAIN_SHARE = 0.3
_COSTS = (6, 12)
"""What must be won by: any wrong label, and no label where there is one."""


class Encoder:
    """Turns texts into rows of feature indices, (words, most features), padded."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bool, bool], tuple[list[list[int]], int, int]] = {}

    def _word(self, word: str, initial: bool, plain: bool) -> tuple[list[list[int]], int, int]:
        key = word, initial, plain
        if key not in self._known:
            self._known[key] = word_features(word, initial=initial, plain=plain)
        return self._known[key]

    def encode(self, example: Example, rng: random.Random | None) -> tuple[Array, Array]:
        """Feature rows and gold labels. With ``rng``, some named words are treated as unknown."""
        text, spans = example
        words = read(text)
        gold = np.zeros(len(words), np.int64)
        for start, end, label in spans:
            for i, (_, a, b, _) in enumerate(words):
                if a < end and b > start:
                    gold[i] = LABELS.index(label)
        hidden = {w for (w, _, _, _), g in zip(words, gold, strict=True) if g and w[0].isalpha()}
        if rng is not None:
            share = _PLAIN_SHARE if text != text.lower() else _PLAIN_SHARE / 6
            hidden = {w for w in sorted(hidden) if rng.random() < share}
        else:
            hidden = set()
        outside = self._word("\n", False, False)
        found = [outside, outside]
        found += [self._word(w, initial, w in hidden) for w, _, _, initial in words]
        found += [outside, outside]
        joint = joint_features(
            np.array([f[1] for f in found], np.uint64), np.array([f[2] for f in found], np.uint64)
        )
        rows = []
        for i in range(len(words)):
            row = [*found[i + 2][0][SELF], *found[i + 1][0][LEFT], *found[i + 3][0][RIGHT]]
            row += found[i][0][LEFT2]
            row += found[i + 4][0][RIGHT2]
            row += joint[:, i].tolist()
            rows.append(row)
        width = max(map(len, rows), default=0)
        return np.array([r + [1 << BITS] * (width - len(r)) for r in rows], np.int32), gold


def _viterbi(scores: Array, moves: Array) -> Array:
    """As `Tagger.best`, on arrays."""
    stay, leave, enter = moves
    reached = np.full(_COUNT, -(1 << 40), np.int64)
    reached[0] = 0
    steps = []
    for row in scores:
        out = (reached + leave).max()
        steps.append((reached, out))
        reached = row + np.maximum(reached + stay, out + enter)
    steps.append((reached, (reached + leave).max()))
    at = 0
    path = []
    for values, out in reversed(steps):
        if values[at] + stay[at] < out + enter[at]:
            at = int((values + leave).argmax())
        path.append(at)
    return np.array(path[::-1][1:])


class Perceptron:
    """Weights and their running sums."""

    def __init__(self) -> None:
        self.weights = np.zeros(((1 << BITS) + 1, _COUNT), np.int32)
        self.moves = np.zeros((3, _COUNT), np.int32)
        self._sums = np.zeros(self.weights.shape, np.int64)
        self._move_sums = np.zeros(self.moves.shape, np.int64)
        self.steps = 1

    def learn(self, rows: Array, gold: Array) -> int:
        """One text; returns how many words were wrong."""
        self.steps += 1
        if not len(gold):
            return 0
        scores = self.weights[rows].sum(1)
        costs = np.full(scores.shape, _COSTS[0])
        costs[gold > 0, 0] = _COSTS[1]
        costs[np.arange(len(gold)), gold] = 0
        guess = _viterbi(scores + costs, self.moves)
        wrong = np.flatnonzero(guess != gold)
        if not len(wrong):
            return 0
        for at in wrong.tolist():
            row = rows[at]
            for label, change in ((gold[at], 1), (guess[at], -1)):
                np.add.at(self.weights, (row, label), change)
                np.add.at(self._sums, (row, label), change * self.steps)
        for path, change in ((gold, 1), (guess, -1)):
            before = np.concatenate([[0], path])
            behind = np.concatenate([path, [0]])
            same = before == behind
            for kind, labels in enumerate((before[same], before[~same], behind[~same])):
                np.add.at(self.moves, (kind, labels), change)
                np.add.at(self._move_sums, (kind, labels), change * self.steps)
        self.weights[-1] = 0
        self._sums[-1] = 0
        return len(wrong)

    def averaged(self) -> tuple[Array, Array]:
        """(weights, moves) averaged over all steps, as int8 and int32 of one scale."""
        weights = self.weights.astype(np.int64) * self.steps - self._sums
        moves = self.moves.astype(np.int64) * self.steps - self._move_sums
        top = max(int(np.sort(np.abs(weights[:-1]).ravel())[-200]), 1)
        small = np.clip((weights[:-1] * 127 * 2 + top) // (2 * top), -127, 127)
        return small.astype(np.int8), ((moves * 127 * 2 + top) // (2 * top)).astype(np.int32)
