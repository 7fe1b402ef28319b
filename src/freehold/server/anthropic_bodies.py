"""The Anthropic wire, inbound: the shapes of request bodies and content blocks. Unknown fields are
refused.

Source: https://docs.anthropic.com/en/api/messages.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from freehold.server.openai_bodies import (
    MAX_MESSAGES,
    FunctionName,
    Id,
    ModelName,
    StopText,
    Tokens,
    Word,
)


class CacheControl(Struct, forbid_unknown_fields=True):
    """A hint for a provider's cache; taken, and not sent."""

    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] | None = None


class TextBlock(Struct, forbid_unknown_fields=True):
    """A text. ``citations`` come back empty in echoes of answers."""

    type: Literal["text"]
    text: str
    cache_control: CacheControl | None = None
    citations: Annotated[list[Any], Meta(max_length=0)] | None = None


class DirectCaller(Struct, forbid_unknown_fields=True):
    """Who called a tool: the model itself."""

    type: Literal["direct"]


class ToolUseBlock(Struct, forbid_unknown_fields=True):
    """A tool call in an assistant's message."""

    type: Literal["tool_use"]
    id: Id
    name: FunctionName
    input: dict[str, Any]
    cache_control: CacheControl | None = None
    caller: DirectCaller | None = None
    toolset_name: None = None


class ToolResultBlock(Struct, forbid_unknown_fields=True):
    """What a tool gave, in a user's message."""

    type: Literal["tool_result"]
    tool_use_id: Id
    content: str | list[dict[str, Any]] | None = None
    is_error: bool | None = None
    cache_control: CacheControl | None = None
    toolset_name: None = None


class WireTurn(Struct, forbid_unknown_fields=True):
    """A message; its blocks are read one by one."""

    role: Literal["user", "assistant", "system"]
    content: str | list[dict[str, Any]]


class ToolBody(Struct, forbid_unknown_fields=True):
    """A tool of the caller's own."""

    name: FunctionName
    input_schema: dict[str, Any]
    type: Literal["custom"] | None = None
    description: str | None = None
    strict: bool | None = None
    cache_control: CacheControl | None = None
    allowed_callers: list[Literal["direct"]] | None = None
    defer_loading: Literal[False] | None = None
    eager_input_streaming: bool | None = None


class ToolChoiceBody(Struct, forbid_unknown_fields=True):
    """``tool_choice``."""

    type: Literal["auto", "any", "tool", "none"]
    name: FunctionName | None = None
    disable_parallel_tool_use: bool | None = None


class MetadataBody(Struct, forbid_unknown_fields=True):
    """``metadata``. What a caller says of a user identifies nobody."""

    user_id: str | None = None


class FormatBody(Struct, forbid_unknown_fields=True):
    """``output_config.format``."""

    type: Literal["json_schema"]
    schema: dict[str, Any]


class OutputBody(Struct, forbid_unknown_fields=True):
    """``output_config``."""

    effort: Word | None = None
    format: FormatBody | None = None


class ThinkingBody(Struct, forbid_unknown_fields=True):
    """``thinking``, switched off: nothing else of it is taken."""

    type: Literal["disabled"]


class PromptBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """What a model is given: the fields that messages and counts share.

    Those after ``output_config`` are known, and refused when used.
    """

    messages: Annotated[list[WireTurn], Meta(min_length=1, max_length=MAX_MESSAGES)]
    model: ModelName = ""
    system: str | list[dict[str, Any]] | None = None
    tools: Annotated[list[dict[str, Any]], Meta(max_length=256)] | None = None
    tool_choice: ToolChoiceBody | None = None
    cache_control: CacheControl | None = None
    output_config: OutputBody | None = None
    thinking: dict[str, Any] | None = None
    mcp_servers: list[Any] | None = None
    context_management: Any = None
    speed: str | None = None
    prefill: Any = None
    user_profile_id: str | None = None
    workspace_id: str | None = None


class MessagesBody(PromptBody, kw_only=True):
    """``POST /v1/messages``. Fields after ``service_tier`` are known, and refused when used."""

    max_tokens: Tokens
    metadata: MetadataBody | None = None
    stop_sequences: list[StopText] | None = None
    stream: bool | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    service_tier: str | None = None
    top_k: int | None = None
    container: Any = None
    diagnostics: Any = None
    inference_geo: str | None = None
