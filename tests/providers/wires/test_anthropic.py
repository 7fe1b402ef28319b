"""What only Anthropic's wire has."""

import msgspec
import orjson
import pytest

from freehold.core.errors import ProviderError, ProviderRejected, ProviderUnavailable
from freehold.core.handoffs import Usage
from freehold.providers.anthropic_read import StreamReader, whole
from freehold.testing.wires import AnthropicWire, FakeWire, Mood, Said
from tests.providers.made import user
from tests.providers.wires.conftest import Case, Line
from tests.providers.wires.test_contract import TOOLS, text_of


@pytest.fixture
async def make(transport_providers):
    return lambda endpoint: Line(
        transport_providers["anthropic"],
        endpoint,
        Case("anthropic", None, {"api_key_ref": "env:K"}),
    )


@pytest.mark.parametrize(
    ("wire", "options", "left"),
    [
        (AnthropicWire(samples=False), {"temperature": 0.2, "top_p": 0.5}, "temperature"),
        (AnthropicWire(samples=False), {"top_p": 0.5}, "top_p"),
        (AnthropicWire(efforts=False), {"reasoning_effort": "high"}, "output_config"),
    ],
)
async def test_what_a_model_refuses_is_left_out_from_then_on(make, wire, options, left):
    async with FakeWire(wire) as endpoint:
        line = make(endpoint)
        for _ in range(2):
            assert text_of(await line.call(options=options)) == "Good day to you."
    first, second, third = endpoint.asked
    assert left in first.body
    assert left not in second.body
    assert left not in third.body


async def test_any_other_refusal_is_not_tried_again(make):
    async with FakeWire(AnthropicWire(), mood=Mood(status=400)) as endpoint:
        with pytest.raises(ProviderRejected):
            await make(endpoint).call(options={"temperature": 0.2})
    assert len(endpoint.asked) == 1


async def test_an_account_without_money_is_no_malformed_request(make):
    class Poor(AnthropicWire):
        def fault(self, asked):
            return "Your credit balance is too low to access the Anthropic API."

    async with FakeWire(Poor()) as endpoint:
        with pytest.raises(ProviderError, match="no money left") as caught:
            await make(endpoint).call()
    assert type(caught.value) is ProviderError


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        (None, {"type": "auto"}),
        ("auto", {"type": "auto"}),
        ("none", {"type": "none"}),
        ("required", {"type": "any"}),
    ],
)
async def test_tool_choice(make, choice, wanted):
    async with FakeWire(AnthropicWire()) as endpoint:
        await make(endpoint).call(tools=TOOLS, tool_choice=choice)
    assert endpoint.asked[0].body["tool_choice"] == wanted


async def test_json_without_a_schema_is_asked_for_in_words(make):
    async with FakeWire(AnthropicWire()) as endpoint:
        await make(endpoint).call(response_format={"type": "json_object"})
        await make(endpoint).call(messages=(user(),), stop=(" ", "END"))
    first, second = (asked.body for asked in endpoint.asked)
    assert "JSON" in first["system"]
    assert second["stop_sequences"] == ["END"]
    assert "system" not in second


def message(**fields):
    return orjson.dumps(
        {"content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn"} | fields
    )


@pytest.mark.parametrize(
    ("usage", "wanted"),
    [
        (None, None),
        ({}, None),
        ({"input_tokens": 0, "output_tokens": 0}, None),
        ({"input_tokens": "7"}, Usage(prompt_tokens=-1, completion_tokens=-1)),
        ([1], Usage(prompt_tokens=-1, completion_tokens=-1)),
        ({"input_tokens": 3, "output_tokens": 2}, Usage(prompt_tokens=3, completion_tokens=2)),
        (
            {"input_tokens": 3, "output_tokens": 2, "cache_read_input_tokens": "many"},
            Usage(prompt_tokens=3, completion_tokens=2),
        ),
    ],
)
def test_usage(usage, wanted):
    assert whole(message(usage=usage)).usage == wanted


@pytest.mark.parametrize(
    "content", [[{"type": "server_tool_use", "name": "web_search"}], [{"type": "image"}], [{}]]
)
def test_what_no_control_can_read_does_not_pass(content):
    with pytest.raises(ProviderRejected, match="no control can read"):
        whole(message(content=content))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"content": "text"}', b"\xff", b"null"])
def test_no_message(body):
    with pytest.raises(ProviderUnavailable):
        whole(body)


def events(*said):
    return b"".join(b"data: " + orjson.dumps(one) + b"\n\n" for one in said)


def test_a_call_that_never_began_is_malformed():
    delta = {"type": "input_json_delta", "partial_json": "{}"}
    with pytest.raises(ProviderUnavailable, match="not begun"):
        StreamReader().feed(events({"type": "content_block_delta", "index": 1, "delta": delta}))


def test_unknown_events_are_passed_over():
    assert StreamReader().feed(events({"type": "something_new"}, {"type": "ping"})) is None


def test_an_error_tells_its_kind_and_no_text():
    error = {"type": "overloaded_error", "message": "secret words"}
    with pytest.raises(ProviderUnavailable, match="overloaded_error") as caught:
        StreamReader().feed(events({"type": "error", "error": error}))
    assert "secret" not in str(caught.value)


def test_calls_without_end_are_cut_off():
    block = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    many = events(
        *({"type": "content_block_start", "index": i, "content_block": block} for i in range(200))
    )
    with pytest.raises(ProviderUnavailable, match="too many"):
        StreamReader().feed(many)


def test_no_decoder_error_gets_out():
    with pytest.raises(ProviderUnavailable) as caught:
        whole(b'{"content": [{"type": "text", "text": 7}], "secret": "no"}')
    assert not isinstance(caught.value.__cause__, msgspec.MsgspecError)


def test_said_is_what_the_fake_says():
    delta = whole(AnthropicWire().whole(Said(text="x", thinking="y")))
    assert delta.choices[0].text == "x"
