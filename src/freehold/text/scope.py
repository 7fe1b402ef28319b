"""What an app is for, from examples: is a text like those that it should answer?

Each example is a row of weights by column (rare columns weigh more, Salton and Buckley 1988). Where
the examples come in groups (topics, intents) and there are enough of what is out of scope, a
classifier learns the groups and the outside as one more (Larson et al. 2019, "oos-train"): a text
is as much in scope as the best group leads the outside. Elsewhere a text's likeness to a group is
its cosine with the nearest example, plus three times its mean cosine with all, less the nearest
outside. Where the line between in and out is drawn comes from the examples, each judged without
itself.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from freehold.core.decisions import MILLION
from freehold.text.cosines import Cosines
from freehold.text.heads import shipped
from freehold.text.softmax import Row, Softmax
from freehold.text.vectors import SIZE, Vector, distinct, vector

MIN_EXAMPLES = 5
_EDGE = 200
_MEAN = 3.0
_LOST = 0.07
"""The share of in-scope examples that may fall outside where too few others draw the line."""
_CAUGHT = 0.88
"""The share of out-of-scope examples that must fall outside where there are enough of them."""
_ENOUGH_OUT = 20
_FOLDS = 3
_MOST = 20.0
"""How much more than an example in scope one outside counts in training, where it has fewer."""
_COMMON = 3.4
"""Columns that nearly every text has say nothing of likeness."""
_SAMPLE = 2_000

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Pieces = tuple[Ints, Ints]


class Likeness(Struct, frozen=True):
    """How much a text is like what is in scope, in millionths, and the group that it is most like.

    Half a million is where the examples draw the line.
    """

    score: int
    group: str


class Scope:
    """Examples, ready to be compared with; 15,000 take some seconds, a few hundred none.

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
        everything = [*texts, *outside]
        if not all(len(vector(text).words) for text in everything):
            raise ValueError("an example has no word in it")
        sizes = np.array([len(inside[name]) for name in self._names])
        learned = len(sizes) > 1 and len(outside) >= _ENOUGH_OUT
        self._judge = (_Learned if learned else _Nearest)(everything, sizes)
        margins, others = self._judge.alone()
        self._width = max(1e-6, float(margins.std()) / 2)
        self._line = _line(margins, others)

    def like(self, text: str) -> Likeness:
        """How much the text is like the examples in scope; of a long one its two ends."""
        if len(text) > 2 * _EDGE:
            text = f"{text[:_EDGE]} {text[-_EDGE:]}"
        found = self._judge.margin(text)
        if found is None:
            return Likeness(MILLION // 2, "")
        margin, best = found
        distance = (margin - self._line) / self._width
        score = round(MILLION / (1 + math.exp(-max(-30.0, min(30.0, distance)))))
        return Likeness(score, self._names[best])


def _line(margins: Floats, others: Floats) -> float:
    """Where most of the examples in scope stay in, and enough of the others out."""
    if len(others) < _ENOUGH_OUT:
        return float(np.quantile(margins, _LOST))
    lines = np.unique(np.concatenate((margins, others)))
    kept = 1 - np.searchsorted(np.sort(margins), lines) / len(margins)
    caught = np.searchsorted(np.sort(others), lines) / len(others)
    return float(lines[int(np.where(caught >= _CAUGHT, kept, -1).argmax())])


class _Learned:
    """By a classifier, with the outside as one more group behind the others."""

    def __init__(self, texts: Sequence[str], sizes: Ints) -> None:
        pieces = [_pieces(text) for text in texts]
        self._rarity = _rarity(pieces)
        self._rows = [self._row(some) for some in pieces]
        outside = len(texts) - int(sizes.sum())
        self._groups = np.repeat(np.arange(len(sizes) + 1), [*sizes, outside])
        self._importance = np.ones(len(sizes) + 1, np.float32)
        self._importance[-1] = min(_MOST, max(1.0, float(sizes.mean()) / outside))
        self._classifier = self._fitted(np.ones(len(texts), np.bool_))

    def _row(self, pieces: Pieces) -> Row:
        """Characters and words weigh alike, however many there are of each."""
        values = [self._rarity[columns] for columns in pieces]
        scaled = [some / max(1e-9, float(np.sqrt(2 * (some * some).sum()))) for some in values]
        return np.concatenate(pieces), np.concatenate(scaled).astype(np.float32)

    def _fitted(self, some: NDArray[np.bool_]) -> Softmax:
        rows = [self._rows[number] for number in np.flatnonzero(some)]
        count = len(self._importance)
        return Softmax(rows, self._groups[some], count, self._importance, SIZE)

    def margin(self, text: str) -> tuple[float, int] | None:
        """How far the best group leads the outside, and which group it is; None without a word."""
        pieces = _pieces(text)
        return _lead(self._classifier, self._row(pieces)) if len(pieces[1]) else None

    def alone(self) -> tuple[Floats, Floats]:
        """The margins of the examples in scope and of the others, by classifiers without them."""
        counts = np.bincount(self._groups)
        # neighbours in a list are often alike: each group's folds are runs
        fold = np.concatenate([np.arange(count) * _FOLDS // count for count in counts])
        margins = np.zeros(len(self._rows))
        for number in range(_FOLDS):
            classifier = self._fitted(fold != number)
            for row in np.flatnonzero(fold == number):
                margins[row] = _lead(classifier, self._rows[row])[0]
        outside = self._groups == len(self._importance) - 1
        return margins[~outside], margins[outside]


def _lead(classifier: Softmax, row: Row) -> tuple[float, int]:
    said = classifier.logits(row)
    best = int(said[:-1].argmax())
    return float(said[best] - said[-1]), best


def _pieces(text: str) -> Pieces:
    """The columns of a text's characters and of its words, each once."""
    seen = vector(text)
    return distinct(seen.chars), distinct(seen.words)


def _rarity(examples: list[Pieces]) -> Floats:
    """How rare each column is, in texts at large (`shipped`) and in the examples together."""
    head = shipped("rarity")
    logs = head.weights[0].astype(np.float64) * head.header.scales[0] - 1
    texts = int(head.header.trained["texts"])
    counts = (1 + texts) / np.exp(logs)
    counts += np.bincount(np.concatenate([c for some in examples for c in some]), minlength=SIZE)
    rarity: Floats = np.log((1 + texts + len(examples)) / np.maximum(counts, 1)) + 1
    return rarity


class _Nearest:
    """By cosines with the examples, so that a handful is enough."""

    def __init__(self, texts: Sequence[str], sizes: Ints) -> None:
        rarity = shipped("rarity")
        self._rarity = rarity.weights[0].astype(np.float64) * rarity.header.scales[0]
        rows = [self._row(vector(text)) for text in texts]
        self._rows = rows
        self._inside = int(sizes.sum())
        self._sizes = sizes
        self._firsts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
        self._group = np.repeat(np.arange(len(sizes)), sizes)
        self._cosines = Cosines(rows)

    def _row(self, seen: Vector) -> Row:
        columns = np.concatenate((seen.chars, seen.words)).astype(np.intp)
        values = self._rarity[columns]
        telling = values > _COMMON
        columns, values = columns[telling], values[telling]
        return columns, (values / max(1e-9, float(np.sqrt((values * values).sum())))).astype(
            np.float32
        )

    def margin(self, text: str) -> tuple[float, int] | None:
        """The likeness to the best group less that to the outside, and which group it is."""
        seen = vector(text)
        if not len(seen.words):
            return None
        groups, against = self._compare(self._row(seen))
        best = int(groups.argmax())
        return float(groups[best]) - against, best

    def alone(self) -> tuple[Floats, Floats]:
        """The margins of the examples in scope and of the others, each by the rest."""
        step = max(1, self._inside // _SAMPLE)
        inside = np.array([self._without(n) for n in range(0, self._inside, step)])
        outside = np.array([self._without(n) for n in range(self._inside, len(self._rows))])
        return inside, outside

    def _without(self, number: int) -> float:
        groups, against = self._compare(self._rows[number], without=number)
        return float(groups.max()) - against

    def _compare(self, row: Row, without: int | None = None) -> tuple[Floats, float]:
        """The likeness to each group and to what is out of scope, ``without`` one example."""
        cosines = self._cosines.of(row)
        sizes: Floats = self._sizes.astype(np.float64)
        if without is not None:
            cosines[without] = 0
            if without < self._inside:
                sizes[self._group[without]] -= 1
        inside, outside = cosines[: self._inside], cosines[self._inside :]
        nearest = np.maximum.reduceat(inside, self._firsts)
        means = np.add.reduceat(inside, self._firsts) / np.maximum(sizes, 1)
        return nearest + _MEAN * means, float(outside.max()) if len(outside) else 0.0
