"""Bounds that stay true however often one looks: confidence sequences and e-processes by betting.

Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting" (2024); the
difference of two models from logged propensities after Waudby-Smith et al., "Anytime-valid
off-policy inference for contextual bandits" (2022). A z-test that somebody peeks at every day
raises a false alarm in one of three months; these may be looked at after every single request.
"""

import math

import numpy as np
from msgspec import Struct

from freehold.stages.routing.evaluation.log import Floats

_BOLD = 0.5
_GRID = 401


class Band(Struct, frozen=True, kw_only=True):
    """A confidence sequence's interval after all values so far."""

    low: float
    high: float
    seen: int


def mean_band(values: Floats, alpha: float = 0.05, *, low: float = 0.0, high: float = 1.0) -> Band:
    """The mean of values that lie between ``low`` and ``high``: the hedged capital process.

    With probability ``1 - alpha`` the mean is inside at every moment, not only at the last.
    """
    lows, highs = mean_bands(values, alpha, low=low, high=high)
    if not len(values):
        return Band(low=low, high=high, seen=0)
    return Band(low=float(lows[-1]), high=float(highs[-1]), seen=len(values))


def mean_bands(
    values: Floats, alpha: float = 0.05, *, low: float = 0.0, high: float = 1.0
) -> tuple[Floats, Floats]:
    """The same after each value: two arrays (n,), each narrowing and never widening."""
    scaled = _scaled(values, low, high)
    steps = _plugged(scaled, alpha)
    grid = np.linspace(0.0, 1.0, _GRID)
    up = np.zeros(_GRID)
    down = np.zeros(_GRID)
    most_up = _BOLD / np.maximum(grid, 1e-9)
    most_down = _BOLD / np.maximum(1 - grid, 1e-9)
    threshold = math.log(2 / alpha)
    alive = np.ones(_GRID, dtype=bool)
    lows, highs = np.empty(len(scaled)), np.empty(len(scaled))
    spacing = 1 / (_GRID - 1)
    for i, (value, step) in enumerate(zip(scaled, steps, strict=True)):
        off = value - grid
        up += np.log1p(np.minimum(step, most_up) * off)
        down += np.log1p(-np.minimum(step, most_down) * off)
        alive &= np.maximum(up, down) < threshold
        left = np.flatnonzero(alive)
        if len(left):
            lows[i] = max(0.0, grid[left[0]] - spacing)
            highs[i] = min(1.0, grid[left[-1]] + spacing)
        else:  # no constant mean explains these values: the last that did is all there is to say
            lows[i], highs[i] = (lows[i - 1], highs[i - 1]) if i else (0.0, 1.0)
    return low + lows * (high - low), low + highs * (high - low)


def evidence_above(values: Floats, limit: float, *, low: float = 0.0, high: float = 1.0) -> Floats:
    """Log of an e-process (n,) against "the mean is never above ``limit``".

    However long one watches, it passes ``log(1 / alpha)`` with probability ``alpha`` at most where
    that holds, also where the mean drifts below the limit. Bets after aGRAPA.
    """
    scaled = _scaled(values, low, high)
    bound = (limit - low) / (high - low)
    if bound >= 1:
        return np.zeros(len(scaled))
    bound = max(bound, 0.0)
    means, spreads = _before(scaled)
    edge = means - bound
    bold = _BOLD / max(bound, 1e-6)
    bets = np.clip(edge / (spreads + edge**2), 0.0, bold)
    grown: Floats = np.cumsum(np.log1p(bets * (scaled - bound)))
    return grown


def evidence_below(values: Floats, limit: float, *, low: float = 0.0, high: float = 1.0) -> Floats:
    """Log of an e-process (n,) against "the mean is never below ``limit``"."""
    return evidence_above(-np.asarray(values), -limit, low=-high, high=-low)


def contrasts(reward: Floats, treated: Floats, share: Floats) -> Floats:
    """A value for each decision whose mean is what the newcomer gains over the one before.

    Args:
        reward: (n,), from 0 to 1.
        treated: (n,), 1 where the newcomer was drawn, else 0.
        share: (n,), with which probability it was.

    Returns:
        (n,), between ``-1 / b`` and ``1 / b``, where ``b`` is the smallest of all ``share`` and
        ``1 - share``. Each value is centred by what came before it, so it stays fair.
    """
    reward = np.asarray(reward, dtype=np.float64)
    before = (0.5 + np.concatenate(([0.0], np.cumsum(reward)[:-1]))) / np.arange(1, len(reward) + 1)
    signed = treated / share - (1 - treated) / (1 - share)
    found: Floats = (reward - before) * signed
    return found


def reach(share: Floats) -> float:
    """The bound of :func:`contrasts`."""
    if not len(share):
        return 1.0
    return float(1 / np.min(np.minimum(share, 1 - share)))


def _scaled(values: Floats, low: float, high: float) -> Floats:
    scaled: Floats = (np.asarray(values, dtype=np.float64) - low) / (high - low)
    if len(scaled) and (scaled.min() < -1e-9 or scaled.max() > 1 + 1e-9):
        raise ValueError(f"a value lies outside of {low} to {high}")
    return np.clip(scaled, 0.0, 1.0)


def _before(scaled: Floats) -> tuple[Floats, Floats]:
    """Mean and variance as estimated before each value, from a half and a quarter on."""
    counts = np.arange(1, len(scaled) + 1)
    means = (0.5 + np.concatenate(([0.0], np.cumsum(scaled)[:-1]))) / counts
    after = (0.5 + np.cumsum(scaled)) / (counts + 1)
    off = np.concatenate(([0.0], np.cumsum((scaled - after) ** 2)[:-1]))
    return means, (0.25 + off) / counts


def _plugged(scaled: Floats, alpha: float) -> Floats:
    """The predictable plug-in bets of the paper's equation for sequences."""
    _, spreads = _before(scaled)
    counts = np.arange(1, len(scaled) + 1)
    bets: Floats = np.sqrt(2 * math.log(2 / alpha) / (spreads * counts * np.log1p(counts)))
    return bets
