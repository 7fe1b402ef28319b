"""What a caller sent, after parsing: caller bytes, never trusted, never mixed with the trail."""

from typing import Any, Literal

from msgspec import Struct

CONVERSATION_HEADER = "x-freehold-conversation"
"""Names the conversation that a request belongs to."""

Role = Literal["system", "developer", "user", "assistant", "tool"]
Operation = Literal["chat", "completion", "embedding", "moderation"]
"""No door takes a moderation: only a guard asks for one."""


class ToolCall(Struct, frozen=True, kw_only=True):
    """A model's wish to use a tool; ``arguments`` is JSON text exactly as it was written."""

    id: str
    name: str
    arguments: str


class Message(Struct, frozen=True, kw_only=True):
    """One turn. ``content`` is text; parts of other media never get this far."""

    role: Role
    content: str = ""
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


class Ask(Struct, frozen=True, kw_only=True):
    """One request in no particular wire dialect.

    ``messages`` carries one user message per input for completions and embeddings. ``options``
    holds sampling settings that pass through unread (temperature, top_p, seed, penalties).
    """

    operation: Operation
    messages: tuple[Message, ...]
    model: str = ""
    stream: bool = False
    include_usage: bool = False
    max_tokens: int | None = None
    n: int = 1
    stop: tuple[str, ...] = ()
    tools: tuple[dict[str, Any], ...] = ()
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    options: dict[str, float | int | str | bool] = {}


class Arrival(Struct, frozen=True, kw_only=True):
    """An ask at the door, with what came beside it. Headers have lower-case names.

    ``client_headers`` holds only the few that the journey reads (conversation id, parent id,
    identity attributes): a door copies those and no others. ``door_ns`` is what reading it took,
    and ``door_cpu_ns`` its CPU time, where that is measured.
    """

    ask: Ask
    route: str
    key: str
    identity_token: str | None = None
    client_headers: dict[str, str] = {}
    exchange_id: str
    received_ns: int
    started_ns: int
    door_ns: int = 0
    door_cpu_ns: int = 0
