"""Which of an app's intents a question has, learned from examples: one each is enough to begin.

Two readings of a text are added up. A softmax classifier on hashed words and characters
(`freehold.text.softmax`) tells well where there are many examples. Ridge regression on a Gaussian
kernel between dense vectors (`freehold.text.embedding`) tells well where there are few; the kernel
is taken with at most `LANDMARKS` of the examples (Nyström's method: Williams and Seeger 2001).

How far the best intent leads, times how near its neighbours are, is the margin. Examples that were
held back say which margin goes with which chance to be right (Platt 1999), and below which margin
a question is none of the intents: so many examples must stay in as ``keep`` says (split conformal
prediction: Vovk et al. 2005). Where every intent has but one example, intents that were left out
draw the line instead; where there are one or two, sentences of everyday life do.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from freehold.core.decisions import MILLION
from freehold.text.embedding import embed
from freehold.text.everyday import above_most
from freehold.text.heads import shipped, vector_of
from freehold.text.softmax import Row, Softmax
from freehold.text.vectors import SIZE, Vector, vector

LANDMARKS = 1_536
MAX_INTENTS, MAX_EXAMPLES = 1_000, 50_000
MAX_NAME = 128
KEEP = 0.95
_EDGE = 400
"""Characters of each end of a longer text that are read."""
_NEAR = 5
_SHARPNESS = 3.0, 1.5
"""Of the kernel: where intents have few examples, and where many."""
_WEIGHT = 4.0, 2.0
"""How much the second reading counts beside the first, for few and for many examples."""
_DIMS = 192, 128
"""How many of the dense vector's numbers are read, for few and for many; the first tell most."""
_MANY = 30
_RIDGE = 0.01
_FOLDS, _HELD_BACK = 5, 0.2
_LARGE = 2_000
"""From so many examples on a part of them is held back once, instead of each in turn."""
_ENOUGH = 20
"""Held-back examples that draw a line."""
_TINY = 1e-6
_STEP = 1_000
"""Scores are told in thousandths, so that the last bits of a processor's sums don't matter."""
_SEED = 11

Floats = NDArray[np.float32]
Ints = NDArray[np.intp]


class Intent(Struct, frozen=True):
    """What a question wants.

    Attributes:
        name: the best of the intents, also where it does not fit.
        score: the chance that this is right, in millionths.
        fits: whether it is one of the intents at all.
        second: the next best, for a reader.
    """

    name: str
    score: int
    fits: bool
    second: str = ""


