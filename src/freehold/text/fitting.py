"""Fitting linear heads: logistic regression on vectors, by whole-batch Adam (Kingma and Ba 2015).

Nothing here draws a number at random, so the same examples give the same bytes.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from freehold.text.vectors import SIZE, STRIDE, WINDOW, Vector

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

    def transposed_times(self, by_row: Floats) -> Floats:
        """What each column is worth, with this weight for each row."""
        spread = np.repeat(by_row, np.diff(self.starts))
        spread *= self.values
        return np.bincount(self.columns, spread, minlength=SIZE).astype(np.float32)


def stretches(vector: Vector) -> list[tuple[NDArray[np.int32], Floats]]:
    """The windows that a head would judge, as columns and values."""
    if vector.windows == 1:
        return [_row(vector.chars, vector.words)]
    rows = []
    for start in range(0, vector.windows * STRIDE, STRIDE):
        inside = (vector.char_places >= start) & (vector.char_places < start + WINDOW)
        within = (vector.word_places >= start) & (vector.word_places < start + WINDOW)
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
    examples: Table,
    labels: NDArray[np.float32],
    importance: Floats,
    *,
    steps: int = 120,
    rate: float = 0.3,
    decay: float = 1e-5,
) -> tuple[Floats, float]:
    """Weights and bias of a logistic regression.

    Args:
        labels: 1 or 0 for each row.
        importance: how much each row counts.
        decay: the weight of the squared norm.
    """
    weights = np.zeros(SIZE, dtype=np.float32)
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    share = float((importance * labels).sum() / importance.sum())
    bias = float(np.log(share / (1 - share)))
    moment, square = 0.0, 0.0
    total = float(importance.sum())
    for step in range(1, steps + 1):
        logits = examples.times(weights) + np.float32(bias)
        error = importance * (1 / (1 + np.exp(-np.clip(logits, -30, 30))) - labels) / total
        gradient = examples.transposed_times(error) + np.float32(decay) * weights
        slope = float(error.sum())
        first += np.float32(0.1) * (gradient - first)
        second += np.float32(0.01) * (gradient * gradient - second)
        moment += 0.1 * (slope - moment)
        square += 0.01 * (slope * slope - square)
        warm, hot = 1 - 0.9**step, 1 - 0.99**step
        pace = rate * (1 - step / (steps + 1))
        weights -= np.float32(pace) * (first / warm) / (np.sqrt(second / hot) + np.float32(1e-8))
        bias -= pace * (moment / warm) / (float(np.sqrt(square / hot)) + 1e-8)
    return weights, bias
