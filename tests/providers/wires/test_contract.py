"""What every provider keeps, whichever wire it speaks: one suite, endpoints that talk back."""

import asyncio
from contextlib import aclosing

import pytest

from freehold.core.ask import Message, ToolCall
from freehold.core.errors import ProviderError, ProviderRejected, ProviderUnavailable
from freehold.testing.wires import Mood, Said, Used
from tests.providers.made import user

TOOLS = (
    {
        "type": "function",
        "function": {
            "name": "find_order",
            "description": "Looks up an order.",
            "parameters": {
                "type": "object",
                "properties": {"number": {"type": "integer"}},
                "required": ["number"],
            },
        },
    },
)
PRICES = Used(prompt=1000, said=200, read=600, wrote=0, thought=50)
HOLDS = (  # every turn of a conversation with tools, two of them used side by side
    Message(role="system", content="Be brief."),
    user("Where are my orders 7 and 8?"),
    Message(
        role="assistant",
        content="I'll look.",
        tool_calls=(
            ToolCall(id="call:1", name="find_order", arguments='{"number": 7}'),
            ToolCall(id="call:2", name="find_order", arguments='{"number": 8}'),
        ),
    ),
    Message(role="tool", content='{"state": "sent"}', tool_call_id="call:1"),
    Message(role="tool", content="unknown", tool_call_id="call:2"),
    Message(role="developer", content="Answer in German."),
    user("Well?"),
)


def text_of(deltas):
    return "".join(choice.text for delta in deltas for choice in delta.choices)


def calls_of(deltas):
    return [call for delta in deltas for choice in delta.choices for call in choice.tool_calls]


def reason_of(deltas):
    (reason,) = [c.finish_reason for d in deltas for c in d.choices if c.finish_reason]
    return reason


def usage_of(deltas):
    (usage,) = [delta.usage for delta in deltas if delta.usage is not None]
    return usage


@pytest.mark.parametrize("stream", [False, True])
class TestSaid:
    async def test_text(self, line, stream):
        line.endpoint.said = Said(text="Gr\u00fc\u00df Gott, how may I help?")
        deltas = await line.call(stream=stream)
        assert text_of(deltas) == "Gr\u00fc\u00df Gott, how may I help?"
        assert reason_of(deltas) == "stop"
        assert all(delta.spent_ns > 0 for delta in deltas)
        assert len(deltas) > 3 if stream else len(deltas) == 1

    async def test_tool_calls_side_by_side(self, line, stream):
        line.endpoint.said = Said(
            text="I look.", calls=(("find_order", {"number": 7}), ("find_order", {"number": 8}))
        )
        deltas = await line.call(stream=stream, tools=TOOLS)
        assert text_of(deltas) == "I look."
        assert reason_of(deltas) == "tool_calls"
        calls = calls_of(deltas)
        assert [(c.name, c.arguments.replace(" ", "")) for c in calls] == [
            ("find_order", '{"number":7}'),
            ("find_order", '{"number":8}'),
        ]
        assert len({call.id for call in calls}) == 2

    async def test_a_call_without_arguments_has_an_empty_object(self, line, stream):
        line.endpoint.said = Said(calls=(("now", {}),))
        (call,) = calls_of(await line.call(stream=stream, tools=TOOLS))
        assert call.arguments == "{}"

    async def test_hidden_reasoning_stays_hidden(self, line, stream):
        line.endpoint.said = Said(thinking="The customer sounds gullible.", text="Certainly.")
        deltas = await line.call(stream=stream)
        assert text_of(deltas) == "Certainly."
        assert "gullible" not in repr(deltas)

    async def test_why_it_ended(self, line, stream):
        for finish, reason in (("length", "length"), ("filter", "content_filter")):
            line.endpoint.said = Said(text="Well", finish=finish)
            assert reason_of(await line.call(stream=stream)) == reason

    async def test_cached_and_reasoning_tokens_are_parts(self, line, stream):
        line.endpoint.said = Said(text="Yes.", used=PRICES)
        usage = usage_of(await line.call(stream=stream))
        assert (usage.prompt_tokens, usage.completion_tokens) == (1000, 200)
        assert usage.cached_tokens == 600
        assert not usage.estimated
        if line.case.provider != "bedrock":  # Converse does not tell
            assert usage.reasoning_tokens == 50

    async def test_nothing_counted_is_no_count_of_zero(self, line, stream):
        line.endpoint.said = Said(text="Yes.", used=None)
        assert all(delta.usage is None for delta in await line.call(stream=stream))
        line.endpoint.said = Said(text="Yes.", used=Used(prompt=0, said=0))
        assert all(delta.usage is None for delta in await line.call(stream=stream))

    async def test_every_turn_is_taken_as_the_endpoint_wants_it(self, line, stream):
        deltas = await line.call(stream=stream, messages=HOLDS, tools=TOOLS)
        assert text_of(deltas) == "Good day to you."

    async def test_old_calls_need_no_tools_any_more(self, line, stream):
        assert text_of(await line.call(stream=stream, messages=HOLDS)) == "Good day to you."

    async def test_an_empty_message_spoils_nothing(self, line, stream):
        messages = (user("Hello"), Message(role="assistant", content=""), user("Anybody?"))
        assert text_of(await line.call(stream=stream, messages=messages)) == "Good day to you."

    async def test_the_longest_answer_is_always_told(self, line, stream):
        await line.call(stream=stream, max_tokens=77)
        assert ":77" in repr(line.endpoint.asked[0].body).replace(" ", "")

    async def test_connections_are_used_again(self, line, stream):
        for _ in range(3):
            await line.call(stream=stream)
        assert {asked.connection for asked in line.endpoint.asked} == {1}


