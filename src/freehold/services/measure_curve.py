"""How accuracy grows with labels: so many of each intent, and by what is chosen to be labelled."""

import time
import warnings
from collections.abc import Sequence
from copy import copy
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from freehold.core.errors import FreeholdError
from freehold.learning.selection import choose
from freehold.services.measure_intents import (
    Adapt,
    Pairs,
    Published,
    adapt_of,
    grouped,
    manner_of,
    published,
    read_data,
)
from freehold.text.intents import ends, named_by
from freehold.text.readings import Beside, Examples, Manner, Model, fitted, row_of
from freehold.text.softmax import Row
from freehold.text.vectors import vector

SHOTS: tuple[int | None, ...] = (1, 5, 10, 50, None)
HELD_OUT = 30
"""Questions of each intent that are asked, at most half of them, where no file of them is given."""
AIM = 0.8
_ROUNDS = 12
_SHARP = 2.0
_MOST_BESIDE = 1_000
_SPLIT_SEED = 2024

Floats = NDArray[np.float32]
Ints = NDArray[np.intp]


class Point(Struct, frozen=True, kw_only=True):
    """Accuracy with so many labels, shares from 0 to 1; ``runs`` one for each seed, and of these
    the mean and the standard deviation. ``seconds`` is what one fit took, adaptation included.
    ``per_intent`` is none where all count. ``labels_only`` is what the same reaches without the
    questions that have no label, where there are some. ``beside`` is what logistic regression on
    the dense vectors alone reaches on the same draws, where scikit-learn is installed and there are
    not many labels.
    """

    per_intent: int | None
    labels: int
    accuracy: float
    deviation: float
    runs: tuple[float, ...]
    seconds: float
    labels_only: float | None = None
    beside: float | None = None


class Choice(Struct, frozen=True, kw_only=True):
    """Accuracy as labels are added, by what is chosen, mean over seeds.

    ``needed`` is how many labels reach `AIM`, between two points in a straight line; none where
    they never do.
    """

    labels: tuple[int, ...]
    accuracy: tuple[float, ...]
    needed: int | None


class Curve(Struct, frozen=True, kw_only=True):
    """What was measured. ``chosen`` and ``random`` are only there where choosing was asked for."""

    features: str
    adapted: bool
    unlabelled: bool
    intents: int
    pool: int
    test: int
    seeds: int
    read_seconds: float
    ms_per_text: float
    points: tuple[Point, ...]
    published: tuple[Published, ...]
    chosen: Choice | None = None
    random: Choice | None = None


class Questions:
    """Questions as both readings see them."""

    def __init__(self, pairs: Pairs, names: Sequence[str], how: Manner) -> None:
        places = {name: place for place, name in enumerate(names)}
        self.names = names
        self.texts = [ends(text) for text, _ in pairs]
        self.rows: list[Row] = [row_of(vector(text)) for text in self.texts]
        self.read(how)
        self.groups: Ints = np.array([places.get(name, -1) for _, name in pairs], np.intp)
        self.count = len(names)

    def read(self, how: Manner) -> None:
        """Their dense vectors, and those of the intents' names."""
        begun = time.perf_counter()
        self.dense: Floats = np.array([how.of(text) for text in self.texts], np.float32)
        self.seconds = time.perf_counter() - begun
        self.named = named_by(self.names, how)
        self.how = how

    def by(self, how: Manner) -> "Questions":
        """The same, read otherwise."""
        made = copy(self)
        made.read(how)
        return made

    def model(self, some: Ints, *, unlabelled: bool = False, named: bool = True) -> Model:
        """What is learned from some of them, from the intents' names, and from the others without
        their labels.
        """
        spare = None
        if unlabelled:
            rest = np.setdiff1d(np.arange(len(self.rows)), some)
            spare = self.dense[np.random.default_rng(_SPLIT_SEED).permutation(rest)]
        rows = [self.rows[place] for place in some]
        examples = Examples(
            rows,
            self.dense[some],
            self.groups[some],
            self.count,
            outside=False,
            manner=self.how,
            beside=Beside(names=self.named if named else None, spare=spare),
        )
        return fitted(examples, np.arange(len(rows)))

    def accuracy(self, model: Model) -> float:
        """Of these, how many a model tells right."""
        said = model.scores(self.rows, self.dense).argmax(axis=1)
        return float((said == self.groups).mean())


