"""Labels that may be wrong: what a classifier that has not seen a label would rather say.

Confident learning (Northcutt et al. 2021), by cleanlab (Apache-2.0; extra ``learn``), on
cross-validated probabilities of logistic regression over vectors. A hint is no verdict: it is a
case to look at again.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from freehold.core.errors import TrainingError

FEWEST = 3
"""A class with fewer examples can't be judged."""
_FOLDS = 5
_SHARP = 10.0
"""Weaker than for telling classes: one that fits wrong labels closely can't call them wrong."""
Floats = NDArray[np.float32]
Ints = NDArray[np.intp]


class Hint(Struct, frozen=True, kw_only=True):
    """``place`` of the label in what was given; ``quality`` 0 to 1, how likely it is right."""

    place: int
    given: str
    likely: str
    quality: float


def hints(vectors: Floats, labels: Sequence[str], *, seed: int = 0) -> list[Hint]:
    """The labels that look wrong, those first that another class leads most; none where there is
    too little to judge by.

    Args:
        vectors: float32 (n, d) of length one, such as `text.embedding` makes.
        labels: (n,); those of classes with fewer than three examples are passed over.

    Raises:
        TrainingError: the extra ``learn`` is not installed.
        ValueError: not as many vectors as labels.
    """
    if len(vectors) != len(labels):
        raise ValueError(f"{len(vectors)} vectors and {len(labels)} labels")
    counts = Counter(labels)
    kept = np.array([n for n, label in enumerate(labels) if counts[label] >= FEWEST], dtype=np.intp)
    names = sorted({labels[n] for n in kept})
    if len(names) < 2:
        return []
    place = {name: number for number, name in enumerate(names)}
    classes = np.array([place[labels[n]] for n in kept], dtype=np.intp)
    chances = _cross_validated(vectors[kept], classes, len(names), seed)
    try:
        from cleanlab.filter import find_label_issues
    except ImportError as error:
        raise _missing(error) from error
    found = find_label_issues(
        classes,
        chances,
        filter_by="low_normalized_margin",
        return_indices_ranked_by="normalized_margin",
        n_jobs=1,
    )
    made = []
    for n in found.tolist():
        likely = int(chances[n].argmax())
        if likely != classes[n]:
            made.append(
                Hint(
                    place=int(kept[n]),
                    given=names[classes[n]],
                    likely=names[likely],
                    quality=float(chances[n, classes[n]]),
                )
            )
    return made


def _cross_validated(vectors: Floats, classes: Ints, count: int, seed: int) -> Floats:
    """The chance of each class, of examples that the model has not seen; float32 (n, count)."""
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise _missing(error) from error
    dice = np.random.default_rng(seed)
    fold = np.empty(len(classes), dtype=np.intp)
    for number in range(count):
        # each class is dealt out by itself, so that every fold leaves some of it to learn from
        own = dice.permutation(np.flatnonzero(classes == number))
        fold[own] = (np.arange(len(own)) + dice.integers(_FOLDS)) % _FOLDS
    chances = np.zeros((len(classes), count), dtype=np.float32)
    for number in range(_FOLDS):
        held = fold == number
        if held.any():
            model = LogisticRegression(C=_SHARP, max_iter=300)
            model.fit(vectors[~held], classes[~held])
            chances[np.ix_(held, model.classes_)] = model.predict_proba(vectors[held])
    return chances


def _missing(error: ImportError) -> TrainingError:
    return TrainingError(
        f"hints at wrong labels want the extra `learn`: pip install 'freehold[learn]' ({error})"
    )
