"""Covering: what is not like anything known is worth knowing, most of all where much is like it.

Each point is covered as far as the nearest chosen or labelled one is like it; the next choice is
the one that adds most, each point counting as much as it is unsure. Without uncertainty this is
"MaxHerding" (Bae et al. 2024, arXiv 2407.12212), with it "Uncertainty Herding" (Bae et al. 2025,
arXiv 2412.20644): representative ones first, then those that the model can't tell.
"""

import numpy as np
from numpy.typing import NDArray

SHARP = 4.0
"""How fast likeness falls with distance: ``exp(-4 d²)``, d² = 2 - 2 cosine."""

Floats = NDArray[np.float32]
Ints = NDArray[np.intp]


def likeness(one: Floats, two: Floats) -> Floats:
    """From 0 to 1, of rows of length one: (n, d), (m, d) → float32 (n, m)."""
    squares = np.maximum(0, 2 - 2 * (one @ two.T))
    found: Floats = np.exp(np.float32(-SHARP) * squares)
    return found


class Cover:
    """How far each of some points is covered.

    Args:
        points: rows of length one, float32 (n, d).
        known: what is labelled already, (m, d); may be empty.
        weights: what each point counts, float32 (n,).
        alike: the points' `likeness` to each other, (n, n), where it is known already.
    """

    def __init__(
        self, points: Floats, known: Floats, weights: Floats, alike: Floats | None = None
    ) -> None:
        self._alike = likeness(points, points) if alike is None else alike
        self._weights = weights
        self._cover = np.zeros(len(points), dtype=np.float32)
        for start in range(0, len(known), 1_024):
            near = likeness(points, known[start : start + 1_024]).max(axis=1)
            np.maximum(self._cover, near, out=self._cover)

    @property
    def covered(self) -> Floats:
        """How far each point is covered, 0 to 1."""
        return self._cover

    def gains(self) -> Floats:
        """What choosing each point would add: of all points, as much as they count."""
        added = np.maximum(0, self._alike - self._cover[:, None])
        found: Floats = self._weights @ added
        return found

    def gain(self, place: int) -> float:
        """What choosing this one would add; never more than before something else was chosen."""
        added = np.maximum(0, self._alike[:, place] - self._cover)
        return float(self._weights @ added)

    def take(self, place: int) -> None:
        """Choose one."""
        np.maximum(self._cover, self._alike[:, place], out=self._cover)
