"""OpenAI's Responses, inbound: the shapes of request bodies and input items. Unknown fields are
refused.

Source: https://platform.openai.com/docs/api-reference/responses/create.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from freehold.server.openai_bodies import FunctionName, Id, ModelName, Tokens, Word

MAX_ITEMS = 2_000
ItemId = Annotated[str, Meta(max_length=256)] | None
Status = Literal["in_progress", "completed", "incomplete"] | None
Empty = Annotated[list[Any], Meta(max_length=0)] | None
"""What comes back empty in echoes of answers."""


class InputText(Struct, forbid_unknown_fields=True):
    """A text of the caller's, or a tool's."""

    type: Literal["input_text"]
    text: str
    prompt_cache_breakpoint: Any = None


class OutputText(Struct, forbid_unknown_fields=True):
    """A text in an echo of an answer."""

    type: Literal["output_text"]
    text: str
    annotations: Empty = None
    logprobs: Empty = None


class OutputRefusal(Struct, forbid_unknown_fields=True):
    """What a model once refused with, in an echo of its answer."""

    type: Literal["refusal"]
    refusal: str


class MessageItem(Struct, forbid_unknown_fields=True):
    """A message; ``id``, ``status`` and ``phase`` come back in echoes."""

    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[dict[str, Any]]
    type: Literal["message"] | None = None
    id: ItemId = None
    status: Status = None
    phase: Literal["commentary", "final_answer"] | None = None


class Direct(Struct, forbid_unknown_fields=True):
    """Who called a tool: the model itself."""

    type: Literal["direct"]


class CallItem(Struct, forbid_unknown_fields=True):
    """A tool call of an earlier answer."""

    type: Literal["function_call"]
    call_id: Id
    name: FunctionName
    arguments: str
    id: ItemId = None
    status: Status = None
    caller: Direct | None = None
    namespace: None = None


class CallOutputItem(Struct, forbid_unknown_fields=True):
    """What a tool gave."""

    type: Literal["function_call_output"]
    call_id: Id
    output: str | list[dict[str, Any]]
    id: ItemId = None
    name: FunctionName | None = None
    status: Status = None
    caller: Direct | None = None
    namespace: None = None


class ToolItem(Struct, forbid_unknown_fields=True):
    """A tool of the caller's own."""

    type: Literal["function"]
    name: FunctionName
    parameters: dict[str, Any] | None = None
    description: str | None = None
    strict: bool | None = None
    allowed_callers: list[Literal["direct"]] | None = None
    defer_loading: Literal[False] | None = None
    output_schema: None = None


class ReasoningBody(Struct, forbid_unknown_fields=True):
    """``reasoning``. What a model thinks stays behind, so there is nothing to sum up."""

    effort: Word | None = None
    summary: None = None
    generate_summary: None = None


class TextBody(Struct, forbid_unknown_fields=True):
    """``text``."""

    format: dict[str, Any] | None = None
    verbosity: Word | None = None


class ResponsesStreamOptions(Struct, forbid_unknown_fields=True):
    """``stream_options``."""

    include_obfuscation: bool | None = None


class ResponsesBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """``POST /v1/responses``. Fields after ``user`` are known, and refused when used."""

    input: (
        str | Annotated[list[dict[str, Any]], Meta(min_length=1, max_length=MAX_ITEMS)] | None
    ) = None
    model: ModelName = ""
    instructions: str | None = None
    stream: bool | None = None
    stream_options: ResponsesStreamOptions | None = None
    max_output_tokens: Tokens | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    tools: Annotated[list[dict[str, Any]], Meta(max_length=256)] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    text: TextBody | None = None
    reasoning: ReasoningBody | None = None
    metadata: Annotated[dict[str, str], Meta(max_length=16)] | None = None
    store: bool | None = None
    background: bool | None = None
    previous_response_id: Id | None = None
    truncation: Literal["auto", "disabled"] | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: Any = None
    prompt_cache_retention: str | None = None
    moderation: Any = None
    user: str | None = None
    include: list[str] | None = None
    conversation: Any = None
    prompt: Any = None
    max_tool_calls: int | None = None
    top_logprobs: int | None = None
    context_management: Any = None
    access_programs: Any = None
    image: Any = None
