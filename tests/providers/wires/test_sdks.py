"""The official SDKs talk to the same endpoints: what our fakes say is what they understand.

So the wires are held against somebody else's reading of them, and so are our requests, by the
types that the SDKs ship.
"""

import asyncio
import json

import pytest

from freehold.core.clock import SystemClock
from freehold.providers.anthropic import AnthropicDialect
from freehold.providers.bedrock import BedrockDialect
from freehold.providers.dialect import Trip
from freehold.providers.gemini import GeminiDialect
from freehold.testing.fakes import FakeSecrets
from freehold.testing.wires import (
    AnthropicWire,
    BedrockWire,
    FakeWire,
    GeminiWire,
    Mood,
    OpenAIWire,
    Said,
    Used,
)
from tests.providers.made import make_sendable, model
from tests.providers.wires.test_contract import HOLDS, TOOLS

USED = Used(prompt=100, said=20, read=60, wrote=10, thought=5)
SAID = Said(thinking="Hm.", text="Good day.", calls=(("find_order", {"number": 7}),), used=USED)
FORMAT = {
    "type": "json_schema",
    "json_schema": {"name": "n", "schema": {"type": "object", "additionalProperties": False}},
}


def body_of(dialect, *, stream=False, **ask):
    """A request in which everything is said that an ask can say."""
    asked = {
        "messages": HOLDS,
        "tools": TOOLS,
        "tool_choice": {"type": "function", "function": {"name": "find_order"}},
        "parallel_tool_calls": False,
        "response_format": FORMAT,
        "stop": ("END",),
        "options": {"temperature": 1.5, "reasoning_effort": "low", "seed": 3},
    }
    sendable = make_sendable(model(**ask.pop("model", {})), stream=stream, **(asked | ask))
    trip = Trip(SystemClock(), sendable)
    dialect.choose(trip)
    return json.loads(dialect.body(trip, frozenset()))


class TestAnthropic:
    async def test_whole(self):
        anthropic = pytest.importorskip("anthropic")
        async with FakeWire(AnthropicWire(), SAID) as endpoint, client(anthropic, endpoint) as sdk:
            message = await sdk.messages.create(model="m", max_tokens=5, messages=HI)
        assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
        assert message.content[2].input == {"number": 7}
        assert message.usage.cache_read_input_tokens == 60
        assert message.usage.input_tokens == 30

    async def test_stream(self):
        anthropic = pytest.importorskip("anthropic")
        async with (
            FakeWire(AnthropicWire(), SAID) as endpoint,
            client(anthropic, endpoint) as sdk,
            sdk.messages.stream(model="m", max_tokens=5, messages=HI) as stream,
        ):
            message = await stream.get_final_message()
        assert message.content[1].text == "Good day."
        assert message.content[2].input == {"number": 7}
        assert message.stop_reason == "tool_use"
        assert message.usage.output_tokens == 20

    async def test_errors(self):
        anthropic = pytest.importorskip("anthropic")
        mood = Mood(status=529)
        async with (
            FakeWire(AnthropicWire(), mood=mood) as endpoint,
            client(anthropic, endpoint) as sdk,
        ):
            with pytest.raises(anthropic.APIStatusError) as caught:
                await sdk.messages.create(model="m", max_tokens=5, messages=HI)
        assert caught.value.body["error"]["type"] == "overloaded_error"

    @pytest.mark.parametrize("stream", [False, True])
    def test_our_requests_have_the_sdks_types(self, stream):
        pytest.importorskip("anthropic")
        from anthropic.types import message_create_params as params
        from pydantic import TypeAdapter

        kind = (
            params.MessageCreateParamsStreaming
            if stream
            else params.MessageCreateParamsNonStreaming
        )
        body = body_of(AnthropicDialect(), stream=stream)
        TypeAdapter(kind).validate_python(body)
        assert body.keys() <= set(kind.__annotations__) | set(
            params.MessageCreateParamsBase.__annotations__
        ) | {"temperature"}  # which the SDK no longer names, and older models still take
        assert body["system"] == "Be brief.\n\nAnswer in German."
        assert body["temperature"] == 1
        assert body["tool_choice"] == {
            "type": "tool",
            "name": "find_order",
            "disable_parallel_tool_use": True,
        }
        assert body["output_config"]["format"]["type"] == "json_schema"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDK's own way with aiohttp
