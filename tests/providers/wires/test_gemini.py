"""What only Google's wire has."""

import base64

import numpy as np
import orjson
import pytest

from freehold.core.errors import ProviderError, ProviderRejected, ProviderUnavailable
from freehold.core.handoffs import Usage
from freehold.providers.gemini_read import Asked, StreamReader, whole
from freehold.testing.wires import FakeWire, GeminiWire, Mood, Said
from tests.providers.made import user
from tests.providers.wires.conftest import Case, Line
from tests.providers.wires.test_contract import HOLDS, TOOLS, text_of

ONE = Asked(1, "call_x")


@pytest.fixture
async def make(transport_providers):
    def line(endpoint, **fields):
        settings = {"api_key_ref": "env:K", "upstream_model": "gemini-2.5-flash"} | fields
        return Line(transport_providers["gemini"], endpoint, Case("gemini", None, settings))

    return line


async def test_the_key_is_no_part_of_the_address(make):
    async with FakeWire(GeminiWire()) as endpoint:
        await make(endpoint).call()
    (asked,) = endpoint.asked
    assert asked.path == "/v1beta/models/gemini-2.5-flash:generateContent"
    assert asked.headers["x-goog-api-key"] == "k-secret-value"
    assert "k-secret-value" not in asked.path


@pytest.mark.parametrize(
    ("base", "path"),
    [
        ("", "/v1beta/models/m:generateContent"),
        ("/v1beta", "/v1beta/models/m:generateContent"),
        (
            "/v1/projects/p/locations/l/publishers/google",
            "/v1/projects/p/locations/l/publishers/google/models/m:generateContent",
        ),
    ],
)
async def test_addresses(transport_providers, base, path):
    class Any(GeminiWire):
        def fault(self, asked):
            return ""

    async with FakeWire(Any()) as endpoint:
        case = Case("gemini", None, {"upstream_model": "models/m"}, base)
        await Line(transport_providers["gemini"], endpoint, case).call()
    assert endpoint.asked[0].path == path


async def test_only_gemini_3_wants_signatures(make):
    async with FakeWire(GeminiWire()) as endpoint:
        await make(endpoint).call(messages=HOLDS, tools=TOOLS)
        await make(endpoint, upstream_model="gemini-3.8-flash").call(messages=HOLDS, tools=TOOLS)
    older, newer = (asked.body["contents"][1]["parts"] for asked in endpoint.asked)
    assert not any("thoughtSignature" in part for part in older)
    assert ["thoughtSignature" in part for part in newer] == [False, True, False]


async def test_several_answers(make):
    class Twice(GeminiWire):
        def whole(self, said):
            body = orjson.loads(super().whole(said))
            body["candidates"].append(body["candidates"][0] | {"index": 1})
            return orjson.dumps(body)

    async with FakeWire(Twice()) as endpoint:
        (delta,) = await make(endpoint).call(n=2)
    assert [choice.index for choice in delta.choices] == [0, 1]
    assert endpoint.asked[0].body["generationConfig"]["candidateCount"] == 2


@pytest.mark.parametrize("packed", [False, True])
async def test_vectors(make, packed):
    options = {"encoding_format": "base64"} if packed else {}
    async with FakeWire(GeminiWire()) as endpoint:
        (delta,) = await make(endpoint).call(
            operation="embedding",
            messages=(user("a"), user("b")),
            options=options | {"dimensions": 2},
        )
    (asked,) = endpoint.asked
    assert [r["content"]["parts"][0]["text"] for r in asked.body["requests"]] == ["a", "b"]
    assert {r["outputDimensionality"] for r in asked.body["requests"]} == {2}
    first, second = delta.embeddings
    if packed:
        first = np.frombuffer(base64.b64decode(first), "<f4").tolist()
    assert first == [0.5, -0.25]
    assert second is not None


async def test_vectors_that_do_not_fit_are_an_error(make):
    class One(GeminiWire):
        def vectors(self, count):
            return super().vectors(1)

    async with FakeWire(One()) as endpoint:
        with pytest.raises(ProviderUnavailable, match="one vector for each"):
            await make(endpoint).call(operation="embedding", messages=(user("a"), user("b")))


async def test_how_long_to_wait_stands_in_the_body(make):
    async with FakeWire(GeminiWire(), mood=Mood(status=429)) as endpoint:
        with pytest.raises(ProviderUnavailable) as caught:
            await make(endpoint).call()
    assert caught.value.retry_after_s == 7.0


@pytest.mark.parametrize(
    ("said", "pause"), [("0.25s", 0.25), ("2592000s", 86_400), ("-1s", None), ("soon", None)]
)
async def test_other_waits(make, said, pause):
    class Later(GeminiWire):
        def error(self, status, message):
            body = orjson.loads(super().error(status, message))
            body["error"]["details"] = [{"retryDelay": said}]
            return orjson.dumps(body)

    async with FakeWire(Later(), mood=Mood(status=429)) as endpoint:
        with pytest.raises(ProviderUnavailable) as caught:
            await make(endpoint).call()
    assert caught.value.retry_after_s == pause


