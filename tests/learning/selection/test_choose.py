"""Choosing what to label teaches a classifier more than drawing it."""

import csv
from pathlib import Path

import numpy as np
import pytest

from freehold.learning.selection import choose
from freehold.learning.selection.choosing import margins
from freehold.text.embedding import embed


def blobs(per: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Six heaps of points of length one, the last one small."""
    dice = np.random.default_rng(0)
    centres = np.eye(6, 16)
    groups = np.repeat(np.arange(6), [per] * 5 + [5])
    points = centres[groups] + dice.normal(0, 0.08, (len(groups), 16))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32), groups


@pytest.mark.parametrize("strategy", ["mixed", "diverse", "margin", "random"])
def test_only_what_is_not_labelled_each_once(strategy) -> None:
    points, _ = blobs()
    labelled = np.zeros(len(points), dtype=bool)
    labelled[::3] = True
    chances = np.random.default_rng(1).dirichlet(np.ones(6), len(points))
    chosen = choose(points, chances, labelled, 40, strategy=strategy, seed=3)
    assert len(chosen) == len(set(chosen.tolist())) == 40
    assert not labelled[chosen].any()
    assert np.array_equal(chosen, choose(points, chances, labelled, 40, strategy=strategy, seed=3))
    every = choose(points, None, labelled, 10_000, strategy=strategy)
    assert sorted(every.tolist()) == np.flatnonzero(~labelled).tolist()


def test_the_first_choices_are_one_of_each_heap() -> None:
    points, groups = blobs()
    chosen = choose(points, None, np.zeros(len(points), dtype=bool), 6)
    assert sorted(groups[chosen].tolist()) == [0, 1, 2, 3, 4, 5]


def test_mixed_goes_where_the_model_is_unsure() -> None:
    points, groups = blobs()
    chances = np.full((len(points), 2), 0.5)
    chances[groups != 2] = (0.98, 0.02)
    chosen = choose(points, chances, np.zeros(len(points), dtype=bool), 5)
    assert (groups[chosen] == 2).sum() >= 2
    margin = choose(points, chances, np.zeros(len(points), dtype=bool), 5, strategy="margin")
    assert set(groups[margin].tolist()) == {2}


def test_what_does_not_fit_is_refused() -> None:
    points, _ = blobs(3)
    none = np.zeros(len(points), dtype=bool)
    with pytest.raises(ValueError, match="no strategy 'best'"):
        choose(points, None, none, 1, strategy="best")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="labelled"):
        choose(points, None, none[:-1], 1)
    with pytest.raises(ValueError, match="probabilities"):
        choose(points, np.ones((2, 2)), none, 1)
    with pytest.raises(ValueError, match="budget of -1"):
        choose(points, None, none, -1)
    assert margins(np.ones((3, 1))).tolist() == [1, 1, 1]


def test_a_third_fewer_labels_on_public_data(shared_data: Path) -> None:
    """`benchmarks.selection` publishes the whole curve, with more seeds; here, one point of it:
    as good as random with two thirds of the labels.
    """
    linear = pytest.importorskip("sklearn.linear_model", reason="the extra `learn` is missing")
    with (shared_data / "intents" / "banking77_train.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    order = np.random.default_rng(0).permutation(len(rows))
    points = np.array([embed(rows[n]["text"]) for n in order])
    names = np.array([rows[n]["category"] for n in order])
    test, pool = slice(0, 2_000), slice(2_000, None)

    def learned(labels: int, strategy) -> float:
        labelled = np.zeros(len(points[pool]), dtype=bool)
        chances = None
        model = linear.LogisticRegression(C=30, max_iter=200)
        while labelled.sum() < labels:
            step = min(206, labels - int(labelled.sum()))
            labelled[choose(points[pool], chances, labelled, step, strategy=strategy)] = True
            model.fit(points[pool][labelled], names[pool][labelled])
            chances = model.predict_proba(points[pool])
        return float(model.score(points[test], names[test]))

    assert learned(412, "mixed") >= learned(616, "random")
