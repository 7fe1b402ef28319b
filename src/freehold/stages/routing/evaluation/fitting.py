"""What a reward would be, by model, learned from a log without ever judging a row by itself."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from freehold.stages.routing.evaluation.log import Floats, Log


def cross_fitted(
    log: Log, features: Any, *, folds: int = 5, ridge: float = 1.0, seed: int = 0
) -> Floats:
    """Expected rewards (n, k): ridge regression for each model, on the other folds' rows.

    Rows of one cluster stay in one fold. A model that the other folds never chose gets the mean of
    all. Chernozhukov et al., 2018: with predictions made out of fold, a doubly robust estimate
    stays unbiased however wrong they are.

    Args:
        features: float (n, d); an intercept is added, columns are scaled here.
    """
    rows, arms = np.shape(log.propensity)
    wanted = np.empty((rows, arms))
    if rows == 0:
        return wanted
    design = _scaled(np.asarray(features, dtype=np.float64).reshape(rows, -1))
    fold = _folds(log, folds, seed)
    for part in range(folds):
        out = fold == part
        if not out.any():
            continue
        rest = ~out if not out.all() else out
        mean = float(np.mean(log.reward[rest]))
        for arm in range(arms):
            mine = rest & (log.chosen == arm)
            wanted[out, arm] = _ridge(design[mine], log.reward[mine], design[out], ridge, mean)
    return wanted


def _ridge(given: Floats, reward: Floats, asked: Floats, ridge: float, mean: float) -> Floats:
    """Predictions at ``asked``; the fit is around the arm's own mean, drawn to that of all."""
    if not len(reward):
        return np.full(len(asked), mean)
    centre = (float(np.sum(reward)) + mean) / (len(reward) + 1)
    columns = given.mean(axis=0)
    centred = given - columns
    gram = centred.T @ centred + ridge * np.eye(given.shape[1])
    slopes: Floats = np.linalg.solve(gram, centred.T @ (reward - centre))
    found: Floats = centre + (asked - columns) @ slopes
    lowest, highest = float(np.min(reward)), float(np.max(reward))
    kept: Floats = np.minimum(np.maximum(found, lowest), highest)
    return kept


def _scaled(design: Floats) -> Floats:
    spread = design.std(axis=0)
    keep = spread > 0
    scaled: Floats = (design[:, keep] - design[:, keep].mean(axis=0)) / spread[keep]
    scaled /= max(1.0, float(np.sqrt(scaled.shape[1])))
    return scaled


def _folds(log: Log, folds: int, seed: int) -> NDArray[np.int64]:
    rows = len(log.chosen)
    names = np.arange(rows) if log.clusters is None else log.clusters
    known, places = np.unique(names, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(known))
    return np.asarray(order[places] % folds, dtype=np.int64)
