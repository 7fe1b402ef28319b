"""Off-policy estimates: what a target policy would have got, from another policy's log.

IPS (Horvitz and Thompson, 1952), SNIPS (Swaminathan and Joachims, 2015), the direct method, DR
(Dudík et al., 2011), SWITCH-DR (Wang et al., 2017), DR with optimistic shrinkage (Su et al., 2020).
"""

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from msgspec import Struct

from freehold.stages.routing.evaluation.log import Floats, Log, summed

LEVEL = 0.95
_GRID = np.array([0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 64.0, 256.0])


class Estimated(Struct, frozen=True, kw_only=True):
    """A policy's value and the interval that should hold the truth; ``se`` is a standard error."""

    estimator: str
    value: float
    low: float
    high: float
    se: float

    @property
    def width(self) -> float:
        """Of the interval."""
        return self.high - self.low


def ips(log: Log, target: Floats, level: float = LEVEL) -> Estimated:
    """Unbiased, and wide where the policies differ."""
    terms = log.weights(target) * log.reward
    return _told("ips", terms, log, level)


def snips(log: Log, target: Floats, level: float = LEVEL) -> Estimated:
    """IPS divided by the mean weight: a small bias for much less noise. Jackknife over clusters."""
    weights = log.weights(target)
    heavy = summed(weights, log.clusters)
    gain = summed(weights * log.reward, log.clusters)
    total, mass = float(np.sum(gain)), float(np.sum(heavy))
    if mass <= 0:
        return Estimated(estimator="snips", value=math.nan, low=-math.inf, high=math.inf, se=0.0)
    value = total / mass
    left = mass - heavy
    alone = left <= 0
    without = np.where(alone, value, (total - gain) / np.where(alone, 1.0, left))
    groups = len(heavy)
    off = without - without.mean()
    spread = float(np.sum(off**2)) * (groups - 1) / max(1, groups)
    return _interval("snips", value, math.sqrt(spread), _freedom(off), level)


def dm(log: Log, target: Floats, expected: Floats, level: float = LEVEL) -> Estimated:
    """The direct method: what the reward model expects. Its interval knows nothing of the model's
    own errors, so it is for comparison only.
    """
    return _told("dm", np.sum(target * expected, axis=1), log, level)


def dr(log: Log, target: Floats, expected: Floats, level: float = LEVEL) -> Estimated:
    """Doubly robust: the reward model's expectation, corrected where the log knows better."""
    weights = log.weights(target)
    base, missed = _parts(log, target, expected)
    return _told("dr", base + weights * missed, log, level)


def gain(log: Log, target: Floats, expected: Floats, level: float = LEVEL) -> Estimated:
    """How much more than the logging policy the target policy would have got: DR, row by row."""
    base, missed = _parts(log, target, expected)
    return _told("gain", base + log.weights(target) * missed - log.reward, log, level)


def dr_shrunk(log: Log, target: Floats, expected: Floats, level: float = LEVEL) -> Estimated:
    """DR with optimistic shrinkage: heavy weights become light ones, the shrinkage chosen for the
    least mean squared error. The bias is estimated too, and it and the doubt about it widen the
    interval.
    """

    def shrunk(weights: Floats, by: float) -> Floats:
        return by * weights / (weights**2 + by)

    return _lighter("dr-os", log, target, expected, shrunk, _GRID**2, level)


def switch(log: Log, target: Floats, expected: Floats, level: float = LEVEL) -> Estimated:
    """SWITCH-DR: where a weight is above a threshold, the reward model alone is believed."""

    def kept(weights: Floats, by: float) -> Floats:
        return np.where(weights <= by, weights, 0.0)

    return _lighter("switch-dr", log, target, expected, kept, _GRID, level)


def _lighter(
    name: str,
    log: Log,
    target: Floats,
    expected: Floats,
    lighter: Callable[[Floats, float], Floats],
    grid: Floats,
    level: float,
) -> Estimated:
    weights = log.weights(target)
    base, missed = _parts(log, target, expected)
    full = base + weights * missed
    best = (_variance(full, log), full)
    for by in grid:
        light = lighter(weights, float(by))
        terms = base + light * missed
        lost = (weights - light) * missed
        bias = abs(float(np.mean(lost))) + math.sqrt(_variance(lost, log))
        error = bias * bias + _variance(terms, log)
        if error < best[0]:
            best = (error, terms)
    error, terms = best
    return _around(name, terms, log, math.sqrt(error), level)


def _parts(log: Log, target: Floats, expected: Floats) -> tuple[Floats, Floats]:
    """What the model expects of the target, and how wrong it was about what was done."""
    base: Floats = np.sum(target * expected, axis=1)
    missed: Floats = log.reward - np.take_along_axis(expected, log.chosen[:, None], 1)[:, 0]
    return base, missed


def _told(name: str, terms: Floats, log: Log, level: float) -> Estimated:
    return _around(name, terms, log, math.sqrt(_variance(terms, log)), level)


def _around(name: str, terms: Floats, log: Log, se: float, level: float) -> Estimated:
    if not len(terms):
        return Estimated(estimator=name, value=math.nan, low=-math.inf, high=math.inf, se=math.inf)
    value = float(np.mean(terms))
    return _interval(name, value, se, _freedom(summed(terms - value, log.clusters)), level)


def _variance(terms: Floats, log: Log) -> float:
    """Of the mean of the terms, whose clusters are independent of each other."""
    rows = len(terms)
    if rows < 2:
        return math.inf
    off = summed(terms - terms.mean(), log.clusters)
    groups = len(off)
    if groups < 2:
        return math.inf
    return float(np.sum(off**2)) / rows**2 * groups / (groups - 1)


def _freedom(off: Floats) -> float:
    """Degrees of freedom that a variance made of these deviations has: few, if few make it up."""
    fourth = float(np.sum(off**4))
    return max(1.0, float(np.sum(off**2)) ** 2 / fourth - 1) if fourth else 1.0


def _interval(name: str, value: float, se: float, freedom: float, level: float) -> Estimated:
    """Student's t (Cornish and Fisher's expansion), wide where few rows decide."""
    z = NormalDist().inv_cdf(0.5 + level / 2)
    reach = (z + (z**3 + z) / (4 * freedom)) * se
    return Estimated(estimator=name, value=value, low=value - reach, high=value + reach, se=se)
