"""What margins mean: examples held back say which goes with which chance, and where the line is."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from freehold.text.everyday import above_most
from freehold.text.readings import SEED, Beside, Examples, Floats, Ints, fitted, row_of
from freehold.text.vectors import vector

_FOLDS, _HELD_BACK = 5, 0.2
_LARGE = 2_000
"""From so many examples on a part of them is held back once, instead of each in turn."""
_ENOUGH = 20
"""Held-back examples that draw a line."""

Tried = tuple[Floats, NDArray[np.bool_], NDArray[np.bool_]]
"""Of examples judged by a model without them: margin, whether the intent was right, whether it is
in scope."""


def held_back(examples: Examples) -> Tried:
    """Each example's margin by a model that has not seen it; nobody could know a group of one."""
    return held_back_places(examples)[0]


def held_back_places(examples: Examples) -> tuple[Tried, Ints, Ints]:
    """The same, with which examples these are, and the group that each was taken for."""
    dice = np.random.default_rng(SEED)
    groups, count, inside = examples.groups, examples.count, examples.inside
    sizes = np.bincount(groups, minlength=count)
    usable = np.flatnonzero(sizes[groups] > 1)
    if not len(usable):
        nothing, none = np.zeros(0, np.bool_), np.zeros(0, np.intp)
        return (np.zeros(0, np.float32), nothing, nothing), none, none
    # each group's own examples are dealt to the folds one by one, so that none takes them all
    fold = np.full(len(groups), -1)
    folds = round(1 / _HELD_BACK) if len(groups) > _LARGE else _FOLDS
    for group in range(count):
        own = dice.permutation(np.flatnonzero(groups == group))
        if len(own) > 1:
            fold[own] = (np.arange(len(own)) + group) % min(folds, len(own))
    asked = (0,) if len(groups) > _LARGE else tuple(range(folds))
    margins, right, asked_inside = [], [], []
    places: list[int] = []
    told: list[int] = []
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
            places.append(int(place))
            told.append(best)
    tried = np.array(margins, np.float32), np.array(right), np.array(asked_inside)
    return tried, np.array(places), np.array(told)


def line_of(examples: Examples, tried: Tried, keep: float) -> float:
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
    return lambda text: model.margin(row_of(vector(text)), examples.manner.of(text))[0]


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
            Examples(
                rest,
                examples.dense[some],
                own,
                len(known),
                outside=False,
                manner=examples.manner,
                importance=examples.importance[some],
                beside=_beside(examples, known),
            ),
            np.arange(len(some)),
        )
        margins += [
            model.margin(examples.rows[n], examples.dense[n])[0] for n in np.flatnonzero(out)
        ]
    return np.array(margins, np.float32)


def _beside(examples: Examples, known: Ints) -> Beside:
    """What is beside examples, of some of the intents."""
    names = None if examples.names is None else examples.names[known]
    return Beside(names=names, spare=examples.spare)


def platt(
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
