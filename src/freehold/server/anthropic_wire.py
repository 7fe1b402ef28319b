"""The Anthropic wire, inbound: bytes → ``Ask``. What no control can read must not pass."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import orjson
from msgspec.structs import replace

from freehold.core.ask import Ask, Message, ToolCall
from freehold.core.errors import RequestError, UnreadableContent
from freehold.server.anthropic_bodies import (
    MessagesBody,
    PromptBody,
    TextBlock,
    ThinkingBody,
    ToolBody,
    ToolChoiceBody,
    ToolResultBlock,
    ToolUseBlock,
)
from freehold.server.json_bodies import bounded, decode, refuse_used, shaped
from freehold.server.openai_tools import flat_tools

VERSION = "2023-06-01"
MAX_STOPS = 4
_MEDIA = "no control reads media or files"
_BUILT_IN = "a provider's own tools would act outside of the app's controls"
_HIDDEN = "no control reads reasoning that is signed or hidden"
_BLOCKS = {
    "image": _MEDIA,
    "document": _MEDIA,
    "container_upload": _MEDIA,
    "search_result": "send what was found as text",
    "thinking": _HIDDEN,
    "redacted_thinking": _HIDDEN,
    "server_tool_use": _BUILT_IN,
    "mcp_tool_use": _BUILT_IN,
    "mcp_tool_result": _BUILT_IN,
    "tool_reference": _BUILT_IN,
}
_REFUSED = {
    "mcp_servers": _BUILT_IN,
    "context_management": "a model reads what the controls have read, and nothing else",
    "prefill": "not every model can go on from words put into its mouth",
    "user_profile_id": "the bundle says who asks",
    "workspace_id": "the bundle says which account a model is asked with",
}
_REFUSED_MESSAGES = {
    "top_k": "not every model takes it",
    "container": _BUILT_IN,
    "diagnostics": "prompts are not cached here",
    "inference_geo": "the bundle says in which regions a model may be asked",
}
_PLAIN = re.compile(r"[a-z0-9_]{1,40}")
_messages = msgspec.json.Decoder(MessagesBody)
_prompt = msgspec.json.Decoder(PromptBody)


def parse(body: bytes) -> Ask:
    """Read the body of ``POST /v1/messages``.

    Raises:
        RequestError: with the parameter it is about, in words a developer can act on.
    """
    read = decode(_messages, body)
    refuse_used(read, _REFUSED_MESSAGES)
    ask = _asked(read)
    if read.messages[-1].role == "assistant":
        raise UnreadableContent(
            "The last message must not be the assistant's: " + _REFUSED["prefill"] + ".",
            param=f"messages[{len(read.messages) - 1}].role",
        )
    options: dict[str, float | int | str | bool] = dict(ask.options)
    for name in ("temperature", "top_p"):
        if (value := getattr(read, name)) is not None:
            options[name] = value
    stops = tuple(filter(None, read.stop_sequences or ()))
    if len(stops) > MAX_STOPS:
        raise RequestError("At most four stop sequences are accepted.", param="stop_sequences")
    return replace(
        ask,
        stream=bool(read.stream),
        include_usage=bool(read.stream),
        max_tokens=read.max_tokens,
        stop=stops,
        options=options,
    )


def parse_prompt(body: bytes) -> Ask:
    """Read the body of ``POST /v1/messages/count_tokens``.

    Raises:
        RequestError: as ``parse``.
    """
    return _asked(decode(_prompt, body))


def check_version(version: bytes | None) -> None:
    """One version of this API is spoken here.

    Raises:
        RequestError: another is asked for.
    """
    if version is not None and version != VERSION.encode():
        raise RequestError(f"The version spoken here (`anthropic-version`) is {VERSION}.")


def _asked(body: PromptBody) -> Ask:
    refuse_used(body, _REFUSED)
    if body.speed not in (None, "standard"):
        raise UnreadableContent("`speed` other than standard is not accepted.", param="speed")
    if body.thinking is not None and body.thinking.get("type") != "disabled":
        raise UnreadableContent(
            f"`thinking` is not accepted: {_HIDDEN}. `output_config.effort` says how much a model"
            " is to think.",
            param="thinking",
        )
    if body.thinking is not None:
        shaped(body.thinking, ThinkingBody, "thinking")
    choice, parallel = _choice(body.tool_choice)
    effort = body.output_config.effort if body.output_config else None
    return Ask(
        operation="chat",
        messages=tuple(_conversation(body)),
        model=body.model,
        tools=flat_tools(_tools(body.tools), choice),
        tool_choice=choice,
        parallel_tool_calls=parallel,
        response_format=_format(body),
        options={} if effort is None else {"reasoning_effort": effort},
    )


# -- messages --


def _conversation(body: PromptBody) -> Iterator[Message]:
    if body.system:
        text = body.system
        if not isinstance(text, str):
            text = _texts(text, "system")
        yield Message(role="system", content=text)
    for place, turn in enumerate(body.messages):
        if isinstance(turn.content, str):
            yield Message(role=turn.role, content=turn.content)
        elif turn.role == "assistant":
            yield _assistant(turn.content, f"messages[{place}].content")
        elif turn.role == "system":
            yield Message(role="system", content=_texts(turn.content, f"messages[{place}].content"))
        else:
            yield from _user(turn.content, f"messages[{place}].content")


def _assistant(blocks: list[dict[str, Any]], param: str) -> Message:
    """One message, whatever the order of its blocks: text comes before tool calls."""
    texts: list[str] = []
    calls: list[ToolCall] = []
    for place, block in enumerate(blocks):
        at = f"{param}[{place}]"
        if _kind(block, at, ("text", "tool_use")) == "text":
            texts.append(shaped(block, TextBlock, at).text)
            continue
        use = shaped(block, ToolUseBlock, at)
        bounded(use.input, f"{at}.input")
        arguments = orjson.dumps(use.input).decode()
        calls.append(ToolCall(id=use.id, name=use.name, arguments=arguments))
    return Message(role="assistant", content="\n".join(texts), tool_calls=tuple(calls))


def _user(blocks: list[dict[str, Any]], param: str) -> Iterator[Message]:
    """A tool's result is a message of its own; texts in a row are one."""
    if not blocks:
        raise RequestError("A message needs content.", param=param)
    texts: list[str] = []
    for place, block in enumerate(blocks):
        at = f"{param}[{place}]"
        if _kind(block, at, ("text", "tool_result")) == "text":
            texts.append(shaped(block, TextBlock, at).text)
            continue
        if texts:
            yield Message(role="user", content="\n".join(texts))
            texts = []
        yield _result(shaped(block, ToolResultBlock, at), at)
    if texts:
        yield Message(role="user", content="\n".join(texts))


