"""The OpenAI dialect over real sockets, on every transport."""

import asyncio
from contextlib import aclosing
from email.utils import formatdate

import pytest

from freehold.core.ask import Message, ToolCall
from freehold.core.clock import SystemClock
from freehold.core.errors import ProviderError, ProviderRejected, ProviderUnavailable
from freehold.providers.clients import CLIENTS, http_transport
from freehold.providers.http_provider import HttpProvider
from freehold.providers.openai import OpenAIDialect
from freehold.testing.fakes import FakeSecrets
from tests.providers.made import make_sendable, model, user
from tests.providers.servers import (
    DONE,
    STREAM_END,
    STREAM_HEAD,
    answer,
    chat,
    chunk,
    event,
    part,
    serving,
)


@pytest.fixture(params=list(CLIENTS))
async def transport(request):
    pytest.importorskip(request.param)
    async with http_transport(request.param) as opened:
        yield opened


@pytest.fixture
def provider(transport):
    return HttpProvider(
        OpenAIDialect(), transport, FakeSecrets({"env:K": "sk-secret-value"}), SystemClock()
    )


async def everything(provider, sendable):
    async with aclosing(provider.call(sendable)) as deltas:
        return [delta async for delta in deltas]


async def test_whole(provider):
    async def handler(request, writer):
        writer.write(answer(chat("Good day.")))

    async with serving(handler) as server:
        sent = make_sendable(model(base_url=server.url + "/", api_key_ref="env:K"))
        (delta,) = await everything(provider, sent)
    assert delta.choices[0].text == "Good day."
    assert delta.choices[0].finish_reason == "stop"
    assert delta.usage.completion_tokens == 3
    assert delta.reported_model == "upstream-2026"
    assert delta.spent_ns > 0
    request = server.received[0]
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == "Bearer sk-secret-value"
    assert request.headers["content-type"] == "application/json"
    assert request.json == {
        "model": "upstream",
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 100,
    }


async def test_stream(provider):
    async def handler(request, writer):
        writer.write(STREAM_HEAD + chunk(event(part("", role="assistant"))))
        for word in ("Good ", "d\u00e4y", "."):
            data = event(part(word))
            writer.write(chunk(data[:-9]))
            await asyncio.sleep(0.01)
            writer.write(chunk(data[-9:]))
        writer.write(chunk(event(part(finish="stop"))) + chunk(DONE) + STREAM_END)

    async with serving(handler) as server:
        sent = make_sendable(model(base_url=server.url), stream=True)
        for _ in range(3):
            deltas = await everything(provider, sent)
            assert "".join(c.text for d in deltas for c in d.choices) == "Good d\u00e4y."
            assert len(deltas) >= 3
            assert deltas[-1].choices[0].finish_reason == "stop"
        assert server.connections == 1
    assert server.received[0].json["stream_options"] == {"include_usage": True}
    assert "authorization" not in server.received[0].headers


async def test_a_stream_that_comes_as_a_whole_answer_is_read_all_the_same(provider):
    async def handler(request, writer):
        writer.write(answer(chat("All at once.")))

    async with serving(handler) as server:
        sent = make_sendable(model(base_url=server.url), stream=True)
        (delta,) = await everything(provider, sent)
    assert delta.choices[0].text == "All at once."


async def test_a_server_that_keeps_the_stream_open_behind_done_costs_only_its_connection(provider):
    async def handler(request, writer):
        writer.write(STREAM_HEAD + chunk(event(part("Hi", finish="stop")) + DONE))
        await asyncio.sleep(5)

    async with serving(handler) as server:
        sent = make_sendable(model(base_url=server.url), stream=True)
        async with asyncio.timeout(1):
            await everything(provider, sent)
            await server.gone.wait()


async def test_half_a_stream_is_an_error_after_what_was_said(provider):
    async def handler(request, writer):
        writer.write(STREAM_HEAD + chunk(event(part("Some"))))
        await writer.drain()
        writer.close()

    async with serving(handler) as server:
        sent = make_sendable(model(base_url=server.url), stream=True)
        async with aclosing(provider.call(sent)) as deltas:
            assert (await anext(deltas)).choices[0].text == "Some"
            with pytest.raises(ProviderUnavailable, match="m1") as caught:
                await anext(deltas)
            assert caught.value.sort == "broken_off"


