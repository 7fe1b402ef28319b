"""Who is refused when there are too many, and that nobody is when there are not."""

import asyncio

import pytest

from freehold.core.errors import Overloaded
from freehold.stages.admit.shedding import CEILING, LEAST, TARGET_NS, Shedder, ceiling_here
from freehold.testing.fakes import FakeClock, FakeProvider
from tests.conformance.harness import BUNDLE, wired
from tests.conformance.wires import ROUTES, body_for


def shedder(**more):
    return Shedder(FakeClock(), **more)


def entered(shed, priority, at_most=10_000):
    """How many of a priority get in."""
    for count in range(at_most):
        try:
            shed.enter(priority, f"x{count}")
        except Overloaded:
            return count
    return at_most


def test_the_least_important_are_refused_first():
    shed = shedder(ceiling=1_000)
    assert entered(shed, "low") == 500
    assert entered(shed, "normal") == 300
    assert entered(shed, "high") == 200
    assert shed.shed == {"low": 1, "normal": 1, "high": 1}
    for _ in range(1_000):
        shed.leave()
    assert shed.in_flight == 0
    shed.enter("low", "x")


def test_the_wait_is_spread_and_the_same_for_one_exchange():
    shed = shedder(ceiling=1)
    shed.enter("high", "first")
    waits = []
    for number in range(100):
        with pytest.raises(Overloaded) as refused:
            shed.enter("normal", f"x{number % 50}")
        waits.append(refused.value.retry_after_s)
    assert set(waits) == {1, 2, 3, 4, 5}
    assert waits[:50] == waits[50:]


def test_a_late_loop_lowers_the_limit_and_a_timely_one_raises_it_again():
    shed = shedder()
    shed.in_flight = 400
    shed.tick(2 * TARGET_NS)
    assert shed.limit == CEILING  # one alone is a hiccup
    shed.tick(2 * TARGET_NS)
    assert shed.limit == 360
    for _ in range(100):
        shed.tick(2 * TARGET_NS)
    assert shed.limit == LEAST
    limits = []
    for _ in range(100):
        shed.tick(0)
        limits.append(shed.limit)
    assert limits == sorted(limits)
    assert shed.limit == CEILING


def test_a_few_dozen_clients_are_never_refused_however_slow_the_machine():
    shed = shedder()
    for _ in range(1_000):
        shed.tick(60 * 1_000_000_000)
    assert entered(shed, "normal", 64) == 64


@pytest.mark.parametrize(
    ("wanted", "files", "ceiling"),
    [
        (None, 1_024, 409),
        (None, 0, CEILING),
        (None, 1_000_000, CEILING),
        (None, 64, LEAST),
        ("50", 1_024, 50),
        ("none", 1_024, 409),
        ("-3", 1_024, 409),
    ],
)
def test_the_ceiling_follows_from_the_machine_unless_somebody_says(wanted, files, ceiling, caplog):
    assert ceiling_here(wanted, lambda: files) == ceiling
    assert ("FREEHOLD_MAX_IN_FLIGHT" in caplog.text) is (wanted in ("none", "-3"))


async def test_the_loop_is_watched():
    clock = FakeClock()
    shed = Shedder(clock)
    watching = asyncio.create_task(shed.watch())
    await asyncio.sleep(0)
    clock.advance(3.0)
    while not shed.lag_ns:
        await asyncio.sleep(0.01)
    watching.cancel()
    assert shed.lag_ns > 2_000_000_000


@pytest.mark.conformance
@pytest.mark.parametrize(("path", "stream"), ROUTES)
async def test_a_refused_request_is_told_when_to_come_back_and_is_counted_out(
    tmp_path, path, stream
):
    text = BUNDLE.replace("purpose: Is tested", "purpose: Is tested, priority: low")
    shed = shedder(ceiling=2)
    async with wired(tmp_path, text, provider=FakeProvider("Hello."), shedder=shed) as w:
        shed.in_flight = 1
        reply = await w.ask(path, body_for(path, stream=stream))
        assert reply.status == 503
        assert 1 <= int(reply.headers["retry-after"]) <= 5
        assert "Too much is asked at once" in reply.body.decode()
        assert w.provider.received == []
        closed = w.journal.closed(reply.trace)
        assert closed["failure"]["code"] == "FH-LIM-004"
        assert closed["outcome"] == "denied"
        assert shed.in_flight == 1
        shed.in_flight = 0
        reply = await w.ask(path, body_for(path, stream=stream))
        assert reply.status != 503
        assert shed.in_flight == 0


def test_it_is_pressed_from_the_first_refusal_on_until_all_is_well_again():
    shed = shedder(ceiling=1_000)
    assert not shed.pressed
    for number in range(500):
        shed.enter("low", f"x{number}")
    assert shed.pressed
    for _ in range(500):
        shed.leave()
    assert not shed.pressed
    shed.tick(2 * TARGET_NS)
    shed.tick(2 * TARGET_NS)
    assert shed.pressed
    for _ in range(100):
        shed.tick(0)
    assert not shed.pressed
