"""From a Sendable to the bytes of an OpenAI request."""

from typing import Any

import orjson

from freehold.core.ask import Ask, Message
from freehold.core.errors import ProviderRejected
from freehold.core.handoffs import Sendable
from freehold.core.spec import ModelSpec

# Would bring back what no control reads; a door refuses them long before this.
_NEVER_SENT = frozenset({"logprobs", "top_logprobs", "modalities", "audio", "store", "metadata"})


def path_for(ask: Ask, model: ModelSpec) -> str:
    """``chat/completions``, ``completions``, ``embeddings`` or, for guards, ``moderations``.

    A completion goes to a chat endpoint as one user message where the model has no other.
    """
    if ask.operation == "embedding":
        return "embeddings"
    if ask.operation == "moderation":
        return "moderations"
    if ask.operation == "completion" and "completion" in model.capabilities:
        return "completions"
    return "chat/completions"


def streams(ask: Ask, model: ModelSpec) -> bool:
    """Whether the answer is asked for as a stream."""
    return ask.stream and ask.operation in {"chat", "completion"} and "stream" in model.capabilities


def body(sendable: Sendable, path: str, quirks: frozenset[str]) -> bytes:
    """The request's JSON.

    Args:
        quirks: what this endpoint has refused before: ``max_tokens`` (then
            ``max_completion_tokens`` is sent instead), ``stream_options``, or the ``temperature``
            that we set ourselves for a guard.

    Raises:
        ProviderRejected: several prompts, for an endpoint that takes one.
    """
    ask = sendable.plan.ruled.admitted.ask
    model = sendable.attempt.model
    fields: dict[str, Any] = {
        name: value for name, value in ask.options.items() if name not in _NEVER_SENT
    }
    if "temperature" in quirks and sendable.attempt.role == "guard":
        fields.pop("temperature", None)
    fields["model"] = model.upstream_model
    if path in {"embeddings", "moderations"}:
        inputs = [message.content for message in sendable.messages]
        fields["input"] = inputs[0] if len(inputs) == 1 else inputs
        return orjson.dumps(fields)
    if path == "completions":
        fields["prompt"] = _prompts(sendable.messages)
        fields["max_tokens"] = sendable.attempt.max_tokens
    else:
        _chat(fields, sendable, ask, quirks)
    if ask.n != 1:
        fields["n"] = ask.n
    if ask.stop:
        fields["stop"] = ask.stop
    if streams(ask, model):
        fields["stream"] = True
        if "stream_options" not in quirks:
            fields["stream_options"] = {"include_usage": True}
    return orjson.dumps(fields)


def _chat(fields: dict[str, Any], sendable: Sendable, ask: Ask, quirks: frozenset[str]) -> None:
    if ask.operation == "completion" and sum(m.role == "user" for m in sendable.messages) > 1:
        raise ProviderRejected(
            f"model {sendable.attempt.model.id} has no completions endpoint, and a chat endpoint"
            " takes one prompt a request"
        )
    fields["messages"] = [_message(message) for message in sendable.messages]
    name = "max_completion_tokens" if "max_tokens" in quirks else "max_tokens"
    # Always there: what is reserved before the call is what the call can cost.
    fields[name] = sendable.attempt.max_tokens
    if ask.tools:
        fields["tools"] = ask.tools
        if ask.tool_choice is not None:
            fields["tool_choice"] = ask.tool_choice
        if ask.parallel_tool_calls is not None:
            fields["parallel_tool_calls"] = ask.parallel_tool_calls
    if ask.response_format is not None:
        fields["response_format"] = ask.response_format


def _message(message: Message) -> dict[str, Any]:
    # Only OpenAI itself knows "developer", and it takes "system" to mean the same.
    role = "system" if message.role == "developer" else message.role
    fields: dict[str, Any] = {"role": role, "content": message.content}
    if message.name is not None:
        fields["name"] = message.name
    if message.tool_call_id is not None:
        fields["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        fields["content"] = message.content or None
        fields["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    return fields


def _prompts(messages: tuple[Message, ...]) -> str | list[str]:
    """What stands before the prompts (system text, context) is put in front of each of them."""
    before = "".join(f"{m.content}\n\n" for m in messages if m.role != "user")
    prompts = [before + m.content for m in messages if m.role == "user"]
    return prompts[0] if len(prompts) == 1 else prompts
