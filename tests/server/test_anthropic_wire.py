"""Bodies of Anthropic's Messages: what the SDK sends is read, anything else is a clear 400."""

import json
from typing import Any

import pytest
from anthropic.types import message_count_tokens_params, message_create_params
from hypothesis import example, given, settings
from hypothesis import strategies as st

from freehold.core.ask import Ask, Message, ToolCall
from freehold.core.errors import RequestError, UnreadableContent
from freehold.server.anthropic_bodies import MessagesBody, PromptBody
from freehold.server.anthropic_wire import check_version, parse, parse_prompt

HELLO: dict[str, Any] = {"role": "user", "content": "Hello"}
TOOL: dict[str, Any] = {"name": "look_up", "input_schema": {"type": "object"}}
USE: dict[str, Any] = {"type": "tool_use", "id": "c1", "name": "look_up", "input": {"a": [1, "ä"]}}
RESULT: dict[str, Any] = {"type": "tool_result", "tool_use_id": "c1", "content": "3"}
TEXT: dict[str, Any] = {"type": "text", "text": "Hi"}


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "max_tokens": 9, "messages": [HELLO]} | fields).encode()


def ask(**fields: Any) -> Ask:
    return parse(body(**fields))


def blocks(*content: Any, role: str = "user", more: Any = ()) -> bytes:
    return body(messages=[{"role": role, "content": list(content)}, *more])


def said(block: dict[str, Any]) -> bytes:
    return blocks(block, role="assistant", more=[HELLO])


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
    fields = set(message_create_params.MessageCreateParamsBase.__annotations__) | {"stream"}
    assert fields <= set(MessagesBody.__struct_fields__)
    counted = set(message_count_tokens_params.MessageCountTokensParams.__annotations__)
    assert counted <= set(PromptBody.__struct_fields__)


def test_all_of_it_at_once() -> None:
    read = ask(
        system=[TEXT, {**TEXT, "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        tools=[{**TOOL, "description": "d", "strict": True, "type": "custom",
                "cache_control": {"type": "ephemeral"}, "eager_input_streaming": True}],
        tool_choice={"type": "tool", "name": "look_up", "disable_parallel_tool_use": True},
        output_config={"effort": "high", "format": {"type": "json_schema", "schema": {"a": 1}}},
        stop_sequences=["x", ""], stream=True, temperature=0.5, top_p=0.9,
        metadata={"user_id": "u"}, thinking={"type": "disabled"}, service_tier="auto",
        speed="standard", container=None, cache_control=None,
    )  # fmt: skip
    assert read == Ask(
        operation="chat",
        messages=(Message(role="system", content="Hi\nHi"), Message(role="user", content="Hello")),
        model="m",
        stream=True,
        include_usage=True,
        max_tokens=9,
        stop=("x",),
        tools=(
            {
                "type": "function",
                "function": {
                    "name": "look_up",
                    "parameters": {"type": "object"},
                    "description": "d",
                    "strict": True,
                },
            },
        ),
        tool_choice={"type": "function", "function": {"name": "look_up"}},
        parallel_tool_calls=False,
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "output", "strict": True, "schema": {"a": 1}},
        },
        options={"reasoning_effort": "high", "temperature": 0.5, "top_p": 0.9},
    )


@pytest.mark.parametrize(
    ("choice", "known"), [("auto", "auto"), ("any", "required"), ("none", "none")]
)
def test_choices(choice: str, known: str) -> None:
    read = ask(tools=[TOOL], tool_choice={"type": choice})
    assert (read.tool_choice, read.parallel_tool_calls) == (known, None)