class Examples:
    """Texts as both readings see them, made once, and what each of them wants.

    Attributes:
        groups: the number of each text's intent; the last of ``count`` is the outside, if any.
        sharpness, weight: how they are read, which depends on how many there are of each.
    """

    def __init__(
        self, rows: list[Row], dense: Floats, groups: Ints, count: int, *, outside: bool
    ) -> None:
        self.rows = rows
        self.groups = groups
        self.count = count
        self.outside = outside
        sizes = np.bincount(groups, minlength=count)
        many = float(np.median(sizes)) >= _MANY
        self.sharpness, self.weight = _SHARPNESS[many], _WEIGHT[many]
        dense = dense[:, : _DIMS[many]]
        sizes = np.linalg.norm(dense, axis=1, keepdims=True)
        self.dense: Floats = dense / np.maximum(sizes, np.float32(_TINY))

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Which of them have an intent."""
        return self.groups < self.count - self.outside


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
        likeness /= np.float32(max(_TINY, math.sqrt(float(dense @ dense))))
        kernel = np.exp(np.float32(self.sharpness) * (likeness - 1))
        says = self.softmax.logits(row)
        says = np.exp(says - says.max())
        says = says / says.sum() + np.float32(self.weight) * (kernel @ self.weights)
        against = 0.0
        if self.outside:
            against, says = float(says[-1]), says[:-1]
        best = int(says.argmax())
        near = np.partition(likeness, -_NEAR)[-_NEAR:] if len(likeness) > _NEAR else likeness
        lead = float(says[best]) - against
        says[best] = -np.inf
        second = int(says.argmax()) if len(says) > 1 else -1
        return lead * max(0.0, float(near.mean())), best, second


def fitted(examples: Examples, some: Ints) -> Model:
    """Both readings from some of the examples."""
    groups, count, sharpness = examples.groups[some], examples.count, examples.sharpness
    rows = [examples.rows[number] for number in some]
    softmax = Softmax(rows, groups, count, np.ones(count, np.float32), SIZE, gentle=True)
    dense = examples.dense[some]
    marks = dense[_landmarks(groups, count)]
    kernel = np.exp(sharpness * (dense @ marks.T - 1)).astype(np.float64)
    own = np.exp(sharpness * (marks @ marks.T - 1)).astype(np.float64)
    wanted = np.full((len(some), count), -1 / count)
    wanted[np.arange(len(some)), groups] += 1
    normal = kernel.T @ kernel + _RIDGE * own + 1e-4 * np.eye(len(marks))
    weights = np.linalg.solve(normal, kernel.T @ wanted).astype(np.float32)
    return Model(
        softmax,
        marks,
        weights,
        sharpness=sharpness,
        weight=examples.weight,
        outside=examples.outside,
    )


def _landmarks(groups: Ints, count: int) -> Ints:
    """Places of at most `LANDMARKS` examples, the same number of each group as far as it goes."""
    dice = np.random.default_rng(_SEED)
    places = [dice.permutation(np.flatnonzero(groups == group)) for group in range(count)]
    turns = np.concatenate([np.arange(len(own)) for own in places])
    return np.concatenate(places)[np.argsort(turns, kind="stable")[:LANDMARKS]]


def row_of(seen: Vector) -> Row:
    """Characters and words weigh alike, however many there are of each; rare ones weigh more."""
    rarity = shipped("rarity")
    scale = np.float32(rarity.header.scales[0])
    columns, values = [], []
    for some in (seen.chars, seen.words):
        own = np.unique(some).astype(np.intp)
        weights = rarity.weights[0][own].astype(np.float32) * scale
        columns.append(own)
        values.append(weights / max(1e-9, float(np.sqrt(2 * (weights @ weights)))))
    return np.concatenate(columns), np.concatenate(values).astype(np.float32)


def is_name(name: str) -> bool:
    """Whether an intent may be called so."""
    return 0 < len(name) <= MAX_NAME and name.isprintable()


def _ends(text: str) -> str:
    return text if len(text) <= 2 * _EDGE else f"{text[:_EDGE]} {text[-_EDGE:]}"


class Intents:
    """A model of an app's intents, with its line and what its margins mean.

    ``slope`` and ``shift`` make the chance to be right of a margin; ``line`` is the margin from
    which a question counts as one of the intents. ``tried`` is how many examples were held back
    when it was learned, and how many of them it told right; a file does not keep that.
    """

    def __init__(
        self,
        names: Sequence[str],
        model: Model,
        line: float,
        slope: float,
        shift: float,
        tried: tuple[int, int] = (0, 0),
    ) -> None:
        self.names = tuple(names)
        self.model = model
        self.line = line
        self.slope = slope
        self.shift = shift
        self.tried = tried

    def of(self, text: str, dense: Floats | None = None) -> Intent:
        """What a text wants; ``dense`` is its vector where it is known, of a text that is read
        whole. A text without a word wants nothing.
        """
        read = _ends(text)
        if not any(map(str.isalnum, read)):
            return Intent("", 0, False)
        seen = vector_of(read)
        if dense is None or len(read) != len(text):
            dense = embed(read)
        margin, best, second = self.model.margin(row_of(seen), dense)
        fits = bool(round(margin, 4) >= self.line)
        other = self.names[second] if second >= 0 else ""
        return Intent(self.names[best], self._chance(margin), fits, other)

    def _chance(self, margin: float) -> int:
        distance = max(-30.0, min(30.0, self.slope * margin + self.shift))
        return round(MILLION / _STEP / (1 + math.exp(-distance))) * _STEP


def learn(
    inside: Mapping[str, Sequence[str]], outside: Sequence[str] = (), *, keep: float = KEEP
) -> Intents:
    """Learn intents from examples; 10,000 take some seconds, a few hundred none.

    Args:
        inside: intent → its examples.
        outside: examples of what is none of them, if there are any.
        keep: the share of questions with one of the intents that must not fall outside.

    Raises:
        ValueError: no intent, an intent without an example, or an example without a word.
    """
    names, examples = read(inside, outside)
    model = fitted(examples, np.arange(len(examples.rows)))
    tried = _held_back(examples)
    line = _line(examples, tried, keep)
    slope, shift = _platt(*tried)
    _, right, known = tried
    counts = int(known.sum()), int((right & known).sum())
    return Intents(names, model, round(line, 4), slope, shift, counts)


def read(
    inside: Mapping[str, Sequence[str]], outside: Sequence[str] = ()
) -> tuple[list[str], Examples]:
    """The intents' names, and their examples as both readings see them.

    Raises:
        ValueError: as for `learn`.
    """
    names = list(inside)
    texts = [text for name in names for text in inside[name]]
    _refuse(names, inside, [*texts, *outside])
    groups = np.repeat(np.arange(len(names)), [len(inside[name]) for name in names])
    if outside:
        groups = np.concatenate((groups, np.full(len(outside), len(names))))
    ends = [_ends(text) for text in (*texts, *outside)]
    rows = [row_of(vector(text)) for text in ends]
    dense = np.array([embed(text) for text in ends], dtype=np.float32)
    count = len(names) + bool(outside)
    return names, Examples(rows, dense, groups, count, outside=bool(outside))


def _refuse(
    names: Sequence[str], inside: Mapping[str, Sequence[str]], everything: Sequence[str]
) -> None:
    if not names:
        raise ValueError("there is no intent")
    if len(names) > MAX_INTENTS or len(everything) > MAX_EXAMPLES:
        raise ValueError(f"more than {MAX_INTENTS:,} intents or {MAX_EXAMPLES:,} examples")
    wrong = next((name for name in names if not is_name(name)), None)
    if wrong is not None:
        raise ValueError(f"an intent's name has 1 to {MAX_NAME} characters that can be printed")
    empty = next((name for name in names if not inside[name]), None)
    if empty is not None:
        raise ValueError(f"the intent {empty} has no example")
    if not all(any(map(str.isalnum, text)) for text in everything):
        raise ValueError("an example has no word in it")


Tried = tuple[Floats, NDArray[np.bool_], NDArray[np.bool_]]
"""Of examples judged by a model without them: margin, whether the intent was right, whether it is
in scope."""


def _held_back(examples: Examples) -> Tried:
    """Each example's margin by a model that has not seen it; nobody could know a group of one."""
    dice = np.random.default_rng(_SEED)
    groups, count, inside = examples.groups, examples.count, examples.inside
    sizes = np.bincount(groups, minlength=count)
    usable = np.flatnonzero(sizes[groups] > 1)
    if not len(usable):
        nothing = np.zeros(0, np.bool_)
        return np.zeros(0, np.float32), nothing, nothing
    # each group's own examples are dealt to the folds one by one, so that none takes them all
    fold = np.full(len(groups), -1)
    folds = round(1 / _HELD_BACK) if len(groups) > _LARGE else _FOLDS
    for group in range(count):
        own = dice.permutation(np.flatnonzero(groups == group))
        if len(own) > 1:
            fold[own] = (np.arange(len(own)) + group) % min(folds, len(own))
    asked = (0,) if len(groups) > _LARGE else tuple(range(folds))
    margins, right, asked_inside = [], [], []
    for number in asked:
        held = np.flatnonzero(fold == number)
        if not len(held):
            continue
        model = fitted(examples, np.flatnonzero(fold != number))
        for place in held:
            margin, best, _ = model.margin(examples.rows[place], examples.dense[place])
            margins.append(margin)
            right.append(best == groups[place])
            asked_inside.append(bool(inside[place]))
    return np.array(margins, np.float32), np.array(right), np.array(asked_inside)


