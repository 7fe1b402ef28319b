"""Logged decisions as arrays, and how much of another policy they can speak for.

Everything here needs the propensity with which each model was chosen; without them no logged
outcome says anything about another policy.
"""

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Log(Struct, frozen=True, kw_only=True):
    """``n`` decisions among ``k`` models.

    Attributes:
        models: the ``k`` names.
        propensity: float (n, k), with which probability each model was chosen; 0 where it was not
            allowed or never tried. ``target`` policies have the same shape.
        chosen: int (n,), whose turn it was. What came of a failover counts for the model that was
            chosen first: that is what choosing it leads to.
        reward: float (n,), what came of it: a score from 0 to 1, or a cost.
        clusters: int (n,), rows that belong together (one conversation, say), whose outcomes are
            not independent; ``None`` where each row stands by itself.
    """

    models: tuple[str, ...]
    propensity: Any
    chosen: Any
    reward: Any
    clusters: Any = None

    def __post_init__(self) -> None:
        rows, arms = np.shape(self.propensity)
        if arms != len(self.models):
            raise ValueError(f"{arms} columns of propensities for {len(self.models)} models")
        for name in ("chosen", "reward"):
            if np.shape(getattr(self, name)) != (rows,):
                raise ValueError(f"`{name}` is not one value for each of {rows} rows")
        if rows and float(np.min(self.at_choice)) <= 0:
            raise ValueError("a model was chosen whose propensity is 0")

    @property
    def at_choice(self) -> Floats:
        """The propensity of the model that was chosen, (n,)."""
        taken: Floats = np.take_along_axis(self.propensity, self.chosen[:, None], 1)[:, 0]
        return taken

    def weights(self, target: Floats) -> Floats:
        """How much more often the target policy does what was done, (n,)."""
        taken: Floats = np.take_along_axis(target, self.chosen[:, None], 1)[:, 0]
        return taken / self.at_choice


class Support(Struct, frozen=True, kw_only=True):
    """What a log can say about a target policy.

    Attributes:
        rows: decisions in the log.
        ess: effective sample size (Kish): so many decisions made by the target policy itself would
            say as much. Rows of one cluster count as one.
        max_weight: the heaviest row.
        unsupported: share of the target's choices, by model, that the log never made.
    """

    rows: int
    ess: float
    max_weight: float
    unsupported: dict[str, float]

    def why_not(self, least_ess: float, most_unsupported: float = 0.01) -> str:
        """Why no verdict may be drawn from it; empty where one may."""
        missing = sum(self.unsupported.values())
        if missing > most_unsupported:
            names = ", ".join(sorted(self.unsupported))
            return (
                f"{missing:.0%} of its choices were never tried where it makes them ({names}): "
                "let the route explore them, or ask them in the shadow"
            )
        if self.ess < least_ess:
            return (
                f"the log says as much as {self.ess:.0f} decisions of this policy would, and "
                f"{least_ess:.0f} are needed"
            )
        return ""


def support(log: Log, target: Floats) -> Support:
    """How far ``log`` carries for ``target``."""
    if not len(log.chosen):
        return Support(rows=0, ess=0.0, max_weight=0.0, unsupported={})
    weights = log.weights(target)
    sums = summed(weights, log.clusters)
    squares = float(np.sum(sums**2))
    never = np.where(log.propensity <= 0, target, 0.0).mean(axis=0)
    return Support(
        rows=len(weights),
        ess=float(np.sum(sums)) ** 2 / squares if squares else 0.0,
        max_weight=float(np.max(weights)),
        unsupported={
            model: float(share) for model, share in zip(log.models, never, strict=True) if share > 0
        },
    )


def summed(values: Floats, clusters: Any) -> Floats:
    """The sum of each cluster; ``clusters`` are any integers, or ``None``."""
    if clusters is None:
        return values
    _, places = np.unique(clusters, return_inverse=True)
    return np.bincount(places, weights=values).astype(np.float64)