async def test_a_stream_that_ends_politely_but_too_early_is_an_error(provider):
    async def handler(request, writer):
        writer.write(STREAM_HEAD + chunk(event(part("Some"))) + STREAM_END)

    async with serving(handler) as server:
        sent = make_sendable(model(base_url=server.url), stream=True)
        with pytest.raises(ProviderUnavailable, match="before the answer was complete") as caught:
            await everything(provider, sent)
        assert caught.value.sort == "broken_off"


async def test_leaving_a_stream_closes_the_connection_and_the_next_call_gets_its_own(provider):
    async def handler(request, writer):
        said = request.json["messages"][0]["content"]
        writer.write(STREAM_HEAD)
        for _ in range(1 if said == "short" else 500):
            writer.write(chunk(event(part(said))))
            await asyncio.sleep(0.01)
        writer.write(chunk(event(part(finish="stop")) + DONE) + STREAM_END)

    async with serving(handler) as server:
        there = model(base_url=server.url)
        async with aclosing(
            provider.call(make_sendable(there, messages=(user("long"),), stream=True))
        ) as deltas:
            await anext(deltas)
        async with asyncio.timeout(1):
            await server.gone.wait()
        deltas = await everything(
            provider, make_sendable(there, messages=(user("short"),), stream=True)
        )
    assert deltas[0].choices[0].text == "short"


async def test_comments_are_no_first_token(provider):
    async def handler(request, writer):
        writer.write(STREAM_HEAD)
        for _ in range(200):
            writer.write(chunk(b": still there\n\n"))
            await asyncio.sleep(0.02)

    async with serving(handler) as server:
        sent = make_sendable(model(base_url=server.url, first_token_ms=100), stream=True)
        async with asyncio.timeout(1):
            with pytest.raises(ProviderUnavailable, match="first byte"):
                await everything(provider, sent)


async def test_a_whole_answer_may_take_longer_than_a_first_token(provider):
    async def handler(request, writer):
        await asyncio.sleep(0.15)
        writer.write(answer(chat()))

    async with serving(handler) as server:
        sent = make_sendable(model(base_url=server.url, first_token_ms=50))
        assert await everything(provider, sent)
        late = make_sendable(model(base_url=server.url, timeout_ms=50))
        with pytest.raises(ProviderUnavailable, match="too long"):
            await everything(provider, late)


async def test_the_plans_end_is_the_calls_end(provider):
    async def handler(request, writer):
        await asyncio.sleep(5)

    async with serving(handler) as server:
        there = model(base_url=server.url)
        for _ in range(6):
            soon = SystemClock().monotonic_ns() + 50_000_000
            with pytest.raises(ProviderUnavailable):
                await everything(provider, make_sendable(there, deadline_ns=soon))
        sent = len(server.received)  # a busy machine may not have got to all of them
        with pytest.raises(ProviderUnavailable):
            await everything(provider, make_sendable(there, deadline_ns=0))
        assert len(server.received) == sent > 0


@pytest.mark.parametrize(
    ("status", "kind", "again", "sort"),
    [
        (400, ProviderRejected, None, "refused"),
        (413, ProviderRejected, None, "refused"),
        (422, ProviderRejected, None, "refused"),
        (401, ProviderError, None, "refused"),
        (403, ProviderError, None, "refused"),
        (404, ProviderError, None, "refused"),
        (307, ProviderError, None, "refused"),
        (408, ProviderUnavailable, True, "timeout"),
        (409, ProviderUnavailable, True, "refused"),
        (429, ProviderUnavailable, True, "rate_limited"),
        (500, ProviderUnavailable, True, "server_error"),
        (529, ProviderUnavailable, True, "server_error"),
        (204, ProviderUnavailable, True, "nonsense"),
    ],
)
async def test_statuses(provider, status, kind, again, sort):
    said = {"error": {"message": "Because of this.", "type": "x"}}

    async def handler(request, writer):
        writer.write(answer(b"" if status == 204 else said, status=status))

    async with serving(handler) as server:
        with pytest.raises(kind, match=f"m1.*{status}") as caught:
            await everything(provider, make_sendable(model(base_url=server.url)))
    assert len(server.received) == 1
    assert type(caught.value) is kind
    assert caught.value.sort == sort
    assert "Because" not in caught.value.public
    if again is not None:
        assert caught.value.again is again
    if status not in (204, 307):
        assert "Because of this." in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "86400"}, 86_400),
        ({"retry-after": "2592000"}, 86_400),
        ({}, None),
    ],
)
async def test_retry_after(provider, headers, seconds):
    async def handler(request, writer):
        writer.write(answer({}, status=429, headers=headers))

    async with serving(handler) as server:
        with pytest.raises(ProviderUnavailable) as caught:
            await everything(provider, make_sendable(model(base_url=server.url)))
    assert caught.value.retry_after_s == seconds


