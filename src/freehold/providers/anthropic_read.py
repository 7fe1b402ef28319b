"""Anthropic's answers, whole and streamed, as Deltas; hidden reasoning is left behind."""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from freehold.core.ask import ToolCall
from freehold.core.errors import ProviderUnavailable
from freehold.core.handoffs import Choice, Usage
from freehold.core.ports import Delta
from freehold.providers.reading import (
    MOST_CALLS,
    NONSENSE,
    count,
    counts,
    cut_off,
    malformed,
    model_name,
    unreadable,
    whole_number,
    written,
)
from freehold.providers.sse import SseParser

_REASONS = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
# Reasoning is hidden text; citations repeat what stands in the text.
_UNREAD = frozenset(
    {"thinking", "redacted_thinking", "thinking_delta", "signature_delta", "citations_delta"}
)


class _Block(Struct):
    type: str = ""
    text: str | None = None
    id: str | None = None
    name: str | None = None
    input: Any = None
    partial_json: str | None = None
    stop_reason: str | None = None


class _Message(Struct):
    content: list[_Block] | None = None
    model: str | None = None
    stop_reason: str | None = None
    usage: msgspec.Raw = msgspec.Raw()  # read by itself: nonsense in it spoils no answer


class _Event(Struct):
    type: str = ""
    message: _Message | None = None
    index: int = 0
    content_block: _Block | None = None
    delta: _Block | None = None
    usage: msgspec.Raw = msgspec.Raw()
    error: Any = None


_whole = msgspec.json.Decoder(_Message)
_event = msgspec.json.Decoder(_Event)


def whole(payload: bytes) -> Delta:
    """A message.

    Raises:
        ProviderUnavailable: it is no such answer.
        ProviderRejected: it answers with something that no control can read.
    """
    message = _decode(_whole, payload)
    if message.content is None:
        raise malformed("it has no content")
    text, calls = "", []
    for block in message.content:
        if block.type == "text":
            text += block.text or ""
        elif block.type == "tool_use":
            calls.append(_call(block, written(block.input)))
        else:
            _leave_out(block.type)
    choice = Choice(
        text=text,
        tool_calls=tuple(calls[:MOST_CALLS]),
        finish_reason=_reason(message.stop_reason),
    )
    return Delta(
        choices=(choice,),
        usage=_usage(_counted(message.usage)),
        reported_model=model_name(message.model),
    )


class StreamReader:
    """For one streamed message: server-sent events, each with its type in its data."""

    __slots__ = ("_blocks", "_finished", "_json", "_parser", "_used", "ended")

    def __init__(self) -> None:
        self._parser = SseParser()
        self._blocks: dict[int, _Block] = {}
        self._json: dict[int, list[str]] = {}
        self._used: dict[str, Any] | None = {}
        self._finished = False
        self.ended = False

    def feed(self, piece: bytes) -> Delta | None:
        """What these bytes add."""
        return self._read(self._parser.feed(piece))

    def finish(self) -> Iterable[Delta]:
        """An event that only lacks its empty line."""
        if not self.ended:
            delta = self._read(self._parser.finish())
            if delta is not None:
                yield delta
        if not self._finished:
            raise cut_off()

    def _read(self, events: list[bytes]) -> Delta | None:
        texts: list[str] = []
        calls: list[ToolCall] = []
        reason: str | None = None
        usage: Usage | None = None
        model = ""
        for data in events:
            event = _decode(_event, data)
            kind = event.type
            if kind == "content_block_delta" and event.delta is not None:
                self._grow(event.index, event.delta, texts)
            elif kind == "content_block_start" and event.content_block is not None:
                self._begin(event.index, event.content_block, texts)
            elif kind == "content_block_stop":
                calls += self._end(event.index)
            elif kind == "message_start" and event.message is not None:
                self._count(event.message.usage)
                model = model_name(event.message.model)
            elif kind == "message_delta":
                self._count(event.usage)
                if event.delta is not None and event.delta.stop_reason:
                    # What the start counted is less than the answer costs, so it is not told alone.
                    reason, usage = _reason(event.delta.stop_reason), _usage(self._used)
                    self._finished = True
            elif kind == "message_stop":
                self.ended = self._finished
            elif kind == "error":
                raise _broke(event.error)
        if not (texts or calls or reason or usage or model):
            return None
        choice = Choice(text="".join(texts), tool_calls=tuple(calls), finish_reason=reason)
        return Delta(
            choices=(choice,) if texts or calls or reason else (),
            usage=usage,
            reported_model=model,
        )

    def _begin(self, index: int, block: _Block, texts: list[str]) -> None:
        if block.type == "tool_use":
            if len(self._blocks) >= MOST_CALLS:
                raise malformed("too many tool calls")
            self._blocks[index] = block
            self._json[index] = []
        elif block.type == "text":
            if block.text:
                texts.append(block.text)
        else:
            _leave_out(block.type)

    def _grow(self, index: int, delta: _Block, texts: list[str]) -> None:
        if delta.type == "text_delta":
            if delta.text:
                texts.append(delta.text)
        elif delta.type == "input_json_delta":
            if index not in self._json:
                raise malformed("a tool call goes on that has not begun")
            self._json[index].append(delta.partial_json or "")
        else:
            _leave_out(delta.type)

    def _end(self, index: int) -> list[ToolCall]:
        pieces = self._json.pop(index, None)
        if pieces is None:
            return []
        block = self._blocks[index]
        return [_call(block, "".join(pieces) or written(block.input))]

    def _count(self, raw: msgspec.Raw) -> None:
        """Counts are cumulative; the later one holds, name by name."""
        more = _counted(raw)
        if more is None or self._used is None:
            self._used = None
        else:
            self._used |= {name: value for name, value in more.items() if value is not None}


def _decode(decoder: msgspec.json.Decoder[Any], data: bytes) -> Any:
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # The exception may quote the answer; only the fact is told.
        raise malformed("it is no JSON of the expected shape") from None


def _leave_out(kind: str) -> None:
    if kind not in _UNREAD:
        raise unreadable()


def _call(block: _Block, arguments: str) -> ToolCall:
    return ToolCall(id=block.id or "call_0", name=block.name or "", arguments=arguments or "{}")


def _reason(reason: str | None) -> str:
    return _REASONS.get(reason or "", "stop")


def _broke(error: Any) -> ProviderUnavailable:
    kind = error.get("type") if isinstance(error, dict) else None
    known = {"overloaded_error", "rate_limit_error", "api_error", "timeout_error"}
    said = f" ({kind})" if kind in known else ""
    return ProviderUnavailable(f"the endpoint reported an error instead of an answer{said}").of(
        "server_error"
    )


def _counted(raw: msgspec.Raw) -> dict[str, Any] | None:
    """The counts, an empty object where there are none; ``None`` for nonsense."""
    try:
        return counts(raw) or {}
    except ValueError:
        return None


def _usage(used: dict[str, Any] | None) -> Usage | None:
    """Anthropic counts cached input beside the other; here they are parts of the prompt."""
    if used is None:
        return NONSENSE
    if "input_tokens" not in used:
        return None
    read = count(used, "cache_read_input_tokens")
    wrote = count(used, "cache_creation_input_tokens")
    plain, completion = whole_number(used, "input_tokens"), whole_number(used, "output_tokens")
    if plain < 0 or completion < 0:
        return NONSENSE
    if not (plain or read or wrote):
        return None
    return Usage(
        prompt_tokens=plain + read + wrote,
        completion_tokens=completion,
        cached_tokens=read,
        cache_write_tokens=wrote,
        reasoning_tokens=count(used.get("output_tokens_details"), "thinking_tokens"),
    )
