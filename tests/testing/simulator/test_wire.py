"""What the unmodified OpenAI SDK sees."""

import base64
import json
import struct
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI

from freehold.testing import Simulator

MODEL = "simulated-frontier"
ASK: list[Any] = [
    {"role": "user", "content": "Please repeat: café, 12.50 € and e-mail a@b.example."}
]


def test_whole_answer_says_that_it_is_simulated(echo_client: OpenAI) -> None:
    raw = echo_client.chat.completions.with_raw_response.create(model=MODEL, messages=ASK)
    answer = raw.parse()
    assert raw.headers["x-simulator"] == "freehold"
    assert answer.system_fingerprint == "simulator"
    assert answer.choices[0].message.content == ASK[0]["content"]
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_stream_carries_the_same_text_and_usage_as_the_whole_answer(echo_client: OpenAI) -> None:
    whole = echo_client.chat.completions.create(model=MODEL, messages=ASK)
    chunks = list(
        echo_client.chat.completions.create(
            model=MODEL, messages=ASK, stream=True, stream_options={"include_usage": True}
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert {chunk.id for chunk in chunks} == {whole.id}
    assert len(chunks) > 10


def test_stream_has_no_usage_unless_asked(echo_client: OpenAI) -> None:
    chunks = list(echo_client.chat.completions.create(model=MODEL, messages=ASK, stream=True))
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)


def test_several_choices_arrive_in_turns(retail_client: OpenAI) -> None:
    hello: list[Any] = [{"role": "user", "content": "hello"}]
    whole = retail_client.chat.completions.create(model=MODEL, messages=hello, n=3)
    texts = ["", "", ""]
    order: list[int] = []
    stream = retail_client.chat.completions.create(model=MODEL, messages=hello, n=3, stream=True)
    for chunk in stream:
        for choice in chunk.choices:
            order.append(choice.index)
            texts[choice.index] += choice.delta.content or ""
    assert order[:6] == [0, 1, 2, 0, 1, 2]
    assert texts == [choice.message.content for choice in whole.choices]
    assert len(set(texts)) > 1


@pytest.mark.parametrize("stream", [False, True])
def test_stop_and_max_tokens_cut(echo_client: OpenAI, stream: bool) -> None:
    def text_and_reason(**more: Any) -> tuple[str, str]:
        answer: Any = echo_client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "one two three four"}],
            stream=stream,
            **more,
        )
        if not stream:
            return answer.choices[0].message.content, answer.choices[0].finish_reason
        chunks = list(answer)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        return text, chunks[-1].choices[0].finish_reason

    assert text_and_reason(stop="three") == ("one two ", "stop")
    assert text_and_reason(stop=["four", "two"]) == ("one ", "stop")
    assert text_and_reason(max_tokens=2) == ("one two", "length")
    assert text_and_reason(max_completion_tokens=1) == ("one", "length")
    assert text_and_reason(max_tokens=100) == ("one two three four", "stop")


def test_json_object_and_json_schema(retail_client: OpenAI) -> None:
    hello: list[Any] = [{"role": "user", "content": "hello"}]
    loose = retail_client.chat.completions.create(
        model=MODEL, messages=hello, response_format={"type": "json_object"}
    )
    assert json.loads(loose.choices[0].message.content or "")["answer"]
    schema = {
        "type": "object",
        "properties": {
            "reply": {"type": "string"},
            "mood": {"enum": ["good", "bad"]},
            "score": {"type": "integer", "minimum": 3, "maximum": 5},
        },
        "required": ["reply", "mood", "score"],
        "additionalProperties": False,
    }
    tight = retail_client.chat.completions.create(
        model=MODEL,
        messages=hello,
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": schema},
        },
    )
    value = json.loads(tight.choices[0].message.content or "")
    assert set(value) == {"reply", "mood", "score"}
    assert value["mood"] in ("good", "bad")
    assert value["score"] in (3, 4, 5)


