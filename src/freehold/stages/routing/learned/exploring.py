"""How often each model is chosen, and the choice itself, the same for the same seed.

The propensities are whole millionths, so that the record tells exactly with which probability a
model was chosen; later estimates of another policy divide by them.
"""

from collections.abc import Sequence
from hashlib import blake2b
from math import erfc, sqrt

from freehold.core.decisions import MILLION

_SPACE = 1 << 64
_FAR = 72.0


def shares(scores: Sequence[float], doubts: Sequence[float], floor: int) -> tuple[int, ...]:
    """The probability of each arm in millionths, in all exactly one million.

    The best score gets the most. Another arm gets the probability that it is better than the best,
    were both normal with these standard errors (probability matching, Thompson 1933), and each arm
    at least ``floor // len(scores)``. Doubts of zero leave the floors only.

    Args:
        scores: one for each arm; any unit.
        doubts: standard errors in the same unit.
        floor: millionths shared out evenly first.
    """
    count = len(scores)
    if count == 0:
        return ()
    best = scores.index(max(scores))
    top, variance = scores[best], doubts[best] ** 2
    weights = []
    for score, own in zip(scores, doubts, strict=True):
        gap, both = top - score, own * own + variance
        # so far behind that the probability is below 1e-17: no share comes of it
        chance = both > 0 and gap * gap <= _FAR * both
        weights.append(0.5 * erfc(gap / (sqrt(2.0 * both) or 1e-300)) if chance else 0.0)
    weights[best] = 0.0
    others = sum(weights)
    # The best keeps at least as much as the likeliest of the others.
    weights[best] = max(1.0 - others, *weights, 1e-9)
    least = max(0, min(floor, MILLION)) // count
    rest = MILLION - least * count
    whole = others + weights[best]
    found = [least + int(rest * weight / whole) for weight in weights]
    found[best] += MILLION - sum(found)
    return tuple(found)


def draw(propensities: Sequence[int], seed: bytes) -> int:
    """The arm that this seed chooses: a place in ``propensities``, never one with none.

    Raises:
        ValueError: the propensities do not sum to one million.
    """
    if sum(propensities) != MILLION or min(propensities) < 0:
        raise ValueError("propensities that do not sum to one million")
    digest = blake2b(seed, digest_size=8, person=b"route").digest()
    point = int.from_bytes(digest, "big") * MILLION // _SPACE
    for place, share in enumerate(propensities):
        point -= share
        if point < 0:
            return place
    raise AssertionError("unreachable: the shares sum to one million")
