"""The two readings of a text that tell intents and classes apart, and how they are fitted.

A softmax classifier on hashed words and characters, and ridge regression on a Gaussian kernel
between dense vectors, taken with at most `LANDMARKS` of the examples (Nyström's method: Williams
and Seeger 2001). What a dense vector is, a `Manner` says: `STATIC` ones need nothing but numpy.

Two more things teach the second reading where they are given (`Beside`): the intents' names, and
texts of which nobody said what they want. What the model says of these is learned from in turn, as
far as it is sure ("pseudo-labels": Lee 2013).
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from freehold.text import embedding
from freehold.text.heads import shipped
from freehold.text.softmax import Row, Softmax
from freehold.text.vectors import SIZE, Columns, Vector, distinct

LANDMARKS = 1_536
SEED = 11
NEAR = 5
_MANY = 30
_RIDGE = 0.01
TINY = 1e-6
SPARE = 6_000
"""Texts without a label that are learned from at most."""
_NAMED = 0.5
"""How much an intent's name counts beside an example of it."""
_ROUNDS, _SURE = 2, 25.0
"""How often what the model says of texts without a label is learned from, and how steeply its
scores become chances; chosen on BANKING77, 10 labels of each, several draws."""

Floats = NDArray[np.float32]
Ints = NDArray[np.intp]


class Manner(Struct, frozen=True, kw_only=True):
    """How texts become dense vectors, and what suits them: where intents have few examples, and
    where many (a median of 30 or more).

    Attributes:
        of: a text's vector, float32 of length one.
        sharpness: of the kernel.
        weight: how much the second reading counts beside the first.
        dims: how many of the vector's numbers are read; the first should tell most.
        unlabelled: whether texts without a label teach; where vectors are poor, mistakes do.
    """

    name: str
    version: str
    of: Callable[[str], Floats]
    sharpness: tuple[float, float]
    weight: tuple[float, float]
    dims: tuple[int, int]
    unlabelled: bool = False


STATIC = Manner(
    name="static",
    version=embedding.VERSION,
    of=embedding.embed,
    sharpness=(3.0, 1.5),
    weight=(4.0, 2.0),
    dims=(192, 128),
)
"""Means of static vectors of the pieces of words; 11 µs a question."""


class Beside(Struct, frozen=True, kw_only=True):
    """What teaches beside examples, as dense vectors: the intents' names, one row each (zeros: it
    says nothing), and texts without a label.
    """

    names: Floats | None = None
    spare: Floats | None = None


