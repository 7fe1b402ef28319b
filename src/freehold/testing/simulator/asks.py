"""Requests, read and checked: chat, legacy completions, embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from freehold.testing.simulator.errors import malformed

_ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool", "function"})

# The arguments of chat completions that OpenAI documents; with `--strict` nothing else passes.
_KNOWN: Final = frozenset(
    """messages model stream stream_options n stop max_tokens max_completion_tokens temperature
    top_p presence_penalty frequency_penalty logit_bias logprobs top_logprobs user seed tools
    tool_choice parallel_tool_calls response_format functions function_call metadata store
    modalities audio prediction reasoning_effort service_tier verbosity web_search_options
    safety_identifier prompt_cache_key""".split()
)


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `text` joins its text parts."""

    role: str
    text: str
    name: str | None = None
    tool_call_id: str | None = None
    tool_calls: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Tool:
    """One function that the model may call."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request for text, in the form that behaviours read.

    `hint` names a recorded conversation (header `x-recording`, else the `user` field).
    `key` is the text that the digest is made of; `forced_tool` is a name, `"*"` or nothing.
    """

    model: str
    messages: tuple[Message, ...]
    stream: bool = False
    include_usage: bool = False
    n: int = 1
    stop: tuple[str, ...] = ()
    max_tokens: int | None = None
    tools: tuple[Tool, ...] = ()
    forced_tool: str | None = None
    json_object: bool = False
    json_schema: Mapping[str, Any] | None = None
    hint: str | None = None
    key: str = ""

    @property
    def last_user(self) -> str:
        """The newest thing that the user said."""
        for message in reversed(self.messages):
            if message.role == "user":
                return message.text
        return ""


