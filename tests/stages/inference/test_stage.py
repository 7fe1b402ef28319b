import asyncio
import contextlib
from contextlib import aclosing

import pytest

from freehold.core.ask import ToolCall
from freehold.core.clock import SystemClock
from freehold.core.decisions import MILLION
from freehold.core.errors import (
    Abstained,
    ProviderError,
    ProviderRejected,
    ProviderUnavailable,
    RoutingError,
)
from freehold.core.handoffs import Choice, Piece, Usage
from freehold.core.health import READY
from freehold.core.ports import Delta
from freehold.providers.health import EndpointHealth
from freehold.stages.inference import Inference
from freehold.testing.fakes import FakeClock, FakeHealth, FakeProvider, Script, said
from tests.providers.made import make_plan, make_sendable, make_trail, model, user

_BUSY = ProviderUnavailable("busy", retry_after_s=2.5, again=False)
SOON = SystemClock().monotonic_ns


def stage(provider: FakeProvider, jitter: float = 0.0) -> Inference:
    return Inference({"openai": provider}, SystemClock(), FakeHealth(), jitter=lambda: jitter)


async def everything(inference: Inference, sendable, trail):
    async with aclosing(inference.call(sendable, trail)) as answers:
        return [answer async for answer in answers]


async def test_a_whole_answer_comes_once_and_complete():
    provider = FakeProvider("Good day.")
    sendable = make_sendable(model(input_price_nano=10, output_price_nano=100))
    trail = make_trail(sendable)
    (answer,) = await everything(stage(provider), sendable, trail)
    assert answer.complete
    assert answer.choices == (Choice(text="Good day.", finish_reason="stop"),)
    assert answer.sendable is sendable
    (call,) = trail.calls
    assert answer.usage == call.usage == Usage(prompt_tokens=0, completion_tokens=2)
    assert call.cost_nano == 200
    assert call.error == ""
    assert call.started_ns < call.first_ns <= call.ended_ns
    assert trail.spent_ns["inference"] > 0
    assert trail.waited_ns["inference"] > 0
    assert provider.received == [sendable]


async def test_a_stream_grows_and_only_its_last_answer_is_complete():
    sendable = make_sendable(stream=True)
    trail = make_trail(sendable)
    answers = await everything(stage(FakeProvider("one two three")), sendable, trail)
    assert [a.choices[0].text for a in answers] == [
        "one ",
        "one two ",
        "one two three",
        "one two three",
    ]
    assert [a.complete for a in answers] == [False, False, False, True]
    assert answers[-1].usage.completion_tokens == 3
    assert answers[0].usage is None


async def test_the_words_that_come_with_the_end_are_judged_once():
    script = Script(deltas=(said("a", finish_reason=None), said("b")))
    sendable = make_sendable(stream=True)
    answers = await everything(stage(FakeProvider(script)), sendable, make_trail(sendable))
    assert [(a.choices[0].text, a.complete) for a in answers] == [("a", False), ("ab", True)]


async def test_alternatives_are_given_together_at_the_end():
    sendable = make_sendable(stream=True, n=2)
    answers = await everything(stage(FakeProvider("one two")), sendable, make_trail(sendable))
    assert len(answers) == 1
    assert [c.text for c in answers[0].choices] == ["one two", "one two"]
    assert [c.index for c in answers[0].choices] == [0, 1]


async def test_tool_calls_add_up():
    first, second = (ToolCall(id=f"c{i}", name="f", arguments="{}") for i in (1, 2))
    script = Script(
        deltas=(
            said("x", tool_calls=[first], finish_reason=None),
            said(tool_calls=[second], finish_reason="tool_calls"),
        )
    )
    sendable = make_sendable(stream=True)
    answers = await everything(stage(FakeProvider(script)), sendable, make_trail(sendable))
    assert answers[0].choices[0].tool_calls == (first,)
    assert answers[-1].choices[0].tool_calls == (first, second)
    assert answers[-1].choices[0].finish_reason == "tool_calls"