def measure_curve(
    train: Path,
    test: Path | None = None,
    *,
    features: str = "static",
    encoder: str = "",
    shots: Sequence[int | None] = SHOTS,
    seeds: int = 3,
    choosing: bool = False,
    unlabelled: bool = True,
    adapt: bool = False,
) -> Curve:
    """Learn from more and more labels of a file, and judge questions that were held out.

    Args:
        test: the questions that are asked; without, `HELD_OUT` of each intent are held out, the
            same whatever the seeds.
        features: as the trainer of classifiers has them.
        encoder: the folder of the transformer.
        shots: labels of each intent; ``None``: all.
        seeds: how many draws.
        choosing: also label what the queue would choose, and as many at random; learned from labels
            alone, without names.
        unlabelled: learn also from the questions of the file that were not drawn, without their
            labels.
        adapt: adapt the transformer to each draw, as the trainer's option does; minutes each.

    Raises:
        FreeholdError: a file can't be used, or the transformer is not there.
    """
    pool = read_data(train, ("train",)).inside
    asked = read_data(test, ("test", "val")).inside if test is not None else []
    if test is None:
        pool, asked = _held_out(pool)
    names = list(grouped(pool))
    if adapt and features == "static":
        raise FreeholdError("static features can't be adapted: --features minilm")
    how = manner_of(features, encoder)
    unlabelled = unlabelled and how.unlabelled
    other = adapt_of(encoder) if adapt else None
    known, held = Questions(pool, names, how), Questions(asked, names, how)
    points = tuple(_point(known, held, each, seeds, unlabelled, other) for each in shots)
    spent = known.seconds + held.seconds
    chosen, drawn = _choices(known, held, seeds) if choosing else (None, None)
    return Curve(
        features=features,
        adapted=adapt,
        unlabelled=unlabelled,
        intents=len(names),
        pool=len(pool),
        test=len(asked),
        seeds=seeds,
        read_seconds=round(spent, 1),
        ms_per_text=round(1000 * spent / (len(pool) + len(asked)), 3),
        points=points,
        published=published(grouped(pool), None),
        chosen=chosen,
        random=drawn,
    )