def read_object(body: bytes) -> dict[str, Any]:
    """The body as a JSON object.

    Raises:
        WireError: 400, it is none.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise malformed(f"The body is not valid JSON: {error}.") from None
    if not isinstance(value, dict):
        raise malformed("The body must be a JSON object.")
    return value


def _text(content: object, where: str) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise malformed(f"{where} must be a string or a list of parts.", where)
    parts: list[str] = []
    for part in content:
        if not isinstance(part, dict) or not isinstance(part.get("type"), str):
            raise malformed(f"{where} holds a part without a type.", where)
        if part["type"] in ("text", "input_text", "refusal"):
            text = part.get("text", part.get("refusal"))
            if not isinstance(text, str):
                raise malformed(f"{where} holds a text part without text.", where)
            parts.append(text)
    return "\n".join(parts)


def _message(raw: object, where: str) -> Message:
    if not isinstance(raw, dict):
        raise malformed(f"{where} must be an object.", where)
    role = raw.get("role")
    if role not in _ROLES:
        raise malformed(f"{where}.role is {role!r}, which is no role.", f"{where}.role")
    calls = raw.get("tool_calls") or []
    if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
        raise malformed(f"{where}.tool_calls must be a list of objects.", f"{where}.tool_calls")
    if raw.get("content") is None and not (role == "assistant"):
        raise malformed(f"{where}.content is missing.", f"{where}.content")
    call_id = raw.get("tool_call_id")
    if role == "tool" and not isinstance(call_id, str):
        raise malformed(f"{where}.tool_call_id is missing.", f"{where}.tool_call_id")
    return Message(
        role,
        _text(raw.get("content"), f"{where}.content"),
        raw.get("name") if isinstance(raw.get("name"), str) else None,
        call_id,
        tuple(calls),
    )


def read_messages(raw: object) -> tuple[Message, ...]:
    """The list of messages, checked; tool messages must answer a call made before them."""
    if not isinstance(raw, list) or not raw:
        raise malformed("messages must be a list of at least one message.", "messages")
    messages = tuple(_message(item, f"messages[{at}]") for at, item in enumerate(raw))
    called: set[object] = set()
    for at, message in enumerate(messages):
        called.update(call.get("id") for call in message.tool_calls)
        if message.role == "tool" and message.tool_call_id not in called:
            where = f"messages[{at}].tool_call_id"
            raise malformed(f"{where} answers no tool call made before it.", where)
    return messages


def _integer(data: Mapping[str, Any], name: str, low: int, high: int) -> int | None:
    value = data.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise malformed(f"{name} must be an integer from {low} to {high}.", name)
    return value


def _flag(data: Mapping[str, Any], name: str) -> bool:
    value = data.get(name)
    if not isinstance(value, bool | None):
        raise malformed(f"{name} must be a boolean.", name)
    return bool(value)


def _stops(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or len(items) > 4 or not all(isinstance(i, str) for i in items):
        raise malformed("stop must be a string or up to four strings.", "stop")
    return tuple(item for item in items if item)


def _tools(value: object) -> tuple[Tool, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise malformed("tools must be a list.", "tools")
    tools: list[Tool] = []
    for at, item in enumerate(value):
        function = item.get("function") if isinstance(item, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise malformed(f"tools[{at}].function.name is missing.", f"tools[{at}]")
        parameters = function.get("parameters")
        tools.append(
            Tool(
                function["name"],
                str(function.get("description") or ""),
                parameters if isinstance(parameters, dict) else {},
            )
        )
    return tuple(tools)


def _forced(value: object, tools: Sequence[Tool]) -> tuple[tuple[Tool, ...], str | None]:
    """Tools that may be called, and the one that must be (`"*"`: any)."""
    if value in (None, "auto"):
        return tuple(tools), None
    if value == "none":
        return (), None
    if value == "required" and tools:
        return tuple(tools), "*"
    if isinstance(value, dict) and value.get("type") == "allowed_tools":
        allowed = value.get("allowed_tools") or {}
        names = {tool["function"]["name"] for tool in allowed.get("tools", ())}
        if names - {tool.name for tool in tools} or not names:
            raise malformed("tool_choice allows a tool that is not in tools.", "tool_choice")
        tools = tuple(tool for tool in tools if tool.name in names)
        return tools, "*" if allowed.get("mode") == "required" else None
    function = value.get("function") if isinstance(value, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if not any(tool.name == name for tool in tools):
        raise malformed("tool_choice names no tool of this request.", "tool_choice")
    return tuple(tools), str(name)


def _format(value: object) -> tuple[bool, Mapping[str, Any] | None]:
    """Whether JSON is wanted, and its schema."""
    if value is None:
        return False, None
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(value, dict) or kind not in ("text", "json_object", "json_schema"):
        raise malformed("response_format.type is unknown.", "response_format")
    if kind != "json_schema":
        return kind == "json_object", None
    holder = value.get("json_schema")
    schema = holder.get("schema") if isinstance(holder, dict) else None
    if not isinstance(schema, dict):
        raise malformed("response_format.json_schema.schema is missing.", "response_format")
    return False, schema


def _stream(data: Mapping[str, Any]) -> tuple[bool, bool]:
    stream, options = _flag(data, "stream"), data.get("stream_options")
    if options is None:
        return stream, False
    if not stream or not isinstance(options, dict):
        raise malformed("stream_options goes with stream: true only.", "stream_options")
    return stream, bool(options.get("include_usage"))


def read_chat(data: Mapping[str, Any], *, hint: str | None = None, strict: bool = False) -> Ask:
    """The body of `POST /v1/chat/completions`.

    Raises:
        WireError: 400, naming the argument that is wrong.
    """
    if strict and (unknown := sorted(set(data) - _KNOWN)):
        raise malformed(f"Unrecognized request argument supplied: {unknown[0]}", unknown[0])
    messages = read_messages(data.get("messages"))
    stream, include_usage = _stream(data)
    tools, forced = _forced(data.get("tool_choice"), _tools(data.get("tools")))
    json_object, schema = _format(data.get("response_format"))
    user = data.get("user")
    limit = _integer(data, "max_completion_tokens", 1, 1_000_000)
    same = {
        name: data.get(name)
        for name in ("model", "messages", "tools", "tool_choice", "response_format", "seed")
    }
    return Ask(
        model=str(data["model"]),
        messages=messages,
        stream=stream,
        include_usage=include_usage,
        n=_integer(data, "n", 1, 128) or 1,
        stop=_stops(data.get("stop")),
        max_tokens=limit or _integer(data, "max_tokens", 1, 1_000_000),
        tools=tools,
        forced_tool=forced,
        json_object=json_object,
        json_schema=schema,
        hint=hint or (user if isinstance(user, str) else None),
        key=orjson.dumps(same, option=orjson.OPT_SORT_KEYS).decode(),
    )


def read_completion(data: Mapping[str, Any]) -> list[Ask]:
    """The body of the legacy `POST /v1/completions`: one ask for each prompt."""
    prompt = data.get("prompt")
    prompts = [prompt] if isinstance(prompt, str) else prompt
    if not isinstance(prompts, list) or not prompts or not all(isinstance(p, str) for p in prompts):
        raise malformed("prompt must be a string or a list of strings.", "prompt")
    stream, include_usage = _stream(data)
    return [
        Ask(
            model=str(data["model"]),
            messages=(Message("user", text),),
            stream=stream,
            include_usage=include_usage,
            n=_integer(data, "n", 1, 128) or 1,
            stop=_stops(data.get("stop")),
            max_tokens=_integer(data, "max_tokens", 1, 1_000_000) or 16,
            key=orjson.dumps([data["model"], text, data.get("seed")]).decode(),
        )
        for text in prompts
    ]