def _result(block: ToolResultBlock, param: str) -> Message:
    content = block.content or ""
    if not isinstance(content, str):
        content = _texts(content, f"{param}.content")
    if block.is_error:  # the only place where what came of it can be said
        content = f"Error: {content}"
    return Message(role="tool", content=content, tool_call_id=block.tool_use_id)


def _texts(blocks: list[dict[str, Any]], param: str) -> str:
    texts = []
    for place, block in enumerate(blocks):
        _kind(block, f"{param}[{place}]", ("text",))
        texts.append(shaped(block, TextBlock, f"{param}[{place}]").text)
    return "\n".join(texts)


def _kind(block: dict[str, Any], param: str, allowed: tuple[str, ...]) -> str:
    """A block's type, if such a block may stand there."""
    kind = block.get("type")
    if kind in allowed:
        return str(kind)
    takes = " and ".join(f"`{name}`" for name in allowed)
    if isinstance(kind, str) and (kind in _BLOCKS or kind.endswith("_tool_result")):
        why = _BLOCKS.get(kind, _BUILT_IN)
        raise UnreadableContent(
            f"Blocks of type `{kind if _PLAIN.fullmatch(kind) else '…'}` are not accepted: {why}.",
            param=f"{param}.type",
        )
    raise UnreadableContent(f"Only blocks of type {takes} may stand there.", param=f"{param}.type")


# -- settings --


def _tools(tools: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """The tools in the form that the journey knows."""
    bounded(tools, "tools")
    read: list[dict[str, Any]] = []
    for place, tool in enumerate(tools or ()):
        if tool.get("type") not in (None, "custom"):
            raise UnreadableContent(
                f"Only tools of type `custom` are accepted: {_BUILT_IN}.",
                param=f"tools[{place}].type",
            )
        body = shaped(tool, ToolBody, f"tools[{place}]")
        function: dict[str, Any] = {"name": body.name, "parameters": body.input_schema}
        if body.description is not None:
            function["description"] = body.description
        if body.strict is not None:
            function["strict"] = body.strict
        read.append({"type": "function", "function": function})
    return read


def _choice(choice: ToolChoiceBody | None) -> tuple[str | dict[str, Any] | None, bool | None]:
    """The choice among tools, and whether several may be called at once."""
    if choice is None:
        return None, None
    if (choice.type == "tool") != (choice.name is not None):
        raise RequestError(
            "`tool_choice.name` stands with type `tool`, and only there.", param="tool_choice.name"
        )
    parallel = None if choice.disable_parallel_tool_use is None else (
        not choice.disable_parallel_tool_use
    )  # fmt: skip
    if choice.type == "tool":
        return {"type": "function", "function": {"name": choice.name}}, parallel
    return {"auto": "auto", "any": "required", "none": "none"}[choice.type], parallel


def _format(body: PromptBody) -> dict[str, Any] | None:
    wanted = body.output_config.format if body.output_config else None
    if wanted is None:
        return None
    bounded(wanted.schema, "output_config.format.schema")
    schema = {"name": "output", "strict": True, "schema": wanted.schema}
    return {"type": "json_schema", "json_schema": schema}