def _line(examples: Examples, tried: Tried, keep: float) -> float:
    """The margin above which a question is one of the intents.

    Of n examples in scope, the floor((1 - keep)(n + 1))-th smallest margin: that is the chance of a
    new question of the same kind to fall below it, at most.
    """
    margins, _, inside = tried
    known = np.sort(margins[inside])
    if len(known) >= _ENOUGH:
        place = math.floor((1 - keep) * (len(known) + 1))
        return float(known[max(0, place - 1)])
    left_out = _strangers(examples)
    line = float(np.median(left_out)) if len(left_out) else above_most(_margins(examples))
    return min(line, float(known[0])) if len(known) else line


def _margins(examples: Examples) -> Callable[[str], float]:
    model = fitted(examples, np.arange(len(examples.rows)))
    return lambda text: model.margin(row_of(vector(text)), embed(text))[0]


def _strangers(examples: Examples) -> Floats:
    """Margins of examples whose intent the model has never heard of."""
    groups, inside = examples.groups, examples.inside
    if examples.count - examples.outside < 3:
        return np.zeros(0, np.float32)
    margins = []
    for number in range(3):
        out = inside & (groups % 3 == number)
        some = np.flatnonzero(inside & ~out)
        known, own = np.unique(groups[some], return_inverse=True)
        rest = [examples.rows[n] for n in some]
        model = fitted(
            Examples(rest, examples.dense[some], own, len(known), outside=False),
            np.arange(len(some)),
        )
        margins += [
            model.margin(examples.rows[n], examples.dense[n])[0] for n in np.flatnonzero(out)
        ]
    return np.array(margins, np.float32)


def _platt(
    margins: Floats, right: NDArray[np.bool_], inside: NDArray[np.bool_]
) -> tuple[float, float]:
    """Slope and shift of the chance to be right, by Newton's method on the logistic loss.

    Targets are drawn a little to the middle, as Platt does, so that few examples make nobody sure.
    """
    good = right & inside
    if len(good) < _ENOUGH:
        return 6.0, -1.5
    hits, misses = int(good.sum()), int((~good).sum())
    wanted = np.where(good, (hits + 1) / (hits + 2), 1 / (misses + 2))
    columns = np.stack((margins.astype(np.float64), np.ones(len(margins))))
    found = np.array([1.0, 0.0])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-np.clip(found @ columns, -30, 30)))
        slope = columns @ (chance - wanted) + np.array([1e-3 * found[0], 0])
        bend = (columns * (chance * (1 - chance))) @ columns.T + np.diag([1e-3, 1e-6])
        step = np.linalg.solve(bend, slope)
        found = found - step
        if float(np.abs(step).max()) < 1e-6:
            break
    return max(0.0, round(float(found[0]), 3)), round(float(found[1]), 3)
