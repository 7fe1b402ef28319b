"""Trained on labels at one go: it beats chance where there is something to find, and only there."""

import numpy as np
import pytest

from freehold.stages.routing.learned.batch import fit
from freehold.stages.routing.learned.trees import Trees
from tests.stages.routing.learned.made import TOPICS


def labelled(count: int, seed: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Prompts, the chance of each of two models, and what came of it."""
    rng = np.random.default_rng(seed)
    prompts, chances = [], []
    for _ in range(count):
        topic = ("sums", "letters")[int(rng.integers(2))]
        text = TOPICS[topic][int(rng.integers(len(TOPICS[topic])))]
        prompts.append(text.format(int(rng.integers(99)), int(rng.integers(99))))
        chances.append((0.9, 0.5) if topic == "sums" else (0.4, 0.8))
    found = np.array(chances)
    return prompts, found, (rng.random(found.shape) < found).astype(float)


def test_it_predicts_both_models() -> None:
    prompts, _, scores = labelled(300, 1)
    policy = fit(prompts, scores, trees=20)
    asked, chances, _ = labelled(100, 2)
    said = policy.predict(asked)
    assert said.shape == (100, 2)
    assert np.abs(said - chances).mean() < 0.1
    assert (said.argmax(1) == chances.argmax(1)).mean() > 0.95


def test_the_same_labels_and_seed_make_the_same_policy() -> None:
    prompts, _, scores = labelled(60, 3)
    asked = labelled(20, 4)[0]
    first, again, other = (fit(prompts, scores, seed, trees=4).predict(asked) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_chance_alone_teaches_nothing() -> None:
    prompts, _, _ = labelled(300, 5)
    rng = np.random.default_rng(6)
    said = fit(prompts, (rng.random((300, 2)) < 0.5).astype(float), trees=20).predict(
        labelled(100, 7)[0]
    )
    assert np.abs(said - 0.5).mean() < 0.12


def test_odd_prompts_are_read() -> None:
    prompts = ["", " ", "\ud800", "9" * 40, "字" * 500, "a", "A. 1\nB. 2", "x" * 20_000]
    policy = fit(prompts, np.full((8, 3), 0.5), trees=4)
    assert policy.predict(prompts) == pytest.approx(np.full((8, 3), 0.5))


@pytest.mark.parametrize(("prompts", "shape"), [(["a"], (1, 2)), (["a", "b"], (3, 2))])
def test_too_little_to_train_on(prompts: list[str], shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="wanted"):
        fit(prompts, np.zeros(shape))


def test_trees_find_what_no_line_can_part() -> None:
    rng = np.random.default_rng(8)
    rows = rng.random((2_000, 4), dtype=np.float32)
    target = ((rows[:, 0] > 0.5) ^ (rows[:, 1] > 0.5)).astype(float)
    trees = Trees(rows[:1_500], np.stack((target, 1 - target), 1)[:1_500], rng, 40)
    said = trees.predict(rows[1_500:])
    assert ((said[:, 0] > 0.5) == target[1_500:]).mean() > 0.9
    assert said.sum(1) == pytest.approx(np.ones(500))


def test_groups_are_told_from_the_text_and_need_not_be_there() -> None:
    prompts, chances, scores = labelled(300, 9)
    groups = ["sums" if chance[0] > 0.5 else "letters" for chance in chances.tolist()]
    asked, wanted, _ = labelled(100, 10)
    said = fit(prompts, scores, trees=20, groups=groups).predict(asked)
    assert (said.argmax(1) == wanted.argmax(1)).mean() > 0.95
    with pytest.raises(ValueError, match="a group for each"):
        fit(prompts, scores, groups=groups[1:])
