"""Which examples to have labelled next, so that a classifier learns most from each."""

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from freehold.learning.selection.covering import Cover, Floats, Ints

Strategy = Literal["mixed", "diverse", "margin", "random"]
"""``diverse``: what covers most of what no label is like. ``margin``: where the two best classes
are closest. ``mixed``: both, see `covering`. ``random``: what the others are held against."""

Chances = NDArray[np.floating[Any]]
_LOOKED_AT = 1_500
"""So many unlabelled examples at most are held against each other: a sample covers as well."""


def choose(
    vectors: Floats,
    probabilities: Chances | None,
    labelled: NDArray[np.bool_],
    budget: int,
    *,
    seed: int = 0,
    strategy: Strategy = "mixed",
) -> Ints:
    """The examples to label next, the most instructive first.

    Args:
        vectors: float32 (n, d), rows of length one.
        probabilities: of each class, (n, classes), by a model that learned from what is labelled;
            ``None`` where there is none yet: then ``mixed`` and ``margin`` are ``diverse``.
        labelled: bool (n,).
        budget: how many; fewer where fewer are left.
        seed: of the draws, where there are more examples than are looked at.

    Returns:
        Places in ``vectors``, none of them labelled, none twice.

    Raises:
        ValueError: shapes that do not fit, a negative budget, or no such strategy.
    """
    count = len(vectors)
    if strategy not in get_args(Strategy):
        raise ValueError(f"no strategy {strategy!r}; there are {', '.join(get_args(Strategy))}")
    if labelled.shape != (count,) or budget < 0:
        raise ValueError(f"{count} vectors, {labelled.shape} labelled, a budget of {budget}")
    if probabilities is not None and (probabilities.ndim != 2 or len(probabilities) != count):
        raise ValueError(f"{count} vectors, probabilities of shape {probabilities.shape}")
    left = np.flatnonzero(~labelled)
    budget = min(budget, len(left))
    dice = np.random.default_rng(seed)
    if strategy == "random":
        return dice.permutation(left)[:budget]
    unsure = np.ones(count, dtype=np.float32)
    if probabilities is not None and strategy != "diverse":
        unsure = 1 - margins(probabilities)
        if strategy == "margin":
            return left[np.argsort(-unsure[left], kind="stable")[:budget]]
    looked = left
    if len(left) > max(_LOOKED_AT, 2 * budget):
        looked = np.sort(dice.permutation(left)[: max(_LOOKED_AT, 2 * budget)])
    cover = Cover(vectors[looked], vectors[labelled], unsure[looked])
    chosen: list[int] = []
    free = np.ones(len(looked), dtype=np.bool_)
    for _ in range(budget):
        gains = np.where(free, cover.gains(), -1)
        best = int(gains.argmax())
        free[best] = False
        cover.take(best)
        chosen.append(int(looked[best]))
    return np.array(chosen, dtype=np.intp)


def margins(probabilities: Chances) -> Floats:
    """How far the best class leads the second best, float32 (n,); 1 where there is one class."""
    if probabilities.shape[1] < 2:
        return np.ones(len(probabilities), dtype=np.float32)
    best = np.partition(probabilities, -2, axis=1)[:, -2:]
    found: Floats = (best[:, 1] - best[:, 0]).astype(np.float32)
    return found
