"""OpenAI's Responses, inbound: bytes → ``Ask``. What no control can read must not pass."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from freehold.core.ask import Ask, Message, ToolCall
from freehold.core.errors import RequestError, UnreadableContent
from freehold.server.dialect import Asked
from freehold.server.json_bodies import bounded, decode, refuse_used, shaped
from freehold.server.openai_tools import flat_tools, read_format
from freehold.server.responses_bodies import (
    CallItem,
    CallOutputItem,
    InputText,
    MessageItem,
    OutputRefusal,
    OutputText,
    ResponsesBody,
    ToolItem,
)

_MEDIA = "no control reads media or files"
_BUILT_IN = "a provider's own tools would act outside of the app's controls"
_HIDDEN = "no control reads reasoning that is encrypted or hidden"
_PARTS = {
    "input_image": _MEDIA,
    "input_file": _MEDIA,
    "input_audio": _MEDIA,
    "reasoning_text": _HIDDEN,
    "summary_text": _HIDDEN,
}
_ITEMS = {
    "reasoning": _HIDDEN,
    "compaction": _HIDDEN,
    "item_reference": "send the item itself, or `previous_response_id`",
}
_REFUSED = {
    "include": "it asks for what no control reads, or for a provider's own tools",
    "conversation": "use `previous_response_id`",
    "prompt": "prompts are in the bundle, or in `instructions`",
    "max_tool_calls": _BUILT_IN,
    "top_logprobs": "log-probabilities can carry text past the controls",
    "context_management": "a model reads what the controls have read, and nothing else",
    "access_programs": "the bundle says who may ask what",
    "image": _MEDIA,
}
_PLAIN = re.compile(r"[a-z0-9_]{1,40}")
_body = msgspec.json.Decoder(ResponsesBody)


class Form(Struct, kw_only=True):
    """What a response repeats of its request, in this API's own words.

    ``store`` is what was asked for, ``None`` when nothing was; ``stored`` what became of it.
    ``instructions`` is the text that opens the request's own messages.
    """

    background: bool = False
    instructions: str | None = None
    model: str = ""
    max_output_tokens: int | None = None
    metadata: dict[str, str] = {}
    parallel_tool_calls: bool = True
    previous_response_id: str | None = None
    effort: str | None = None
    store: bool | None = None
    stored: bool = False
    temperature: float | None = None
    text: dict[str, Any] = field(default_factory=lambda: {"format": {"type": "text"}})
    tool_choice: Any = "auto"
    tools: list[dict[str, Any]] = []
    top_p: float | None = None
    truncation: str = "disabled"


def parse(body: bytes) -> Asked:
    """Read the body of ``POST /v1/responses``; the form is a `Form`.

    Raises:
        RequestError: with the parameter it is about, in words a developer can act on.
    """
    read = decode(_body, body)
    refuse_used(read, _REFUSED)
    if not read.input:
        raise RequestError("Missing required parameter `input`.", param="input")
    if read.background and read.store is False:
        raise RequestError(
            "`background` needs `store`: nothing else would know of it.", param="store"
        )
    if read.background and read.stream:
        raise UnreadableContent(
            "`background` is not streamed here: retrieve the response until it is completed.",
            param="stream",
        )
    bounded(read.tool_choice, "tool_choice")
    choice = _choice(read.tool_choice)
    ask = Ask(
        operation="chat",
        messages=tuple(_messages(read)),
        model=read.model,
        stream=bool(read.stream),
        include_usage=bool(read.stream),
        max_tokens=read.max_output_tokens,
        tools=flat_tools(_tools(read.tools), choice),
        tool_choice=choice,
        parallel_tool_calls=read.parallel_tool_calls,
        response_format=_format(read.text.format if read.text else None),
        options=_options(read),
    )
    return Asked(ask, _form(read))


def going_on(asked: Asked, before: Iterable[Message]) -> Asked:
    """The request as it is with the conversation before it; that one's instructions are not."""
    own = asked.ask.messages
    first = 1 if asked.form.instructions else 0
    messages = (*own[:first], *before, *own[first:])
    return Asked(replace(asked.ask, messages=messages), asked.form)


def _form(body: ResponsesBody) -> Form:
    text: dict[str, Any] = {"format": (body.text and body.text.format) or {"type": "text"}}
    if body.text and body.text.verbosity:
        text["verbosity"] = body.text.verbosity
    return Form(
        background=bool(body.background),
        instructions=body.instructions or None,
        model=body.model,
        max_output_tokens=body.max_output_tokens,
        metadata=body.metadata or {},
        parallel_tool_calls=body.parallel_tool_calls is not False,
        previous_response_id=body.previous_response_id,
        effort=body.reasoning.effort if body.reasoning else None,
        store=body.store,
        temperature=body.temperature,
        text=text,
        tool_choice=body.tool_choice or "auto",
        tools=body.tools or [],
        top_p=body.top_p,
        truncation=body.truncation or "disabled",
    )


def _options(body: ResponsesBody) -> dict[str, float | int | str | bool]:
    wanted = {
        "temperature": body.temperature,
        "top_p": body.top_p,
        "reasoning_effort": body.reasoning.effort if body.reasoning else None,
        "verbosity": body.text.verbosity if body.text else None,
    }
    return {name: value for name, value in wanted.items() if value is not None}