async def test_usage_is_estimated_where_the_provider_does_not_count():
    script = Script(deltas=(said("x" * 35),))
    sendable = make_sendable(model(output_price_nano=1), messages=(user("y" * 70),))
    trail = make_trail(sendable)
    (answer,) = await everything(stage(FakeProvider(script)), sendable, trail)
    assert answer.usage == Usage(prompt_tokens=24, completion_tokens=10, estimated=True)
    assert trail.call.cost_nano == 10


async def test_embeddings_come_with_an_empty_choice():
    script = Script(deltas=(Delta(embeddings=([0.5],), usage=Usage(prompt_tokens=1)),))
    sendable = make_sendable(operation="embedding")
    trail = make_trail(sendable)
    (answer,) = await everything(stage(FakeProvider(script)), sendable, trail)
    assert answer.embeddings == ([0.5],)
    assert answer.choices == (Choice(finish_reason="stop"),)
    assert trail.call.role == "embed"


async def test_a_failure_before_the_first_character_is_tried_again():
    provider = FakeProvider(ProviderUnavailable("busy"), "Yes.")
    sendable = make_sendable(model(retries=1))
    trail = make_trail(sendable)
    (answer,) = await everything(stage(provider), sendable, trail)
    assert answer.choices[0].text == "Yes."
    assert [call.error for call in trail.calls] == ["busy", ""]
    assert trail.calls[0].usage is None
    assert trail.calls[0].cost_nano == 0


@pytest.mark.parametrize(
    ("failure", "tries"),
    [
        (ProviderUnavailable("busy"), 3),
        (ProviderUnavailable("bad key", again=False), 1),
        (ProviderRejected("malformed"), 1),
    ],
)
async def test_how_often_it_is_tried(failure, tries):
    provider = FakeProvider(failure)
    sendable = make_sendable(model(retries=2))
    with pytest.raises(type(failure)):
        await everything(stage(provider), sendable, make_trail(sendable))
    assert len(provider.received) == tries


async def test_after_the_first_character_nothing_is_tried_again():
    broken = Script(
        deltas=(said("Some", finish_reason=None),), failure=ProviderUnavailable("broke off")
    )
    provider = FakeProvider(broken, "Other.")
    sendable = make_sendable(model(output_price_nano=5), stream=True)
    trail = make_trail(sendable)
    async with aclosing(stage(provider).call(sendable, trail)) as answers:
        assert (await anext(answers)).choices[0].text == "Some"
        with pytest.raises(ProviderUnavailable, match="broke off"):
            await anext(answers)
    assert len(provider.received) == 1
    # What was said before it broke has been paid for.
    assert trail.call.usage.estimated
    assert trail.call.cost_nano == 10
    assert trail.call.error == "broke off"


async def test_retry_after_is_waited_for():
    provider = FakeProvider(ProviderUnavailable("later", retry_after_s=0.1), "Yes.")
    sendable = make_sendable()
    trail = make_trail(sendable)
    began = asyncio.get_running_loop().time()
    await everything(stage(provider), sendable, trail)
    assert asyncio.get_running_loop().time() - began >= 0.1
    assert trail.waited_ns["inference"] >= 100_000_000


async def test_a_long_retry_after_is_left_to_the_next_model():
    provider = FakeProvider(ProviderUnavailable("later", retry_after_s=30))
    sendable = make_sendable(model(), model(id="m2"))
    async with asyncio.timeout(2):
        with pytest.raises(ProviderUnavailable):
            await everything(stage(provider), sendable, make_trail(sendable))
    assert len(provider.received) == 1


async def test_a_retry_after_beyond_the_plans_deadline_is_not_waited_for():
    provider = FakeProvider(ProviderUnavailable("later", retry_after_s=30))
    sendable = make_sendable(deadline_ns=SOON() + 5_000_000_000)
    async with asyncio.timeout(2):
        with pytest.raises(ProviderUnavailable):
            await everything(stage(provider), sendable, make_trail(sendable))
    assert len(provider.received) == 1


