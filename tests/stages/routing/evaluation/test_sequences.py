"""Bounds that hold at every moment: false alarms under peeking, and power."""

import math

import numpy as np
import pytest

from freehold.stages.routing.evaluation.sequences import (
    contrasts,
    evidence_above,
    evidence_below,
    mean_band,
    mean_bands,
    reach,
)

TWENTYFOLD = math.log(20)


def test_the_mean_stays_inside_at_every_moment() -> None:
    rng = np.random.default_rng(0)
    missed = 0
    for _ in range(60):
        lows, highs = mean_bands((rng.random(800) < 0.3).astype(float))
        missed += bool(np.any((lows > 0.3) | (highs < 0.3)))
        assert (np.diff(lows) >= 0).all()
        assert (np.diff(highs) <= 0).all()
    assert missed <= 7, "at most 3 in the mean; 8 or more in one of a hundred such tests"
    assert highs[-1] - lows[-1] < 0.15


def test_any_bounds() -> None:
    rng = np.random.default_rng(1)
    band = mean_band(rng.uniform(-2, 6, 2_000), low=-2.0, high=6.0)
    assert -2 < band.low < 2 < band.high < 6
    assert band.seen == 2_000
    assert mean_band(np.zeros(0), low=-1.0, high=3.0).low == -1
    with pytest.raises(ValueError, match="outside"):
        mean_band(np.array([2.0]))


def test_watching_raises_few_false_alarms_and_finds_what_is_there() -> None:
    rng = np.random.default_rng(2)
    false = found = 0
    for _ in range(200):
        even = (rng.random(1_500) < 0.05).astype(float)
        false += bool(evidence_above(even, 0.05).max() > TWENTYFOLD)
        found += bool(evidence_above((rng.random(600) < 0.15) * 1.0, 0.05)[-1] > TWENTYFOLD)
    assert false <= 19, "10 in the mean at most"
    assert found >= 190


def test_below_is_the_mirror_of_above() -> None:
    values = (np.random.default_rng(3).random(400) < 0.4).astype(float)
    assert evidence_below(values, 0.6) == pytest.approx(evidence_above(1 - values, 0.4))


def test_a_mean_that_drifts_below_the_limit_is_no_alarm() -> None:
    rng = np.random.default_rng(4)
    false = 0
    for _ in range(100):
        rate = 0.05 * (1 + np.sin(np.arange(1_500) / 200)) / 2
        false += bool(evidence_above((rng.random(1_500) < rate) * 1.0, 0.05).max() > TWENTYFOLD)
    assert false <= 5


def drawn(seed: int, share: float, before: float, after: float, rows: int = 3_000):
    rng = np.random.default_rng(seed)
    treated = (rng.random(rows) < share).astype(float)
    reward = (rng.random(rows) < np.where(treated == 1, after, before)).astype(float)
    shares = np.full(rows, share)
    return contrasts(reward, treated, shares), reach(shares)


def test_contrasts_are_the_difference_in_the_mean() -> None:
    values = np.concatenate([drawn(seed, 0.2, 0.6, 0.75)[0] for seed in range(20)])
    assert float(values.mean()) == pytest.approx(0.15, abs=0.02)
    assert float(np.abs(values).max()) <= reach(np.array([0.2]))


def test_a_worse_newcomer_is_found_and_an_equal_one_left_alone() -> None:
    caught = wolves = 0
    for seed in range(60):
        values, bound = drawn(seed, 0.25, 0.02, 0.12)
        caught += bool(evidence_above(values, 0.0, low=-bound, high=bound)[-1] > TWENTYFOLD)
        values, bound = drawn(seed, 0.25, 0.05, 0.05)
        wolves += bool(evidence_above(values, 0.0, low=-bound, high=bound).max() > TWENTYFOLD)
    assert caught >= 54
    assert wolves <= 7


def test_no_values_no_evidence() -> None:
    assert len(evidence_above(np.zeros(0), 0.5)) == 0
    assert reach(np.zeros(0)) == 1
    assert evidence_above(np.ones(3), 1.0).tolist() == [0, 0, 0]
