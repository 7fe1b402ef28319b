"""What a choice aims for: success, less what money and time are worth.

A score is in millionths of success. Below the quality floor a model only counts where nobody
reaches it, and then the most successful does.
"""

from collections.abc import Sequence

from msgspec import Struct

from freehold.core.decisions import MILLION
from freehold.core.routes import ObjectiveSpec
from freehold.core.routing import Estimate
from freehold.stages.routing.learned import Pacer

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


def price_of(objective: ObjectiveSpec, pacer: Pacer | None) -> float:
    """Millionths of success that a nano-unit is worth: the dearer of what the route says it is, and
    of what keeps to its ceiling.
    """
    fixed = MILLION / objective.nano_per_success if objective.nano_per_success else 0.0
    return max(fixed, pacer.price()) if pacer is not None else fixed


def scored(
    estimates: Sequence[Estimate], objective: ObjectiveSpec, price: float, floor: int
) -> Scored:
    """The estimates under an objective; at least one."""
    weight = objective.latency_price / 1_000
    reach = tuple([estimate.success >= floor for estimate in estimates])
    met = True in reach
    if met:
        scores = [int(e.success - price * e.cost_nano - weight * e.latency_ms) for e in estimates]
    else:  # nobody is good enough: then the best that there is, whatever it costs
        scores = [e.success for e in estimates]
        reach = (True,) * len(scores)
    places = [place for place, fine in enumerate(reach) if fine]
    best = max(places, key=scores.__getitem__)
    return Scored(scores=tuple(scores), reach=reach, price=price, best=best, met=met)


def lost(mine: Estimate, chosen: Estimate, floor: int) -> str:
    """Why a model lost to the chosen one, which was chosen for its score."""
    if mine.success < floor <= chosen.success:
        return f"expected to do well in {percent(mine.success)}, below the floor"
    gain, extra = mine.success - chosen.success, mine.cost_nano - chosen.cost_nano
    if abs(gain) <= _SAME:
        if extra > 0:
            return f"costs {extra} nano-units more for the same"
        return "slower for the same" if mine.latency_ms > chosen.latency_ms else "no better"
    if gain < 0:
        return f"expected to do well {percent(-gain)} less often"
    if extra > 0:
        return f"does well {percent(gain)} more often, not worth {extra} nano-units more"
    return f"does well {percent(gain)} more often, not worth the wait"


def percent(millionths: int) -> str:
    """``91.2 %``."""
    return f"{millionths / 10_000:.1f} %"
