"""Fitting linear heads: logistic regression on vectors, one row after the other.

Stochastic gradient descent with a pace of its own for each column, the smaller the more was learned
about it (AdaGrad: Duchi, Hazan and Singer 2011), so that rare words learn as quickly as common
ones. Ten thousand rows take about a second. The order is drawn with a fixed seed, so the same
examples give the same bytes.
"""

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from freehold.text.vectors import SIZE, Vector

EPOCHS = 4
UPDATES, MOST_EPOCHS = 4_000, 40
_RATE = 0.3
_NOTHING = 1e-3
"""Where the sums of squares begin, so that the first step has an end."""
_SURE = 1e-3
"""A row that is off by less teaches nothing."""
_SEED = 0

Floats = NDArray[np.float32]
Rows = NDArray[np.intp]


class Table(Struct, frozen=True):
    """Stretches of text as rows of a sparse table; row i begins at ``starts[i]``."""

    columns: NDArray[np.int32]
    values: Floats
    starts: Rows

    @property
    def rows(self) -> int:
        """How many stretches."""
        return len(self.starts) - 1

    def times(self, weights: Floats) -> Floats:
        """What the weights say about each row."""
        product = self.values * weights[self.columns]
        sums = np.add.reduceat(np.append(product, np.float32(0)), self.starts[:-1])
        return np.where(np.diff(self.starts) > 0, sums, 0).astype(np.float32)

    def some(self, rows: NDArray[np.bool_]) -> "Table":
        """Only some of the rows."""
        sizes = np.diff(self.starts)
        inside = np.repeat(rows, sizes)
        starts = np.concatenate(([0], np.cumsum(sizes[rows])))
        return Table(self.columns[inside], self.values[inside], starts)


def stretches(vector: Vector, most: int) -> list[tuple[NDArray[np.int32], Floats]]:
    """The stretches that a head would judge, as columns and values; ``most``, evenly chosen."""
    spans = vector.stretches()
    if len(spans) == 1:
        return [_row(vector.chars, vector.words)]
    if len(spans) > most:
        spans = spans[np.linspace(0, len(spans) - 1, most).astype(np.intp)]
    rows = []
    for start, end in spans.tolist():
        inside = (vector.char_places >= start) & (vector.char_places < end)
        within = (vector.word_places >= start) & (vector.word_places < end)
        rows.append(_row(vector.chars[inside], vector.words[within]))
    return rows


def _row(chars: NDArray[np.uint64], words: NDArray[np.uint64]) -> tuple[NDArray[np.int32], Floats]:
    columns = np.concatenate((chars, words)).astype(np.int32)
    values = np.empty(len(columns), dtype=np.float32)
    values[: len(chars)] = 1 / np.sqrt(max(1, len(chars)))
    values[len(chars) :] = 1 / np.sqrt(max(1, len(words)))
    return columns, values


def table(rows: Sequence[tuple[NDArray[np.int32], Floats]]) -> Table:
    """Rows as one table."""
    starts = np.zeros(len(rows) + 1, dtype=np.intp)
    np.cumsum([len(columns) for columns, _ in rows], out=starts[1:])
    return Table(
        np.concatenate([columns for columns, _ in rows]),
        np.concatenate([values for _, values in rows]),
        starts,
    )


def fit(
    examples: Table, labels: NDArray[np.bool_], importance: Floats, *, epochs: int = EPOCHS
) -> tuple[Floats, float]:
    """Weights and bias of a logistic regression.

    Args:
        labels: yes or no for each row.
        importance: how much each row counts; rows of 0 are left out.
        epochs: how often each row is shown; few rows are shown again until `UPDATES` are reached.
    """
    weights = np.zeros(SIZE, dtype=np.float32)
    learned = np.full(SIZE, _NOTHING, dtype=np.float32)
    bias, learned_bias = 0.0, _NOTHING
    used = np.flatnonzero(importance > 0)
    epochs = max(epochs, min(MOST_EPOCHS, UPDATES // len(used)))
    counts = (importance / importance[used].mean()).tolist()
    starts, wanted = examples.starts.tolist(), labels.astype(np.float64).tolist()
    dice, shown, total = np.random.default_rng(_SEED), 0, epochs * len(used)
    for _ in range(epochs):
        for row in dice.permutation(used).tolist():
            columns = examples.columns[starts[row] : starts[row + 1]]
            values = examples.values[starts[row] : starts[row + 1]]
            logit = float(values @ weights[columns]) + bias
            slope = counts[row] * (1 / (1 + math.exp(-max(-30.0, min(30.0, logit)))) - wanted[row])
            pace = _RATE * (1 - shown / total)
            shown += 1
            if abs(slope) < _SURE:
                continue
            gradient = np.float32(slope) * values
            so_far = learned[columns] + gradient * gradient
            learned[columns] = so_far
            weights[columns] -= np.float32(pace) * gradient / np.sqrt(so_far)
            learned_bias += slope * slope
            bias -= pace * slope / math.sqrt(learned_bias)
    return weights, bias