def test_blocks_become_messages_in_their_order() -> None:
    read = parse(
        body(
            messages=[
                HELLO,
                {"role": "assistant", "content": [USE, TEXT, {**USE, "id": "c2", "input": {}}]},
                {
                    "role": "user",
                    "content": [
                        TEXT, RESULT,
                        {"type": "tool_result", "tool_use_id": "c2", "is_error": True,
                         "content": [TEXT, TEXT]},
                        TEXT, TEXT,
                    ],
                },
                {"role": "system", "content": [TEXT]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c2"}]},
            ]
        )
    )  # fmt: skip
    assert read.messages == (
        Message(role="user", content="Hello"),
        Message(
            role="assistant",
            content="Hi",
            tool_calls=(
                ToolCall(id="c1", name="look_up", arguments='{"a":[1,"ä"]}'),
                ToolCall(id="c2", name="look_up", arguments="{}"),
            ),
        ),
        Message(role="user", content="Hi"),
        Message(role="tool", content="3", tool_call_id="c1"),
        Message(role="tool", content="Error: Hi\nHi", tool_call_id="c2"),
        Message(role="user", content="Hi\nHi"),
        Message(role="system", content="Hi"),
        Message(role="tool", content="", tool_call_id="c2"),
    )


# -- what is refused, by name --


@pytest.mark.parametrize(
    ("block", "why"),
    [
        ({"type": "image", "source": {}}, "media"), ({"type": "document"}, "media"),
        ({"type": "thinking", "thinking": "x", "signature": "y"}, "hidden"),
        ({"type": "redacted_thinking", "data": "x"}, "hidden"),
        ({"type": "server_tool_use", "id": "x"}, "own tools"),
        ({"type": "web_search_tool_result", "tool_use_id": "x"}, "own tools"),
        ({"type": "container_upload"}, "media"), ({"type": "search_result"}, "text"),
        ({"type": "tool_use", "id": "x"}, "may stand there"), ({"type": "anything"}, "may stand"),
        ({"type": 7}, "may stand there"), ({}, "may stand there"), ({"type": None}, "may stand"),
        ({"type": "<script>_tool_result"}, "…"), ({"type": "x" * 900}, "may stand there"),
    ],
)  # fmt: skip
def test_blocks_that_no_control_reads(block: dict[str, Any], why: str) -> None:
    error = refused(blocks(TEXT, block))
    assert isinstance(error, UnreadableContent)
    assert error.param == "messages[0].content[1].type"
    assert why in error.public
    assert "script" not in error.public
    nested = refused(blocks({**RESULT, "content": [block]}))
    assert nested.param == "messages[0].content[0].content[0].type"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("top_k", 3), ("thinking", {"type": "enabled", "budget_tokens": 9}),
        ("thinking", {"type": "adaptive"}), ("container", "c"), ("diagnostics", {"a": 1}),
        ("inference_geo", "us"), ("mcp_servers", [{}]), ("context_management", {"edits": []}),
        ("prefill", {"a": 1}), ("user_profile_id", "u"), ("workspace_id", "w"), ("speed", "fast"),
    ],
)  # fmt: skip
def test_fields_that_are_refused(field: str, value: Any) -> None:
    error = refused(body(**{field: value}))
    assert isinstance(error, UnreadableContent)
    assert error.param == field
    assert ask(**{field: None})


@pytest.mark.parametrize(
    ("data", "param"),
    [
        (body(unknown=1), "unknown"), (body(messages=[]), "messages"),
        (body(max_tokens=0), "max_tokens"), (body(max_tokens=None), "max_tokens"),
        (body(stop_sequences=list("abcde")), "stop_sequences"),
        (body(temperature=1.5), "temperature"),
        (body(messages=[{**HELLO, "name": "x"}]), "messages[0].name"),
        (body(messages=[{"role": "tool", "content": "x"}]), "messages[0].role"),
        (body(messages=[HELLO, {"role": "assistant", "content": "Sure,"}]), "messages[1].role"),
        (blocks(), "messages[0].content"),
        (blocks({**TEXT, "more": 1}), "messages[0].content[0].more"),
        (blocks({**TEXT, "citations": [{}]}), "messages[0].content[0].citations"),
        (blocks({**RESULT, "tool_use_id": "a b"}), "messages[0].content[0].tool_use_id"),
        (said({**USE, "input": "x"}), "messages[0].content[0].input"),
        (said({**USE, "name": "a\nb"}), "messages[0].content[0].name"),
        (said({**USE, "input": {"a": 10**30}}), "messages[0].content[0].input"),
        (body(tools=[TOOL, TOOL]), "tools[1].name"),
        (body(tools=[{"type": "web_search_20250305", "name": "x"}]), "tools[0].type"),
        (body(tools=[{**TOOL, "input_examples": [{}]}]), "tools[0].input_examples"),
        (body(tools=[{**TOOL, "defer_loading": True}]), "tools[0].defer_loading"),
        (body(tool_choice={"type": "tool"}), "tool_choice.name"),
        (body(tool_choice={"type": "auto", "name": "x"}), "tool_choice.name"),
        (body(tool_choice={"type": "tool", "name": "nobody"}), "tool_choice.name"),
        (body(system=[{"type": "image"}]), "system[0].type"),
        (body(thinking={"type": "disabled", "more": 1}), "thinking.more"),
    ],
)  # fmt: skip
def test_what_is_wrong_says_where(data: bytes, param: str) -> None:
    assert refused(data).param == param


