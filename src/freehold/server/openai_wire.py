"""The OpenAI wire, inbound: bytes → ``Ask``. Strict, since what no control can read must not pass.

Source: https://platform.openai.com/docs/api-reference (chat completions, completions, embeddings).
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from freehold.core.ask import Ask, Message, Operation, ToolCall
from freehold.core.errors import RequestError, UnreadableContent

_MAX_CHOICES = 8
_MAX_MESSAGES = 2_000
_MAX_DEPTH = 64
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1

Stop = str | list[str] | None
Tokens = Annotated[int, Meta(ge=1, le=10_000_000)]


class TextPart(Struct, tag="text", tag_field="type", forbid_unknown_fields=True):
    """A content part that controls can read."""

    text: str


class FunctionCall(Struct, forbid_unknown_fields=True):
    """A tool call's function."""

    name: str
    arguments: str


class WireToolCall(Struct, forbid_unknown_fields=True):
    """A tool call in an assistant message."""

    id: str
    function: FunctionCall
    type: Literal["function"] = "function"
    index: int | None = None


class WireMessage(Struct, forbid_unknown_fields=True):
    """A message. ``refusal``, ``annotations`` and ``audio`` come back in echoes of answers."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[TextPart] | None = None
    name: str | None = None
    tool_calls: list[WireToolCall] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None
    annotations: list[Any] | None = None
    audio: None = None
    function_call: None = None


class StreamOptions(Struct, forbid_unknown_fields=True):
    """``stream_options``."""

    include_usage: bool = False
    include_obfuscation: bool = False


class _Common(Struct, forbid_unknown_fields=True, kw_only=True):
    """Fields that chat and legacy completions share."""

    model: str = ""
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Tokens | None = None
    n: Annotated[int, Meta(ge=1, le=_MAX_CHOICES)] | None = None
    stop: Stop = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    presence_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    user: str | None = None


class ChatBody(_Common, kw_only=True):
    """``POST /v1/chat/completions``. Fields after ``metadata`` are known, and refused when used."""

    messages: Annotated[list[WireMessage], Meta(min_length=1, max_length=_MAX_MESSAGES)]
    max_completion_tokens: Tokens | None = None
    tools: Annotated[list[dict[str, Any]], Meta(max_length=256)] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    metadata: dict[str, str] | None = None
    store: bool | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None
    safety_identifier: str | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: dict[str, float] | None = None
    modalities: list[str] | None = None
    audio: dict[str, Any] | None = None
    functions: list[Any] | None = None
    function_call: Any = None
    prediction: Any = None
    web_search_options: Any = None


class CompletionBody(_Common, kw_only=True):
    """``POST /v1/completions``."""

    prompt: str | Annotated[list[str], Meta(min_length=1, max_length=1)] | None = None
    suffix: None = None
    echo: Literal[False] | None = None
    best_of: Literal[1] | None = None
    logprobs: None = None
    logit_bias: None = None


class EmbeddingBody(Struct, forbid_unknown_fields=True):
    """``POST /v1/embeddings``. Token-id inputs are refused: no control can read them."""

    input: str | Annotated[list[str], Meta(min_length=1, max_length=2_048)]
    model: str = ""
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    user: str | None = None


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
_SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "seed")
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
        raise RequestError(f"The request body is not valid JSON in UTF-8: {error}.") from None
    except RecursionError:
        raise RequestError("The request body is nested too deeply.") from None


def _explained(message: str) -> RequestError:
    """A validation error with the parameter's path apart, as OpenAI's ``param``."""
    said, _, path = message.partition(" - at `")
    param = path.rstrip("`").removeprefix("$").lstrip(".") or None
    if "unknown field" in said:
        field = said.split("`")[1]
        param = f"{param}.{field}" if param else field
        return UnreadableContent(f"Unknown parameter `{param}`.", param=param)
    if "Invalid value" in said and param and ".content[" in param and param.endswith(".type"):
        return UnreadableContent(
            "Only text content is accepted: no control reads other media for this app.", param=param
        )
    return RequestError(f"{said[:300]}{f' (at `{param}`)' if param else ''}.", param=param)


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
    return Ask(
        operation="chat",
        messages=tuple(_message(message, i) for i, message in enumerate(body.messages)),
        model=body.model,
        stream=bool(body.stream),
        include_usage=bool(body.stream_options and body.stream_options.include_usage),
        max_tokens=body.max_completion_tokens or body.max_tokens,
        n=body.n or 1,
        stop=_stops(body.stop),
        tools=tuple(_tool(tool, i) for i, tool in enumerate(body.tools or ())),
        tool_choice=body.tool_choice,
        parallel_tool_calls=body.parallel_tool_calls,
        response_format=_format(body.response_format),
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
        content = "\n".join(part.text for part in content)
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


def _tool(tool: dict[str, Any], place: int) -> dict[str, Any]:
    function = tool.get("function")
    if tool.get("type") != "function" or not isinstance(function, dict):
        raise UnreadableContent(
            "Only tools of type `function` are accepted.", param=f"tools[{place}].type"
        )
    if not isinstance(function.get("name"), str):
        raise RequestError("A tool's function needs a name.", param=f"tools[{place}].function.name")
    return tool


def _format(response_format: dict[str, Any] | None) -> dict[str, Any] | None:
    if response_format is None:
        return None
    if response_format.get("type") not in ("text", "json_object", "json_schema"):
        raise RequestError(
            "`response_format.type` must be text, json_object or json_schema.",
            param="response_format.type",
        )
    return response_format


def _options(body: _Common) -> dict[str, float | int | str | bool]:
    return {name: v for name in _SAMPLING if (v := getattr(body, name)) is not None}


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