@pytest.mark.parametrize("stream", [False, True])
class TestWrong:
    @pytest.mark.parametrize(
        ("status", "kind", "again"),
        [
            (400, ProviderRejected, None),
            (401, ProviderError, None),
            (403, ProviderError, None),
            (404, ProviderError, None),
            (408, ProviderUnavailable, True),
            (413, ProviderRejected, None),
            (424, ProviderUnavailable, True),
            (429, ProviderUnavailable, True),
            (500, ProviderUnavailable, True),
            (503, ProviderUnavailable, True),
            (529, ProviderUnavailable, True),
        ],
    )
    async def test_statuses(self, line, stream, status, kind, again):
        line.endpoint.mood = Mood(status=status)
        with pytest.raises(ProviderError, match="m1") as caught:
            await line.call(stream=stream)
        assert type(caught.value) is kind
        if again is not None:
            assert caught.value.again is again

    async def test_when_to_come_back(self, line, stream):
        line.endpoint.mood = Mood(status=429, retry_after="3")
        with pytest.raises(ProviderUnavailable) as caught:
            await line.call(stream=stream)
        assert caught.value.retry_after_s == 3.0

    async def test_no_json(self, line, stream):
        line.endpoint.mood = Mood(garbled=True)
        with pytest.raises(ProviderUnavailable, match="expected shape"):
            await line.call(stream=stream)

    async def test_a_blocked_prompt_is_no_answer(self, line, stream):
        line.endpoint.mood = Mood(blocked=True)
        try:
            deltas = await line.call(stream=stream)
        except ProviderRejected:
            return
        assert reason_of(deltas) == "content_filter"

    async def test_a_wrong_key_is_ours_to_mend(self, line, stream):
        if line.case.provider == "bedrock":
            return
        line.endpoint.key = "another"
        with pytest.raises(ProviderError, match="refused our API key") as caught:
            await line.call(stream=stream)
        assert type(caught.value) is ProviderError
        assert "k-secret-value" not in str(caught.value)

    async def test_silence_ends_with_the_models_time(self, line, stream):
        line.endpoint.mood = Mood(silent=True)
        slow = line.model(timeout_ms=150, first_token_ms=150)
        async with asyncio.timeout(20):
            with pytest.raises(ProviderUnavailable, match="took too long"):
                await line.call(stream=stream, model=slow)
            await line.endpoint.gone.wait()

    async def test_hanging_up_ends_the_call_upstream(self, line, stream):
        line.endpoint.mood = Mood(stalls_after=4) if stream else Mood(silent=True)
        task = asyncio.create_task(line.call(stream=stream))
        async with asyncio.timeout(20):
            while not line.endpoint.asked:
                await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await line.endpoint.gone.wait()

    async def test_other_operations_are_left_to_other_models(self, line, stream):
        if line.case.provider in {"openai", "azure", "gemini"}:
            return
        with pytest.raises(ProviderRejected, match="embedding"):
            await line.call(operation="embedding", stream=stream)
        with pytest.raises(ProviderRejected, match="answer"):
            await line.call(n=2, stream=stream)