def test_a_count_needs_no_limit() -> None:
    read = parse_prompt(json.dumps({"messages": [HELLO], "model": "m"}).encode())
    assert read.messages == (Message(role="user", content="Hello"),)
    with pytest.raises(RequestError):
        parse_prompt(body())


@pytest.mark.parametrize("version", [None, b"2023-06-01"])
def test_versions(version: bytes | None) -> None:
    check_version(version)
    for other in (b"", b"2023-01-01", b"\xff"):
        with pytest.raises(RequestError, match="2023-06-01"):
            check_version(other)


# -- hostile bodies --


@pytest.mark.parametrize(
    "data",
    [
        b"", b" ", b"null", b"[]", b"{", b"[" * 100_000, b'{"a":' * 100_000,
        body(tools="@").replace(b'"@"', b"[" * 5_000 + b"]" * 5_000),
        body(messages="@").replace(b'"@"', b'[{"role":"user","content":[' + b"[" * 5_000),
        body(tools=[TOOL]).replace(b'{"type": "object"}', b'{"a":' * 300 + b"1" + b"}" * 300),
        body(output_config={"format": {"type": "json_schema", "schema": "@"}}).replace(
            b'"@"', b'{"a":' * 300 + b"1" + b"}" * 300),
        blocks({**USE, "input": "@"}, role="assistant", more=[HELLO]).replace(
            b'"@"', b'{"a":' * 300 + b"1" + b"}" * 300),
        blocks(*[TEXT] * 3)[:-9], body(messages=[HELLO] * 2_001), body(tools=[TOOL] * 257),
        body(max_tokens=10**40), body(messages=[{"role": "user", "content": "a\\ud800b"}]).replace(
            b"\\\\ud800", b"\\ud800"),
        b'{"max_tokens":1,"messages":[{"role":"user","content":"\xff"}]}',
    ],
)  # fmt: skip
def test_hostile(data: bytes) -> None:
    refused(data)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
_names = st.sampled_from([*MessagesBody.__struct_fields__, "more"])
_parts = st.sampled_from(
    [
        "type",
        "text",
        "id",
        "name",
        "input",
        "tool_use_id",
        "content",
        "is_error",
        "source",
        "caller",
    ]
)


def survives(data: bytes) -> None:
    """It is read, or refused with words."""
    for read in (parse, parse_prompt):
        try:
            read(data)
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
@given(st.sampled_from([TEXT, USE, RESULT]), _parts, _json, st.sampled_from(["user", "assistant"]))
def test_one_strange_value_in_a_block(block: Any, key: str, value: Any, role: str) -> None:
    survives(blocks({**block, key: value}, role=role, more=[HELLO]))


@given(st.binary(max_size=200))
@example(b'{"messages":[{"role":"user","content":"\xc3("}]}')
def test_random_bytes(data: bytes) -> None:
    survives(data)


@given(st.data())
def test_a_good_body_cut_or_damaged_anywhere(data: st.DataObject) -> None:
    good = body(tools=[TOOL], system="x", messages=[{"role": "user", "content": [TEXT, RESULT]}])
    cut = data.draw(st.integers(0, len(good)))
    flipped = data.draw(st.binary(min_size=1, max_size=2))
    survives(good[:cut])
    survives(good[:cut] + flipped + good[cut + len(flipped) :])
