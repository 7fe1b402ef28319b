"""What an app is for, from examples: is a text like those that it should answer?

Each example is a row of weights by column (rare columns weigh more, Salton and Buckley 1988). A
text's likeness to a group of examples is its cosine with the nearest, plus three times its mean
cosine with all; the nearest example of what is out of scope counts against it. Where the line is
drawn comes from the examples themselves, each judged by the others. Nothing is trained, so one
more example counts at once.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from freehold.core.decisions import MILLION
from freehold.text.heads import shipped
from freehold.text.vectors import SIZE, vector

MIN_EXAMPLES = 5
_EDGE = 200
_MEAN = 3.0
_LOST = 0.07
"""The share of in-scope examples that may fall outside where too few others draw the line."""
_CAUGHT = 0.83
"""The share of out-of-scope examples that must fall outside where there are enough of them."""
_ENOUGH_OUT = 20
_COMMON = 3.4
"""Columns that nearly every text has say nothing and cost time."""
_SAMPLE = 2_000

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


class Likeness(Struct, frozen=True):
    """How much a text is like what is in scope, in millionths, and the group that it is most like.

    Half a million is where the examples draw the line.
    """

    score: int
    group: str


class Scope:
    """Examples, ready to be compared with.

    Args:
        inside: group → its examples. Groups may be topics or intents; one is enough.
        outside: examples of what is out of scope, if there are any.

    Raises:
        ValueError: fewer than `MIN_EXAMPLES` in scope, or one without a word.
    """

    def __init__(self, inside: Mapping[str, Sequence[str]], outside: Sequence[str] = ()) -> None:
        self._names = [name for name, texts in inside.items() if texts]
        texts = [text for name in self._names for text in inside[name]]
        if len(texts) < MIN_EXAMPLES:
            raise ValueError(f"a scope needs {MIN_EXAMPLES} examples, there are {len(texts)}")
        self._inside = len(texts)
        sizes = np.array([len(inside[name]) for name in self._names])
        self._sizes = sizes
        self._firsts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
        self._group = np.repeat(np.arange(len(sizes)), sizes)
        self._rarity = shipped("rarity").weights.astype(np.float64) * shipped("rarity").header.scale
        rows = [self._row(text) for text in (*texts, *outside)]
        if not all(len(columns) for columns, _ in rows):
            raise ValueError("an example has no word in it")
        self._rows = rows
        self._index()
        self._line, self._width = self._draw()

    def like(self, text: str) -> Likeness:
        """How much the text is like the examples in scope; of a long one its two ends."""
        if len(text) > 2 * _EDGE:
            text = f"{text[:_EDGE]} {text[-_EDGE:]}"
        columns, values = self._row(text)
        if not len(columns):
            return Likeness(MILLION // 2, "")
        groups, against = self._compare(columns, values)
        best = int(groups.argmax())
        distance = (float(groups[best]) - against - self._line) / self._width
        score = round(MILLION / (1 + math.exp(-max(-30.0, min(30.0, distance)))))
        return Likeness(score, self._names[best])

    def _row(self, text: str) -> tuple[Ints, Floats]:
        seen = vector(text)
        if not len(seen.words):
            return np.zeros(0, dtype=np.intp), np.zeros(0)
        columns = np.concatenate((seen.chars, seen.words)).astype(np.intp)
        values = self._rarity[columns]
        telling = values > _COMMON
        columns, values = columns[telling], values[telling]
        return columns, values / max(1e-9, float(np.sqrt((values * values).sum())))

    def _index(self) -> None:
        """Column → the examples that have it, and how much it weighs in each."""
        columns = np.concatenate([columns for columns, _ in self._rows])
        values = np.concatenate([values for _, values in self._rows])
        owners = np.repeat(np.arange(len(self._rows)), [len(c) for c, _ in self._rows])
        order = np.argsort(columns, kind="stable")
        self._owners, self._values = owners[order], values[order]
        self._ends = np.cumsum(np.bincount(columns, minlength=SIZE))

    def _cosines(self, columns: Ints, values: Floats) -> Floats:
        ends = self._ends[columns]
        starts = np.where(columns > 0, self._ends[columns - 1], 0)
        counts = ends - starts
        before = np.cumsum(counts) - counts
        places = np.repeat(starts - before, counts) + np.arange(int(counts.sum()))
        products = self._values[places] * np.repeat(values, counts)
        sums = np.bincount(self._owners[places], products, minlength=len(self._rows))
        return np.asarray(sums, dtype=np.float64)

    def _compare(
        self, columns: Ints, values: Floats, without: int | None = None
    ) -> tuple[Floats, float]:
        """The likeness to each group and to what is out of scope, ``without`` one example."""
        cosines = self._cosines(columns, values)
        sizes: NDArray[np.float64] = self._sizes.astype(np.float64)
        if without is not None:
            cosines[without] = 0
            if without < self._inside:
                sizes[self._group[without]] -= 1
        inside, outside = cosines[: self._inside], cosines[self._inside :]
        nearest = np.maximum.reduceat(inside, self._firsts)
        means = np.add.reduceat(inside, self._firsts) / np.maximum(sizes, 1)
        return nearest + _MEAN * means, float(outside.max()) if len(outside) else 0.0

    def _draw(self) -> tuple[float, float]:
        """The line between in and out, and how wide it is, with each example judged by the rest."""
        step = max(1, self._inside // _SAMPLE)
        inside = np.array([self._alone(n) for n in range(0, self._inside, step)])
        outside = np.array([self._alone(n) for n in range(self._inside, len(self._rows))])
        width = max(1e-6, float(inside.std()) / 2)
        if len(outside) < _ENOUGH_OUT:
            return float(np.quantile(inside, _LOST)), width
        lines = np.unique(np.concatenate((inside, outside)))
        kept = 1 - np.searchsorted(np.sort(inside), lines) / len(inside)
        caught = np.searchsorted(np.sort(outside), lines) / len(outside)
        enough = caught >= _CAUGHT
        return float(lines[int(np.where(enough, kept, -1).argmax())]), width

    def _alone(self, number: int) -> float:
        groups, against = self._compare(*self._rows[number], without=number)
        return float(groups.max()) - against