class Examples:
    """Texts as both readings see them, made once, and what each of them wants.

    Attributes:
        groups: the number of each text's intent; the last of ``count`` is the outside, if any.
        importance: how much each counts, 1 on average.
        sharpness, weight: how they are read, which depends on how many there are of each.
    """

    def __init__(
        self,
        rows: list[Row],
        dense: Floats,
        groups: Ints,
        count: int,
        *,
        outside: bool,
        manner: Manner = STATIC,
        importance: Floats | None = None,
        beside: Beside | None = None,
    ) -> None:
        self.rows = rows
        self.groups = groups
        self.count = count
        self.outside = outside
        self.manner = manner
        self.importance = np.ones(len(rows), np.float32) if importance is None else importance
        sizes = np.bincount(groups, minlength=count)
        many = float(np.median(sizes)) >= _MANY
        self.sharpness, self.weight = manner.sharpness[many], manner.weight[many]
        dims = manner.dims[many]
        self.dense = _unit(dense[:, :dims])
        beside = Beside() if beside is None else beside
        # where there are many examples, a name says nothing new
        names = None if many else beside.names
        self.names = None if names is None else _unit(names[:, :dims])
        teach = beside.spare if manner.unlabelled else None
        self.spare = None if teach is None else _unit(teach[:SPARE, :dims])

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Which of them have an intent."""
        return self.groups < self.count - self.outside


def _unit(rows: Floats) -> Floats:
    """Rows of length one, or of zeros."""
    made: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(TINY))
    return made


class Model:
    """Both readings, fitted. With ``outside``, the last group is none of the intents."""

    def __init__(
        self,
        softmax: Softmax,
        marks: Floats,
        weights: Floats,
        *,
        sharpness: float,
        weight: float,
        outside: bool,
    ) -> None:
        self.softmax = softmax
        self.marks = marks
        self.weights = weights
        self.sharpness = sharpness
        self.weight = weight
        self.outside = outside

    def margin(self, row: Row, dense: Floats) -> tuple[float, int, int]:
        """The margin, the best intent and the second best."""
        dense = dense[: self.marks.shape[1]]
        likeness = self.marks @ dense
        likeness /= np.float32(max(TINY, math.sqrt(float(dense @ dense))))
        kernel = np.exp(np.float32(self.sharpness) * (likeness - 1))
        says = self.softmax.logits(row)
        says = np.exp(says - says.max())
        says = says / says.sum() + np.float32(self.weight) * (kernel @ self.weights)
        against = 0.0
        if self.outside:
            against, says = float(says[-1]), says[:-1]
        best = int(says.argmax())
        near = np.partition(likeness, -NEAR)[-NEAR:] if len(likeness) > NEAR else likeness
        lead = float(says[best]) - against
        says[best] = -np.inf
        second = int(says.argmax()) if len(says) > 1 else -1
        return lead * max(0.0, float(near.mean())), best, second

    def scores(self, rows: Sequence[Row], dense: Floats) -> Floats:
        """What speaks for each group of many texts at once, ``(texts, groups)``."""
        dense = dense[:, : self.marks.shape[1]]
        sizes = np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), TINY)
        kernel = np.exp(self.sharpness * ((dense / sizes) @ self.marks.T - 1))
        says = np.array([self.softmax.logits(row) for row in rows], np.float32)
        says = np.exp(says - says.max(axis=1, keepdims=True))
        says /= says.sum(axis=1, keepdims=True)
        found: Floats = says + np.float32(self.weight) * (kernel @ self.weights)
        return found


def fitted(examples: Examples, some: Ints) -> Model:
    """Both readings from some of the examples, and from all that is beside them."""
    groups, count, sharpness = examples.groups[some], examples.count, examples.sharpness
    rows = [examples.rows[number] for number in some]
    counts = examples.importance[some]
    softmax = Softmax(
        rows, groups, count, np.ones(count, np.float32), SIZE, gentle=True, each=counts
    )
    dense = examples.dense[some]
    if examples.names is not None:
        dense = np.concatenate((dense, examples.names))
        groups = np.concatenate((groups, np.arange(len(examples.names))))
        says = np.abs(examples.names).max(axis=1) > 0
        counts = np.concatenate((counts, np.float32(_NAMED) * says.astype(np.float32)))
    marks = dense[_landmarks(groups, count)]
    weights = _kernel_weights(examples, dense, groups, counts, marks)
    return Model(
        softmax,
        marks,
        weights,
        sharpness=sharpness,
        weight=examples.weight,
        outside=examples.outside,
    )


def _kernel_weights(
    examples: Examples, dense: Floats, groups: Ints, counts: Floats, marks: Floats
) -> Floats:
    """Ridge regression on the kernel; then again with what it says of texts without a label, each
    of which counts by the square of the chance of its likeliest group.
    """
    count, sharpness = examples.count, examples.sharpness
    wanted = np.full((len(groups), count), -1 / count)
    wanted[np.arange(len(groups)), groups] += 1

    def near(some: Floats) -> NDArray[np.float64]:
        made: NDArray[np.float64] = np.exp(sharpness * (some @ marks.T - 1)).astype(np.float64)
        return made

    kernel = near(dense)
    counted = kernel * counts[:, None].astype(np.float64)
    normal = counted.T @ kernel + _RIDGE * near(marks) + 1e-4 * np.eye(len(marks))
    aim = counted.T @ wanted
    weights: NDArray[np.float64] = np.linalg.solve(normal, aim)
    if examples.spare is None or not len(examples.spare):
        return weights.astype(np.float32)
    spare = near(examples.spare)
    for _ in range(_ROUNDS):
        says = spare @ weights
        says = np.exp(_SURE * (says - says.max(axis=1, keepdims=True)))
        says /= says.sum(axis=1, keepdims=True)
        counted = spare * (says.max(axis=1, keepdims=True) ** 2)
        more = counted.T @ spare
        weights = np.linalg.solve(normal + more, aim + counted.T @ (says - 1 / count))
    return weights.astype(np.float32)


def _landmarks(groups: Ints, count: int) -> Ints:
    """Places of at most `LANDMARKS` examples, the same number of each group as far as it goes."""
    dice = np.random.default_rng(SEED)
    places = [dice.permutation(np.flatnonzero(groups == group)) for group in range(count)]
    turns = np.concatenate([np.arange(len(own)) for own in places])
    return np.concatenate(places)[np.argsort(turns, kind="stable")[:LANDMARKS]]


def row_of(seen: Vector) -> Row:
    """Characters and words weigh alike, however many there are of each; rare ones weigh more."""
    return row_of_columns(seen.chars, seen.words)


def row_of_columns(chars: Columns, words: Columns) -> Row:
    """The same of columns alone; see `vectors.columns_of`."""
    rarity = shipped("rarity")
    scale = np.float32(rarity.header.scales[0])
    columns, values = [], []
    for some in (chars, words):
        own = distinct(some)
        weights = rarity.weights[0][own].astype(np.float32) * scale
        columns.append(own)
        values.append(weights / max(1e-9, float(np.sqrt(2 * (weights @ weights)))))
    return np.concatenate(columns), np.concatenate(values).astype(np.float32)
