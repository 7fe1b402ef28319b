"""Seeded draws that give the same values on every supported Python.

Only `random.Random.random()` and seeding by a string are promised to stay the same between
Python versions, so every draw here is made from `random()` alone.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """A named stream of draws; streams with different names do not disturb one another."""

    def __init__(self, seed: int, name: str) -> None:
        # Invented data, nothing secret.
        self._random = random.Random(f"{name}:{seed}").random

    def between(self, low: int, high: int) -> int:
        """An integer from `low` to `high`, both included."""
        return low + int(self._random() * (high - low + 1))

    def chance(self, share: float) -> bool:
        """True with probability `share` (0.0 to 1.0)."""
        return self._random() < share

    def pick(self, items: Sequence[T]) -> T:
        """One of `items`, each equally likely."""
        return items[int(self._random() * len(items))]

    def sample(self, items: Sequence[T], count: int) -> list[T]:
        """`count` different positions of `items`, in random order."""
        pool = list(items)
        count = min(count, len(pool))
        draw = self._random
        for i in range(count):
            j = i + int(draw() * (len(pool) - i))
            pool[i], pool[j] = pool[j], pool[i]
        return pool[:count]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """All of `items` in random order."""
        return self.sample(items, len(items))

    def digits(self, count: int) -> str:
        """`count` decimal digits."""
        return "".join(str(self.between(0, 9)) for _ in range(count))

    def text(self, alphabet: str, count: int) -> str:
        """`count` characters of `alphabet`."""
        return "".join(self.pick(alphabet) for _ in range(count))


class Weighted(Sequence[T]):
    """Items with weights; `draw` picks one with probability proportional to its weight."""

    def __init__(self, weights: dict[T, float]) -> None:
        self._items = list(weights)
        self._edges = list(accumulate(weights.values()))

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> T:  # type: ignore[override]
        return self._items[index]

    def draw(self, dice: Dice) -> T:
        """One item."""
        point = dice.between(0, 999_999) / 1_000_000 * self._edges[-1]
        return self._items[min(bisect_right(self._edges, point), len(self._items) - 1)]
