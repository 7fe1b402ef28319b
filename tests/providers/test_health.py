"""The registry of endpoints: what it makes of how calls end, and what it tells routing."""

import re

import pytest

from freehold.core.decisions import MILLION
from freehold.core.health import READY, Report
from freehold.providers.breaker import FAILURES
from freehold.providers.health import SUSPICIOUS_NS, EndpointHealth
from freehold.testing.fakes import FakeClock
from tests.providers.made import model

MS = 1_000_000


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def health(clock):
    return EndpointHealth(clock, jitter=lambda: 1.0)


def call(health, there, ok=True, ms=100, **report):
    probe = health.started(there)
    report = {"waited_ns": ms * MS, "completion_tokens": 50} | report
    health.ended(there, Report(ok=ok, **report), probe=probe)


def fell(health, there):
    for _ in range(FAILURES):
        call(health, there, ok=False)
    assert health.of(there).weight == 0


def test_nothing_is_known_against_a_stranger(health):
    assert health.of(model()) == READY
    assert list(health.shares()) == [("m1", MILLION)]


def test_after_it_was_down_it_gets_more_and_more(health, clock):
    there = model()
    fell(health, there)
    clock.advance(10.0)
    assert health.of(there) == READY  # for the probe
    call(health, there)
    shares = []
    for _ in range(11):
        shares.append(health.of(there).weight)
        clock.advance(1.0)
    assert shares == sorted(shares)
    assert shares[0] == MILLION // 10
    assert shares[-1] == MILLION
    assert len(set(shares)) > 5
    assert health.of(there) == READY


def test_the_share_is_a_share_of_exchanges_and_the_same_for_each(health, clock):
    there = model()
    fell(health, there)
    clock.advance(10.0)
    call(health, there)
    clock.advance(5.0)
    readiness = health.of(there)
    assert readiness.why == "its endpoint was down and gets 50 % of its traffic for now"
    taken = [readiness.takes(f"exchange-{i}", "m1") for i in range(2_000)]
    assert 900 < sum(taken) < 1_100
    assert taken == [readiness.takes(f"exchange-{i}", "m1") for i in range(2_000)]


def test_a_probe_is_one_call_only(health, clock):
    there = model()
    fell(health, there)
    clock.advance(1.0)
    assert health.of(there).weight == MILLION
    assert health.started(there)
    assert health.of(there).weight == 0


def test_models_of_one_endpoint_share_its_fate_and_other_keys_do_not(health):
    fell(health, model(id="a", upstream_model="same"))
    assert health.of(model(id="b", upstream_model="same")).weight == 0
    assert health.of(model(id="c", upstream_model="same", api_key_ref="env:OTHER")) == READY
    assert health.of(model(id="d", upstream_model="same", provider="other")) == READY


def test_who_asks_for_a_pause_gets_one(health, clock):
    there = model()
    call(health, there, ok=False, retry_after_s=7.0)
    assert health.of(there).weight == 0
    assert health.of(there).why == "its endpoint asked for a pause of 7.0 s more"
    clock.advance(7.0)
    assert health.of(there) == READY
    call(health, there, ok=False, retry_after_s=86_000.0)
    clock.advance(60.0)
    assert health.of(there) == READY


def test_when_most_of_a_region_are_down_the_others_must_prove_themselves(health, clock):
    here = [model(id=f"m{i}", upstream_model=f"m{i}", region="eu") for i in range(5)]
    elsewhere = model(id="us", upstream_model="us", region="us")
    for there in (*here, elsewhere):
        call(health, there)
    fell(health, here[0])
    fell(health, here[1])
    assert health.of(here[2]) == READY
    fell(health, here[2])
    for there in here[3:]:
        assert health.of(there).weight == 0
        assert health.of(there).why == "most endpoints of 127.0.0.1:9 in eu are down"
    assert health.of(elsewhere) == READY
    clock.advance(1.0)
    call(health, here[3])  # the probe
    clock.advance(60.0)
    assert health.of(here[3]) == READY
    call(health, here[3], ok=False)  # one failure does not fell it
    assert health.of(here[3]) == READY
    for there in here:
        call(health, there)
    clock.advance(60.0)
    assert [health.of(there) for there in here] == [READY] * 5


def test_retries_are_a_share_of_the_calls(health, clock):
    there = model()
    assert sum(health.may_retry(there) for _ in range(100)) == 10
    for _ in range(50):
        health.started(there)
    assert sum(health.may_retry(there) for _ in range(100)) == 10
    clock.advance(3.0)
    assert sum(health.may_retry(there) for _ in range(100)) == 6
    assert health.may_retry(model(upstream_model="other"))


def test_one_that_becomes_slow_gets_less_until_it_is_fast_again(health, clock):
    there = model()

    def answers(ms, count):
        for _ in range(count):
            clock.advance(0.1)
            call(health, there, ms=ms)

    answers(100, 100)
    assert health.of(there) == READY
    answers(125, 60)
    readiness = health.of(there)
    assert readiness.slow
    assert readiness.weight == MILLION // 5
    assert re.fullmatch("its answers take 2[3-7] % longer than they did", readiness.why)
    assert not all(readiness.takes(str(i), "m1") for i in range(100))
    assert all(readiness.takes(str(i), "m1", slow_too=True) for i in range(100))
    answers(100, 30)
    assert health.of(there).slow  # its share grows again
    assert health.of(there).why.startswith("its endpoint was slow and gets")
    clock.advance(10.0)
    assert health.of(there) == READY


def test_the_slower_the_less(health, clock):
    there = model()
    for ms in (100, 1_000):
        for _ in range(100):
            clock.advance(0.1)
            call(health, there, ms=ms)
    assert health.of(there).weight == MILLION // 20


def test_first_characters_and_whole_answers_are_not_compared(health, clock):
    there = model()
    for number in range(400):
        clock.advance(0.1)
        if number % 2:
            call(health, there, ms=5_000, streamed=True, first_ns=100 * MS, prompt_tokens=20)
        else:
            call(health, there, ms=3_000)
    assert health.of(there) == READY
    assert health.usual_ns(there, 500_000, streamed=True) == 100 * MS
    assert health.usual_ns(there, 500_000, streamed=False) == 3_000 * MS


def test_what_is_usual_is_known_after_twenty(health):
    there = model()
    for ms in range(19):
        call(health, there, ms=ms)
    assert health.usual_ns(there, 950_000, streamed=False) is None
    call(health, there, ms=19)
    assert health.usual_ns(there, 950_000, streamed=False) == 19 * MS
    assert health.usual_ns(there, 500_000, streamed=False) == 10 * MS


def test_calls_that_others_end_tell_of_an_endpoint_that_hangs(health):
    there = model()
    for _ in range(FAILURES):
        call(health, there, ok=None, ms=1_000)
    assert health.of(there) == READY
    for _ in range(FAILURES):
        call(health, there, ok=None, waited_ns=SUSPICIOUS_NS + 1)
    assert health.of(there).weight == 0


def test_what_a_busy_process_measures_is_passed_over(clock):
    lag = 0
    health = EndpointHealth(clock, lag_ns=lambda: lag)
    there = model()
    for ms, late in ((100, 0), (400, 100 * MS)):
        lag = late
        for _ in range(100):
            clock.advance(0.1)
            call(health, there, ms=ms)
    assert health.of(there) == READY


def test_bundles_come_and_go(health):
    for number in range(5_000):
        call(health, model(id=f"m{number}", upstream_model=f"m{number}"))
    assert len(list(health.shares())) < 4_200
