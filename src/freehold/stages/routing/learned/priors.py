"""What is believed of a model before anything came of its answers."""

import math
from collections.abc import Sequence

from msgspec import Struct

from freehold.core.decisions import MILLION
from freehold.core.spec import ModelSpec

_USUAL, _STEP = 700_000, 60_000
_LOWEST, _HIGHEST = 500_000, 900_000
_OUTPUT = 300


class Prior(Struct, frozen=True, kw_only=True):
    """What to believe at first.

    Attributes:
        success: millionths.
        strength: how many outcomes this belief is worth.
        intents: the same for single intents, where more is known.
        output_tokens: length of an answer.
        guessed: only the differences between such priors are believed; the level follows from what
            came of the models that are known already.
    """

    success: int = _USUAL
    strength: float = 8.0
    intents: dict[str, int] = {}
    output_tokens: int = _OUTPUT
    guessed: bool = False


def by_price(model: ModelSpec, beside: Sequence[ModelSpec]) -> Prior:
    """A weak belief that dearer is better: 0.06 for each factor of ten against the middle one."""
    prices = sorted(_price(other) for other in beside) or [_price(model)]
    middle = prices[len(prices) // 2]
    step = math.log10(_price(model) / middle)
    success = round(min(_HIGHEST, max(_LOWEST, _USUAL + _STEP * step)))
    return Prior(success=success, guessed=True)


def clipped(success: int) -> float:
    """A probability that is never quite sure."""
    return min(0.995, max(0.005, success / MILLION))


def _price(model: ModelSpec) -> float:
    return max(1.0, model.input_price_nano + 2.0 * model.output_price_nano)