def test_legacy_completions(echo_client: OpenAI) -> None:
    whole = echo_client.completions.create(model=MODEL, prompt=["one", "two"])
    assert [choice.text for choice in whole.choices] == ["one", "two"]
    chunks = list(echo_client.completions.create(model=MODEL, prompt="one two", stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks) == "one two"
    assert chunks[-1].choices[0].finish_reason == "stop"
    with pytest.raises(openai.BadRequestError, match="prompt must be"):
        echo_client.completions.create(model=MODEL, prompt=[1, 2, 3])


def test_embeddings_in_both_encodings(echo: Simulator, echo_client: OpenAI) -> None:
    # The SDK asks for base64 by default and decodes it.
    decoded = echo_client.embeddings.create(model="simulated-embedding", input=["red shoe", "x"])
    floats = echo_client.embeddings.create(
        model="simulated-embedding", input="red shoe", encoding_format="float", dimensions=64
    )
    assert len(decoded.data) == 2
    assert len(decoded.data[0].embedding) == 256
    assert len(floats.data[0].embedding) == 64
    body = {"model": "simulated-embedding", "input": "red shoe", "encoding_format": "base64"}
    raw = base64.b64decode(post(echo, "/v1/embeddings", body)["data"][0]["embedding"])
    vector = struct.unpack("<256f", raw)
    assert list(vector) == pytest.approx(decoded.data[0].embedding, abs=1e-6)
    assert sum(value * value for value in vector) == pytest.approx(1.0, abs=1e-5)


def test_models_are_listed_and_found(echo_client: OpenAI) -> None:
    names = [model.id for model in echo_client.models.list()]
    assert {"simulated-frontier", "simulated-small", "simulated-embedding"} <= set(names)
    assert echo_client.models.retrieve(MODEL).owned_by == "freehold-simulator"
    with pytest.raises(openai.NotFoundError):
        echo_client.models.retrieve("gpt-unheard-of")


def test_unknown_model_is_a_404_error_object(echo_client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        echo_client.chat.completions.create(model="gpt-unheard-of", messages=ASK)
    assert caught.value.code == "model_not_found"
    assert caught.value.param == "model"


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
        (
            {"messages": [{"role": "tool", "content": "x", "tool_call_id": "call_1"}]},
            "messages[0].tool_call_id",
        ),
        ({"n": 0}, "n"),
        ({"n": True}, "n"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"tools": [{"type": "function"}]}, "tools[0]"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"response_format": {"type": "xml"}}, "response_format"),
    ],
)
def test_malformed_requests_are_400_and_name_the_argument(
    echo_client: OpenAI, changes: dict[str, Any], param: str
) -> None:
    body: dict[str, Any] = {"model": MODEL, "messages": ASK, **changes}
    with pytest.raises(openai.BadRequestError) as caught:
        echo_client.post("/chat/completions", body=body, cast_to=object)
    assert caught.value.param == param
    assert caught.value.type == "invalid_request_error"


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff\xfe", b'{"model": 3}', b""])
def test_bodies_that_are_no_request_are_400(echo: Simulator, body: bytes) -> None:
    request = urllib.request.Request(f"{echo.url}/v1/chat/completions", data=body)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)
    with caught.value:
        assert caught.value.code == 400
        assert json.loads(caught.value.read())["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/v1/x", 404), ("PUT", "/stats", 405)]
)
def test_unknown_routes(echo: Simulator, method: str, path: str, status: int) -> None:
    request = urllib.request.Request(f"{echo.url}{path}", method=method)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)
    with caught.value:
        assert caught.value.code == status


@pytest.fixture
def guarded() -> Iterator[Simulator]:
    with Simulator(behaviour="echo", require_key="right-key", strict=True) as simulator:
        yield simulator


def test_required_key_and_strictness(guarded: Simulator) -> None:
    options: Any = {"base_url": f"{guarded.url}/v1", "max_retries": 0, "timeout": 10}
    with OpenAI(api_key="wrong", **options) as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            client.chat.completions.create(model=MODEL, messages=ASK)
        assert caught.value.code == "invalid_api_key"
        with pytest.raises(openai.AuthenticationError):
            client.models.list()
    with OpenAI(api_key="right-key", **options) as client:
        assert client.chat.completions.create(model=MODEL, messages=ASK).choices
        with pytest.raises(openai.BadRequestError) as refused:
            client.chat.completions.create(
                model=MODEL, messages=ASK, extra_body={"freehold_purpose": "x"}
            )
        assert refused.value.param == "freehold_purpose"


def test_fixed_answers_are_constant_and_about_a_kilobyte() -> None:
    with Simulator(behaviour="fixed") as simulator:
        whole = [
            post(simulator, "/v1/chat/completions", {"model": MODEL, "messages": m})
            for m in (ASK, [{"role": "user", "content": "something else"}])
        ]
        assert whole[0] == whole[1]
        assert 900 < len(json.dumps(whole[0])) < 1400
        with OpenAI(base_url=f"{simulator.url}/v1", api_key="any", timeout=10) as client:
            chunks = list(
                client.chat.completions.create(
                    model=MODEL, messages=ASK, stream=True, stream_options={"include_usage": True}
                )
            )
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert text == whole[0]["choices"][0]["message"]["content"]
        assert chunks[-1].usage is not None


def test_what_arrived_can_be_read_and_keys_are_masked(echo: Simulator, echo_client: OpenAI) -> None:
    echo_client.with_options(api_key="sk-abcdefghijkl-WXYZ").chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "a very special sentence"}]
    )
    latest = echo.stats_now(last=1)["received"][0]
    assert latest["path"] == "/v1/chat/completions"
    assert latest["body"]["messages"][0]["content"] == "a very special sentence"
    assert latest["headers"]["authorization"] == "…WXYZ"
    assert "abcdef" not in json.dumps(echo.stats_now())


def post(simulator: Simulator, path: str, body: object) -> Any:
    request = urllib.request.Request(f"{simulator.url}{path}", data=json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def test_dictated_json_stays_as_it_is(echo: Simulator, echo_client: OpenAI) -> None:
    """So that rules on structured answers can be tried; anything else is put into an object."""
    written = '{"message": "We\\nrefund you", "n": 1.50}'
    wrapped = '{{"answer":{},"intent":null}}'
    for said, left in (
        (written, written),
        ({"content": written}, written),
        ("[1, 2]", "[1, 2]"),
        ("plain", wrapped.format('"plain"')),
        ("30", wrapped.format('"30"')),
        (None, wrapped.format(json.dumps(written))),  # an echo is nobody's JSON
    ):
        echo.control_now(models={MODEL: {"answers": [] if said is None else [said]}})
        answer = echo_client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": written}],
            response_format={"type": "json_object"},
        )
        assert json.loads(answer.choices[0].message.content or "") == json.loads(left)
        if said is not None:
            assert (answer.choices[0].message.content == said) is (left == said)
