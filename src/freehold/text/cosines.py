"""Cosines of a text with many others, by the columns that they share."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from freehold.text.softmax import Row
from freehold.text.vectors import SIZE

Floats = NDArray[np.float64]


class Cosines:
    """Rows of length one, ready to be compared with."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._count = len(rows)
        # column → the rows that have it, and how much it weighs in each
        columns = np.concatenate([columns for columns, _ in rows])
        values = np.concatenate([values for _, values in rows])
        owners = np.repeat(np.arange(len(rows)), [len(columns) for columns, _ in rows])
        order = np.argsort(columns, kind="stable")
        self._owners, self._values = owners[order], values[order]
        self._ends = np.cumsum(np.bincount(columns, minlength=SIZE))

    def of(self, row: Row) -> Floats:
        """The cosine with each of the rows."""
        columns, values = row
        ends = self._ends[columns]
        starts = np.where(columns > 0, self._ends[columns - 1], 0)
        counts = ends - starts
        before = np.cumsum(counts) - counts
        places = np.repeat(starts - before, counts) + np.arange(int(counts.sum()))
        products = self._values[places] * np.repeat(values, counts)
        sums = np.bincount(self._owners[places], products, minlength=self._count)
        return np.asarray(sums, dtype=np.float64)
