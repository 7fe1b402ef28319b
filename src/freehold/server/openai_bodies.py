"""The OpenAI wire, inbound: the shapes of request bodies. Unknown fields are refused.

Names and ids reach the model as they are, so they are short and plain; governance refuses those
that hold a value all the same.
Source: https://platform.openai.com/docs/api-reference (chat completions, completions, embeddings).
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

MAX_CHOICES = 8
MAX_MESSAGES = 2_000

# \Z, since $ would let a line break pass at the end
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{0,64}\Z")]
FunctionName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}\Z")]
Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.:-]{1,128}\Z")]
ModelName = Annotated[str, Meta(max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$")]
Word = Annotated[str, Meta(pattern=r"^[a-z]{1,16}\Z")]
StopText = Annotated[str, Meta(max_length=256)]
Stop = StopText | list[StopText] | None
Tokens = Annotated[int, Meta(ge=1, le=10_000_000)]


class TextPart(Struct, tag="text", tag_field="type", forbid_unknown_fields=True):
    """A content part that controls can read."""

    text: str
    prompt_cache_breakpoint: Any = None


class RefusalPart(Struct, tag="refusal", tag_field="type", forbid_unknown_fields=True):
    """What a model once refused with, in an echo of its answer."""

    refusal: str


class FunctionCall(Struct, forbid_unknown_fields=True):
    """A tool call's function."""

    name: FunctionName
    arguments: str


class WireToolCall(Struct, forbid_unknown_fields=True):
    """A tool call in an assistant message."""

    id: Id
    function: FunctionCall
    type: Literal["function"] = "function"
    index: int | None = None


class WireMessage(Struct, forbid_unknown_fields=True):
    """A message. ``refusal``, ``annotations`` and ``audio`` come back in echoes of answers."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[TextPart | RefusalPart] | None = None
    name: Name | None = None
    tool_calls: list[WireToolCall] | None = None
    tool_call_id: Id | None = None
    refusal: str | None = None
    annotations: list[Any] | None = None
    audio: None = None
    function_call: None = None


class StreamOptions(Struct, forbid_unknown_fields=True):
    """``stream_options``."""

    include_usage: bool = False
    include_obfuscation: bool = False


class CommonBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """Fields that chat and legacy completions share."""

    model: ModelName = ""
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Tokens | None = None
    n: Annotated[int, Meta(ge=1, le=MAX_CHOICES)] | None = None
    stop: Stop = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    presence_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    user: str | None = None


class ChatBody(CommonBody, kw_only=True):
    """``POST /v1/chat/completions``. Fields after ``metadata`` are known, and refused when used."""

    messages: Annotated[list[WireMessage], Meta(min_length=1, max_length=MAX_MESSAGES)]
    max_completion_tokens: Tokens | None = None
    tools: Annotated[list[dict[str, Any]], Meta(max_length=256)] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    metadata: dict[str, str] | None = None
    store: bool | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: Any = None
    prompt_cache_retention: str | None = None
    moderation: Any = None
    safety_identifier: str | None = None
    reasoning_effort: Word | None = None
    verbosity: Word | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: dict[str, float] | None = None
    modalities: list[str] | None = None
    audio: dict[str, Any] | None = None
    functions: list[Any] | None = None
    function_call: Any = None
    prediction: Any = None
    web_search_options: Any = None


class CompletionBody(CommonBody, kw_only=True):
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
    model: ModelName = ""
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    user: str | None = None
