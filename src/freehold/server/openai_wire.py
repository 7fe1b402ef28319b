"""The OpenAI wire, inbound: bytes → ``Ask``. What no control can read must not pass."""

import msgspec

from freehold.core.ask import Ask, Message, Operation, ToolCall
from freehold.core.errors import RequestError, UnreadableContent
from freehold.server.json_bodies import bounded, decode, refuse_used
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
        return _chat_ask(decode(_chat, body, _explained))
    if operation == "completion":
        return _completion_ask(decode(_completion, body, _explained))
    return _embedding_ask(decode(_embedding, body, _explained))


def _explained(said: str, param: str) -> RequestError | None:
    """What this wire says of media and token ids."""
    if "Invalid value" in said and ".content[" in param and param.endswith(".type"):
        return UnreadableContent(
            "Only text content is accepted: no control reads other media for this app.", param=param
        )
    if param.startswith(("input[", "prompt[")) and ("`int`" in said or "`array`" in said):
        return UnreadableContent(
            "Token ids are not accepted, since no control reads them: send text.", param=param
        )
    return None


def _chat_ask(body: ChatBody) -> Ask:
    refuse_used(body, _REFUSED)
    if body.modalities not in (None, ["text"]):
        raise UnreadableContent(
            "`modalities` other than text are not accepted.", param="modalities"
        )
    for name in ("tools", "tool_choice", "response_format"):
        bounded(getattr(body, name), name)
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
