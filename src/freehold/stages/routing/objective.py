"""What a choice aims for: success, less what money and time are worth.

A score is in millionths of success. Below the quality floor a model only counts where nobody
reaches it, and then the most successful does.
"""

from msgspec import Struct

from freehold.core.decisions import MILLION
from freehold.core.prices import money
from freehold.core.routes import ObjectiveSpec
from freehold.stages.routing.learned import Expected, Pacer

_SAME = 5_000
"""Success that differs by less than half a point counts as the same, in words."""


class Scored(Struct, frozen=True, kw_only=True):
    """What each model's estimate is worth.

    Attributes:
        scores: millionths, of all models.
        reach: whether each reaches the floor; all do where none does.
        price: millionths of success for each nano-unit.
        best: the place of the best.
    """

    scores: tuple[int, ...]
    reach: tuple[bool, ...]
    price: float
    best: int
    met: bool


def price_of(objective: ObjectiveSpec, pacer: Pacer | None) -> int | None:
    """What one more good answer may cost, in nano-units: the less of what the route says, and of
    what keeps to its ceiling; ``None`` where cost is not weighed.

    Whole nano-units, since the record has no others: scores come out of it again to the last digit.
    """
    fixed = objective.nano_per_success or None
    price = pacer.price() if pacer is not None else 0.0
    if price <= 0:
        return fixed
    paced = max(1, int(MILLION / price))
    return paced if fixed is None else min(fixed, paced)


def weight_of(price_nano: int | None) -> float:
    """Millionths of success that a nano-unit is worth."""
    return MILLION / price_nano if price_nano else 0.0


def scored(expected: Expected, objective: ObjectiveSpec, price: float, floor: int) -> Scored:
    """What is expected under an objective; of at least one model."""
    success = expected.success
    reach = [one >= floor for one in success]
    met = True in reach
    if not met:  # nobody is good enough: then the best that there is, whatever it costs
        scores, reach = success, [True] * len(success)
    elif weight := objective.latency_price / 1_000:
        columns = zip(success, expected.cost, expected.latency, strict=True)
        scores = [int(s - price * cost - weight * waited) for s, cost, waited in columns]
    elif price:
        scores = [int(s - price * c) for s, c in zip(success, expected.cost, strict=True)]
    else:
        scores = success
    if False in reach:
        places = [place for place, fine in enumerate(reach) if fine]
        best = max(places, key=scores.__getitem__)
    else:
        best = scores.index(max(scores))
    return Scored(scores=tuple(scores), reach=tuple(reach), price=price, best=best, met=met)


def lost(expected: Expected, place: int, chosen: int, floor: int) -> str:
    """Why a model lost to the chosen one, which was chosen for its score."""
    mine, other = expected.success[place], expected.success[chosen]
    if mine < floor <= other:
        return f"expected to do well in {percent(mine)}, below the floor"
    gain, extra = mine - other, expected.cost[place] - expected.cost[chosen]
    if abs(gain) <= _SAME:
        if extra > 0:
            return f"costs {money(extra)} more for the same"
        slower = expected.latency[place] > expected.latency[chosen]
        return "slower for the same" if slower else "no better"
    if gain < 0:
        return f"expected to do well {percent(-gain)} less often"
    if extra > 0:
        return f"does well {percent(gain)} more often, not worth {money(extra)} more"
    return f"does well {percent(gain)} more often, not worth the wait"


def percent(millionths: int) -> str:
    """``91.2 %``."""
    return f"{millionths / 10_000:.1f} %"