async def test_retry_after_as_a_date(provider):
    async def handler(request, writer):
        later = SystemClock().now_ns() / 1e9 + 60
        headers = {"retry-after": formatdate(later, usegmt=True)}
        writer.write(answer({}, status=503, headers=headers))

    async with serving(handler) as server:
        with pytest.raises(ProviderUnavailable) as caught:
            await everything(provider, make_sendable(model(base_url=server.url)))
    assert 55 < caught.value.retry_after_s <= 60


@pytest.mark.parametrize(
    "said",
    [
        "Incorrect API key provided: sk-secret-value.",
        "Incorrect API key provided: sk-secr*****************alue.",
        "the token eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9 has expired",
        "anna.smith@example.com may not do this",
        "could not parse '... my card is 4111 1111 1111 1111, please ...'",
        "x" * 5_000,
        "a\nb\x00" * 10,
    ],
)
async def test_explanations_carry_no_secret_and_no_request(provider, said):
    async def handler(request, writer):
        writer.write(answer({"error": {"message": said}}, status=400))

    async with serving(handler) as server:
        sent = make_sendable(
            model(base_url=server.url, api_key_ref="env:K"),
            messages=(user("my card is 4111 1111 1111 1111, please pay"),),
        )
        with pytest.raises(ProviderRejected) as caught:
            await everything(provider, sent)
    text = str(caught.value)
    for secret in ("secr", "eyJ", "anna", "4111", "\n"):
        assert secret not in text
    assert len(text) < 400


@pytest.mark.parametrize("said", [b"<html>", b"[]", b'{"error": 7}', b'{"detail": "no"}', b"\xff"])
async def test_odd_error_bodies(provider, said):
    async def handler(request, writer):
        writer.write(answer(said, status=400))

    async with serving(handler) as server:
        with pytest.raises(ProviderRejected, match="400"):
            await everything(provider, make_sendable(model(base_url=server.url)))


async def test_an_endpoint_that_wants_max_completion_tokens_gets_it(provider):
    async def handler(request, writer):
        if "max_tokens" in request.json:
            text = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
            writer.write(answer({"error": {"message": text, "param": "max_tokens"}}, status=400))
        elif "stream_options" in request.json:
            text = "Extra inputs are not permitted: stream_options"
            writer.write(answer({"detail": "", "message": text}, status=422))
        else:
            writer.write(answer(chat()))

    async with serving(handler) as server:
        sent = make_sendable(model(base_url=server.url), stream=True)
        await everything(provider, sent)
        await everything(provider, sent)
    assert len(server.received) == 4
    assert server.received[-1].json["max_completion_tokens"] == 100


async def test_a_renewed_key_is_taken_without_a_restart(transport):
    secrets = FakeSecrets({"env:K": "old", "env:ORG": "o1"})
    provider = HttpProvider(OpenAIDialect(), transport, secrets, SystemClock())

    async def handler(request, writer):
        good = request.headers["authorization"] == "Bearer new"
        writer.write(answer(chat()) if good else answer({}, status=401))

    async with serving(handler) as server:
        there = model(base_url=server.url, api_key_ref="env:K", headers={"X-Org": "env:ORG"})
        with pytest.raises(ProviderError, match="refused our API key"):
            await everything(provider, make_sendable(there))
        assert len(server.received) == 1
        secrets.values["env:K"] = "new"
        await everything(provider, make_sendable(there))
        await everything(provider, make_sendable(there))
    assert server.received[-1].headers["x-org"] == "o1"
    assert secrets.reads.count("env:K") == 3


async def test_a_missing_key_is_left_to_the_next_model(provider):
    with pytest.raises(ProviderError, match="env:NONE") as caught:
        await everything(provider, make_sendable(model(api_key_ref="env:NONE")))
    assert caught.value.status == 502


