"""The unmodified `anthropic` SDK, sync and async, against a real server: everything that it offers
and that is not refused on purpose, and every error as the class that its users catch.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic, AsyncAnthropic
from pydantic import BaseModel

from freehold.testing import Simulator
from tests.e2e.served import Served, ledger, make_key, outcomes, write_bundle

ASK: Any = [{"role": "user", "content": "Good morning"}]
TOOLS: Any = [
    {
        "name": "stock",
        "description": "Items in stock",
        "input_schema": {
            "type": "object",
            "properties": {"sku": {"type": "string"}},
            "required": ["sku"],
        },
    }
]
CALL = {"id": "call_1", "type": "function",
        "function": {"name": "stock", "arguments": '{"sku": "4711"}'}}  # fmt: skip


def says(simulator: Simulator, *answers: Any) -> None:
    simulator.control_now(models={"simulated-frontier": {"answers": list(answers)}})


@pytest.fixture
def client(served: Served, key: str) -> Iterator[Anthropic]:
    """The unmodified SDK, retries and all."""
    with Anthropic(base_url=served.url, api_key=key, timeout=20) as made:
        yield made


@pytest.fixture
async def aclient(served: Served, key: str):
    async with AsyncAnthropic(base_url=served.url, api_key=key, timeout=20) as made:
        yield made


# -- what works --


def test_a_message(client: Anthropic, simulator: Simulator, home: Path):
    says(simulator, "Good morning to you.")
    raw = client.messages.with_raw_response.create(
        model="gpt-4o", max_tokens=100, system="You are polite.", messages=ASK,
        stop_sequences=["never"], metadata={"user_id": "jane.roe@corner-mail.org"},
    )  # fmt: skip
    message = raw.parse()
    assert [block.type for block in message.content] == ["text"]
    assert message.content[0].text == "Good morning to you."
    assert (message.stop_reason, message.role, message.type) == ("end_turn", "assistant", "message")
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 0
    trace = raw.headers["x-freehold-trace-id"]
    assert message._request_id == trace
    assert message.id == f"msg_{trace}"
    sent = simulator.stats_now(last=1)["received"][-1]["body"]
    assert [m["role"] for m in sent["messages"]] == ["system", "user"]
    assert sent["max_tokens"] == 100
    assert sent["stop"] == ["never"]
    assert "jane.roe" not in json.dumps(sent), "who the caller says asks, no provider is told"
    (opened,) = [b for b in ledger(home) if b.get("exchange") == trace and "opened" in b]
    assert opened["opened"]["principal"].get("id", "") == "", "and it identifies nobody"


async def test_a_message_async(aclient: AsyncAnthropic, simulator: Simulator):
    says(simulator, "Good morning to you.")
    message = await aclient.messages.create(model="gpt-4o", max_tokens=100, messages=ASK)
    assert message.content[0].text == "Good morning to you."


def test_a_token_in_place_of_a_key(served: Served, key: str):
    with Anthropic(base_url=served.url, auth_token=key, api_key=None, timeout=20) as client:
        assert client.messages.create(model="gpt-4o", max_tokens=100, messages=ASK).content


def test_a_stream(client: Anthropic, simulator: Simulator):
    says(simulator, "One. Two. Three.")
    with client.messages.stream(model="gpt-4o", max_tokens=100, messages=ASK) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == final.content[0].text == "One. Two. Three."
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens > 0
    events = client.messages.create(model="gpt-4o", max_tokens=100, messages=ASK, stream=True)
    kinds = [event.type for event in events]
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")


async def test_a_stream_async(aclient: AsyncAnthropic, simulator: Simulator):
    says(simulator, "One. Two. Three.")
    async with aclient.messages.stream(model="gpt-4o", max_tokens=99, messages=ASK) as stream:
        text = "".join([piece async for piece in stream.text_stream])
        final = await stream.get_final_message()
    assert text == final.content[0].text == "One. Two. Three."


@pytest.mark.parametrize("stream", [False, True])
def test_tool_round_trip(client: Anthropic, simulator: Simulator, stream: bool):
    says(simulator, {"tool_calls": [CALL]}, "There are 3 left.")
    messages: Any = [{"role": "user", "content": "How many 4711 are there?"}]
    asked: Any = {"model": "gpt-4o", "max_tokens": 100, "tools": TOOLS}
    if stream:
        with client.messages.stream(**asked, messages=messages) as events:
            wanted = events.get_final_message()
    else:
        wanted = client.messages.create(**asked, messages=messages, tool_choice={"type": "any"})
    assert wanted.stop_reason == "tool_use"
    (use,) = wanted.content
    assert (use.type, use.name, use.input) == ("tool_use", "stock", {"sku": "4711"})
    # the SDK's own blocks go back as they are
    result = {"type": "tool_result", "tool_use_id": use.id, "content": [
        {"type": "text", "text": '{"stock": 3}'}]}  # fmt: skip
    messages += [
        {"role": "assistant", "content": wanted.content},
        {"role": "user", "content": [result, {"type": "text", "text": "Well?"}]},
    ]
    answer = client.messages.create(**asked, messages=messages)
    assert answer.content[0].text == "There are 3 left."
    sent = simulator.stats_now(last=1)["received"][-1]["body"]["messages"]
    assert [m["role"] for m in sent] == ["user", "assistant", "tool", "user"]
    assert json.loads(sent[1]["tool_calls"][0]["function"]["arguments"]) == {"sku": "4711"}


class Offer(BaseModel):
    """What the model is to fill in."""

    name: str
    count: int


def test_parse(client: Anthropic):
    answer = client.messages.parse(
        model="gpt-4o", max_tokens=200, messages=ASK, output_format=Offer
    )
    assert isinstance(answer.parsed_output, Offer)


async def test_parse_a_stream(aclient: AsyncAnthropic):
    async with aclient.messages.stream(
        model="gpt-4o", max_tokens=200, messages=ASK, output_format=Offer
    ) as stream:
        final = await stream.get_final_message()
    assert isinstance(final.parsed_output, Offer)


def test_stop_and_length(client: Anthropic, simulator: Simulator):
    says(simulator, "One, two, three.", "One two three four five six seven")
    answer = client.messages.create(
        model="gpt-4o", max_tokens=100, messages=ASK, stop_sequences=["two"]
    )
    assert answer.content[0].text == "One, "
    answer = client.messages.create(model="gpt-4o", max_tokens=3, messages=ASK)
    assert answer.stop_reason == "max_tokens"


def test_counts_and_models(client: Anthropic, served: Served):
    short = client.messages.count_tokens(model="gpt-4o", messages=ASK)
    long = client.messages.count_tokens(
        model="gpt-4o", messages=ASK * 9, system="Be kind. " * 50, tools=TOOLS
    )
    assert 0 < short.input_tokens < long.input_tokens
    names = [model.id for model in client.models.list()]
    assert "gpt-4o" in names
    assert client.models.retrieve("gpt-4o").id == "gpt-4o"
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve("claude-none")


def test_the_beta_client_is_the_same_route(client: Anthropic, simulator: Simulator):
    says(simulator, "Good morning to you.")
    message = client.beta.messages.create(model="gpt-4o", max_tokens=100, messages=ASK)
    assert message.content[0].text == "Good morning to you."


# -- what does not --


def once(
    served: Served, expected: type[Exception], ask: Callable[[], object]
) -> anthropic.APIStatusError:
    """The error, after one request: nothing that is refused on purpose is sent again."""
    before = served.count
    with pytest.raises(expected) as raised:
        ask()
    assert served.count == before + 1
    error = raised.value
    assert isinstance(error, anthropic.APIStatusError)
    assert error.request_id
    assert error.body["request_id"] == error.request_id  # type: ignore[index]
    return error


@pytest.mark.parametrize("stream", [False, True])
def test_policy_is_permission_denied(client: Anthropic, served: Served, stream: bool):
    asked: Any = [{"role": "user", "content": [{"type": "text", "text": "I want a bazooka"}]}]
    error = once(
        served,
        anthropic.PermissionDeniedError,
        lambda: client.messages.create(model="gpt-4o", max_tokens=9, messages=asked, stream=stream),
    )
    assert error.type == "permission_error"
    assert "We do not sell weapons." in error.message
    assert error.response.headers["x-freehold-outcome"] == "denied"


async def test_policy_is_permission_denied_async(aclient: AsyncAnthropic, served: Served):
    before = served.count
    asked: Any = [{"role": "user", "content": "a bazooka"}]
    with pytest.raises(anthropic.PermissionDeniedError):
        async with aclient.messages.stream(model="x", max_tokens=9, messages=asked) as stream:
            await stream.get_final_message()
    assert served.count == before + 1


@pytest.mark.parametrize(
    "more",
    [
        {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        {"messages": [{"role": "user", "content": [
            {"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}}]}]},
        {"messages": [*ASK, {"role": "assistant", "content": "Sure,"}]},
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        {"tool_choice": {"type": "tool", "name": "nobody"}},
        {"extra_body": {"top_k": 5}},
        {"extra_body": {"unknown": 5}},
        {"container": "c"},
        {"inference_geo": "us"},
        {"max_tokens": 0},
        {"stop_sequences": list("abcde")},
    ],
)  # fmt: skip
def test_what_no_control_reads_is_bad_request(client: Anthropic, served: Served, more: Any):
    asked = {"model": "gpt-4o", "max_tokens": 100, "messages": ASK, **more}
    error = once(served, anthropic.BadRequestError, lambda: client.messages.create(**asked))
    assert error.type == "invalid_request_error"
    assert error.body["error"]["param"]  # type: ignore[index]


def test_keys_sizes_and_routes(served: Served, client: Anthropic, other_keys: dict[str, str]):
    with Anthropic(base_url=served.url, api_key="sk-ant-nobody", timeout=20) as stranger:
        error = once(
            served,
            anthropic.AuthenticationError,
            lambda: stranger.messages.create(model="x", max_tokens=9, messages=ASK),
        )
        assert "Anthropic" in error.message
    big: Any = [{"role": "user", "content": "x" * 9_000_000}]
    once(
        served,
        anthropic.RequestTooLargeError,
        lambda: client.messages.create(model="x", max_tokens=9, messages=big),
    )
    once(served, anthropic.NotFoundError, lambda: client.messages.batches.list())


def test_too_many_requests(tmp_path: Path, simulator: Simulator):
    folder, home = write_bundle(tmp_path / "bundle", simulator.url), tmp_path / "home"
    key = make_key(folder, home, tenant="limited")
    with (
        Served(folder, home) as served,
        Anthropic(base_url=served.url, api_key=key, timeout=20, max_retries=0) as client,
    ):

        def ask_often() -> None:
            for _ in range(9):  # two a minute are allowed
                client.messages.create(model="gpt-4o", max_tokens=9, messages=ASK)

        with pytest.raises(anthropic.RateLimitError) as raised:
            ask_often()
    assert 1 <= int(raised.value.response.headers["retry-after"]) <= 60
    assert raised.value.type == "rate_limit_error"


@pytest.mark.parametrize("stream", [False, True])
def test_a_held_answer_is_a_message(
    client: Anthropic, served: Served, simulator: Simulator, home: Path, stream: bool
):
    says(simulator, "We can give you 35 % off.")
    before = served.count
    raw = client.messages.with_raw_response.create(
        model="gpt-4o", max_tokens=100, messages=ASK, stream=stream
    )
    answer = raw.parse()
    if stream:
        events = list(answer)
        text = "".join(e.delta.text for e in events if e.type == "content_block_delta")
        (ended,) = [e.delta for e in events if e.type == "message_delta"]
    else:
        text, ended = answer.content[0].text, answer
        assert raw.headers["x-freehold-approval"] in text
    assert served.count == before + 1
    assert ended.stop_reason == "refusal"
    assert ended.stop_details.explanation == text
    assert "needs a manager" in text
    assert "35" not in text.partition("(apr_")[0]
    assert outcomes(home)[raw.headers["x-freehold-trace-id"]] == "held"


def test_an_error_in_mid_stream(served: Served, simulator: Simulator, other_keys: dict[str, str]):
    """The first sentence has left when the second one is refused."""
    simulator.control_now(models={"simulated-frontier": {
        "answers": ["It is here. " * 20 + "It is darn good."], "tokens_per_s": 2000,
    }})  # fmt: skip
    before = served.count
    heard: list[str] = []
    try:
        with (
            Anthropic(base_url=served.url, api_key=other_keys["talk"], timeout=20) as other,
            other.messages.stream(model="gpt-4o", max_tokens=500, messages=ASK) as stream,
            pytest.raises(anthropic.APIStatusError) as raised,
        ):
            heard.extend(stream.text_stream)
    finally:
        simulator.control_now(models={"simulated-frontier": {"tokens_per_s": 0}})
    text = "".join(heard)
    assert text.startswith("It is here.")
    assert "darn" not in text
    assert "We mind our language." in raised.value.message
    assert raised.value.type == "permission_error"
    assert served.count == before + 1


def test_a_slow_stream_is_kept_alive(client: Anthropic, simulator: Simulator):
    simulator.control_now(models={"simulated-frontier": {
        "answers": ["Slow but sure."], "latency_ms": 600,
    }})  # fmt: skip
    try:
        with client.messages.stream(model="gpt-4o", max_tokens=99, messages=ASK) as stream:
            assert "".join(stream.text_stream) == "Slow but sure."
    finally:
        simulator.control_now(models={"simulated-frontier": {"latency_ms": 0}})


def test_an_upstream_that_is_down_is_retried(
    client: Anthropic, served: Served, simulator: Simulator
):
    """The one kind of failure that SDKs shall try again."""
    models = ("simulated-frontier", "simulated-small")
    simulator.control_now(models={name: {"next": ["500"] * 3} for name in models})
    before = served.count
    try:
        with pytest.raises(anthropic.InternalServerError):
            client.with_options(max_retries=1).messages.create(
                model="gpt-4o", max_tokens=99, messages=ASK
            )
    finally:
        simulator.control_now(models={name: {"next": []} for name in models})
    assert served.count == before + 2
