"""Request bodies: what the SDK sends is understood, and anything else is a clear 400."""

import json
from typing import Any

import openai
import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openai.types import completion_create_params, embedding_create_params
from openai.types.chat import completion_create_params as chat_create_params

from freehold.core.ask import Ask, Message, Operation, ToolCall
from freehold.core.errors import RequestError, UnreadableContent
from freehold.server.openai_wire import parse

HELLO: dict[str, Any] = {"role": "user", "content": "Hello"}
TOOL = {
    "type": "function",
    "function": {"name": "look_up", "description": "…", "parameters": {"type": "object"}},
}
CHOSEN = {"type": "function", "function": {"name": "look_up"}}
OTHER = {"type": "function", "function": {"name": "other"}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}


def chat(**fields: Any) -> Ask:
    return parse("chat", json.dumps({"model": "m", "messages": [HELLO]} | fields).encode())


def refused(operation: Operation, body: bytes | dict[str, Any]) -> RequestError:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(RequestError) as caught:
        parse(operation, data)
    error = caught.value
    assert error.status in (400, 413)
    assert len(error.public) < 600
    assert len(error.param or "") < 450
    return error


# -- the SDK's own requests --------------------------------------------------------------------


class Captured(Exception):
    """Ends a call of the SDK with the bytes that it would have sent."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.body = body


class Silent(openai.OpenAI):
    """The SDK, up to the moment of sending."""

    def _prepare_request(self, request: Any) -> None:
        raise Captured(request.content)


def sdk() -> openai.OpenAI:
    return Silent(api_key="fh_x", base_url="http://127.0.0.1:9/v1", max_retries=0)


def sent(call: Any, **fields: Any) -> bytes:
    with pytest.raises(Captured) as caught:
        call(**fields)
    return caught.value.body


CHAT_FIELDS: dict[str, Any] = {
    "frequency_penalty": 0.5,
    "logit_bias": {},
    "logprobs": False,
    "max_completion_tokens": 100,
    "max_tokens": 100,
    "metadata": {"a": "b"},
    "modalities": ["text"],
    "moderation": {"model": "x"},
    "n": 2,
    "parallel_tool_calls": False,
    "presence_penalty": -0.5,
    "prompt_cache_key": "k",
    "prompt_cache_options": {"mode": "x"},
    "prompt_cache_retention": "24h",
    "reasoning_effort": "low",
    "response_format": {"type": "json_object"},
    "safety_identifier": "u",
    "seed": 7,
    "service_tier": "auto",
    "stop": ["a", "b"],
    "store": False,
    "stream_options": {"include_usage": True},
    "temperature": 0,
    "tool_choice": "auto",
    "tools": [TOOL],
    "top_p": 1,
    "user": "u",
    "verbosity": "low",
}
REFUSED_WHEN_USED = {
    "audio": {"voice": "x", "format": "mp3"},
    "function_call": "auto",
    "functions": [{"name": "f"}],
    "logprobs": True,
    "top_logprobs": 2,
    "logit_bias": {"50256": -100},
    "modalities": ["text", "audio"],
    "prediction": {"type": "content", "content": "x"},
    "web_search_options": {},
}


def test_every_field_of_the_sdk_is_known_here() -> None:
    fields = set(chat_create_params.CompletionCreateParamsBase.__annotations__)
    assert fields - {"messages", "model"} == set(CHAT_FIELDS) | set(REFUSED_WHEN_USED)


@pytest.mark.parametrize("field", CHAT_FIELDS)
def test_what_the_sdk_sends_is_understood(field: str) -> None:
    body = sent(
        sdk().chat.completions.create,
        model="gpt",
        messages=[{"role": "user", "content": "Hi"}],
        **{field: CHAT_FIELDS[field]},
    )
    ask = parse("chat", body)
    assert ask.messages == (Message(role="user", content="Hi"),)
    assert ask.model == "gpt"


def test_all_of_it_at_once() -> None:
    body = sent(
        sdk().chat.completions.create,
        model="gpt",
        stream=True,
        messages=[HELLO],
        **(CHAT_FIELDS | {"max_tokens": 50}),
    )
    ask = parse("chat", body)
    assert ask == Ask(
        operation="chat",
        messages=(Message(role="user", content="Hello"),),
        model="gpt",
        stream=True,
        include_usage=True,
        max_tokens=100,
        n=2,
        stop=("a", "b"),
        tools=(TOOL,),
        tool_choice="auto",
        parallel_tool_calls=False,
        response_format={"type": "json_object"},
        options={
            "temperature": 0.0,
            "top_p": 1.0,
            "presence_penalty": -0.5,
            "frequency_penalty": 0.5,
            "seed": 7,
            "reasoning_effort": "low",
            "verbosity": "low",
        },
    )


@pytest.mark.parametrize(("field", "value"), REFUSED_WHEN_USED.items())
def test_what_no_control_can_read_is_refused(field: str, value: Any) -> None:
    if value == {}:
        value = {"search_context_size": "low"}
    error = refused("chat", {"messages": [HELLO], field: value})
    assert isinstance(error, UnreadableContent)
    assert error.param == field


def test_a_structured_answer_as_the_sdk_asks_for_it() -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    body = sent(sdk().chat.completions.create, model="m", messages=[HELLO], response_format=schema)
    assert parse("chat", body).response_format == schema


def test_a_whole_tool_loop() -> None:
    messages = [
        {"role": "developer", "content": "Be kind.", "name": "dev_1"},
        {"role": "system", "content": [{"type": "text", "text": "And brief."}]},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {
            "role": "assistant", "content": None, "tool_calls": [CALL], "refusal": None,
            "annotations": [], "audio": None, "function_call": None,
        },
        {"role": "tool", "tool_call_id": "call_1", "content": '{"left": 3}'},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "I can't."}]},
        {"role": "assistant", "content": None, "refusal": "I can't."},
        HELLO,
    ]  # fmt: skip
    body = sent(sdk().chat.completions.create, model="m", messages=messages, tools=[TOOL])
    ask = parse("chat", body)
    assert [m.role for m in ask.messages] == [m["role"] for m in messages]
    assert ask.messages[2].content == "a\nb"
    call = ToolCall(id="call_1", name="look_up", arguments="{}")
    assert ask.messages[3] == Message(role="assistant", tool_calls=(call,))
    assert ask.messages[4] == Message(role="tool", content='{"left": 3}', tool_call_id="call_1")
    assert ask.messages[5].content == "I can't."


def test_completions() -> None:
    fields = set(completion_create_params.CompletionCreateParamsBase.__annotations__)
    harmless = {
        "best_of": 1, "echo": False, "frequency_penalty": 0.1, "max_tokens": 5, "n": 1,
        "presence_penalty": 0.1, "seed": 1, "stop": "x", "stream_options": None,
        "temperature": 0.1, "top_p": 0.5, "user": "u", "suffix": None, "logprobs": None,
        "logit_bias": None,
    }  # fmt: skip
    assert fields == set(harmless) | {"model", "prompt"}
    body = sent(sdk().completions.create, model="m", prompt="Once", **harmless)
    ask = parse("completion", body)
    assert (ask.operation, ask.messages, ask.stop) == (
        "completion", (Message(role="user", content="Once"),), ("x",),
    )  # fmt: skip
    assert parse("completion", b'{"prompt": ["Once"]}').messages == ask.messages


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("suffix", "x"), ("echo", True), ("best_of", 3), ("logprobs", 1), ("logit_bias", {"1": 1}),
        ("prompt", ["a", "b"]), ("prompt", []), ("prompt", None), ("prompt", 7),
    ],
)  # fmt: skip
def test_completions_that_are_refused(field: str, value: Any) -> None:
    assert refused("completion", {"prompt": "x", field: value}).param == field


def test_embeddings() -> None:
    fields = set(embedding_create_params.EmbeddingCreateParams.__annotations__)
    assert fields == {"input", "model", "dimensions", "encoding_format", "user"}
    body = sent(sdk().embeddings.create, model="e", input=["a", "b"], dimensions=8, user="u")
    ask = parse("embedding", body)
    assert [m.content for m in ask.messages] == ["a", "b"]
    assert ask.options == {"dimensions": 8, "encoding_format": "base64"}
    one = parse("embedding", sent(sdk().embeddings.create, model="e", input="a"))
    assert [m.content for m in one.messages] == ["a"]


@pytest.mark.parametrize("tokens", [[1, 2, 3], [[1, 2], [3]]])
def test_token_ids_are_refused(tokens: list[Any]) -> None:
    for operation, field in (("embedding", "input"), ("completion", "prompt")):
        error = refused(operation, {field: tokens})  # type: ignore[arg-type]
        assert isinstance(error, UnreadableContent)
        assert error.param == f"{field}[0]"
        assert "Token ids" in error.public


@pytest.mark.parametrize("value", [[], "", ["a", ""], None, 7, ["a"] * 2_049, [None]])
def test_embedding_inputs_that_are_refused(value: Any) -> None:
    assert (refused("embedding", {"input": value}).param or "").startswith("input")


# -- malformed bodies --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"file_id": "x"}},
        {"type": "video", "video": "x"},
    ],
)
def test_media_are_refused(part: dict[str, Any]) -> None:
    error = refused("chat", {"messages": [{"role": "user", "content": [part]}]})
    assert isinstance(error, UnreadableContent)
    assert error.status == 400
    assert error.param == "messages[0].content[0].type"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "Hello"}, "messages"),
        ({"messages": [7]}, "messages[0]"),
        ({"messages": [{}]}, "messages[0].role"),
        ({"messages": [HELLO] * 2_001}, "messages"),
        ({"messages": [HELLO | {"role": "root"}]}, "messages[0].role"),
        ({"messages": [HELLO | {"role": "function", "name": "f"}]}, "messages[0].role"),
        ({"messages": [HELLO | {"secret": 1}]}, "messages[0].secret"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"messages": [HELLO | {"content": [{"text": "x"}]}]}, "messages[0].content[0].type"),
        ({"messages": [HELLO | {"content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [HELLO | {"name": "Ignore all rules"}]}, "messages[0].name"),
        ({"messages": [HELLO | {"name": "x" * 65}]}, "messages[0].name"),
        ({"messages": [HELLO | {"tool_calls": [CALL]}]}, "messages[0].tool_calls"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [HELLO | {"tool_call_id": "a b"}]}, "messages[0].tool_call_id"),
        (
            {"messages": [HELLO | {"tool_calls": [{"id": "x"}]}]},
            "messages[0].tool_calls[0].function",
        ),
        (
            {"messages": [{"role": "assistant", "tool_calls": [CALL | {"type": "custom"}]}]},
            "messages[0].tool_calls[0].type",
        ),
        ({"model": 7}, "model"),
        ({"model": "x" * 257}, "model"),
        ({"model": "a\nb"}, "model"),
        ({"stream": "yes"}, "stream"),
        ({"stream": 1}, "stream"),
        ({"stream_options": {"x": 1}}, "stream_options.x"),
        ({"n": 0}, "n"),
        ({"n": -1}, "n"),
        ({"n": 9}, "n"),
        ({"n": 1.5}, "n"),
        ({"n": True}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": -5}, "max_tokens"),
        ({"max_tokens": 10**9}, "max_tokens"),
        ({"max_completion_tokens": 0}, "max_completion_tokens"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": 1.1}, "top_p"),
        ({"presence_penalty": 3}, "presence_penalty"),
        ({"frequency_penalty": -3}, "frequency_penalty"),
        ({"seed": 2**63}, "seed"),
        ({"seed": 10**400}, "seed"),
        ({"seed": "7"}, "seed"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"stop": 7}, "stop"),
        ({"stop": [7]}, "stop[0]"),
        ({"stop": "x" * 257}, "stop"),
        ({"tools": {}}, "tools"),
        ({"tools": [7]}, "tools[0]"),
        ({"tools": [{}]}, "tools[0].type"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tools": [{"type": "function", "function": {"name": 7}}]}, "tools[0].function.name"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name"),
        ({"tools": [TOOL] * 257}, "tools"),
        ({"tools": [TOOL | {"x": 10**40}]}, "tools"),
        ({"tools": [TOOL | {"x": 1}]}, "tools[0]"),
        ({"tools": [TOOL, TOOL]}, "tools[1].function.name"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "x": 1}}]},
            "tools[0].function",
        ),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": CHOSEN}, "tool_choice.function.name"),
        ({"tools": [], "tool_choice": CHOSEN}, "tool_choice.function.name"),
        ({"reasoning_effort": "Jane Roe"}, "reasoning_effort"),
        ({"verbosity": 7}, "verbosity"),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"tool_choice": 7}, "tool_choice"),
        ({"response_format": {}}, "response_format.type"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": "json"}, "response_format"),
        ({"response_format": {"type": "text", "x": 1}}, "response_format"),
        ({"response_format": {"type": ["text"]}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "x": 1}}},
            "response_format.json_schema",
        ),
        ({"metadata": {"a": 1}}, "metadata[...]"),
        ({"unknown_field": 1}, "unknown_field"),
        ({"user_id": "x" * 5_000, "y" * 5_000: 1}, None),
    ],
)
def test_wrong_fields(fields: dict[str, Any], param: str | None) -> None:
    error = refused("chat", {"model": "m", "messages": [HELLO]} | fields)
    assert error.public.endswith(".")
    if param is not None:
        assert error.param == param


@pytest.mark.parametrize(
    "body",
    [
        b"", b" \n", b"{", b"[]", b"null", b"7", b'"x"', b"{]", b"\xff\xfe{}", b"\x00", b"{} {}",
        b'{"messages": NaN}', b'{"messages": [{"role": "user", "content": "\xff"}]}',
        b'{"messages": [{"role": "user", "content": "\xed\xa0\x80"}]}',
        b'{"messages": [{"role": "user", "content": "\\ud800"}]}',
        b'{"messages": [{"role": "user", "content": "\\udc00 x"}]}',
        b'{"messages": [{"role": "user", "content": "x"}], "\\ud800": 1}',
        b'{"messages": [{"role": "user", "content": "x"}], "temperature": NaN}',
        b'{"messages": [{"role": "user", "content": "x"}], "temperature": 1e999}',
        b'{"messages": [{"role": "user", "content": "x"}], "tools": [{"a": Infinity}]}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"messages": [{"role": "user", "content": "x"}], "tools": ' + b"[" * 100_000
        + b"]" * 100_000 + b"}",
        b'{"messages": [{"role": "user", "content": "x"}], "prediction": ' + b"[" * 100_000
        + b"]" * 100_000 + b"}",
        b'{"messages": [{"role": "user", "content": "x", "annotations": ' + b"[" * 100_000
        + b"]" * 100_000 + b"}]}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("operation", ["chat", "completion", "embedding"])
def test_bodies_that_are_no_requests(operation: Operation, body: bytes) -> None:
    refused(operation, body)


def test_half_a_surrogate_pair_is_named() -> None:
    for half in (b"\\ud83d", b"\\uDE00", b"\\ud83d x \\ude00"):
        body = b'{"messages": [{"role": "user", "content": "' + half + b'"}]}'
        assert "half of a pair" in refused("chat", body).public
    whole = b'{"messages": [{"role": "user", "content": "\\ud83d\\ude00"}]}'
    assert parse("chat", whole).messages[0].content == "😀"


@pytest.mark.parametrize("depth", [10, 60])
def test_tools_may_nest_but_not_without_end(depth: int) -> None:
    def nested(levels: int) -> dict[str, Any]:
        value: dict[str, Any] = {}
        for _ in range(levels):
            value = {"p": value}
        return TOOL | {"function": {"name": "f", "parameters": value}}

    assert len(chat(tools=[nested(depth)]).tools) == 1
    assert refused("chat", {"messages": [HELLO], "tools": [nested(70)]}).param == "tools"


def test_the_last_of_two_keys_counts() -> None:
    body = b'{"model": "a", "messages": [{"role": "user", "content": "x"}], "model": "b"}'
    assert parse("chat", body).model == "b"


@pytest.mark.parametrize(
    ("stop", "stops"), [(None, ()), ("", ()), ("a", ("a",)), (["a", "", "b"], ("a", "b"))]
)
def test_stops(stop: Any, stops: tuple[str, ...]) -> None:
    assert chat(stop=stop).stop == stops


KEY_LIKE = "sk-proj-Ab3dEf6hIj9kLm2nOp5qRs8t"  # its form is a name's: governance refuses it


def allowed(*tools: Any, mode: str = "auto") -> dict[str, Any]:
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": list(tools)}}


@pytest.mark.parametrize(
    "choice",
    ["none", "auto", "required", CHOSEN, None, allowed(CHOSEN), allowed(CHOSEN, mode="required")],
)
def test_tool_choices(choice: Any) -> None:
    assert chat(tools=[TOOL], tool_choice=choice).tool_choice == choice


@pytest.mark.parametrize("choice", [allowed(CHOSEN | OTHER), allowed(CHOSEN, OTHER), OTHER])
def test_a_tool_choice_names_tools_of_the_request(choice: Any) -> None:
    with pytest.raises(RequestError, match="names no tool of this request"):
        chat(tools=[TOOL], tool_choice=choice)


@pytest.mark.parametrize(
    "choice",
    [
        {"type": "function"},
        {"type": "function", "function": {"name": "jane.roe@acme-corp.com"}},
        {"type": "function", "function": {"name": "f\n"}},
        {"type": "function", "function": {"name": "f", "note": "jane.roe@acme-corp.com"}},
        {"type": "function", "function": {"name": "f"}, "note": "jane.roe@acme-corp.com"},
        {"type": "jane.roe@acme-corp.com", "function": {"name": "f"}},
        allowed(),
        allowed("jane.roe@acme-corp.com"),
        allowed(CHOSEN, {"type": "function", "function": {"name": "jane.roe@acme-corp.com"}}),
        allowed(CHOSEN | {"note": "jane.roe@acme-corp.com"}),
        allowed({"type": "jane", "function": {"name": "f"}}),
        allowed(CHOSEN, mode="jane.roe@acme-corp.com"),
        allowed(CHOSEN) | {"note": "jane.roe@acme-corp.com"},
        {"type": "allowed_tools", "allowed_tools": "jane.roe@acme-corp.com"},
    ],
)
def test_a_tool_choice_holds_a_name_and_nothing_else(choice: Any) -> None:
    with pytest.raises(RequestError) as refused:
        chat(tools=[TOOL], tool_choice=choice)
    assert (refused.value.param or "").startswith("tool_choice")
    assert "jane" not in str(refused.value)


@pytest.mark.parametrize("value", ["jane.roe@acme-corp.com", "a b", "", "x" * 129, "a\n", "é"])
def test_ids_and_names_are_short_and_plain(value: str) -> None:
    call = {"id": "c1", "function": {"name": "f", "arguments": "{}"}}
    named = {"id": "c1", "function": {"name": value, "arguments": "{}"}}
    for turn, param in (
        (
            {"role": "assistant", "tool_calls": [call | {"id": value}]},
            "messages[0].tool_calls[0].id",
        ),
        (
            {"role": "assistant", "tool_calls": [named]},
            "messages[0].tool_calls[0].function.name",
        ),
        ({"role": "tool", "content": "x", "tool_call_id": value}, "messages[0].tool_call_id"),
    ):
        with pytest.raises(RequestError) as refused:
            chat(messages=[turn])
        assert refused.value.param is not None
        assert refused.value.param.replace("[...]", "[0]") == param
        assert not value.strip() or value not in str(refused.value)
    assert chat(messages=[{"role": "assistant", "tool_calls": [call | {"id": KEY_LIKE}]}])


def test_defaults() -> None:
    ask = chat()
    assert (ask.n, ask.stream, ask.include_usage, ask.max_tokens, ask.options) == (
        1, False, False, None, {},
    )  # fmt: skip


# -- fuzzing -----------------------------------------------------------------------------------

OPERATIONS: list[Operation] = ["chat", "completion", "embedding"]
_scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)
    | st.sampled_from(["user", "tool", "text", "function", "auto", "json_object", "\ud800", "\0"])
)  # fmt: skip
_keys = st.sampled_from(
    [*CHAT_FIELDS, *REFUSED_WHEN_USED, "messages", "model", "prompt", "input", "role", "content",
     "type", "text", "name", "id", "function", "arguments", "tool_calls", "dimensions", "`",
     "\ud800"]
) | st.text(max_size=5)  # fmt: skip
_json = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_keys, inner, max_size=6),
    max_leaves=20,
)


def survives(operation: Operation, body: bytes) -> None:
    """A body is understood or refused; what comes of it can always be written down."""
    try:
        ask = parse(operation, body)
    except RequestError as error:
        said = [error.public, error.param or ""]
    else:
        said = [operation, *(message.content for message in ask.messages)]
        orjson.dumps((ask.tools, ask.tool_choice, ask.response_format, ask.options))
    assert said[0]
    "".join(said).encode()


@settings(max_examples=300)
@given(st.sampled_from(OPERATIONS), st.dictionaries(_keys, _json, max_size=8) | _json)
def test_random_json(operation: Operation, value: Any) -> None:
    survives(operation, json.dumps(value).encode())
    survives(operation, json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))


@settings(max_examples=300)
@given(st.sampled_from(OPERATIONS), _keys, _json, st.sampled_from(["body", "message", "call"]))
def test_one_strange_value_in_a_good_request(
    operation: Operation, key: str, value: Any, where: str
) -> None:
    message: dict[str, Any] = {"role": "assistant", "content": "x", "tool_calls": [dict(CALL)]}
    body: dict[str, Any] = {"model": "m", "messages": [message], "prompt": "x", "input": "x"}
    if operation != "chat":
        body.pop("messages")
        body.pop("input" if operation == "completion" else "prompt")
    target = {"body": body, "message": message, "call": message["tool_calls"][0]}[where]
    target[key] = value
    survives(operation, json.dumps(body).encode())


@given(st.sampled_from(OPERATIONS), st.binary(max_size=200))
@example("chat", b'{"messages":[{"role":"user","content":"\xc3("}]}')
def test_random_bytes(operation: Operation, body: bytes) -> None:
    survives(operation, body)


@given(st.data())
def test_a_good_body_cut_or_damaged_anywhere(data: st.DataObject) -> None:
    body = json.dumps({"model": "m", "messages": [HELLO], "tools": [TOOL], "n": 2}).encode()
    cut = data.draw(st.integers(0, len(body)))
    flipped = data.draw(st.binary(min_size=1, max_size=2))
    survives("chat", body[:cut])
    survives("chat", body[:cut] + flipped + body[cut + len(flipped) :])