class TestStreams:
    async def test_half_a_stream_is_an_error_after_what_was_said(self, line):
        line.endpoint.said = Said(text="one two three four five six seven eight")
        for mood in (Mood(cut_after=6), Mood(ends_early=6), Mood(fails_after=6)):
            line.endpoint.mood = mood
            deltas = []
            with pytest.raises(ProviderUnavailable, match="m1"):
                await _gather(line, deltas)
            assert text_of(deltas).startswith("one two")
            assert all(delta.usage is None for delta in deltas)  # half of it is not the cost

    async def test_a_stream_that_stalls_ends_with_the_models_time(self, line):
        line.endpoint.mood = Mood(stalls_after=6)
        line.endpoint.said = Said(text="one two three four five six seven eight")
        deltas = []
        async with asyncio.timeout(20):
            with pytest.raises(ProviderUnavailable, match="took too long"):
                await _gather(line, deltas, line.model(timeout_ms=400))
            await line.endpoint.gone.wait()

    async def test_leaving_closes_the_connection_and_the_next_call_gets_its_own(self, line):
        line.endpoint.mood = Mood(stalls_after=5)
        async with asyncio.timeout(20):
            async with aclosing(line.provider.call(line.sendable(stream=True))) as deltas:
                await anext(deltas)
            await line.endpoint.gone.wait()
            line.endpoint.mood = Mood()
            assert text_of(await line.call(stream=True)) == "Good day to you."
        assert len({asked.connection for asked in line.endpoint.asked}) == 2

    async def test_every_cut_of_the_bytes_reads_the_same(self, line):
        said = Said(thinking="hm", text="\u00c4 b", calls=(("f", {"a": 1}),), used=PRICES)
        pieces = b"".join(line.endpoint.wire.pieces(said))
        dialect = line.provider._dialect
        trip = _trip(line)
        wanted = None
        for at in range(1, len(pieces)):
            got = _read(dialect.reader(trip), [pieces[:at], pieces[at:]])
            wanted = wanted or got
            assert got == wanted
        assert wanted[0] == "\u00c4 b"

    async def test_many_at_once_are_not_mixed_up(self, line):
        line.endpoint.said = lambda asked: Said(text=f"You said {repr(asked.body).count('x')}.")
        texts = await asyncio.gather(
            *(line.call(messages=(user("x" * (n + 1)),), stream=n % 2 == 0) for n in range(24))
        )
        numbers = [int(text_of(deltas).split()[-1][:-1]) for deltas in texts]
        assert [number - numbers[0] for number in numbers] == list(range(24))

    async def test_nothing_is_left_behind(self, line):
        line.endpoint.mood = Mood(stalls_after=5)
        async with asyncio.timeout(20):
            async with aclosing(line.provider.call(line.sendable(stream=True))) as deltas:
                await anext(deltas)
            await line.endpoint.gone.wait()
        names = {task.get_coro().__qualname__ for task in asyncio.all_tasks()}
        assert not any(name.startswith("HttpProvider") for name in names)


async def _gather(line, deltas, spec=None):
    sendable = line.sendable(stream=True, model=spec)
    async with aclosing(line.provider.call(sendable)) as coming:
        async for delta in coming:
            deltas.append(delta)


def _trip(line):
    from freehold.core.clock import SystemClock
    from freehold.providers.dialect import Trip

    trip = Trip(SystemClock(), line.sendable(stream=True))
    line.provider._dialect.choose(trip)
    return trip


def _read(reader, pieces):
    deltas = [delta for piece in pieces if (delta := reader.feed(piece)) is not None]
    deltas += list(reader.finish())
    return text_of(deltas), calls_of(deltas), reason_of(deltas), usage_of(deltas)
