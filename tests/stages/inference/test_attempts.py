"""How time and tries are shared among a plan's models, and what a caller's leaving ends."""

import asyncio
from contextlib import aclosing

import pytest
from msgspec.structs import replace

from freehold.core.clock import SystemClock
from freehold.core.errors import ProviderUnavailable
from freehold.stages.inference import Inference
from freehold.testing.fakes import FakeClock, FakeHealth, FakeProvider, Script, said
from tests.conformance.harness import BUNDLE, wired
from tests.conformance.wires import CHAT, body_for
from tests.providers.made import make_plan, make_sendable, make_trail, model

SECOND = 1_000_000_000
BUSY = ProviderUnavailable("busy")


def attempts(*, deadline_ns=60 * SECOND, count=2, attempt_ms=None, **fields):
    """What is sent to each model of a plan."""
    models = [model(id=f"m{number}", **fields) for number in range(count)]
    plan = make_plan(*models, deadline_ns=deadline_ns)
    admitted = plan.ruled.admitted
    route = replace(admitted.app.route, attempt_ms=attempt_ms)
    admitted = replace(admitted, app=replace(admitted.app, route=route))
    screened = plan.ruled.grounded.screened
    screened = replace(screened, prepared=replace(screened.prepared, admitted=admitted))
    stitched = replace(plan.ruled.grounded.stitched, screened=screened)
    ruled = replace(plan.ruled, grounded=replace(plan.ruled.grounded, stitched=stitched))
    plan = replace(plan, ruled=ruled)
    return [replace(make_sendable(m), plan=plan, attempt=a)
            for m, a in zip(models, plan.attempts, strict=True)]  # fmt: skip


async def heard(inference, sendable):
    trail = make_trail(sendable)
    async with aclosing(inference.call(sendable, trail)) as answers:
        return [answer async for answer in answers], trail


@pytest.mark.parametrize(
    ("count", "attempt_ms", "until_s"),
    [(1, None, 60), (2, None, 40), (2, 5_000, 5), (1, 5_000, 60)],
)
def test_with_others_left_an_attempt_may_not_be_silent_to_the_end(count, attempt_ms, until_s):
    inference = Inference({}, FakeClock(), FakeHealth())
    first = attempts(count=count, attempt_ms=attempt_ms)[0]
    assert inference._silent_until(first, others=count > 1) == until_s * SECOND


async def test_the_last_attempt_has_all_that_is_left():
    provider = FakeProvider(Script(deltas=(said("late"),), first_delay=0.1))
    inference = Inference({"openai": provider}, SystemClock(), FakeHealth())
    deadline_ns = SystemClock().monotonic_ns() + 60 * SECOND
    *_, last = attempts(deadline_ns=deadline_ns, attempt_ms=10)
    trail = make_trail(last)
    for attempt in trail.turns(last.plan):
        assert attempt.number <= 2
    answers = [answer async for answer in inference.call(last, trail)]
    assert answers[-1].choices[0].text == "late"


async def test_one_that_hangs_is_left_for_the_next_and_not_asked_again():
    provider = FakeProvider(Script(deltas=(said("late"),), first_delay=30))
    health = FakeHealth()
    inference = Inference({"openai": provider}, SystemClock(), health)
    deadline_ns = SystemClock().monotonic_ns() + 60 * SECOND
    first = attempts(deadline_ns=deadline_ns, attempt_ms=20, retries=3)[0]
    with pytest.raises(ProviderUnavailable, match="too long"):
        await heard(inference, first)
    assert len(provider.received) == 1
    assert provider.closed == 1
    ((_, report),) = health.reports
    assert report.ok is None  # it had less time than the bundle gives it
    assert report.waited_ns > 20_000_000


async def test_one_that_speaks_has_its_time():
    script = Script(deltas=(said("It is ", finish_reason=None), said("so.")), delays=(0, 0.9))
    inference = Inference({"openai": FakeProvider(script)}, SystemClock(), FakeHealth())
    deadline_ns = SystemClock().monotonic_ns() + 60 * SECOND
    first = attempts(deadline_ns=deadline_ns, attempt_ms=800)[0]
    answers, _ = await heard(inference, first)
    assert answers[-1].choices[0].text == "It is so."


async def test_what_took_its_time_to_fail_is_not_asked_again_while_others_are_left():
    clock = FakeClock()

    class Slow(FakeProvider):
        async def call(self, sendable):
            clock.advance(1.5)
            async for delta in super().call(sendable):
                yield delta

    for count, calls in ((2, 1), (1, 2)):
        provider = Slow(BUSY)
        inference = Inference({"openai": provider}, clock, FakeHealth(), jitter=lambda: 0.0)
        first = attempts(count=count, deadline_ns=clock.monotonic_ns() + 60 * SECOND)[0]
        with pytest.raises(ProviderUnavailable):
            await heard(inference, first)
        assert len(provider.received) == calls


async def test_without_a_budget_nothing_is_tried_again():
    provider, health = FakeProvider(BUSY), FakeHealth()
    health.retries = 1
    inference = Inference({"openai": provider}, SystemClock(), health, jitter=lambda: 0.0)
    sendable = make_sendable(model(retries=5))
    with pytest.raises(ProviderUnavailable):
        await heard(inference, sendable)
    assert len(provider.received) == 2


async def test_a_caller_that_leaves_in_a_pause_ends_it(tmp_path):
    text = BUNDLE.replace("{candidates: [first, second]}", "{candidates: [first]}")
    text = text.replace("output: 2}, retries: 0}", "output: 2}, retries: 5}")
    provider = FakeProvider(ProviderUnavailable("busy", retry_after_s=50.0))
    async with wired(tmp_path, text, provider=provider, health=FakeHealth()) as w:
        gone = asyncio.Event()
        asking = asyncio.create_task(w.ask(CHAT, body_for(CHAT, stream=True), hangs_up=gone))
        while not provider.received:
            await asyncio.sleep(0.001)
        gone.set()
        async with asyncio.timeout(8):
            await asking
        assert len(provider.received) == 1
        (closed,) = [r["closed"] for r in w.journal.records if "closed" in r]
        assert closed["outcome"] == "interrupted"
        assert [call["error"] for call in closed["calls"]] == ["busy"]
        assert w.reserved == 0


async def test_the_caller_hears_what_the_last_model_asked_for(tmp_path):
    provider = FakeProvider(ProviderUnavailable("busy", retry_after_s=7.2))
    async with wired(tmp_path, provider=provider, health=FakeHealth()) as w:
        reply = await w.ask(CHAT, body_for(CHAT))
        assert reply.status == 503
        assert reply.headers["retry-after"] == "8"
