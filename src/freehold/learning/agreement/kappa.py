"""Cohen's kappa for two labelers (1960): who agrees with whom, beyond chance."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from freehold.learning.agreement.votes import Vote

_SEED = 7
_DRAWS = 500
Ints = NDArray[np.intp]


class Pair(Struct, frozen=True, kw_only=True):
    """Two labelers and the cases that both have labelled.

    Attributes:
        kappa: ``None`` where both gave one and the same value to all of them.
        low, high: its bootstrap interval.
        agreed: the share of the cases on which they agree.
    """

    one: str
    two: str
    cases: int
    agreed: float
    kappa: float | None
    low: float | None
    high: float | None


def kappa(first: Ints, second: Ints) -> float | None:
    """Of two arrays (n,) of value numbers; ``None`` where chance alone would agree on all."""
    if not len(first):
        return None
    size = int(max(first.max(), second.max())) + 1
    by_first = np.bincount(first, minlength=size) / len(first)
    by_second = np.bincount(second, minlength=size) / len(second)
    chance = float(by_first @ by_second)
    if chance >= 1:
        return None
    return (float(np.mean(first == second)) - chance) / (1 - chance)


def pairs(votes: Sequence[Vote], *, confidence: float = 0.95) -> list[Pair]:
    """Every two labelers who have cases in common; those with the most first."""
    place: dict[str, int] = {}
    given: dict[str, dict[str, int]] = defaultdict(dict)
    for vote in votes:
        given[vote.labeler][vote.case_id] = place.setdefault(vote.value, len(place))
    found = []
    for one, two in combinations(sorted(given), 2):
        common = sorted(given[one].keys() & given[two].keys())
        if common:
            first = np.array([given[one][case] for case in common], dtype=np.intp)
            second = np.array([given[two][case] for case in common], dtype=np.intp)
            found.append(_pair(one, two, first, second, confidence))
    return sorted(found, key=lambda pair: (-pair.cases, pair.one, pair.two))


def _pair(one: str, two: str, first: Ints, second: Ints, confidence: float) -> Pair:
    dice = np.random.default_rng(_SEED)
    drawn = [dice.integers(0, len(first), len(first)) for _ in range(_DRAWS)]
    made = [value for d in drawn if (value := kappa(first[d], second[d])) is not None]
    tail = 100 * (1 - confidence) / 2
    point = kappa(first, second)
    low, high = (None, None)
    if point is not None and made:
        low, high = map(float, np.percentile(made, [tail, 100 - tail]))
    return Pair(
        one=one,
        two=two,
        cases=len(first),
        agreed=float(np.mean(first == second)),
        kappa=point,
        low=low,
        high=high,
    )
