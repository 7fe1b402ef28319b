"""The unmodified `openai` SDK, sync and async, against a real server: everything that it offers
and that is not refused on purpose, and every error as the class that its users catch.
"""

import base64
import json
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from freehold.testing import Simulator
from tests.e2e.served import Served, outcomes

ASK: Any = [{"role": "user", "content": "Good morning"}]
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "stock",
            "description": "Items in stock",
            "parameters": {
                "type": "object",
                "properties": {"sku": {"type": "string"}},
                "required": ["sku"],
            },
        },
    }
]


def says(simulator: Simulator, *answers: Any, model: str = "simulated-frontier") -> None:
    simulator.control_now(models={model: {"answers": list(answers)}})


# -- what works --


def test_chat(client: OpenAI, simulator: Simulator):
    says(simulator, "Good morning to you.")
    raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=ASK)
    assert raw.headers["x-freehold-trace-id"]
    assert raw.headers["x-freehold-outcome"] == "allowed"
    answer = raw.parse()
    (choice,) = answer.choices
    assert choice.message.content == "Good morning to you."
    assert choice.finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.usage.completion_tokens > 0
    assert answer.id == f"chatcmpl-{raw.headers['x-freehold-trace-id']}"
    assert answer.object == "chat.completion"


async def test_chat_async(aclient: AsyncOpenAI, simulator: Simulator):
    says(simulator, "Good morning to you.")
    answer = await aclient.chat.completions.create(model="auto", messages=ASK)
    assert answer.choices[0].message.content == "Good morning to you."


def test_every_sampling_setting_that_needs_no_control(client: OpenAI, simulator: Simulator):
    says(simulator, "Yes.")
    answer = client.chat.completions.create(
        model="", messages=ASK, temperature=0.2, top_p=0.9, seed=7, presence_penalty=0.1,
        frequency_penalty=-0.1, max_completion_tokens=50, user="u-1", stop=["\n"],
        metadata={"a": "b"}, store=False, parallel_tool_calls=None, logprobs=False,
    )  # fmt: skip
    assert answer.choices[0].message.content == "Yes."
    sent = simulator.stats_now(last=1)["received"][-1]["body"]
    assert sent["temperature"] == 0.2
    assert sent["seed"] == 7
    assert sent["max_tokens"] == 50
    assert "metadata" not in sent
    assert "user" not in sent


def test_stream(client: OpenAI, simulator: Simulator):
    says(simulator, "One. Two. Three.")
    stream = client.chat.completions.create(model="gpt-4o", messages=ASK, stream=True)
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "One. Two. Three."
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(c.usage is None for c in chunks)
    assert len({c.id for c in chunks}) == 1
    assert stream.response.headers["x-freehold-trace-id"] in chunks[0].id


