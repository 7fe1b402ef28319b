"""The OpenAI wire, inbound: bytes → ``Ask``. What no control can read must not pass."""

import re
from typing import Any

import msgspec

from freehold.core.ask import Ask, Message, Operation, ToolCall
from freehold.core.errors import RequestError, UnreadableContent
from freehold.server.openai_bodies import (
    ChatBody,
    CommonBody,
    CompletionBody,
    EmbeddingBody,
    Stop,
    TextPart,
    WireMessage,
)
from freehold.server.openai_tools import check_choice, read_format, read_tools

_MAX_DEPTH = 64
_MAX_SHOWN = 200
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1

_REFUSED = {
    "logprobs": "log-probabilities can carry text past the controls",
    "top_logprobs": "log-probabilities can carry text past the controls",
    "logit_bias": "token ids can't be read by the controls",
    "audio": "no control reads audio",
    "functions": "use `tools`",
    "function_call": "use `tool_choice`",
    "prediction": "it is not supported",
    "web_search_options": "a provider's own search would bypass the app's sources",
}
_HALF_PAIR = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|"
    rb"(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]"
)
_OPTIONS = (
    "temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "reasoning_effort",
    "verbosity",
)  # fmt: skip
_chat = msgspec.json.Decoder(ChatBody)
_completion = msgspec.json.Decoder(CompletionBody)
_embedding = msgspec.json.Decoder(EmbeddingBody)


def parse(operation: Operation, body: bytes) -> Ask:
    """Read a request body.

    Raises:
        RequestError: with the parameter it is about, in words a developer can act on.
    """
    if operation == "chat":
        return _chat_ask(_decode(_chat, body))
    if operation == "completion":
        return _completion_ask(_decode(_completion, body))
    return _embedding_ask(_decode(_embedding, body))


