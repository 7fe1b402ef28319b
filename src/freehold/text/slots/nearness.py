"""How near a question is to others: its static vector, and the rare words and characters shared."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from threading import local

import numpy as np
from numpy.typing import NDArray

from freehold.text.embedding import DIMS, embed
from freehold.text.readings import row_of_columns
from freehold.text.softmax import Row
from freehold.text.vectors import SIZE, columns_of

Floats = NDArray[np.float32]
Ints = NDArray[np.intp]

VERSION = "3"
TOP = 64
"""How many of the nearest by vector are looked at closely."""
_MANY, _FIRST, _WIDER = 2_000, 96, 256
"""From so many questions on, so much of each vector is read to choose this many of them."""
_DENSE = np.float32(0.6)


class Point:
    """A question as both readings see it; the second is only made where it is asked for.

    ``code`` is the first as a file has it: whole numbers of eight bits, in base 64.
    """

    __slots__ = ("_row", "dense", "text")

    def __init__(self, text: str, code: str = "") -> None:
        self.text = text
        steps = _decoded(code) if code else _steps(embed(text))
        size = np.float32(np.sqrt(float(steps @ steps)))
        self.dense: Floats = steps / size if size else steps
        self._row: Row | None = None

    @property
    def row(self) -> Row:
        """Columns and values of its words and characters."""
        if self._row is None:
            self._row = row_of_columns(*columns_of(self.text)) if self.text.strip() else _EMPTY
        return self._row


def code_of(text: str) -> str:
    """What a file keeps of a question's vector."""
    return b64encode(_steps(embed(text)).astype(np.int8).tobytes()).decode("ascii")


def _steps(dense: Floats) -> Floats:
    most = np.abs(dense).max()
    return np.rint(dense * (127 / most)) if most else dense


def _decoded(code: str) -> Floats:
    data = b64decode(code, validate=True)
    if len(data) != DIMS:
        raise ValueError(f"a vector has {DIMS} numbers, not {len(data)}")
    return np.frombuffer(data, np.int8).astype(np.float32)


_NONE: Floats = np.zeros(0, np.float32)
_EMPTY: Row = np.zeros(1, np.intp), np.zeros(1, np.float32)
"""Of a text without a word: one column of no weight, so that no row is without."""


class _Scratch(local):
    """Room for one row, all zero between uses: half a megabyte that no question has to make anew.
    One for each thread, since slow models answer in several.
    """

    def __init__(self) -> None:
        self.row: Floats = np.zeros(SIZE, np.float32)


_SCRATCH = _Scratch()


def _shared(own: Row, rows: Sequence[Row]) -> Floats:
    """The product of a row with each of some others, of which none is without a column."""
    columns, values = own
    scratch = _SCRATCH.row
    scratch[columns] = values
    every: Ints = np.concatenate([one for one, _ in rows])
    products: Floats = np.concatenate([one for _, one in rows])
    products *= scratch[every]
    scratch[columns] = 0
    sizes = np.array([len(one) for one, _ in rows])
    found: Floats = np.add.reduceat(products, np.cumsum(sizes) - sizes)
    return found


class Near:
    """Questions to be near to."""

    def __init__(self, points: Sequence[Point]) -> None:
        self._dense: Floats = np.zeros((len(points), DIMS), np.float32)
        for place, point in enumerate(points):
            self._dense[place] = point.dense
        # of many, a part of each vector says which are worth a closer look
        many = len(points) > _MANY
        self._first: Floats = np.ascontiguousarray(self._dense[:, :_FIRST]) if many else self._dense
        self._points = list(points)
        self._named = {point.text: point for point in self._points}

    def __len__(self) -> int:
        return len(self._points)

    def point(self, text: str) -> Point:
        """A question to ask about; one that is among them word for word is not read again."""
        return self._named.get(text) or Point(text)

    def warm(self) -> None:
        """Make now what would be made when a question first comes near."""
        for point in self._points:
            point.row  # noqa: B018  it is kept

    def of(self, point: Point) -> tuple[Ints, Floats]:
        """Places of the nearest, the nearest first, and how near each is: at most 1."""
        if not self._points:
            return np.zeros(0, np.intp), _NONE
        wide = self._first.shape[1]
        likeness = self._first @ point.dense[:wide]
        count = len(likeness)
        if wide < DIMS:
            wider = _largest(likeness, _WIDER)
            likeness = np.zeros(count, np.float32)
            likeness[wider] = self._dense[wider] @ point.dense
        top = _largest(likeness, TOP)
        shared = _shared(point.row, [self._points[place].row for place in top.tolist()])
        near = _DENSE * likeness[top] + (1 - _DENSE) * shared
        # whole ten-thousandths, so that the last bits of a sum decide nothing; then by place
        near = np.round(near, 4).astype(np.float32)
        order = np.lexsort((top, -near))
        return top[order], near[order]


def _largest(numbers: Floats, count: int) -> Ints:
    size = len(numbers)
    if size <= count:
        return np.arange(size)
    return np.argpartition(numbers, size - count)[size - count :]
