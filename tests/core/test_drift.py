"""Changes are found soon, and none where nothing changed."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.drift import BUCKET, BUCKETS, ChangeDetector, ChangePoint, adwin, psi

SLOWER = math.log(1.25)


def latencies(seed: int, count: int, mean: float = 0.0, spread: float = 0.25) -> list[float]:
    chance = random.Random(seed)
    return [chance.gauss(mean, spread) for _ in range(count)]


def found_after(detector: ChangeDetector, seed: int, before: int = 3_000) -> int | None:
    assert not any(detector.add(value) for value in latencies(seed, before))
    for number, value in enumerate(latencies(seed + 1_000, 1_000, SLOWER), 1):
        if (shift := detector.add(value)) is not None:
            assert shift.before == pytest.approx(0, abs=0.1)
            assert shift.after == pytest.approx(SLOWER, abs=0.15)
            return number
    return None


@pytest.mark.parametrize("seed", range(10))
def test_a_quarter_slower_is_found_within_175_numbers(seed: int) -> None:
    number = found_after(ChangePoint(), seed)
    assert number is not None
    assert number <= 175


def test_nothing_is_found_in_20_000_numbers_that_are_alike() -> None:
    detector = ChangePoint()
    assert not any(detector.add(value) for value in latencies(5, 20_000))
    assert detector.seen == BUCKET * BUCKETS


def test_a_change_back_is_found_too_and_the_new_level_is_the_normal_one() -> None:
    detector = ChangePoint()
    for mean in (0.0, SLOWER, 0.0):
        for value in latencies(3, 1_500, mean):
            detector.add(value)
        assert detector.level == pytest.approx(mean, abs=0.05)


def test_a_few_hanging_calls_are_no_change() -> None:
    detector = ChangePoint()
    values = latencies(9, 10_000)
    for place in range(500, 10_000, 500):
        values[place] = 5.0
    assert not any(detector.add(value) for value in values)


def test_small_changes_are_of_no_interest_if_somebody_says_so() -> None:
    plain, patient = ChangePoint(), ChangePoint(least=math.log(1.5))
    values = latencies(1, 1_000) + latencies(2, 1_000, SLOWER)
    assert any(plain.add(value) for value in values)
    assert not any(patient.add(value) for value in values)


def test_it_goes_on_after_a_restart() -> None:
    one, other = ChangePoint(), ChangePoint()
    for value in latencies(1, 1_000):
        one.add(value)
    other.load(one.dump())
    assert other.level == pytest.approx(one.level)
    assert any(other.add(value) for value in latencies(2, 200, SLOWER))


@given(st.lists(st.floats(), max_size=200))
def test_no_number_breaks_it(values: list[float]) -> None:
    detector = ChangePoint()
    for value in values:
        detector.add(value)
    assert detector.seen <= len(values)


def test_all_alike_is_no_change_and_one_step_is() -> None:
    detector = ChangePoint()
    assert not any(detector.add(5.0) for _ in range(1_000))
    assert any(detector.add(6.0) for _ in range(100))


def test_rivers_adwin_fits_behind_the_same_words() -> None:
    pytest.importorskip("river", reason="needs the extra `drift`")
    number = found_after(adwin(), 4)
    assert number is not None
    assert number <= 300


def mix(seed: int, weights: list[float], count: int) -> dict[str, int]:
    chance = random.Random(seed)
    drawn = chance.choices("abcdef"[: len(weights)], weights, k=count)
    return {kind: drawn.count(kind) for kind in set(drawn)}


def test_chance_alone_rarely_passes_the_second_value() -> None:
    weights = [5.0, 4, 3, 2, 1]
    over = 0
    for seed in range(500):
        value, chance = psi(mix(seed, weights, 1_000), mix(seed + 9_999, weights, 150))
        over += value > chance
    assert over <= 5


def test_another_mix_is_seen() -> None:
    value, chance = psi({"a": 500, "b": 500}, {"a": 150, "b": 50})
    assert value == pytest.approx(0.27, abs=0.02)
    assert value > chance
    new, _ = psi({"a": 500, "b": 500}, {"a": 100, "c": 100})
    assert new > 1


def test_without_numbers_or_with_one_kind_there_is_no_change() -> None:
    assert psi({}, {"a": 3}) == (0.0, math.inf)
    assert psi({"a": 3}, {"a": 9}) == (0.0, math.inf)
