"""Linear heads on what a text says and how it is put together, with slopes of their own nearby.

Texts are parted by the group that a file names (told from the text), and into neighbourhoods by
their words (k-means, Lloyd 1982). What a text's form means for a model differs between them: length
makes sums harder, and stories not. So each has slopes for the form, drawn towards those that all
share.
"""

import numpy as np
from numpy.typing import NDArray

from freehold.stages.routing.learned.reading import Reading, Singles

_RIDGE = 40.0
_TOPIC_RIDGE = 10.0
_MANY, _TEXTS_EACH = 16, 100
"""Neighbourhoods at most, and for how many texts there is one."""
_FORM = 0.7
"""What forms weigh beside the vector."""
_KIND = 2.5
"""How much freer the slopes of a group that a file names are than those of a neighbourhood."""
_ROUNDS = 15
_FEW = 5
"""Examples that a topic has at least."""

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


class Nearby:
    """Ridge regression whose slopes for the form vary between groups, and between neighbourhoods.

    ``kinds`` are the texts' groups as numbers below ``count``.
    """

    def __init__(
        self, read: Reading, kinds: Ints, count: int, scores: Floats, rng: np.random.Generator
    ) -> None:
        self._kinds = count
        near = max(1, min(_MANY, len(scores) // _TEXTS_EACH))
        self._centres = _centres(_unit(read.words), near, rng)
        self._ridge = Ridge(self._rows(read, kinds), scores, _RIDGE)

    def predict(self, read: Reading, kinds: Ints) -> Floats:
        """Of shape ``(texts, models)``."""
        return self._ridge.predict(self._rows(read, kinds))

    def _rows(self, read: Reading, kinds: Ints) -> Singles:
        size, width = read.prose.shape
        form = np.concatenate((np.ones((size, 1), np.float32), read.prose), axis=1) * _FORM
        near = _nearest(_unit(read.words), self._centres)
        own = np.zeros((size, self._kinds + len(self._centres), width + 1), dtype=np.float32)
        every = np.arange(size)
        if self._kinds > 1:
            own[every, kinds] = form * _KIND
        own[every, self._kinds + near] = form
        return np.concatenate((read.vectors, form, own.reshape(size, -1)), axis=1)


class Topics:
    """Which of the groups that a file names a text is of: one number for each group.

    Attributes:
        learned: of the texts trained on, each as if it had not been among them.
        kinds: how many different first parts (up to a slash) the names of groups have.
    """

    def __init__(self, read: Reading, groups: NDArray[np.str_]) -> None:
        names, counts = np.unique(groups, return_counts=True)
        kept = names[(counts >= _FEW) & (names != "")]
        self._ridge: Ridge | None = None
        self._kind: Ints = np.zeros(1, dtype=np.intp)
        self.learned = np.zeros((len(groups), 0), dtype=np.float32)
        if len(kept) > 1:
            of = (groups[:, None] == kept).astype(np.float64)
            self._ridge = Ridge(read.everything, of, _TOPIC_RIDGE)
            self.learned = self._ridge.left_out(read.everything, of).astype(np.float32)
            first = [name.split("/")[0] for name in kept.tolist()]
            self._kind = np.unique(first, return_inverse=True)[1]
        self.kinds = int(self._kind.max()) + 1

    def of(self, read: Reading) -> Singles:
        """Of shape ``(texts, groups)``."""
        if self._ridge is None:
            return np.zeros((len(read.telling), 0), dtype=np.float32)
        return self._ridge.predict(read.everything).astype(np.float32)

    def kind(self, topics: Singles) -> Ints:
        """Of which first part the likeliest group of each is."""
        if not topics.shape[1]:
            return np.zeros(len(topics), dtype=np.intp)
        found: Ints = self._kind[topics.argmax(1)]
        return found


class Ridge:
    """Linear least squares, drawn towards the mean."""

    def __init__(self, rows: Singles, targets: Floats, strength: float) -> None:
        self._mean, self._middle = targets.mean(0), rows.mean(0)
        moved = rows - self._middle
        squares = (moved.T @ moved).astype(np.float64) + strength * np.eye(rows.shape[1])
        self._inverse = np.linalg.inv(squares)
        crossed = moved.T.astype(np.float64) @ (targets - self._mean)
        self._theta = (self._inverse @ crossed).astype(np.float32)

    def predict(self, rows: Singles) -> Floats:
        """Of shape ``(rows, targets)``."""
        found: Floats = (rows - self._middle) @ self._theta + self._mean
        return found

    def left_out(self, rows: Singles, targets: Floats) -> Floats:
        """What it would say of each row, had it been trained on all the others."""
        moved = rows - self._middle
        lever = ((moved @ self._inverse.astype(np.float32)) * moved).sum(1, dtype=np.float64)
        lever = np.minimum(lever + 1 / len(rows), 0.95)[:, None]
        found: Floats = (self.predict(rows) - lever * targets) / (1 - lever)
        return found


def _centres(rows: Singles, count: int, rng: np.random.Generator) -> Singles:
    centres = rows[rng.choice(len(rows), count, replace=False)].copy()
    for _ in range(_ROUNDS):
        near = _nearest(rows, centres)
        for place in range(count):
            mine = rows[near == place]
            if len(mine):
                centres[place] = mine.mean(0)
    return centres


def _nearest(rows: Singles, centres: Singles) -> NDArray[np.intp]:
    found: NDArray[np.intp] = ((centres**2).sum(1) - 2 * rows @ centres.T).argmin(1)
    return found


def _unit(rows: Singles) -> Singles:
    found: Singles = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    return found