# -- input --


def _messages(body: ResponsesBody) -> list[Message]:
    read: list[Message] = []
    if body.instructions:
        read.append(Message(role="system", content=body.instructions))
    if isinstance(body.input, str):
        return [*read, Message(role="user", content=body.input)]
    for place, item in enumerate(body.input or ()):
        at = f"input[{place}]"
        kind = item.get("type", "message")
        if kind == "function_call":
            _add_call(read, shaped(item, CallItem, at))
        elif kind == "function_call_output":
            output = shaped(item, CallOutputItem, at)
            text = _text(output.output, f"{at}.output", ("input_text",))
            read.append(Message(role="tool", content=text, tool_call_id=output.call_id))
        elif kind in ("message", None):
            message = shaped(item, MessageItem, at)
            echo = message.role == "assistant"
            allowed = ("output_text", "refusal", "input_text") if echo else ("input_text",)
            text = _text(message.content, f"{at}.content", allowed)
            read.append(Message(role=message.role, content=text))
        else:
            raise _no_such(kind, "items", _ITEMS, _BUILT_IN, f"{at}.type")
    return read


def _add_call(read: list[Message], call: CallItem) -> None:
    """A call belongs to the assistant's message before it, and so do several in a row."""
    wanted = ToolCall(id=call.call_id, name=call.name, arguments=call.arguments)
    if read and read[-1].role == "assistant":
        read[-1] = replace(read[-1], tool_calls=(*read[-1].tool_calls, wanted))
    else:
        read.append(Message(role="assistant", tool_calls=(wanted,)))


def _text(content: str | list[dict[str, Any]], param: str, allowed: tuple[str, ...]) -> str:
    if isinstance(content, str):
        return content
    texts = []
    for place, part in enumerate(content):
        at = f"{param}[{place}]"
        kind = part.get("type")
        if kind not in allowed:
            raise _no_such(kind, "parts", _PARTS, "they can't stand there", f"{at}.type")
        if kind == "refusal":
            texts.append(shaped(part, OutputRefusal, at).refusal)
        else:
            shape: type[InputText | OutputText] = InputText if kind == "input_text" else OutputText
            texts.append(shaped(part, shape, at).text)
    return "\n".join(texts)


def _no_such(
    kind: object, what: str, reasons: Mapping[str, str], otherwise: str, param: str
) -> RequestError:
    if not isinstance(kind, str) or not _PLAIN.fullmatch(kind):
        return RequestError(f"`{param}` holds no type of {what} that is known.", param=param)
    why = reasons.get(kind, otherwise)
    return UnreadableContent(
        f"{what.capitalize()} of type `{kind}` are not accepted: {why}.", param=param
    )


# -- settings --


def _tools(tools: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """The tools in the form that the journey knows."""
    bounded(tools, "tools")
    read: list[dict[str, Any]] = []
    for place, tool in enumerate(tools or ()):
        if tool.get("type") != "function":
            raise UnreadableContent(
                f"Only tools of type `function` are accepted: {_BUILT_IN}.",
                param=f"tools[{place}].type",
            )
        body = shaped(_without_async(tool), ToolItem, f"tools[{place}]")
        function: dict[str, Any] = {"name": body.name}
        for name in ("description", "parameters", "strict"):
            if (value := getattr(body, name)) is not None:
                function[name] = value
        read.append({"type": "function", "function": function})
    return read


def _without_async(tool: dict[str, Any]) -> dict[str, Any]:
    """``async`` can be no name of a field in Python; unused, it says nothing."""
    if tool.get("async", 0) in (None, False):
        return {name: value for name, value in tool.items() if name != "async"}
    return tool


def _choice(choice: str | dict[str, Any] | None) -> str | dict[str, Any] | None:
    """The choice among tools in the form that the journey knows, to be checked there."""
    if not isinstance(choice, dict):
        return choice
    if choice.get("type") == "function" and choice.keys() == {"type", "name"}:
        return {"type": "function", "function": {"name": choice["name"]}}
    if choice.get("type") == "allowed_tools" and choice.keys() == {"type", "mode", "tools"}:
        tools = choice["tools"]
        named = [_choice(tool) if isinstance(tool, dict) else tool for tool in tools] if (
            isinstance(tools, list)
        ) else tools  # fmt: skip
        allowed = {"mode": choice["mode"], "tools": named}
        return {"type": "allowed_tools", "allowed_tools": allowed}
    raise UnreadableContent(
        "A `tool_choice` object names one function, {type, name}, or those that are allowed: "
        "{type: allowed_tools, mode: auto or required, tools: [...]}.",
        param="tool_choice",
    )


def _format(wanted: dict[str, Any] | None) -> dict[str, Any] | None:
    bounded(wanted, "text.format")
    if wanted is None or wanted == {"type": "text"}:
        return None
    if wanted.get("type") != "json_schema":
        return read_format(wanted, "text.format")
    schema = {name: value for name, value in wanted.items() if name != "type" and value is not None}
    return read_format({"type": "json_schema", "json_schema": schema}, "text.format")
