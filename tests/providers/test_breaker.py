import pytest

from freehold.providers.breaker import FAILURES, FIRST_BACKOFF_S, LONGEST_BACKOFF_S, Breaker
from freehold.testing.fakes import FakeClock


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def breaker(clock):
    return Breaker(clock, jitter=lambda: 1.0)


def call(breaker, ok, **settings):
    breaker.ended(probe=breaker.started(), ok=ok, **settings)


def broken(breaker):
    for _ in range(FAILURES):
        call(breaker, ok=False)
    assert not breaker.healthy


def test_failures_in_a_row_open_it(breaker):
    for _ in range(FAILURES - 1):
        call(breaker, ok=False)
    assert breaker.healthy
    call(breaker, ok=False)
    assert not breaker.healthy


def test_a_success_in_between_starts_the_count_again(breaker):
    for _ in range(FAILURES * 3):
        call(breaker, ok=False)
        call(breaker, ok=True)
    assert breaker.healthy


def test_a_caller_that_hung_up_says_nothing(breaker):
    for _ in range(FAILURES * 3):
        call(breaker, ok=None)
    assert breaker.healthy


def test_after_the_back_off_one_probe_decides(breaker, clock):
    broken(breaker)
    clock.advance(FIRST_BACKOFF_S)
    assert breaker.healthy
    probe = breaker.started()
    assert probe
    assert not breaker.healthy
    assert not breaker.started()
    breaker.ended(probe=probe, ok=True)
    assert breaker.healthy


def test_each_failed_probe_doubles_the_back_off_up_to_a_limit(breaker, clock):
    broken(breaker)
    wait = FIRST_BACKOFF_S
    for _ in range(12):
        clock.advance(wait * 0.99)
        assert not breaker.healthy
        clock.advance(wait * 0.02)
        assert breaker.healthy
        call(breaker, ok=False)
        wait = min(wait * 2, LONGEST_BACKOFF_S)
    clock.advance(LONGEST_BACKOFF_S)
    call(breaker, ok=True)
    broken(breaker)
    clock.advance(FIRST_BACKOFF_S)
    assert breaker.healthy


def test_a_probe_that_was_given_up_lets_the_next_one_try(breaker, clock):
    broken(breaker)
    clock.advance(FIRST_BACKOFF_S)
    call(breaker, ok=None)
    assert breaker.healthy


def test_a_success_of_an_older_call_closes_it(breaker):
    late = breaker.started()
    broken(breaker)
    breaker.ended(probe=late, ok=True)
    assert breaker.healthy


def test_retry_after_is_kept_within_limits(breaker, clock):
    for _ in range(FAILURES):
        call(breaker, ok=False, retry_after_s=7.0)
    clock.advance(6.9)
    assert not breaker.healthy
    clock.advance(0.2)
    assert breaker.healthy
    call(breaker, ok=False, retry_after_s=10_000)
    clock.advance(LONGEST_BACKOFF_S)
    assert breaker.healthy


def test_jitter_spreads_the_probes(clock):
    early, late = Breaker(clock, jitter=lambda: 0.0), Breaker(clock, jitter=lambda: 1.0)
    broken(early)
    broken(late)
    clock.advance(FIRST_BACKOFF_S / 2)
    assert early.healthy
    assert not late.healthy
