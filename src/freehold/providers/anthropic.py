"""Anthropic's Messages API: how requests are written.

The wire is https://platform.claude.com/docs/en/api/messages; ADR 0018 says why it is written here
and not by Anthropic's SDK, which the tests hold it against.
"""

from typing import Any

import orjson

from freehold.core.ask import Ask, ToolCall
from freehold.core.ports import Delta
from freehold.core.spec import ModelSpec
from freehold.providers import anthropic_read, asking, wire_errors
from freehold.providers.dialect import Plain, Reader, Trip

VERSION = "2023-06-01"
_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh"}


class AnthropicDialect(Plain):
    """``POST /v1/messages``; the base is the address before ``/v1``, or with it."""

    def choose(self, trip: Trip) -> None:
        """Chats only."""
        ask = asking.chat(trip.sendable, "Anthropic's API")
        trip.path = "messages"
        trip.streamed = asking.streams(ask, trip.model)

    def headers(self, model: ModelSpec, key: str) -> dict[str, str]:  # noqa: ARG002
        """The version is a header here, and so is the key."""
        headers = {"anthropic-version": VERSION}
        return headers | {"x-api-key": key} if key else headers

    def address(self, trip: Trip) -> str:
        """One path for all."""
        base = trip.model.base_url.rstrip("/")
        return f"{base}/messages" if base.endswith("/v1") else f"{base}/v1/messages"

    def body(self, trip: Trip, quirks: frozenset[str]) -> bytes:
        """See https://platform.claude.com/docs/en/api/messages/create."""
        return orjson.dumps(_body(trip, quirks))

    def quirk(self, trip: Trip, payload: bytes) -> str:
        """The effort, which older models do not know, or the sampling that newer ones refuse."""
        return asking.refused(trip.ask, str(wire_errors.error_of(payload).get("message")))

    def status(self, status: int, payload: bytes) -> int:
        """An account without money is told as a malformed request."""
        if status == 400 and "credit balance" in str(wire_errors.error_of(payload).get("message")):
            return 402
        return status

    def whole(self, trip: Trip, payload: bytes) -> Delta:  # noqa: ARG002
        """A message."""
        return anthropic_read.whole(payload)

    def reader(self, trip: Trip) -> Reader:  # noqa: ARG002
        """For one streamed answer."""
        return anthropic_read.StreamReader()


def _body(trip: Trip, quirks: frozenset[str]) -> dict[str, Any]:
    ask = trip.ask
    system, turns = asking.conversation(trip.sendable.messages)
    as_json, schema = asking.wanted_json(ask)
    if as_json and schema is None:
        system = f"{system}\n\n{asking.JSON_ONLY}" if system else asking.JSON_ONLY
    fields: dict[str, Any] = {
        "model": trip.model.upstream_model,
        "max_tokens": trip.sendable.attempt.max_tokens,
        "messages": [{"role": t.role, "content": _content(t.parts)} for t in turns],
    }
    if system:
        fields["system"] = system
    tools = asking.functions(ask, turns)
    if tools:
        fields["tools"] = [
            {"name": tool.name, "input_schema": tool.schema}
            | ({"description": tool.description} if tool.description else {})
            for tool in tools
        ]
        fields["tool_choice"] = _tool_choice(ask)
    if "sampling" not in quirks:
        fields |= _sampling(ask)
    stops = [stop for stop in ask.stop if stop.strip()]  # blanks alone are refused
    if stops:
        fields["stop_sequences"] = stops
    output: dict[str, Any] = {}
    if schema is not None:
        output["format"] = {"type": "json_schema", "schema": schema}
    effort = _EFFORTS.get(str(ask.options.get("reasoning_effort")))
    if effort and "effort" not in quirks:
        output["effort"] = effort
    if output:
        fields["output_config"] = output
    if trip.streamed:
        fields["stream"] = True
    return fields


def _sampling(ask: Ask) -> dict[str, Any]:
    """Temperature, or top_p where there is none: many models refuse the two together."""
    temperature = ask.options.get("temperature")
    if isinstance(temperature, int | float):
        return {"temperature": min(temperature, 1)}  # its scale ends at 1, OpenAI's at 2
    top_p = ask.options.get("top_p")
    return {} if top_p is None else {"top_p": top_p}


def _content(parts: list[asking.Part]) -> str | list[dict[str, Any]]:
    if len(parts) == 1 and isinstance(parts[0], str):
        return parts[0]
    return [_block(part) for part in parts]


def _block(part: asking.Part) -> dict[str, Any]:
    if isinstance(part, ToolCall):
        return {
            "type": "tool_use",
            "id": asking.plain_id(part.id),
            "name": part.name,
            "input": asking.arguments(part),
        }
    if isinstance(part, asking.Result):
        return {
            "type": "tool_result",
            "tool_use_id": asking.plain_id(part.id),
            "content": part.text,
        }
    return {"type": "text", "text": part}


def _tool_choice(ask: Ask) -> dict[str, Any]:
    choice = asking.choice(ask)
    kind = {"auto": "auto", "none": "none", "required": "any", "one": "tool"}[choice.mode]
    fields: dict[str, Any] = {"type": kind}
    if choice.name:
        fields["name"] = choice.name
    if ask.parallel_tool_calls is False and kind != "none":
        fields["disable_parallel_tool_use"] = True
    return fields
