"""An endpoint that is slower than it was is found; longer questions and noise are not that."""

import math
import random

import pytest

from freehold.providers.pace import FORGET_NS, Pace

SECOND = 1_000_000_000


class Endpoint:
    """Answers in about ``base_s``, lognormal; time goes on by 100 ms with each."""

    def __init__(self, seed: int, *, sigma: float = 0.3, base_s: float = 0.2) -> None:
        self.random = random.Random(seed)
        self.pace = Pace(slope=0.7)
        self.sigma = sigma
        self.base_s = base_s
        self.now_ns = 0

    def answers(self, count: int, factor: float = 1.0, tokens: int = 100) -> int | None:
        """How many answers it took until it was slow, or was not any more; ``None``: never."""
        was = self.pace.slow
        for number in range(1, count + 1):
            self.now_ns += SECOND // 10
            length = round(tokens * math.exp(self.random.gauss(0, 0.5)))
            took_s = (
                self.base_s * factor * length / 100 * math.exp(self.random.gauss(0, self.sigma))
            )
            self.pace.add(int(took_s * 1e9), length, self.now_ns)
            if self.pace.slow != was:
                return number
        return None


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("factor", "most"), [(1.25, 200), (2.0, 40), (10.0, 24)])
def test_slower_is_found_and_so_is_the_way_back(seed, factor, most):
    endpoint = Endpoint(seed)
    assert endpoint.answers(600) is None
    found = endpoint.answers(400, factor)
    assert found is not None
    assert found <= most
    endpoint.answers(24, factor)
    if not endpoint.pace.slow:  # a small change may be taken back; it is then found again
        assert factor == 1.25
        return
    assert endpoint.pace.percent == pytest.approx((factor - 1) * 100, rel=0.6)
    back = endpoint.answers(400)
    assert back is not None
    assert back <= most


@pytest.mark.parametrize("seed", range(3))
def test_what_only_varies_is_not_slow(seed):
    assert Endpoint(seed, sigma=0.5).answers(8_000) is None


@pytest.mark.parametrize("seed", range(5))
def test_longer_answers_are_no_slower_endpoint(seed):
    endpoint = Endpoint(seed)
    endpoint.answers(300)
    assert endpoint.answers(600, tokens=400) is None


@pytest.mark.parametrize("seed", range(3))
def test_a_change_that_nobody_waits_for_is_none(seed):
    endpoint = Endpoint(seed, base_s=0.002)
    endpoint.answers(300)
    assert endpoint.answers(600, factor=2.0) is None


def test_after_a_while_the_new_pace_is_the_normal_one():
    endpoint = Endpoint(1)
    endpoint.answers(300)
    assert endpoint.answers(100, factor=3.0) is not None
    assert not endpoint.pace.passed(endpoint.now_ns)
    assert endpoint.pace.passed(endpoint.now_ns + FORGET_NS)
    assert not endpoint.pace.slow
    assert endpoint.answers(300, factor=3.0) is None


def test_faster_is_no_trouble():
    endpoint = Endpoint(1)
    endpoint.answers(300)
    assert endpoint.answers(300, factor=0.3) is None


def test_times_and_lengths_of_nothing():
    pace = Pace(slope=0.7)
    for _ in range(100):
        assert not pace.add(0, 0, 0)
