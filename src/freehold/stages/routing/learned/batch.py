"""A policy trained on labels at one go: for each prompt how well each of the models did.

Extremely randomised trees on the most telling numbers of the texts, averaged with a ridge
regression that knows the neighbourhood of each. Both predict every model, so that a prompt on which
all fail is no reason to pay more.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from freehold.stages.routing.learned.nearby import Nearby, Topics
from freehold.stages.routing.learned.reading import Reader, Reading, Singles
from freehold.stages.routing.learned.trees import TREES, Trees

_SHARE = 0.3
"""What the ridge regression counts; the trees count the rest."""
_AT_ONCE = 1_000

Floats = NDArray[np.float64]


class BatchPolicy:
    """What labels say of every model. Made by `fit`."""

    def __init__(
        self, reader: Reader, topics: Topics, nearby: Nearby, forests: tuple[Trees, Trees]
    ) -> None:
        self._reader = reader
        self._topics = topics
        self._nearby = nearby
        self._forests = forests

    def predict(self, prompts: Sequence[str]) -> Floats:
        """How well each model will do, of shape ``(prompts, models)``."""
        parts = []
        for at in range(0, len(prompts), _AT_ONCE):
            read = self._reader.rows(prompts[at : at + _AT_ONCE])
            topics = self._topics.of(read)
            parts.append(_SHARE * self._nearby.predict(read, self._topics.kind(topics)))
            seen = _seen(read, topics)
            for forest, rows in zip(self._forests, seen, strict=True):
                parts[-1] += (1 - _SHARE) / len(seen) * forest.predict(rows)
        return np.clip(np.concatenate(parts), 0.0, 1.0)


def fit(
    prompts: Sequence[str],
    scores: Floats,
    seed: int = 0,
    trees: int = TREES,
    groups: Sequence[str] = (),
) -> BatchPolicy:
    """Train.

    Args:
        scores: from 0 to 1, of shape ``(prompts, models)``.
        groups: what each prompt is of, where that is known; empty where not. Prompts to be judged
            have none: it is told from their text.

    Raises:
        ValueError: fewer than two prompts, or not a score (or a group) for each.
    """
    if len(prompts) < 2 or scores.ndim != 2 or len(scores) != len(prompts):
        raise ValueError("two prompts at least, and a row of scores for each, are wanted")
    named = np.array(list(groups) or [""] * len(prompts))
    if len(named) != len(prompts):
        raise ValueError("a group for each prompt, or none at all, is wanted")
    rng = np.random.default_rng(seed)
    reader = Reader(prompts, rng)
    read = reader.learned
    topics = Topics(read, named)
    nearby = Nearby(read, topics.kind(topics.learned), topics.kinds, scores, rng)
    few, many = (
        Trees(rows, scores, rng, max(1, trees // 2)) for rows in _seen(read, topics.learned)
    )
    return BatchPolicy(reader, topics, nearby, (few, many))


def _seen(read: Reading, topics: Singles) -> tuple[Singles, Singles]:
    """What the trees of each forest split at.

    The first sees little: how the prose is put together, and what it is of (topics, or where no
    label names any, the vector). Among many numbers such splits are too seldom tried; and without
    the many of the second forest both err alike.
    """
    subject = topics if topics.shape[1] else read.turned
    few = np.concatenate((read.prose, subject), axis=1)
    return few, np.concatenate((read.telling, topics), axis=1)