def test_usage_in_streams(client: OpenAI, simulator: Simulator):
    says(simulator, "One. Two.")
    chunks = list(
        client.chat.completions.create(
            model="gpt-4o", messages=ASK, stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens > 0
    assert all(c.usage is None for c in chunks[:-1])


async def test_stream_helper_async(aclient: AsyncOpenAI, simulator: Simulator):
    says(simulator, "One. Two. Three.")
    async with aclient.chat.completions.stream(model="gpt-4o", messages=ASK) as stream:
        kinds = [event.type async for event in stream]
        final = await stream.get_final_completion()
    assert "content.delta" in kinds
    assert final.choices[0].message.content == "One. Two. Three."
    assert final.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("stream", [False, True])
def test_tool_round_trip(client: OpenAI, simulator: Simulator, stream: bool):
    function = {"name": "stock", "arguments": '{"sku": "4711"}'}
    call = {"id": "call_1", "type": "function", "function": function}
    says(simulator, {"tool_calls": [call]}, "There are 3 left.")
    messages = [{"role": "user", "content": "How many 4711 are there?"}]
    if stream:
        with client.chat.completions.stream(
            model="gpt-4o", messages=messages, tools=TOOLS
        ) as events:
            for _ in events:
                pass
            asked = events.get_final_completion()
    else:
        asked = client.chat.completions.create(
            model="gpt-4o", messages=messages, tools=TOOLS, tool_choice="auto"
        )
    message = asked.choices[0].message
    assert asked.choices[0].finish_reason == "tool_calls"
    (wanted,) = message.tool_calls
    assert wanted.function.name == "stock"
    assert json.loads(wanted.function.arguments) == {"sku": "4711"}
    # the SDK's own message goes back as it is
    messages += [
        message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": wanted.id, "content": '{"stock": 3}'},
    ]
    answer = client.chat.completions.create(model="gpt-4o", messages=messages, tools=TOOLS)
    assert answer.choices[0].message.content == "There are 3 left."
    sent = simulator.stats_now(last=1)["received"][-1]["body"]["messages"]
    assert [m["role"] for m in sent[-3:]] == ["user", "assistant", "tool"]
    assert sent[-2]["tool_calls"][0]["function"]["arguments"] == '{"sku": "4711"}'


class Offer(BaseModel):
    """What the model is to fill in."""

    name: str
    count: int


def test_json_schema(client: OpenAI, simulator: Simulator):
    schema = {"name": "offer", "strict": True, "schema": Offer.model_json_schema()}
    answer = client.chat.completions.create(
        model="gpt-4o", messages=ASK, response_format={"type": "json_schema", "json_schema": schema}
    )
    Offer.model_validate_json(answer.choices[0].message.content)
    answer = client.chat.completions.create(
        model="gpt-4o", messages=ASK, response_format={"type": "json_object"}
    )
    assert isinstance(json.loads(answer.choices[0].message.content), dict)


def test_parse(client: OpenAI):
    answer = client.chat.completions.parse(model="gpt-4o", messages=ASK, response_format=Offer)
    assert isinstance(answer.choices[0].message.parsed, Offer)


async def test_parse_a_stream(aclient: AsyncOpenAI):
    async with aclient.chat.completions.stream(
        model="gpt-4o", messages=ASK, response_format=Offer
    ) as stream:
        final = await stream.get_final_completion()
    assert isinstance(final.choices[0].message.parsed, Offer)


@pytest.mark.parametrize("stream", [False, True])
def test_two_choices(client: OpenAI, simulator: Simulator, stream: bool):
    says(simulator, "Heads.", "Tails.")
    answer = client.chat.completions.create(model="gpt-4o", messages=ASK, n=2, stream=stream)
    if stream:
        texts = {0: "", 1: ""}
        for chunk in answer:
            for choice in chunk.choices:
                texts[choice.index] += choice.delta.content or ""
        assert texts == {0: "Heads.", 1: "Tails."}
    else:
        assert [c.message.content for c in answer.choices] == ["Heads.", "Tails."]
        assert [c.index for c in answer.choices] == [0, 1]


def test_stop_and_length(client: OpenAI, simulator: Simulator):
    says(simulator, "One, two, three.", "One two three four five six seven")
    answer = client.chat.completions.create(model="gpt-4o", messages=ASK, stop=["two"])
    assert answer.choices[0].message.content == "One, "
    answer = client.chat.completions.create(model="gpt-4o", messages=ASK, max_tokens=3)
    assert answer.choices[0].finish_reason == "length"


@pytest.mark.parametrize("stream", [False, True])
def test_legacy_completions(client: OpenAI, simulator: Simulator, stream: bool):
    says(simulator, "And they lived. Happily.")
    answer = client.completions.create(model="gpt-4o", prompt="Once upon a time", stream=stream)
    if stream:
        chunks = list(answer)
        text = "".join(c.choices[0].text for c in chunks)
        assert chunks[-1].choices[0].finish_reason == "stop"
    else:
        text = answer.choices[0].text
        assert answer.object == "text_completion"
        assert answer.usage.completion_tokens > 0
    assert text == "And they lived. Happily."


def test_embeddings(client: OpenAI):
    """The SDK asks for base64 by itself and unpacks it; floats come as they are."""
    packed = client.embeddings.create(model="simulated-embedding", input=["shoes", "boots"])
    plain = client.embeddings.create(
        model="simulated-embedding", input=["shoes", "boots"], encoding_format="float"
    )
    assert [len(e.embedding) for e in packed.data] == [256, 256]
    assert [e.index for e in packed.data] == [0, 1]
    for one, other in zip(packed.data, plain.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, rel=1e-6)
    assert plain.usage.prompt_tokens > 0
    raw = client.embeddings.create(
        model="simulated-embedding", input="shoes", encoding_format="base64", dimensions=8
    )
    assert len(base64.b64decode(raw.data[0].embedding)) == 8 * 4  # type: ignore[arg-type]


def test_models(client: OpenAI):
    listed = [model.id for model in client.models.list()]
    assert {"auto", "gpt-4o", "simulated-frontier", "simulated-embedding"} <= set(listed)
    assert client.models.retrieve("gpt-4o").id == "gpt-4o"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-17")


# -- errors, each as the SDK's own class, each sent once --


def once(served: Served, error: type[openai.APIStatusError], ask: Any) -> openai.APIStatusError:
    """The error that the SDK raises; it must not have tried again."""
    before = served.count
    with pytest.raises(error) as raised:
        ask()
    assert served.count == before + 1, "the SDK sent it again"
    found = raised.value
    assert found.response.headers["x-freehold-trace-id"]
    assert found.code
    assert found.type
    return found


@pytest.mark.parametrize("stream", [False, True])
def test_policy_is_permission_denied(client: OpenAI, served: Served, stream: bool):
    asked = [{"role": "user", "content": "I want a bazooka"}]
    error = once(
        served,
        openai.PermissionDeniedError,
        lambda: client.chat.completions.create(model="gpt-4o", messages=asked, stream=stream),
    )
    assert error.code == "policy_refused"
    assert "We do not sell weapons." in error.message
    assert error.response.headers["x-freehold-outcome"] == "denied"


async def test_policy_is_permission_denied_async(aclient: AsyncOpenAI, served: Served):
    before = served.count
    with pytest.raises(openai.PermissionDeniedError):
        await aclient.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": "a bazooka"}]
        )
    assert served.count == before + 1


def test_an_answer_that_is_blocked(client: OpenAI, served: Served, simulator: Simulator):
    says(simulator, "This darn thing.")
    error = once(
        served,
        openai.PermissionDeniedError,
        lambda: client.chat.completions.create(model="gpt-4o", messages=ASK),
    )
    assert "darn" not in error.message


@pytest.mark.parametrize(
    ("sent", "issuer"), [("sk-proj-abcdefghij", "OpenAI"), ("sk-ant-abcdefghij", "Anthropic")]
)
def test_a_providers_key(served: Served, home, sent: str, issuer: str):
    with OpenAI(base_url=f"{served.url}/v1", api_key=sent, timeout=20) as client:
        error = once(
            served,
            openai.AuthenticationError,
            lambda: client.chat.completions.create(model="gpt-4o", messages=ASK),
        )
    assert error.code == "invalid_api_key"
    assert issuer in error.message
    assert "freehold key create --tenant" in error.message
    assert sent not in error.message
    for file in home.rglob("*"):
        assert not file.is_file() or sent.encode() not in file.read_bytes()


@pytest.mark.parametrize("sent", ["fh_0123456789ab_nobody", "nonsense", "x"])
def test_an_unknown_key(served: Served, sent: str):
    with OpenAI(base_url=f"{served.url}/v1", api_key=sent, timeout=20) as client:
        once(served, openai.AuthenticationError, lambda: client.models.list())
        once(
            served,
            openai.AuthenticationError,
            lambda: client.embeddings.create(model="simulated-embedding", input="x"),
        )


@pytest.mark.parametrize(
    "more",
    [{"temperature": 9}, {"n": 0}, {"top_logprobs": 3, "logprobs": True}, {"modalities": ["audio"]},
     {"extra_body": {"unknown_field": 1}}, {"tools": [{"type": "web_search"}]},
     {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}],
)  # fmt: skip
def test_malformed_is_bad_request(client: OpenAI, served: Served, more: Any):
    error = once(
        served,
        openai.BadRequestError,
        lambda: client.chat.completions.create(**{"model": "gpt-4o", "messages": ASK, **more}),
    )
    assert error.param


def test_too_large(client: OpenAI, served: Served):
    for size in (300_000, 9 * 1024 * 1024):
        error = once(
            served,
            openai.APIStatusError,
            lambda size=size: client.chat.completions.create(
                model="gpt-4o", messages=[{"role": "user", "content": "x" * size}]
            ),
        )
        assert error.status_code == 413


def test_what_is_not_there(client: OpenAI, served: Served):
    once(served, openai.NotFoundError, lambda: client.files.list())
    once(served, openai.NotFoundError, lambda: client.moderations.create(input="Hello"))


def test_a_key_without_the_scope(served: Served, other_keys: dict[str, str]):
    key = other_keys["chat only"]
    with OpenAI(base_url=f"{served.url}/v1", api_key=key, timeout=20) as client:
        once(
            served,
            openai.PermissionDeniedError,
            lambda: client.embeddings.create(model="simulated-embedding", input="x"),
        )


def test_too_many_requests(served: Served, other_keys: dict[str, str]):
    with OpenAI(
        base_url=f"{served.url}/v1", api_key=other_keys["limited"], timeout=20, max_retries=0
    ) as client:
        for _ in range(2):
            client.chat.completions.create(model="gpt-4o", messages=ASK)
        error = once(
            served,
            openai.RateLimitError,
            lambda: client.chat.completions.create(model="gpt-4o", messages=ASK),
        )
    assert 1 <= int(error.response.headers["retry-after"]) <= 60
    assert error.code == "rate_limited"


@pytest.mark.parametrize("stream", [False, True])
def test_a_held_answer_is_a_normal_completion(
    client: OpenAI, served: Served, simulator: Simulator, home, stream: bool
):
    says(simulator, "We can give you 35 % off.")
    before = served.count
    raw = client.chat.completions.with_raw_response.create(
        model="gpt-4o", messages=ASK, stream=stream
    )
    answer = raw.parse()
    if stream:
        chunks = list(answer)
        text = "".join(c.choices[0].delta.content or "" for c in chunks)
        reason = chunks[-1].choices[0].finish_reason
    else:
        text, reason = answer.choices[0].message.content, answer.choices[0].finish_reason
        assert raw.headers["x-freehold-approval"] in text
    assert served.count == before + 1
    assert reason == "content_filter"
    assert "needs a manager" in text
    assert "apr_" in text
    assert "35" not in text.partition("(apr_")[0]
    assert outcomes(home)[raw.headers["x-freehold-trace-id"]] == "held"


def test_an_error_in_mid_stream(served: Served, simulator: Simulator, other_keys):
    """The first sentence has left when the second one is refused."""
    simulator.control_now(models={"simulated-frontier": {
        "answers": ["It is here. " * 20 + "It is darn good."], "tokens_per_s": 2000,
    }})  # fmt: skip
    before = served.count
    key = other_keys["talk"]
    try:
        with OpenAI(base_url=f"{served.url}/v1", api_key=key, timeout=20) as other:
            stream = other.chat.completions.create(model="gpt-4o", messages=ASK, stream=True)
            heard: list[str] = []
            with pytest.raises(openai.APIError) as raised:
                heard.extend(chunk.choices[0].delta.content or "" for chunk in stream)
    finally:
        simulator.control_now(models={"simulated-frontier": {"tokens_per_s": 0}})
    text = "".join(heard)
    assert text.startswith("It is here.")
    assert "darn" not in text
    assert not isinstance(raised.value, openai.APIStatusError)
    assert "We mind our language." in raised.value.message
    assert served.count == before + 1


def test_a_slow_stream_is_kept_alive(client: OpenAI, simulator: Simulator):
    """Comments go out while nothing may leave yet; the SDK passes over them."""
    simulator.control_now(models={"simulated-frontier": {
        "answers": ["Slow but sure."], "latency_ms": 600,
    }})  # fmt: skip
    try:
        stream = client.chat.completions.create(model="gpt-4o", messages=ASK, stream=True)
        assert "".join(c.choices[0].delta.content or "" for c in stream) == "Slow but sure."
    finally:
        simulator.control_now(models={"simulated-frontier": {"latency_ms": 0}})


def test_an_upstream_that_is_down_is_retried(client: OpenAI, served: Served, simulator: Simulator):
    """The one kind of failure that SDKs shall try again."""
    bad = ["500"] * 3
    simulator.control_now(models={
        "simulated-frontier": {"next": bad}, "simulated-small": {"next": bad},
    })  # fmt: skip
    before = served.count
    try:
        with pytest.raises(openai.InternalServerError):
            client.with_options(max_retries=1).chat.completions.create(model="gpt-4o", messages=ASK)
    finally:
        simulator.control_now(models={
            "simulated-frontier": {"next": []}, "simulated-small": {"next": []},
        })  # fmt: skip
    assert served.count == before + 2