class TestGemini:
    async def test_whole(self):
        genai = pytest.importorskip("google.genai")
        async with FakeWire(GeminiWire(), SAID) as endpoint:
            response = await google(genai, endpoint).generate_content(model="m", contents="Hi")
        assert response.text == "Good day."
        assert response.function_calls[0].args == {"number": 7}
        assert response.usage_metadata.thoughts_token_count == 5
        assert response.usage_metadata.cached_content_token_count == 60

    async def test_stream(self):
        genai = pytest.importorskip("google.genai")
        async with FakeWire(GeminiWire(), SAID) as endpoint:
            models = google(genai, endpoint)
            chunks = [
                chunk
                async for chunk in await models.generate_content_stream(model="m", contents="Hi")
            ]
        parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts]
        assert "".join(p.text for p in parts if p.text and not p.thought) == "Good day."
        assert chunks[-1].usage_metadata.candidates_token_count == 15
        assert chunks[-1].candidates[0].finish_reason.value == "STOP"

    async def test_a_blocked_prompt(self):
        genai = pytest.importorskip("google.genai")
        async with FakeWire(GeminiWire(), mood=Mood(blocked=True)) as endpoint:
            response = await google(genai, endpoint).generate_content(model="m", contents="Hi")
        assert response.prompt_feedback.block_reason.value == "PROHIBITED_CONTENT"

    def test_our_requests_have_the_sdks_types(self):
        pytest.importorskip("google.genai")
        from google.genai import types

        body = body_of(
            GeminiDialect(), model={"upstream_model": "gemini-3-pro"}, parallel_tool_calls=None
        )
        for content in body["contents"]:
            types.Content.model_validate(content)
        types.GenerationConfig.model_validate(body["generationConfig"])
        types.Tool.model_validate(body["tools"][0])
        types.ToolConfig.model_validate(body["toolConfig"])
        assert body["generationConfig"]["thinkingConfig"] == {"thinkingLevel": "low"}
        assert body["contents"][1]["role"] == "model"
        assert [p["functionResponse"]["response"] for p in body["contents"][2]["parts"][:2]] == [
            {"state": "sent"},
            {"result": "unknown"},
        ]


class TestBedrock:
    async def test_whole(self):
        pytest.importorskip("boto3")
        async with FakeWire(BedrockWire("AK", "SK"), SAID) as endpoint:
            body = await asyncio.to_thread(amazon(endpoint).converse, **CONVERSE)
        assert body["output"]["message"]["content"][1] == {"text": "Good day."}
        assert body["usage"]["cacheReadInputTokens"] == 60
        assert body["stopReason"] == "tool_use"

    async def test_stream(self):
        pytest.importorskip("boto3")
        async with FakeWire(BedrockWire("AK", "SK"), SAID) as endpoint:
            events = await asyncio.to_thread(
                lambda: list(amazon(endpoint).converse_stream(**CONVERSE)["stream"])
            )
        deltas = [e["contentBlockDelta"]["delta"] for e in events if "contentBlockDelta" in e]
        assert "".join(d.get("text", "") for d in deltas) == "Good day."
        assert events[-1]["metadata"]["usage"]["outputTokens"] == 20

    @pytest.mark.parametrize("stream", [False, True])
    def test_our_requests_have_the_sdks_types(self, stream):
        session = pytest.importorskip("botocore.session")
        from botocore.validate import ParamValidator

        service = session.Session().get_service_model("bedrock-runtime")
        shape = service.operation_model("Converse").input_shape
        body = body_of(BedrockDialect(FakeSecrets({})), stream=stream)
        report = ParamValidator().validate(body | {"modelId": "m"}, shape)
        assert not report.has_errors(), report.generate_report()
        assert body["toolConfig"]["toolChoice"] == {"tool": {"name": "find_order"}}


class TestAzure:
    @pytest.mark.parametrize("stream", [False, True])
    async def test_the_sdk_calls_the_same_address(self, stream):
        openai = pytest.importorskip("openai")
        async with FakeWire(OpenAIWire(azure=True), SAID) as endpoint:
            sdk = openai.AsyncAzureOpenAI(
                azure_endpoint=endpoint.url, api_key="k", api_version="2025-04-01", max_retries=0
            )
            async with sdk:
                answer = await sdk.chat.completions.create(model="d", messages=HI, stream=stream)
                if stream:
                    text = "".join(
                        [c.choices[0].delta.content or "" async for c in answer if c.choices]
                    )
                else:
                    text = answer.choices[0].message.content
        assert text == "Good day."


HI = [{"role": "user", "content": "Hi"}]
CONVERSE = {
    "modelId": "eu.anthropic.claude-x-v1:0",
    "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
    "inferenceConfig": {"maxTokens": 5},
}


def client(anthropic, endpoint):
    return anthropic.AsyncAnthropic(api_key="k", base_url=endpoint.url, max_retries=0)


def google(genai, endpoint):
    options = {"base_url": endpoint.url, "api_version": "v1beta"}
    return genai.Client(api_key="k", vertexai=False, http_options=options).aio.models


def amazon(endpoint):
    import boto3
    from botocore.config import Config

    return boto3.client(
        "bedrock-runtime",
        endpoint_url=endpoint.url,
        region_name="eu-central-1",
        aws_access_key_id="AK",
        aws_secret_access_key="SK",
        config=Config(retries={"total_max_attempts": 1}),
    )
