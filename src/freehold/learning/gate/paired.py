"""Two models on the same examples: how much one is better, and whether that may be chance."""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from freehold.learning.agreement.reliability import wilson

_DRAWS = 2_000
_SEED = 7
Floats = NDArray[np.float64]


def interval(differences: Sequence[float], confidence: float) -> tuple[float, float]:
    """The mean's bootstrap interval, of the differences of pairs (Efron 1979; percentiles of
    2,000 samples that are drawn with a fixed seed). Of pairs that all differ the same way there is
    nothing to draw from: then Wilson's, of the share that differs.
    """
    values = np.asarray(differences, dtype=np.float64)
    if not len(values):
        return -1.0, 1.0
    # of a few values that are many times the same, only the counts have to be drawn
    kinds, counts = np.unique(values, return_counts=True)
    if len(kinds) == 1 and kinds[0]:
        z = NormalDist().inv_cdf((1 + confidence) / 2)
        ends = sorted(float(kinds[0]) * share for share in wilson(1.0, len(values), z))
        return ends[0], ends[1]
    dice = np.random.default_rng(_SEED)
    drawn = dice.multinomial(len(values), counts / len(values), size=_DRAWS)
    means = drawn @ kinds / len(values)
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(means, [tail, 100 - tail])
    return float(low), float(high)


def most_worse(worse: int, count: int, confidence: float) -> float:
    """The share of all that surely no more than get worse, of which ``worse`` of ``count`` were
    seen: the upper end of the exact one-sided interval (Clopper and Pearson 1934). Where none was,
    about ``3 / count`` at 95 %: the rule of three (Hanley and Lippman-Hand 1983).
    """
    if worse >= count:
        return 1.0
    low, high = worse / count, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        if _at_most(worse, count, middle) < 1 - confidence:
            high = middle
        else:
            low = middle
    return high


def least(seen: int, count: int, confidence: float) -> float:
    """The share of all that surely no less than are so, of which ``seen`` of ``count`` were: the
    lower end of the same exact one-sided interval.
    """
    return 1 - most_worse(count - seen, count, confidence)


def _at_most(worse: int, count: int, share: float) -> float:
    """How likely so few, or fewer, are seen of ``count``."""
    yes, no = math.log(share), math.log1p(-share)
    return sum(
        math.exp(
            math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1)
            + k * yes + (count - k) * no
        )
        for k in range(worse + 1)
    )  # fmt: skip


def worse_by_chance(better: int, worse: int, *, plain: bool = False) -> float:
    """How likely that many pairs got worse, or more, if nothing had changed: McNemar's exact test,
    one-sided, mid-p (Fagerland et al. 2013).

    Args:
        better: pairs that only the candidate has right; ``worse``: those that only today's has.
        plain: without mid-p, so that it never calls chance by another name too often: the sign
            test, for few pairs.
    """
    count = better + worse
    if not count:
        return 1.0
    log_half = -count * math.log(2)
    terms = [
        math.exp(
            math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1) + log_half
        )
        for k in range(worse, count + 1)
    ]
    return min(1.0, sum(terms) - (0 if plain else terms[0] / 2))


def holm(chances: Sequence[float]) -> list[float]:
    """The same chances, each as if it had been the only question asked (Holm 1979)."""
    order = sorted(range(len(chances)), key=lambda place: chances[place])
    found = [1.0] * len(chances)
    most = 0.0
    for rank, place in enumerate(order):
        most = max(most, min(1.0, (len(chances) - rank) * chances[place]))
        found[place] = most
    return found
