"""A policy trained on labels at one go: for each prompt how well each of the models did.

Extremely randomised trees on the most telling directions of the texts and on their form, averaged
with a ridge regression on all of them. Both predict every model, so that a prompt on which all fail
is no reason to pay more.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from freehold.stages.routing.learned.reading import Reader, Singles
from freehold.stages.routing.learned.trees import TREES, Trees

_RIDGE = 40.0
_SHARE = 0.25
"""What the ridge regression counts; the trees count the rest."""
_AT_ONCE = 1_000

Floats = NDArray[np.float64]


class BatchPolicy:
    """What labels say of every model. Made by `fit`."""

    def __init__(self, reader: Reader, ridge: "Ridge", trees: Trees) -> None:
        self._reader = reader
        self._ridge = ridge
        self._trees = trees

    def predict(self, prompts: Sequence[str]) -> Floats:
        """How well each model will do, of shape ``(prompts, models)``."""
        parts = []
        for at in range(0, len(prompts), _AT_ONCE):
            rows, telling = self._reader.rows(prompts[at : at + _AT_ONCE])
            grown = (1 - _SHARE) * self._trees.predict(telling)
            parts.append(grown + _SHARE * self._ridge.predict(rows))
        return np.clip(np.concatenate(parts), 0.0, 1.0)


def fit(prompts: Sequence[str], scores: Floats, seed: int = 0, trees: int = TREES) -> BatchPolicy:
    """Train.

    Args:
        scores: from 0 to 1, of shape ``(prompts, models)``.

    Raises:
        ValueError: fewer than two prompts, or not a score for each.
    """
    if len(prompts) < 2 or scores.ndim != 2 or len(scores) != len(prompts):
        raise ValueError("two prompts at least, and a row of scores for each, are wanted")
    rng = np.random.default_rng(seed)
    reader = Reader(prompts, rng)
    rows, telling = reader.rows(prompts)
    return BatchPolicy(reader, Ridge(rows, scores), Trees(telling, scores, rng, trees))


class Ridge:
    """Linear least squares, drawn towards the mean."""

    def __init__(self, rows: Singles, scores: Floats) -> None:
        self._mean = scores.mean(0)
        width = rows.shape[1]
        self._theta = np.linalg.solve(
            rows.T @ rows + _RIDGE * np.eye(width, dtype=np.float32),
            rows.T @ (scores - self._mean).astype(np.float32),
        )

    def predict(self, rows: Singles) -> Floats:
        """Of shape ``(rows, models)``."""
        found: Floats = rows @ self._theta + self._mean
        return found