def _held_out(pairs: Pairs) -> tuple[Pairs, Pairs]:
    """What may be learned, and what is asked; near the same number of each intent."""
    dice = np.random.default_rng(_SPLIT_SEED)
    kept: Pairs = []
    asked: Pairs = []
    for name, texts in grouped(pairs).items():
        order = dice.permutation(len(texts))
        cut = min(HELD_OUT, len(texts) // 2)
        asked += [(texts[place], name) for place in order[:cut]]
        kept += [(texts[place], name) for place in order[cut:]]
    if not asked:
        raise FreeholdError("no intent has two questions, so none can be asked")
    return kept, asked


def _point(
    known: Questions,
    held: Questions,
    each: int | None,
    seeds: int,
    unlabelled: bool,
    adapt: Adapt | None,
) -> Point:
    runs: list[float] = []
    bare: list[float] = []
    others: list[float] = []
    labels, seconds = 0, 0.0
    # all of them are the same for every seed
    for seed in range(1 if each is None else seeds):
        some = _drawn(known, each, seed)
        labels = len(some)
        begun = time.perf_counter()
        mine, asked = known, held
        if adapt is not None:
            how = adapt([known.texts[place] for place in some], known.groups[some], seed)
            seconds = time.perf_counter() - begun
            mine, asked = known.by(how), held.by(how)
            begun = time.perf_counter() - seconds
        rest = unlabelled and labels < len(known.rows)
        model = mine.model(some, unlabelled=rest)
        seconds = time.perf_counter() - begun
        runs.append(asked.accuracy(model))
        if rest:
            bare.append(asked.accuracy(mine.model(some)))
        if labels <= _MOST_BESIDE and (other := _regression(mine, asked, some)) is not None:
            others.append(other)
    return Point(
        per_intent=each,
        labels=labels,
        accuracy=round(float(np.mean(runs)), 4),
        deviation=round(float(np.std(runs, ddof=1)), 4) if len(runs) > 1 else 0.0,
        runs=tuple(round(run, 4) for run in runs),
        seconds=round(seconds, 1),
        labels_only=round(float(np.mean(bare)), 4) if bare else None,
        beside=round(float(np.mean(others)), 4) if others else None,
    )


def _regression(known: Questions, held: Questions, some: Ints) -> float | None:
    """Accuracy of what most people would do: logistic regression on the dense vectors."""
    try:
        linear: Any = import_module("sklearn.linear_model")
    except ModuleNotFoundError:
        return None
    model = linear.LogisticRegression(C=10, max_iter=300)
    with warnings.catch_warnings():
        # it wonders at few examples of many classes; that is what is measured here
        warnings.simplefilter("ignore")
        model.fit(known.dense[some], known.groups[some])
    return float((model.predict(held.dense) == held.groups).mean())


def _drawn(known: Questions, each: int | None, seed: int) -> Ints:
    """So many of each intent at most."""
    dice = np.random.default_rng(seed)
    places = [
        dice.permutation(np.flatnonzero(known.groups == group))[:each]
        for group in range(known.count)
    ]
    return np.concatenate(places)


def _choices(known: Questions, held: Questions, seeds: int) -> tuple[Choice, Choice]:
    """From one label of each intent on, as many more in each round: chosen, and at random."""
    found: dict[str, list[list[float]]] = {"chosen": [], "random": []}
    labels: tuple[int, ...] = ()
    for way, curves in found.items():
        for seed in range(seeds):
            labels, accuracies = _grown(known, held, seed, at_random=way == "random")
            curves.append(accuracies)
    made = []
    for way in ("chosen", "random"):
        means = np.mean(found[way], axis=0)
        made.append(
            Choice(
                labels=labels,
                accuracy=tuple(round(float(mean), 4) for mean in means),
                needed=_needed(labels, means.tolist()),
            )
        )
    return made[0], made[1]


def _grown(
    known: Questions, held: Questions, seed: int, *, at_random: bool
) -> tuple[tuple[int, ...], list[float]]:
    dice = np.random.default_rng(seed)
    labelled = np.zeros(len(known.groups), np.bool_)
    labelled[_drawn(known, 1, seed)] = True
    unit = known.dense / np.maximum(np.linalg.norm(known.dense, axis=1, keepdims=True), 1e-9)
    labels: list[int] = []
    accuracies: list[float] = []
    for _ in range(_ROUNDS):
        model = known.model(np.flatnonzero(labelled), named=False)
        labels.append(int(labelled.sum()))
        accuracies.append(held.accuracy(model))
        left = np.flatnonzero(~labelled)
        if at_random:
            labelled[dice.permutation(left)[: known.count]] = True
            continue
        says = np.exp(_SHARP * model.scores(known.rows, known.dense))
        says /= says.sum(axis=1, keepdims=True)
        labelled[choose(unit, says, labelled, known.count, seed=seed)] = True
    return tuple(labels), accuracies


def _needed(labels: Sequence[int], accuracies: Sequence[float]) -> int | None:
    for place, (count, accuracy) in enumerate(zip(labels, accuracies, strict=True)):
        if accuracy >= AIM:
            if not place:
                return count
            before, low = labels[place - 1], accuracies[place - 1]
            return round(before + (count - before) * (AIM - low) / (accuracy - low))
    return None
