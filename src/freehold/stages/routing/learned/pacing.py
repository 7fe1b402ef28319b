"""The price of cost: so dear that spending meets a ceiling, and no dearer.

For each of the last requests the pacer keeps what its allowed models promised and would cost. The
price is the lowest at which choosing the highest ``success - price * cost`` would have kept the
mean cost of these requests within the ceiling: the fractional knapsack over a rolling window, by
the quantile of what money buys (Dantzig 1957), not by gradient steps on a multiplier.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import pairwise

from freehold.core.routing import Estimate

WINDOW = 512
HORIZON = 512
"""What was spent beyond the ceiling is won back over so many requests."""
_FLOOR = 0.05

Step = tuple[float, int]
"""What a dearer choice brings for each nano-unit that it costs more, and how much more."""


class Pacer:
    """Keeps the mean cost of a request within ``ceiling_nano``."""

    def __init__(self, ceiling_nano: int, window: int = WINDOW) -> None:
        """Start without having seen anything.

        Raises:
            ValueError: the ceiling or the window is not positive.
        """
        if ceiling_nano <= 0 or window <= 0:
            raise ValueError("a pacer needs a ceiling above zero and a window above zero")
        self.ceiling_nano = ceiling_nano
        self._window = Window(window)
        self._owed = 0

    def price(self) -> float:
        """Millionths of success that one nano-unit more must bring to be worth spending."""
        return self._window.price

    def saw(self, estimates: Sequence[Estimate]) -> None:
        """A request came, and this is what its allowed models promise."""
        self.offered([e.cost_nano for e in estimates], [e.success for e in estimates])

    def offered(self, costs: Sequence[int], successes: Sequence[int]) -> None:
        """The same as columns."""
        if not costs:
            return
        self._window.add(zip(costs, successes, strict=True))
        # What was saved long ago is no leave to squander now.
        self._owed = max(self._owed - self.ceiling_nano, -self.ceiling_nano * HORIZON)
        allowed = self.ceiling_nano - self._owed / HORIZON
        self._window.meet(max(self.ceiling_nano * _FLOOR, allowed))

    def spent(self, nano: int) -> None:
        """A request cost so much; told when it is known, in any order."""
        self._owed += nano


class Window:
    """The last requests as steps from each choice to the next dearer one worth considering.

    The steps of all requests are sorted by what they bring for the money; those from ``_first`` on
    are taken, and ``price`` lies just above the best one that is not.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._requests: deque[tuple[int, list[Step]]] = deque()
        self._gains: list[float] = []
        self._extras: list[int] = []
        self._first = 0
        self._spent = 0

    @property
    def price(self) -> float:
        """The lowest at which the window keeps to its ceiling; 0 where all of it is affordable."""
        return self._gains[self._first - 1] * (1 + 1e-9) if self._first else 0.0

    def add(self, choices: Iterable[tuple[int, int]]) -> None:
        """A request: cost in nano-units and success in millionths of each of its models."""
        base, steps = frontier(choices)
        if len(self._requests) == self._size:
            self._drop(*self._requests.popleft())
        self._requests.append((base, steps))
        self._spent += base
        for gain, extra in steps:
            place = bisect_left(self._gains, gain)
            self._gains.insert(place, gain)
            self._extras.insert(place, extra)
            if place < self._first:
                self._first += 1
            else:
                self._spent += extra

    def _drop(self, base: int, steps: list[Step]) -> None:
        self._spent -= base
        for gain, extra in steps:
            place = bisect_left(self._gains, gain)
            while self._extras[place] != extra:  # several may bring the same
                place += 1
            del self._gains[place], self._extras[place]
            if place < self._first:
                self._first -= 1
            else:
                self._spent -= extra

    def meet(self, ceiling: float) -> None:
        """Take as many steps as a mean cost of ``ceiling`` nano-units allows, the best first."""
        limit = ceiling * len(self._requests)
        while self._spent > limit and self._first < len(self._gains):
            self._spent -= self._extras[self._first]
            self._first += 1
        while self._first and self._spent + self._extras[self._first - 1] <= limit:
            self._first -= 1
            self._spent += self._extras[self._first]


def frontier(choices: Iterable[tuple[int, int]]) -> tuple[int, list[Step]]:
    """The cheapest cost, and the steps along the upper hull from there, each bringing less.

    Args:
        choices: (cost, success) of each model.
    """
    hull: list[tuple[int, int]] = []
    for cost, success in sorted(choices):
        if hull and success <= hull[-1][1]:
            continue
        if hull and cost == hull[-1][0]:
            hull.pop()
        while len(hull) > 1 and _gain(hull[-2], hull[-1]) <= _gain(hull[-1], (cost, success)):
            hull.pop()
        hull.append((cost, success))
    if len(hull) == 1:
        return hull[0][0], []
    return hull[0][0], [(_gain(low, high), high[0] - low[0]) for low, high in pairwise(hull)]


def _gain(low: tuple[int, int], high: tuple[int, int]) -> float:
    return (high[1] - low[1]) / (high[0] - low[0])