async def test_a_place_without_service_is_no_malformed_request(make):
    class Nowhere(GeminiWire):
        def error(self, status, message):
            error = {
                "code": 400,
                "message": "User location is not supported",
                "status": "FAILED_PRECONDITION",
            }
            return orjson.dumps({"error": error})

    async with FakeWire(Nowhere(), mood=Mood(status=400)) as endpoint:
        with pytest.raises(ProviderError) as caught:
            await make(endpoint).call()
    assert type(caught.value) is ProviderError


@pytest.mark.parametrize(
    ("name", "effort", "wanted"),
    [
        ("gemini-2.5-flash", "low", {"thinkingBudget": 1024}),
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        ("gemini-3.8-flash", "minimal", {"thinkingLevel": "minimal"}),
        ("gemini-3.8-flash", "xhigh", {"thinkingLevel": "high"}),
    ],
)
async def test_how_much_to_think(make, name, effort, wanted):
    async with FakeWire(GeminiWire()) as endpoint:
        await make(endpoint, upstream_model=name).call(options={"reasoning_effort": effort})
    assert endpoint.asked[0].body["generationConfig"]["thinkingConfig"] == wanted


async def test_what_a_model_can_not_be_told_about_thinking_is_left_out(make):
    class Plain(GeminiWire):
        def fault(self, asked):
            told = "thinkingConfig" in asked.body["generationConfig"]
            return "Thinking level is not supported for this model." if told else ""

    async with FakeWire(Plain()) as endpoint:
        assert text_of(await make(endpoint).call(options={"reasoning_effort": "low"}))
    assert len(endpoint.asked) == 2


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        (None, {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        (
            {"type": "function", "function": {"name": "find_order"}},
            {"mode": "ANY", "allowedFunctionNames": ["find_order"]},
        ),
    ],
)
async def test_tool_choice(make, choice, wanted):
    async with FakeWire(GeminiWire()) as endpoint:
        await make(endpoint).call(tools=TOOLS, tool_choice=choice)
    assert endpoint.asked[0].body["toolConfig"]["functionCallingConfig"] == wanted


def body(**fields):
    return orjson.dumps({"candidates": [{"content": {"parts": []}} | fields]})


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "OTHER"])
def test_an_end_without_an_answer_is_tried_again(reason):
    with pytest.raises(ProviderUnavailable, match=reason):
        whole(body(finishReason=reason), ONE)


def test_an_end_after_text_is_an_end():
    said = body(finishReason="OTHER", content={"parts": [{"text": "Well"}]})
    assert whole(said, ONE).choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    "part",
    [
        {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
        {"executableCode": {"code": "1"}},
        {"codeExecutionResult": {"output": "1"}},
        {"fileData": {"fileUri": "gs://x"}},
    ],
)
def test_what_no_control_can_read_does_not_pass(part):
    with pytest.raises(ProviderRejected, match="no control can read"):
        whole(body(content={"parts": [part]}), ONE)


def test_more_candidates_than_asked_for_are_no_answer():
    with pytest.raises(ProviderUnavailable, match="more candidates"):
        whole(body(index=3), ONE)


@pytest.mark.parametrize(
    ("usage", "wanted"),
    [
        ({"promptTokenCount": 0}, None),
        ({"promptTokenCount": "9"}, Usage(prompt_tokens=-1, completion_tokens=-1)),
        (
            {"promptTokenCount": 9, "candidatesTokenCount": 3, "thoughtsTokenCount": 4},
            Usage(prompt_tokens=9, completion_tokens=7, reasoning_tokens=4),
        ),
        (
            {"promptTokenCount": 9, "toolUsePromptTokenCount": 5},
            Usage(prompt_tokens=14, completion_tokens=0),
        ),
    ],
)
def test_usage(usage, wanted):
    said = orjson.loads(body(finishReason="STOP")) | {"usageMetadata": usage}
    assert whole(orjson.dumps(said), ONE).usage == wanted


def test_ids_are_made_where_google_gives_none():
    call = {"functionCall": {"name": "f", "args": {}}}
    said = body(content={"parts": [call, call]}, finishReason="STOP")
    ids = [c.id for c in whole(said, ONE).choices[0].tool_calls]
    assert ids == ["call_x_0_0", "call_x_0_1"]


def test_the_last_usage_of_a_stream_holds():
    reader = StreamReader(ONE)
    first = orjson.loads(body(content={"parts": [{"text": "a"}]}))
    last = orjson.loads(body(finishReason="STOP"))
    for chunk, count in ((first, 1), (last, 8)):
        chunk["usageMetadata"] = {"promptTokenCount": 5, "candidatesTokenCount": count}
        reader.feed(b"data: " + orjson.dumps(chunk) + b"\n\n")
    (delta,) = reader.finish()
    assert delta.usage == Usage(prompt_tokens=5, completion_tokens=8)


def test_said_is_what_the_fake_says():
    delta = whole(GeminiWire().whole(Said(text="x", thinking="y")), ONE)
    assert delta.choices[0].text == "x"