@pytest.mark.parametrize(
    ("settings", "ask", "script"),
    [
        (
            {"first_token_ms": 50},
            {"stream": True},
            Script(deltas=(said("late"),), delays=(5.0,)),
        ),
        ({"timeout_ms": 50}, {}, Script(deltas=(said("late"),), delays=(5.0,))),
        (
            {"timeout_ms": 100, "first_token_ms": 50},
            {"stream": True},
            Script(deltas=(said("a", finish_reason=None), said("late")), delays=(0.0, 5.0)),
        ),
    ],
)
async def test_time_limits_of_the_model(settings, ask, script):
    provider = FakeProvider(script)
    sendable = make_sendable(model(retries=0, **settings), **ask)
    trail = make_trail(sendable)
    async with asyncio.timeout(2):
        with pytest.raises(ProviderUnavailable, match="too long"):
            await everything(stage(provider), sendable, trail)
    assert provider.closed == 1
    assert asyncio.current_task().cancelling() == 0
    assert trail.call.ended_ns is not None
    assert trail.call.error_kind == "timeout"


async def test_the_first_token_has_its_own_limit_and_the_rest_has_not():
    script = Script(
        deltas=tuple(said("a", finish_reason=None) for _ in range(5)), delays=(0.0, 0.1)
    )
    sendable = make_sendable(model(first_token_ms=150), stream=True)
    answers = await everything(stage(FakeProvider(script)), sendable, make_trail(sendable))
    assert answers[-1].choices[0].text == "aaaaa"


async def test_the_plans_deadline_ends_every_call():
    provider = FakeProvider(Script(deltas=(said("late"),), delays=(5.0,)))
    sendable = make_sendable(model(retries=5), deadline_ns=SOON() + 100_000_000)
    async with asyncio.timeout(2):
        with pytest.raises(ProviderUnavailable):
            await everything(stage(provider), sendable, make_trail(sendable))
    assert len(provider.received) == 1


async def test_a_slow_reader_is_never_cancelled_by_the_models_deadline():
    script = Script(deltas=(said("a", finish_reason=None), said("b", finish_reason=None)))
    sendable = make_sendable(model(timeout_ms=50), stream=True)
    async with aclosing(stage(FakeProvider(script)).call(sendable, make_trail(sendable))) as got:
        await anext(got)
        await asyncio.sleep(0.2)  # would raise CancelledError here
        with pytest.raises(ProviderUnavailable, match="too long"):
            await anext(got)


async def test_a_caller_that_goes_away_closes_the_provider_at_once():
    provider = FakeProvider("one two three four")
    sendable = make_sendable(model(output_price_nano=1), stream=True)
    trail = make_trail(sendable)
    async with aclosing(stage(provider).call(sendable, trail)) as answers:
        await anext(answers)
    assert provider.closed == 1
    assert (trail.call.error, trail.call.error_kind) == ("the caller went away", "hung_up")
    assert trail.call.usage.estimated
    assert trail.call.cost_nano > 0


async def test_cancelling_reaches_the_provider_and_stays_a_cancellation():
    provider = FakeProvider(Script(deltas=(said("late"),), delays=(5.0,)))
    sendable = make_sendable(stream=True)
    trail = make_trail(sendable)
    task = asyncio.create_task(everything(stage(provider), sendable, trail))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert provider.closed == 1
    assert trail.call.error == "the caller went away"


async def test_an_unknown_dialect_is_left_to_the_next_model():
    sendable = make_sendable(model(provider="other"))
    with pytest.raises(RoutingError, match="other"):
        await everything(stage(FakeProvider()), sendable, make_trail(sendable))