async def test_azure(provider):
    async def handler(request, writer):
        writer.write(answer(chat()))

    async with serving(handler) as server:
        there = model(
            base_url=server.url.replace("/v1", "/openai/deployments/gpt"),
            api_key_ref="env:K",
            query={"api-version": "2026-01-01"},
        )
        await everything(provider, make_sendable(there))
    (request,) = server.received
    assert request.path == "/openai/deployments/gpt/chat/completions?api-version=2026-01-01"
    assert request.headers["api-key"] == "sk-secret-value"
    assert "authorization" not in request.headers


async def test_embeddings(provider):
    async def handler(request, writer):
        data = [{"index": i, "embedding": "AACAPw=="} for i in range(len(request.json["input"]))]
        writer.write(answer({"data": data, "model": "e", "usage": {"prompt_tokens": 4}}))

    async with serving(handler) as server:
        sent = make_sendable(
            model(base_url=server.url),
            messages=(user("a"), user("b")),
            operation="embedding",
            options={"encoding_format": "base64"},
            stream=True,
        )
        (delta,) = await everything(provider, sent)
    assert delta.embeddings == ("AACAPw==", "AACAPw==")
    assert server.received[0].path == "/v1/embeddings"
    assert server.received[0].json == {
        "model": "upstream",
        "input": ["a", "b"],
        "encoding_format": "base64",
    }


async def test_completions_go_where_the_model_takes_them(provider):
    async def handler(request, writer):
        if request.path.endswith("/chat/completions"):
            writer.write(answer(chat("chat")))
        else:
            choices = [{"index": i, "text": p} for i, p in enumerate(request.json["prompt"])]
            writer.write(answer({"choices": choices}))

    messages = (Message(role="system", content="Rules."), user("a"), user("b"))
    async with serving(handler) as server:
        both = model(base_url=server.url, capabilities=frozenset({"chat", "completion"}))
        (delta,) = await everything(
            provider, make_sendable(both, messages=messages, operation="completion")
        )
        assert [c.text for c in delta.choices] == ["Rules.\n\na", "Rules.\n\nb"]
        chats = model(base_url=server.url)
        (delta,) = await everything(
            provider, make_sendable(chats, messages=messages[:2], operation="completion")
        )
        assert delta.choices[0].text == "chat"
        with pytest.raises(ProviderRejected, match="one prompt"):
            await everything(
                provider, make_sendable(chats, messages=messages, operation="completion")
            )


async def test_everything_that_an_ask_may_hold(provider):
    async def handler(request, writer):
        writer.write(answer(chat() | {"choices": [chat()["choices"][0] | {"index": 1}]}))

    call = ToolCall(id="c1", name="f", arguments='{"x":1}')
    tool = {"type": "function", "function": {"name": "f"}}
    messages = (
        Message(role="developer", content="Rules."),
        Message(role="user", content="Go", name="anna"),
        Message(role="assistant", tool_calls=(call,)),
        Message(role="tool", content="1", tool_call_id="c1"),
    )
    async with serving(handler) as server:
        sent = make_sendable(
            model(base_url=server.url),
            messages=messages,
            n=2,
            stop=("END",),
            tools=(tool,),
            tool_choice="auto",
            parallel_tool_calls=False,
            response_format={"type": "json_object"},
            options={
                "temperature": 0.5,
                "seed": 7,
                "logprobs": True,
                "max_tokens": 9,
                "store": True,
            },
        )
        await everything(provider, sent)
    assert server.received[0].json == {
        "model": "upstream",
        "messages": [
            {"role": "system", "content": "Rules."},
            {"role": "user", "content": "Go", "name": "anna"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "f", "arguments": '{"x":1}'},
                    }
                ],
            },
            {"role": "tool", "content": "1", "tool_call_id": "c1"},
        ],
        "max_tokens": 100,
        "n": 2,
        "stop": ["END"],
        "tools": [tool],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "response_format": {"type": "json_object"},
        "temperature": 0.5,
        "seed": 7,
    }


async def test_nobody_there(provider):
    with pytest.raises(ProviderUnavailable, match="connection") as caught:
        await everything(provider, make_sendable(model(base_url="http://127.0.0.1:9/v1")))
    assert caught.value.again
    assert caught.value.sort == "unreachable"