def _decode(decoder: Any, body: bytes) -> Any:
    if not body.strip():
        raise RequestError("The request body is empty; a JSON object is expected.")
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _explained(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if _HALF_PAIR.search(body):
            said = "The request body holds an escape (\\uD800 to \\uDFFF) that is half of a pair."
            raise RequestError(said) from None
        raise RequestError(
            f"The request body is not valid JSON in UTF-8: {_no_utf8(body) or error}."
        ) from None
    except RecursionError:
        raise RequestError("The request body is nested too deeply.") from None


def _no_utf8(body: bytes) -> str:
    """Where the body is no UTF-8, as msgspec counts from the text's own beginning; else nothing."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return f"byte {error.start} (0x{body[error.start]:02x}) is no part of a character"
    return ""


def _explained(message: str) -> RequestError:
    """A validation error with the parameter's path apart, as OpenAI's ``param``."""
    said, _, path = message.partition(" - at `")
    param = path.rstrip("`").removeprefix("$").lstrip(".")[:_MAX_SHOWN]
    quoted = said.split("`")
    if "unknown field" in said or "missing required field" in said:
        field = quoted[1][:_MAX_SHOWN]
        param = f"{param}.{field}" if param else field
        if "unknown field" in said:
            return UnreadableContent(f"Unknown parameter `{param}`.", param=param)
        return RequestError(f"Missing required parameter `{param}`.", param=param)
    if "Invalid value" in said and ".content[" in param and param.endswith(".type"):
        return UnreadableContent(
            "Only text content is accepted: no control reads other media for this app.", param=param
        )
    if param.startswith(("input[", "prompt[")) and ("`int`" in said or "`array`" in said):
        return UnreadableContent(
            "Token ids are not accepted, since no control reads them: send text.", param=param
        )
    if "matching regex" in said:
        said = f"`{param}` holds characters that are not accepted there"
        return RequestError(f"{said}.", param=param)
    return RequestError(
        f"{said[:_MAX_SHOWN]}{f' (at `{param}`)' if param else ''}.", param=param or None
    )


def _chat_ask(body: ChatBody) -> Ask:
    for name, reason in _REFUSED.items():
        value = getattr(body, name)
        if value not in (None, False, {}, []):
            raise UnreadableContent(f"`{name}` is not accepted: {reason}.", param=name)
    if body.modalities not in (None, ["text"]):
        raise UnreadableContent(
            "`modalities` other than text are not accepted.", param="modalities"
        )
    for name in ("tools", "tool_choice", "response_format"):
        _bounded(getattr(body, name), name)
    tools = read_tools(body.tools)
    check_choice(body.tool_choice, tools)
    return Ask(
        operation="chat",
        messages=tuple(_message(message, i) for i, message in enumerate(body.messages)),
        model=body.model,
        stream=bool(body.stream),
        include_usage=bool(body.stream_options and body.stream_options.include_usage),
        max_tokens=body.max_completion_tokens or body.max_tokens,
        n=body.n or 1,
        stop=_stops(body.stop),
        tools=tools,
        tool_choice=body.tool_choice,
        parallel_tool_calls=body.parallel_tool_calls,
        response_format=read_format(body.response_format),
        options=_options(body),
    )


def _completion_ask(body: CompletionBody) -> Ask:
    prompt = body.prompt
    if prompt is None:
        raise RequestError("Missing required parameter `prompt`.", param="prompt")
    text = prompt if isinstance(prompt, str) else prompt[0]
    return Ask(
        operation="completion",
        messages=(Message(role="user", content=text),),
        model=body.model,
        stream=bool(body.stream),
        include_usage=bool(body.stream_options and body.stream_options.include_usage),
        max_tokens=body.max_tokens,
        n=body.n or 1,
        stop=_stops(body.stop),
        options=_options(body),
    )


def _embedding_ask(body: EmbeddingBody) -> Ask:
    inputs = [body.input] if isinstance(body.input, str) else body.input
    if not all(inputs):
        raise RequestError("Embedding inputs must not be empty.", param="input")
    options: dict[str, float | int | str | bool] = {}
    if body.encoding_format is not None:
        options["encoding_format"] = body.encoding_format
    if body.dimensions is not None:
        options["dimensions"] = body.dimensions
    return Ask(
        operation="embedding",
        messages=tuple(Message(role="user", content=text) for text in inputs),
        model=body.model,
        options=options,
    )


def _message(message: WireMessage, place: int) -> Message:
    content = message.content
    if isinstance(content, list):
        content = "\n".join(
            part.text if isinstance(part, TextPart) else part.refusal for part in content
        )
    calls = tuple(
        ToolCall(id=call.id, name=call.function.name, arguments=call.function.arguments)
        for call in message.tool_calls or ()
    )
    if content is None and not calls and message.role != "assistant":
        raise RequestError(
            f"A {message.role} message needs content.", param=f"messages[{place}].content"
        )
    if calls and message.role != "assistant":
        raise RequestError(
            "Only assistant messages have tool calls.", param=f"messages[{place}].tool_calls"
        )
    if message.role == "tool" and not message.tool_call_id:
        raise RequestError(
            "A tool message needs a tool_call_id.", param=f"messages[{place}].tool_call_id"
        )
    return Message(
        role=message.role,
        content=content or "",
        name=message.name,
        tool_calls=calls,
        tool_call_id=message.tool_call_id,
    )


def _stops(stop: Stop) -> tuple[str, ...]:
    if stop is None:
        return ()
    stops = (stop,) if isinstance(stop, str) else tuple(stop)
    if len(stops) > 4:
        raise RequestError("At most four stop sequences are accepted.", param="stop")
    return tuple(s for s in stops if s)


def _options(body: CommonBody) -> dict[str, float | int | str | bool]:
    return {name: v for name in _OPTIONS if (v := getattr(body, name, None)) is not None}


def _bounded(value: Any, name: str) -> None:
    """Free-form JSON may not nest deeper, or hold larger numbers, than what follows can handle."""
    layer = [value]
    for _ in range(_MAX_DEPTH):
        if any(type(item) is int and not _SMALLEST <= item <= _LARGEST for item in layer):
            raise RequestError(f"`{name}` holds a number of more than 64 bits.", param=name)
        layer = [
            child
            for item in layer
            if isinstance(item, (dict, list))
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not layer:
            return
    raise RequestError(f"`{name}` is nested too deeply.", param=name)