async def test_what_packing_left_out_is_in_the_trail():
    pieces = tuple(Piece(source=f"s{i}", title="", text="x" * 350, trusted=True) for i in range(4))
    plan = make_plan(
        model(context_window=500), pieces=pieces, system_prompt="Be <context source= kind."
    )
    trail = make_trail(plan)
    inference = stage(FakeProvider())
    packed = inference.pack(plan, plan.attempts[0], trail)
    assert trail.decisions[0].evidence == ("s3",)
    assert trail.spent_ns["inference"] > 0
    assert trail.dropped == ("s3",)
    assert "s3" not in packed[0].content


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("prompt", "completion"),
    [(10**30, 1), (1, 10_000_001), (-1, 1), (1, -1), (True, 1), (2.0, 1), ("3", 1)],
)
async def test_a_count_that_no_call_can_have_is_not_believed(stream, prompt, completion):
    wrong = Usage(prompt_tokens=prompt, completion_tokens=completion)
    script = Script(deltas=(said("Good day."), Delta(usage=wrong)))
    sendable = make_sendable(stream=stream)
    trail = make_trail(sendable)
    answers = await everything(stage(FakeProvider(script)), sendable, trail)
    counted = answers[-1].usage
    assert counted == trail.call.usage
    assert counted.estimated
    assert 0 < counted.prompt_tokens + counted.completion_tokens < 100
    assert trail.call.error == ""
    (decision,) = trail.decisions
    assert (decision.stage, decision.rule) == ("inference", "usage")
    assert "not believed" in decision.why


async def test_the_largest_count_that_is_believed():
    most = Usage(prompt_tokens=10_000_000, completion_tokens=0)
    sendable = make_sendable()
    trail = make_trail(sendable)
    script = Script(deltas=(said("Good day.", usage=most),))
    (answer,) = await everything(stage(FakeProvider(script)), sendable, trail)
    assert answer.usage == most
    assert trail.decisions == []


# -- what the endpoint's health is told -----------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "ok", "retry_after_s", "kind"),
    [
        ("Hello.", True, None, ""),
        (_BUSY.of("rate_limited"), False, 2.5, "rate_limited"),
        (ProviderRejected("malformed"), True, None, "refused"),
        (Abstained("not sure"), True, None, "unsure"),
        (ProviderError("the key was refused"), False, None, "other"),
        (RuntimeError("timed out, 429, not JSON"), False, None, "crash"),
    ],
    ids=["answer", "unavailable", "rejected", "unsure", "set up wrongly", "crash"],
)
async def test_every_end_is_reported(script, ok, retry_after_s, kind):
    health = FakeHealth()
    inference = Inference({"openai": FakeProvider(script)}, SystemClock(), health)
    sendable = make_sendable(model())
    trail = make_trail(sendable)
    with contextlib.suppress(ProviderError, RuntimeError):
        await everything(inference, sendable, trail)
    assert trail.call.error_kind == kind
    ((name, report),) = health.reports
    assert (name, report.ok, report.retry_after_s) == (sendable.attempt.model.id, ok, retry_after_s)
    assert report.waited_ns > 0
    assert (report.first_ns is not None) == (script == "Hello.")


async def test_the_plans_end_says_nothing_about_the_endpoint():
    health = FakeHealth()
    slow = Script(deltas=(said("late"),), first_delay=30)
    inference = Inference({"openai": FakeProvider(slow)}, SystemClock(), health)
    sendable = make_sendable(model(timeout_ms=60_000), deadline_ns=SOON() + 20_000_000)
    with pytest.raises(ProviderUnavailable):
        await everything(inference, sendable, make_trail(sendable))
    assert [report.ok for _, report in health.reports] == [None]


async def test_endpoints_go_down_and_come_back():
    provider = FakeProvider(ProviderUnavailable("busy", again=False))
    clock = FakeClock()
    health = EndpointHealth(clock, jitter=lambda: 1.0)
    inference = Inference({"openai": provider}, SystemClock(), health)
    there = model()
    for _ in range(5):
        assert health.of(there) == READY
        with pytest.raises(ProviderUnavailable):
            await everything(inference, *asked(there))
    assert health.of(there).weight == 0
    assert health.of(there).why == "its endpoint is down"
    assert health.of(model(upstream_model="other")) == READY
    provider.then("Hello again.")
    clock.advance(1.0)
    await everything(inference, *asked(there))
    assert 0 < health.of(there).weight < MILLION
    clock.advance(60.0)
    assert health.of(there) == READY


def asked(there):
    sendable = make_sendable(there)
    return sendable, make_trail(sendable)
