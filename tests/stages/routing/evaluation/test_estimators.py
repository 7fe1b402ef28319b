"""Estimates against a truth that is known, and what they refuse to say."""

import math

import numpy as np
import pytest

from freehold.stages.routing.evaluation import estimators as e
from freehold.stages.routing.evaluation.fitting import cross_fitted
from freehold.stages.routing.evaluation.log import Log, support

MODELS = ("a", "b", "c")


class World:
    """Three models, each good at something else; scores are right or wrong."""

    def __init__(self, seed: int, rows: int = 1_500) -> None:
        rng = np.random.default_rng(seed)
        self.x = rng.normal(size=(rows, 3))
        self.mean = 1 / (1 + np.exp(-(self.x + np.array([0.0, 0.4, 0.8]))))
        scores = (rng.random((rows, 3)) < self.mean).astype(float)
        best = np.argmax(self.x, axis=1)
        self.propensity = np.full((rows, 3), 0.3 / 3)
        self.propensity[np.arange(rows), best] += 0.7
        chosen = (rng.random(rows)[:, None] > self.propensity.cumsum(1)).sum(1).clip(0, 2)
        self.log = Log(
            models=MODELS,
            propensity=self.propensity,
            chosen=chosen,
            reward=scores[np.arange(rows), chosen],
        )
        self.target = np.zeros((rows, 3))
        self.target[:, 2] = 1.0

    @property
    def truth(self) -> float:
        """The mean of the population from which each world's rows come."""
        grid = np.random.default_rng(99).normal(size=400_000)
        return float(np.mean(1 / (1 + np.exp(-(grid + 0.8)))))


def test_intervals_hold_the_truth() -> None:
    held: dict[str, int] = {}
    off: dict[str, list[float]] = {}
    truth = World(0).truth
    runs = 120
    for seed in range(runs):
        world = World(seed)
        assert not support(world.log, world.target).why_not(150)
        expected = cross_fitted(world.log, world.x, seed=seed)
        for found in (
            e.ips(world.log, world.target),
            e.snips(world.log, world.target),
            e.dr(world.log, world.target, expected),
            e.dr_shrunk(world.log, world.target, expected),
            e.switch(world.log, world.target, expected),
        ):
            held[found.estimator] = held.get(found.estimator, 0) + (
                found.low <= truth <= found.high
            )
            off.setdefault(found.estimator, []).append(found.value - truth)
    # 0.95 of 120 is 114 with a standard deviation of 2.4
    assert all(count >= 107 for count in held.values()), held
    assert all(abs(np.mean(each)) < 0.01 for each in off.values())
    assert np.std(off["snips"]) < np.std(off["ips"])
    assert np.std(off["dr"]) < np.std(off["snips"])


def test_the_naive_mean_is_far_off() -> None:
    world = World(1)
    naive = float(np.mean(world.log.reward[world.log.chosen == 2]))
    assert naive - world.truth > 0.05
    assert abs(e.snips(world.log, world.target).value - world.truth) < 0.05


def test_ones_own_policy_is_the_plain_mean() -> None:
    log = World(2).log
    mean = float(np.mean(log.reward))
    assert e.ips(log, log.propensity).value == pytest.approx(mean)
    assert e.snips(log, log.propensity).value == pytest.approx(mean)
    known = support(log, log.propensity)
    assert known.ess == pytest.approx(len(log.chosen))
    assert (known.max_weight, known.unsupported) == (pytest.approx(1), {})


def test_a_perfect_reward_model_leaves_only_the_prompts_noise() -> None:
    world = World(3)
    found = e.dr(world.log, world.target, world.mean)
    assert found.se < e.snips(world.log, world.target).se
    wrong = e.dr(world.log, world.target, np.zeros_like(world.mean))
    assert wrong.value == pytest.approx(e.ips(world.log, world.target).value)


def test_rows_of_one_conversation_count_as_one() -> None:
    world = World(4)
    log = world.log
    fivefold = Log(
        models=MODELS,
        propensity=np.repeat(log.propensity, 5, axis=0),
        chosen=np.repeat(log.chosen, 5),
        reward=np.repeat(log.reward, 5),
        clusters=np.repeat(np.arange(len(log.chosen)), 5),
    )
    target = np.repeat(world.target, 5, axis=0)
    one, many = e.snips(log, world.target), e.snips(fivefold, target)
    assert (many.value, many.se) == (pytest.approx(one.value), pytest.approx(one.se))
    assert support(fivefold, target).ess == pytest.approx(support(log, world.target).ess)
    expected = cross_fitted(fivefold, np.repeat(world.x, 5, axis=0))
    assert e.dr(fivefold, target, expected).se > 0.7 * one.se


def test_no_verdict_on_what_was_never_tried() -> None:
    propensity = np.tile([0.5, 0.5, 0.0], (1_000, 1))
    log = Log(
        models=MODELS,
        propensity=propensity,
        chosen=np.arange(1_000) % 2,
        reward=np.ones(1_000),
    )
    target = np.tile([0.5, 0.3, 0.2], (1_000, 1))
    known = support(log, target)
    assert known.unsupported == {"c": pytest.approx(0.2)}
    assert "c" in known.why_not(150)
    assert "200 are needed" in support(log, log.propensity).why_not(2_000).replace("2000", "200")
    assert support(log, log.propensity).why_not(1_000 - 1e-6) == ""


def test_nonsense_is_refused_and_nothing_is_said_of_nothing() -> None:
    with pytest.raises(ValueError, match="propensity is 0"):
        Log(
            models=("a", "b"),
            propensity=np.array([[1.0, 0.0]]),
            chosen=np.array([1]),
            reward=np.array([1.0]),
        )
    with pytest.raises(ValueError, match="columns"):
        Log(models=("a",), propensity=np.ones((1, 2)), chosen=np.array([0]), reward=np.ones(1))
    with pytest.raises(ValueError, match="reward"):
        Log(models=("a",), propensity=np.ones((2, 1)), chosen=np.array([0, 0]), reward=np.ones(1))
    empty = Log(
        models=("a",),
        propensity=np.ones((0, 1)),
        chosen=np.zeros(0, dtype=int),
        reward=np.zeros(0),
    )
    assert support(empty, np.ones((0, 1))).ess == 0
    assert math.isnan(e.ips(empty, np.ones((0, 1))).value)
    assert math.isnan(e.snips(empty, np.ones((0, 1))).value)
    assert cross_fitted(empty, np.ones((0, 2))).shape == (0, 1)


def test_a_model_that_was_chosen_once_and_features_that_never_vary() -> None:
    log = Log(
        models=("a", "b"),
        propensity=np.tile([0.9, 0.1], (50, 1)),
        chosen=np.array([1] + [0] * 49),
        reward=np.array([1.0] + [0.0] * 49),
    )
    expected = cross_fitted(log, np.ones((50, 3)))
    assert np.isfinite(expected).all()
    assert ((expected >= 0) & (expected <= 1)).all()
