"""Bodies of OpenAI's Responses: what the SDK sends is read, anything else is a clear 400."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openai.types.responses import response_create_params

from freehold.core.ask import Ask, Message, ToolCall
from freehold.core.errors import RequestError, UnreadableContent
from freehold.server.responses_bodies import ResponsesBody
from freehold.server.responses_wire import Form, going_on, parse

TOOL: dict[str, Any] = {"type": "function", "name": "look_up", "parameters": {"type": "object"}}
CALL: dict[str, Any] = {
    "type": "function_call", "id": "fc_1", "call_id": "c1", "name": "look_up",
    "arguments": '{"a": 1}', "status": "completed",
}  # fmt: skip
OUTPUT: dict[str, Any] = {"type": "function_call_output", "call_id": "c1", "output": "3"}
TEXT: dict[str, Any] = {"type": "input_text", "text": "Hi"}
ECHO: dict[str, Any] = {
    "id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
    "content": [{"type": "output_text", "text": "Ho", "annotations": [], "logprobs": []}],
}  # fmt: skip


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "input": "Hello"} | fields).encode()


def ask(**fields: Any) -> Ask:
    return parse(body(**fields)).ask


def items(*given: Any) -> bytes:
    return body(input=list(given))


def parts(*content: Any, role: str = "user") -> bytes:
    return items({"role": role, "content": list(content)})


def refused(data: bytes) -> RequestError:
    with pytest.raises(RequestError) as caught:
        parse(data)
    error = caught.value
    assert error.status in (400, 413)
    assert len(error.public) < 600
    assert len(error.param or "") < 450
    return error


# -- the SDK's own requests --


def test_every_field_of_the_sdk_is_known_here() -> None:
    fields = set(response_create_params.ResponseCreateParamsBase.__annotations__) | {"stream"}
    assert fields <= set(ResponsesBody.__struct_fields__)


def test_all_of_it_at_once() -> None:
    read = parse(
        body(
            instructions="Be kind.", stream=True, stream_options={"include_obfuscation": False},
            max_output_tokens=9, temperature=0.5, top_p=0.9, parallel_tool_calls=False,
            tools=[{**TOOL, "strict": None, "description": "d", "defer_loading": None,
                    "async": None, "allowed_callers": ["direct"]}],
            tool_choice={"type": "allowed_tools", "mode": "auto",
                         "tools": [{"type": "function", "name": "look_up"}]},
            text={"verbosity": "low", "format": {
                "type": "json_schema", "name": "n", "schema": {"a": 1}, "strict": True,
                "description": None}},
            reasoning={"effort": "high", "summary": None}, metadata={"a": "b"}, store=False,
            truncation="auto", service_tier="auto", user="u", safety_identifier="s",
            prompt_cache_key="k", include=[], max_tool_calls=None, top_logprobs=0, background=False,
        )
    )  # fmt: skip
    assert read.ask == Ask(
        operation="chat",
        messages=(
            Message(role="system", content="Be kind."),
            Message(role="user", content="Hello"),
        ),
        model="m",
        stream=True,
        include_usage=True,
        max_tokens=9,
        tools=(
            {
                "type": "function",
                "function": {
                    "name": "look_up",
                    "description": "d",
                    "parameters": {"type": "object"},
                },
            },
        ),
        tool_choice={
            "type": "allowed_tools",
            "allowed_tools": {
                "mode": "auto",
                "tools": [{"type": "function", "function": {"name": "look_up"}}],
            },
        },
        parallel_tool_calls=False,
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "n", "schema": {"a": 1}, "strict": True},
        },
        options={
            "temperature": 0.5,
            "top_p": 0.9,
            "reasoning_effort": "high",
            "verbosity": "low",
        },
    )
    form = read.form
    assert isinstance(form, Form)
    assert (form.instructions, form.metadata, form.store) == ("Be kind.", {"a": "b"}, False)
    assert (form.effort, form.truncation, form.model) == ("high", "auto", "m")


def test_items_become_messages() -> None:
    second = {**CALL, "call_id": "c2", "arguments": ""}
    read = parse(
        items(
            {"role": "developer", "content": "Dev"},
            {"type": "message", "role": "user", "content": [TEXT, TEXT]},
            ECHO, CALL, second, OUTPUT, {**OUTPUT, "call_id": "c2", "output": [TEXT, TEXT]}, CALL,
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
            {"role": "assistant", "content": "Plain", "phase": "final_answer"},
        )
    )  # fmt: skip
    call = ToolCall(id="c1", name="look_up", arguments='{"a": 1}')
    assert read.ask.messages == (
        Message(role="developer", content="Dev"),
        Message(role="user", content="Hi\nHi"),
        Message(
            role="assistant",
            content="Ho",
            tool_calls=(call, ToolCall(id="c2", name="look_up", arguments="")),
        ),
        Message(role="tool", content="3", tool_call_id="c1"),
        Message(role="tool", content="Hi\nHi", tool_call_id="c2"),
        Message(role="assistant", tool_calls=(call,)),
        Message(role="assistant", content="No."),
        Message(role="assistant", content="Plain"),
    )


def test_formats() -> None:
    assert ask(text={"format": {"type": "text"}}).response_format is None
    assert ask(text={"format": {"type": "json_object"}}).response_format == {"type": "json_object"}
    assert ask(text=None).response_format is None


def test_going_on_puts_the_conversation_behind_the_instructions() -> None:
    before = (Message(role="user", content="1"), Message(role="assistant", content="2"))
    asked = parse(body(instructions="Be kind."))
    roles = [m.role for m in going_on(asked, before).ask.messages]
    assert roles == ["system", "user", "assistant", "user"]
    assert [m.content for m in going_on(parse(body()), before).ask.messages] == ["1", "2", "Hello"]


# -- what is refused, by name --


@pytest.mark.parametrize(
    ("item", "why"),
    [
        ({"type": "reasoning", "encrypted_content": "x"}, "hidden"),
        ({"type": "item_reference", "id": "x"}, "send the item"),
        ({"type": "web_search_call"}, "own tools"), ({"type": "computer_call_output"}, "own tools"),
        ({"type": "mcp_call"}, "own tools"), ({"type": "compaction"}, "hidden"),
        ({"type": "x y"}, "no type"), ({"type": 7}, "no type"), ({"type": "x" * 99}, "no type"),
    ],
)  # fmt: skip
def test_items_that_no_control_reads(item: dict[str, Any], why: str) -> None:
    error = refused(items({"role": "user", "content": "x"}, item))
    assert error.param == "input[1].type"
    assert why in error.public


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_image", "image_url": "x"}, {"type": "input_file", "file_id": "x"},
        {"type": "input_audio", "input_audio": {}}, {"type": "output_text", "text": "x"},
        {"type": "refusal", "refusal": "x"}, {"type": "reasoning_text", "text": "x"}, {},
    ],
)  # fmt: skip
def test_parts_that_no_control_reads(part: dict[str, Any]) -> None:
    assert refused(parts(TEXT, part)).param == "input[0].content[1].type"
    assert refused(items({**OUTPUT, "output": [part]})).param == "input[0].output[0].type"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("include", ["reasoning.encrypted_content"]), ("conversation", "c"),
        ("prompt", {"id": "x"}), ("max_tool_calls", 2), ("top_logprobs", 2),
        ("context_management", [{}]),
        ("access_programs", {"cyber": "standard"}), ("image", {"context_compression": "auto"}),
    ],
)  # fmt: skip
def test_fields_that_are_refused(field: str, value: Any) -> None:
    error = refused(body(**{field: value}))
    assert isinstance(error, UnreadableContent)
    assert error.param == field


@pytest.mark.parametrize(
    ("data", "param"),
    [
        (body(unknown=1), "unknown"), (body(input=None), "input"), (body(input=""), "input"),
        (body(input=[]), "input"), (body(input=7), "input"), (body(input=[7]), "input[0]"),
        (body(max_output_tokens=0), "max_output_tokens"), (body(temperature=3), "temperature"),
        (body(background=True, store=False), "store"),
        (body(background=True, stream=True), "stream"),
        (body(reasoning={"summary": "auto"}), "reasoning.summary"),
        (body(metadata={str(i): "x" for i in range(17)}), "metadata"),
        (body(previous_response_id="a b"), "previous_response_id"),
        (body(tools=[TOOL, TOOL]), "tools[1].name"),
        (body(tools=[{"type": "mcp"}]), "tools[0].type"),
        (body(tools=[{**TOOL, "async": True}]), "tools[0].async"),
        (body(tools=[{**TOOL, "output_schema": {}}]), "tools[0].output_schema"),
        (body(tools=[{**TOOL, "name": "a b"}]), "tools[0].name"),
        (body(tool_choice="required"), "tool_choice"), (body(tool_choice="any"), "tool_choice"),
        (body(tool_choice={"type": "function", "name": "nobody"}), "tool_choice.name"),
        (body(tool_choice={"type": "hosted_tool"}), "tool_choice"),
        (body(tool_choice={"type": "allowed_tools", "mode": "auto", "tools": 7}), "tool_choice"),
        (body(text={"format": {"type": "xml"}}), "text.format.type"),
        (body(text={"format": {"type": "json_schema", "name": "n", "more": 1}}),
         "text.format.json_schema"),
        (items({"role": "user"}), "input[0].content"), (items({"content": "x"}), "input[0].role"),
        (items({"role": "tool", "content": "x"}), "input[0].role"),
        (items({"role": "user", "content": "x", "more": 1}), "input[0].more"),
        (items({**CALL, "call_id": None}), "input[0].call_id"),
        (items({**CALL, "name": "a\nb"}), "input[0].name"),
        (items({**OUTPUT, "output": 7}), "input[0].output"),
        (parts({**TEXT, "more": 1}), "input[0].content[0].more"),
        (items({**ECHO, "content": [{**ECHO["content"][0], "annotations": [{}]}]}),
         "input[0].content[0].annotations"),
    ],
)  # fmt: skip
def test_what_is_wrong_says_where(data: bytes, param: str) -> None:
    assert refused(data).param == param


# -- hostile bodies --


@pytest.mark.parametrize(
    "data",
    [
        b"", b"null", b"[]", b"{", b"[" * 100_000, b'{"a":' * 100_000,
        body(input="@").replace(b'"@"', b"[" * 5_000 + b"]" * 5_000),
        body(tools=[TOOL]).replace(b'{"type": "object"}', b'{"a":' * 300 + b"1" + b"}" * 300),
        body(tool_choice="@").replace(b'"@"', b'{"a":' * 300 + b"1" + b"}" * 300),
        body(text={"format": "@"}).replace(b'"@"', b'{"a":' * 300 + b"1" + b"}" * 300),
        body(input=[{"role": "user", "content": "x"}] * 2_001), body(max_output_tokens=10**40),
        body(input="a\\ud800b").replace(b"\\\\ud800", b"\\ud800"), b'{"input":"\xff"}',
    ],
)  # fmt: skip
def test_hostile(data: bytes) -> None:
    refused(data)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
_names = st.sampled_from([*ResponsesBody.__struct_fields__, "more"])
_keys = st.sampled_from(
    ["type", "role", "content", "id", "call_id", "name", "arguments", "output", "status", "phase"]
)


def survives(data: bytes) -> None:
    """It is read, or refused with words."""
    try:
        parse(data)
    except RequestError as refusal:
        told = refusal.public
    else:
        told = "read"
    assert 0 < len(told) < 600


@settings(max_examples=200)
@given(st.dictionaries(_names, _json, max_size=5))
def test_random_json(fields: dict[str, Any]) -> None:
    survives(body(**fields))


@settings(max_examples=200)
@given(st.sampled_from([ECHO, CALL, OUTPUT, {"role": "user", "content": [TEXT]}]), _keys, _json)
def test_one_strange_value_in_an_item(item: dict[str, Any], key: str, value: Any) -> None:
    survives(items({**item, key: value}))


@given(st.binary(max_size=200))
@example(b'{"input":"\xc3("}')
def test_random_bytes(data: bytes) -> None:
    survives(data)


@given(st.data())
def test_a_good_body_cut_or_damaged_anywhere(data: st.DataObject) -> None:
    good = body(tools=[TOOL], instructions="x", input=[ECHO, CALL, OUTPUT])
    cut = data.draw(st.integers(0, len(good)))
    flipped = data.draw(st.binary(min_size=1, max_size=2))
    survives(good[:cut])
    survives(good[:cut] + flipped + good[cut + len(flipped) :])
