"""Predictions put on the scale of what happened, without changing their order.

For each model predictions are counted in bins with the outcomes that followed them, faded by
forgetting. The map runs through each bin's mean outcome, drawn towards the prediction itself while
the bin has seen little, made to rise everywhere by pooling neighbours that do not (isotonic
regression; Ayer et al. 1955), and straight in between.
"""

import numpy as np
from numpy.typing import NDArray

from freehold.stages.routing.learned.state import Arrays, checked

_BINS = 20
_BELIEVED = 25.0
"""Outcomes that the prediction itself is worth in each bin."""
_EVERY = 16
_ARRAYS = ("seen", "won", "said")

Floats = NDArray[np.float64]

_EDGES = (np.arange(_BINS) + 0.5) / _BINS


class Calibration:
    """One map for each model."""

    def __init__(self) -> None:
        self.seen: Floats = np.zeros((0, _BINS))
        self.won: Floats = np.zeros((0, _BINS))
        self.said: Floats = np.zeros((0, _BINS))
        self._maps: Floats = np.zeros((0, _BINS))
        self._lines: list[list[float]] = []
        self._since: list[int] = []

    def add(self) -> None:
        """One more model, with a map that changes nothing."""
        none = np.zeros((1, _BINS))
        self.seen = np.concatenate((self.seen, none))
        self.won = np.concatenate((self.won, none))
        self.said = np.concatenate((self.said, none))
        self._maps = np.concatenate((self._maps, _EDGES[None]))
        self._lines.append(_EDGES.tolist())
        self._since.append(0)

    def learn(self, place: int, raw: float, score: float, weight: float, kept: float) -> None:
        """An outcome that followed a prediction."""
        raw = min(1.0, max(0.0, raw))
        number = min(_BINS - 1, int(raw * _BINS))
        for sums in (self.seen, self.won, self.said):
            sums[place] *= kept
        self.seen[place, number] += weight
        self.won[place, number] += weight * score
        self.said[place, number] += weight * raw
        self._since[place] += 1
        if self._since[place] >= _EVERY:
            self.refresh(place)

    def discount(self, place: int, kept: float) -> None:
        """So much of what was counted of a model counts from now on."""
        for sums in (self.seen, self.won, self.said):
            sums[place] *= kept
        self.refresh(place)

    def refresh(self, place: int) -> None:
        """Draw the map again."""
        self._since[place] = 0
        weights = self.seen[place] + _BELIEVED
        shift = (self.won[place] - self.said[place]) / weights
        drawn = pooled(_EDGES + shift, weights)
        self._maps[place], self._lines[place] = drawn, drawn.tolist()

    def one(self, place: int, raw: float) -> float:
        """As `apply`, of one model: quicker for a few of them."""
        at = (1.0 if raw > 1.0 else max(0.0, raw)) * _BINS - 0.5
        low = min(int(at), _BINS - 2) if at > 0.0 else 0
        line = self._lines[place]
        left = line[low]
        risen = left + (at - low) * (line[low + 1] - left)
        return 0.999 if risen > 0.999 else max(risen, 0.001)

    def apply(self, places: NDArray[np.intp], raw: Floats) -> Floats:
        """Probabilities from 0.001 to 0.999 for raw predictions, one for each of ``places``."""
        # np.clip costs four times as much as these two on so few numbers
        at = np.minimum(np.maximum(raw, 0.0), 1.0) * _BINS - 0.5
        low = np.minimum(np.maximum(at, 0.0), _BINS - 2).astype(np.intp)
        maps = self._maps
        left = maps[places, low]
        risen = left + (at - low) * (maps[places, low + 1] - left)
        found: Floats = np.minimum(np.maximum(risen, 0.001), 0.999)
        return found

    def arrays(self) -> Arrays:
        """What was counted, as arrays by name."""
        return {f"calibration.{name}": getattr(self, name) for name in _ARRAYS}

    def restore(self, arrays: Arrays) -> None:
        """Take what `arrays` gave.

        Raises:
            ValueError: it does not fit the models known.
        """
        count = len(self._since)
        found = checked(arrays, {f"calibration.{name}": (count, _BINS) for name in _ARRAYS})
        for name in _ARRAYS:
            setattr(self, name, found[f"calibration.{name}"])
        for place in range(count):
            self.refresh(place)


def pooled(values: Floats, weights: Floats) -> Floats:
    """The nearest values (weighted least squares) that never fall from one to the next."""
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        block = (value, weight, 1)
        while blocks and blocks[-1][0] > block[0]:
            before = blocks.pop()
            whole = before[1] + block[1]
            mean = (before[0] * before[1] + block[0] * block[1]) / whole
            block = (mean, whole, before[2] + block[2])
        blocks.append(block)
    return np.concatenate([np.full(count, value) for value, _, count in blocks])
