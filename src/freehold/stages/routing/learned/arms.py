"""Ridge regressions side by side, one for each model: forgetting, and quick to ask all at once.

Each is a recursive least squares fit with an exponentially fading memory (Haykin, "Adaptive Filter
Theory", ch. 10) of two targets on the same row. The inverse is kept by Sherman and Morrison's
formula, and made again from its sums now and then: so the ridge never fades, and errors of rounding
do not add up.
"""

import numpy as np
from numpy.typing import NDArray

from freehold.stages.routing.learned.state import Arrays, checked

RIDGE = 30.0
_AGAIN = 64
"""Updates after which an inverse is made again."""

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


class Arms:
    """Up to ``room`` regressions of ``width`` numbers, grown when needed."""

    def __init__(self, width: int, targets: int, room: int = 4) -> None:
        self.width = width
        self.targets = targets
        self.count = 0
        self._make(room)

    def _make(self, room: int) -> None:
        width = self.width
        self.sums: Floats = np.zeros((room, width, width))
        self.products: Floats = np.zeros((room, width, self.targets))
        self.inverse: Singles = np.zeros((room, width, width), dtype=np.float32)
        self.theta: Singles = np.zeros((room, self.targets, width), dtype=np.float32)
        self._updates = [0] * room
        self._look()

    def _look(self) -> None:
        """The rows of all regressions under each other, to be asked with one product."""
        count, width = self.count, self.width
        self._thetas: Singles = self.theta[:count].reshape(-1, width)
        self._inverses: Singles = self.inverse[:count].reshape(-1, width)

    def add(self) -> int:
        """A new regression; its place."""
        if self.count == len(self.sums):
            old, count = self.__dict__.copy(), self.count
            self._make(2 * count)
            for name in ("sums", "products", "inverse", "theta"):
                getattr(self, name)[:count] = old[name]
            self._updates[:count] = old["_updates"]
        place = self.count
        self.inverse[place] = np.eye(self.width, dtype=np.float32) / RIDGE
        self.count += 1
        self._look()
        return place

    def learn(self, place: int, row: Singles, errors: Floats, weight: float, kept: float) -> None:
        """Fit ``row`` to ``errors`` better.

        Args:
            errors: the targets, of shape ``(targets,)``.
            weight: how many observations this one is worth.
            kept: what remains of everything learned before; 1 forgets nothing.
        """
        wide = row.astype(np.float64)
        sums, products = self.sums[place], self.products[place]
        sums *= kept
        sums += weight * np.outer(wide, wide)
        products *= kept
        products += weight * np.outer(wide, errors)
        self._updates[place] += 1
        if self._updates[place] >= _AGAIN:
            self.refresh(place)
            return
        inverse = self.inverse[place]
        inverse /= np.float32(kept)
        gain = inverse @ row
        inverse -= np.outer(gain, gain * np.float32(weight / (1.0 + weight * float(gain @ row))))
        self.theta[place] = (inverse @ products.astype(np.float32)).T

    def forget(self, place: int, kept: float) -> None:
        """Let what was learned fade at once."""
        self.sums[place] *= kept
        self.products[place] *= kept
        self.refresh(place)

    def refresh(self, place: int) -> None:
        """Make inverse and coefficients again from the sums."""
        self._updates[place] = 0
        inverse = np.linalg.inv(self.sums[place] + RIDGE * np.eye(self.width))
        self.inverse[place] = inverse
        self.theta[place] = (inverse @ self.products[place]).T

    def ask(self, row: Singles) -> tuple[Singles, Singles]:
        """Every regression at once.

        Returns:
            The targets, of shape ``(count, targets)``, and the variance of each regression's
            answer for noise of one, of shape ``(count,)``.
        """
        count, width = self.count, self.width
        said: Singles = self._thetas @ row
        turned: Singles = self._inverses @ row
        spread: Singles = turned.reshape(count, width) @ row
        return said.reshape(count, self.targets), spread

    def restore(self, arrays: Arrays) -> None:
        """Take the sums of a file.

        Raises:
            ValueError: they do not fit.
        """
        count, width = self.count, self.width
        shapes: dict[str, tuple[int, ...]] = {
            "sums": (count, width, width),
            "products": (count, width, self.targets),
        }
        found = checked(arrays, shapes)
        self.sums[:count], self.products[:count] = found["sums"], found["products"]
        for place in range(count):
            self.refresh(place)
