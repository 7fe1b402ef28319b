"""What an ask says, in words that every wire but OpenAI's own is written from."""

import re
from collections.abc import Iterable
from typing import Any, Literal

import orjson
from msgspec import Struct

from freehold.core.ask import Ask, Message, ToolCall
from freehold.core.errors import ProviderRejected
from freehold.core.handoffs import Sendable
from freehold.core.spec import ModelSpec

_OTHER = re.compile(r"[^A-Za-z0-9_-]")
JSON_ONLY = "Answer with one JSON object and nothing else."


class Result(Struct, frozen=True):
    """What a tool returned, with the id and the name of the call."""

    id: str
    name: str
    text: str


Part = str | ToolCall | Result


class Turn(Struct, frozen=True):
    """Everything that one side said before the other one spoke."""

    role: Literal["user", "assistant"]
    parts: list[Part]


class Function(Struct, frozen=True):
    """A tool as it is offered; ``schema`` is JSON Schema of an object."""

    name: str
    description: str
    schema: dict[str, Any]


class Choice(Struct, frozen=True):
    """Which tools the model may, or must, use: ``one`` is the one that ``name`` names."""

    mode: Literal["auto", "none", "required", "one"] = "auto"
    name: str = ""


def chat(sendable: Sendable, wire: str, most: int = 1) -> Ask:
    """The ask, where this wire can carry it; ``most`` is how many answers it gives at once.

    Raises:
        ProviderRejected: another operation than chat, or too many answers.
    """
    ask = sendable.plan.ruled.admitted.ask
    if ask.operation not in {"chat", "completion"}:
        raise ProviderRejected(f"{wire} has no {ask.operation}s")
    if ask.n > most:
        raise ProviderRejected(f"{wire} gives {most} answers a request at most, not {ask.n}")
    if ask.operation == "completion" and sum(m.role == "user" for m in sendable.messages) > 1:
        raise ProviderRejected("a chat endpoint takes one prompt a request")
    return ask


def streams(ask: Ask, model: ModelSpec) -> bool:
    """Whether the answer is asked for as a stream."""
    return ask.stream and "stream" in model.capabilities


def conversation(messages: Iterable[Message]) -> tuple[str, list[Turn]]:
    """The system's text, and the turns in which neither side speaks twice in a row.

    Tool results come first in their turn, since they answer the turn before. Messages without any
    text are left out: no wire takes them.
    """
    system: list[str] = []
    turns: list[Turn] = []
    names: dict[str, str] = {}
    for message in messages:
        if message.role in {"system", "developer"}:
            system.append(message.content)
            continue
        parts: list[Part] = []
        if message.role == "tool":
            call = message.tool_call_id or ""
            parts.append(Result(call, names.get(call, ""), message.content))
        else:
            if message.content:
                parts.append(message.content)
            parts.extend(message.tool_calls)
            names |= {call.id: call.name for call in message.tool_calls}
        role: Literal["user", "assistant"] = "assistant" if message.role == "assistant" else "user"
        if not parts:
            continue
        if turns and turns[-1].role == role:
            turns[-1].parts.extend(parts)
        else:
            turns.append(Turn(role, parts))
    for turn in turns:
        turn.parts.sort(key=lambda part: not isinstance(part, Result))
    return "\n\n".join(filter(None, system)), turns


def functions(ask: Ask, turns: Iterable[Turn] = ()) -> list[Function]:
    """The tools on offer; where there are none, those that ``turns`` used, since several wires
    refuse calls of tools that nobody declared.

    Raises:
        ProviderRejected: a tool that is no function.
    """
    offered = [_function(tool) for tool in ask.tools]
    if offered:
        return offered
    used = {p.name for turn in turns for p in turn.parts if isinstance(p, ToolCall)}
    return [Function(name, "", {"type": "object"}) for name in sorted(used)]


def _function(tool: dict[str, Any]) -> Function:
    function = tool.get("function")
    if tool.get("type") != "function" or not isinstance(function, dict):
        raise ProviderRejected(f"this wire has no tools of type {tool.get('type')!r}")
    schema = function.get("parameters")
    return Function(
        str(function.get("name", "")),
        str(function.get("description") or ""),
        schema if isinstance(schema, dict) and schema else {"type": "object"},
    )


def choice(ask: Ask) -> Choice:
    """Which of the tools may be used.

    Raises:
        ProviderRejected: a choice of a kind that only OpenAI has.
    """
    wanted = ask.tool_choice
    if not ask.tools:
        return Choice("none")
    if wanted is None or wanted == "auto":
        return Choice()
    if wanted == "none":
        return Choice("none")
    if wanted == "required":
        return Choice("required")
    if isinstance(wanted, dict):
        function = wanted.get("function")
        if wanted.get("type") == "function" and isinstance(function, dict) and function.get("name"):
            return Choice("one", str(function["name"]))
    raise ProviderRejected("this wire has no such tool_choice")


def wanted_json(ask: Ask) -> tuple[bool, dict[str, Any] | None]:
    """Whether the answer must be JSON, and of which schema."""
    wanted = ask.response_format
    kind = wanted.get("type") if wanted else None
    if kind == "json_schema" and wanted:
        inner = wanted.get("json_schema")
        schema = inner.get("schema") if isinstance(inner, dict) else None
        return True, schema if isinstance(schema, dict) else None
    return kind == "json_object", None


def refused(ask: Ask, message: str) -> str:
    """Which quirk an endpoint's refusal shows: ``effort`` or ``sampling``, if the ask had them.

    Newer Claude models refuse every temperature, older ones every effort. Without them, the model
    answers as it does by default.
    """
    if "effort" in message and "reasoning_effort" in ask.options:
        return "effort"
    told = "temperature" in message or "top_p" in message or "topP" in message
    return "sampling" if told and ask.options.keys() & {"temperature", "top_p"} else ""


def arguments(call: ToolCall) -> dict[str, Any]:
    """A call's arguments as the object that other wires want."""
    try:
        value = orjson.loads(call.arguments or "{}")
    except orjson.JSONDecodeError:
        value = call.arguments
    return value if isinstance(value, dict) else {"arguments": value}


def plain_id(identifier: str) -> str:
    """A call's id in the letters that every wire takes; the same for the call and its result."""
    return _OTHER.sub("_", identifier)[:64] or "call"
