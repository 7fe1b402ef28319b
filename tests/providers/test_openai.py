"""The OpenAI dialect over real sockets, on every transport."""

import asyncio
from contextlib import aclosing

import pytest

from freehold.core.clock import SystemClock
from freehold.providers.clients import CLIENTS, http_transport
from freehold.providers.openai import OpenAIProvider
from freehold.testing.fakes import FakeSecrets
from tests.providers.made import make_sendable, model
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
    async with http_transport(request.param) as opened:
        yield opened


@pytest.fixture
def provider(transport):
    return OpenAIProvider(transport, FakeSecrets({"env:K": "sk-secret-value"}), SystemClock())


async def everything(provider, sendable):
    async with aclosing(provider.call(sendable)) as deltas:
        return [delta async for delta in deltas]


async def test_whole(provider):
    async def handler(request, writer):
        writer.write(answer(chat("Good day.")))

    async with serving(handler) as server:
        sent = make_sendable(model(base_url=server.url, api_key_ref="env:K"))
        (delta,) = await everything(provider, sent)
    assert delta.choices[0].text == "Good day."
    assert delta.choices[0].finish_reason == "stop"
    assert delta.usage.completion_tokens == 3
    assert delta.reported_model == "upstream-2026"
    request = server.received[0]
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == "Bearer sk-secret-value"
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
        deltas = await everything(provider, sent)
    assert "".join(c.text for d in deltas for c in d.choices) == "Good d\u00e4y."
    assert len(deltas) >= 3
    assert deltas[-1].choices[0].finish_reason == "stop"
    assert server.received[0].json["stream_options"] == {"include_usage": True}
