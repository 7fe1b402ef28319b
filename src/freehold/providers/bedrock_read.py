"""Converse's answers, whole and streamed, as Deltas; hidden reasoning is left behind."""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from freehold.core.ask import ToolCall
from freehold.core.errors import ProviderUnavailable
from freehold.core.handoffs import Choice, Usage
from freehold.core.ports import Delta
from freehold.providers.event_stream import Frames
from freehold.providers.reading import (
    MOST_CALLS,
    NONSENSE,
    count,
    counts,
    cut_off,
    malformed,
    unreadable,
    whole_number,
    written,
)

_REASONS = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
_BROKEN = frozenset({"malformed_model_output", "malformed_tool_use"})
# Their texts are the model's or the caller's business; the names are AWS's own.
_EXCEPTIONS = frozenset(
    {
        "internalServerException",
        "modelStreamErrorException",
        "throttlingException",
        "serviceUnavailableException",
    }
)


class _Use(Struct, rename="camel"):
    tool_use_id: str = ""
    name: str = ""
    input: Any = None


class _Text(Struct):
    text: str | None = None


class _Citing(Struct):
    content: list[_Text] = []


class _Block(Struct, rename="camel"):
    text: str | None = None
    tool_use: _Use | None = None
    reasoning_content: Any = None
    citations_content: _Citing | None = None
    citation: Any = None


class _Message(Struct):
    content: list[_Block]


class _Output(Struct):
    message: _Message


class _Body(Struct, rename="camel"):
    output: _Output
    stop_reason: str | None = None
    usage: msgspec.Raw = msgspec.Raw()


class _Event(Struct, rename="camel"):
    content_block_index: int = 0
    start: _Block | None = None
    delta: _Block | None = None
    stop_reason: str | None = None
    usage: msgspec.Raw = msgspec.Raw()


_body = msgspec.json.Decoder(_Body)
_event = msgspec.json.Decoder(_Event)


def whole(payload: bytes) -> Delta:
    """A message.

    Raises:
        ProviderUnavailable: it is no such answer.
        ProviderRejected: it answers with something that no control can read.
    """
    body: _Body = _decode(_body, payload)
    text, calls = "", []
    for block in body.output.message.content:
        if block.tool_use is not None:
            calls.append(_call(block.tool_use, written(block.tool_use.input)))
        else:
            text += _text(block)
    choice = Choice(
        text=text,
        tool_calls=tuple(calls[:MOST_CALLS]),
        finish_reason=_reason(body.stop_reason),
    )
    return Delta(choices=(choice,), usage=_usage(body.usage))


class StreamReader:
    """For one streamed answer; usage comes last, behind the message's end."""

    __slots__ = ("_finished", "_frames", "_json", "_uses", "ended")

    def __init__(self) -> None:
        self._frames = Frames()
        self._uses: dict[int, _Use] = {}
        self._json: dict[int, list[str]] = {}
        self._finished = False
        self.ended = False

    def feed(self, piece: bytes) -> Delta | None:
        """What these bytes add."""
        texts: list[str] = []
        calls: list[ToolCall] = []
        reason: str | None = None
        usage: Usage | None = None
        try:
            for kind, name, payload in self._frames.feed(piece):
                if kind != "event":
                    raise _broke(name)
                event: _Event = _decode(_event, payload)
                at = event.content_block_index
                if name == "contentBlockDelta" and event.delta is not None:
                    self._grow(at, event.delta, texts)
                elif name == "contentBlockStart" and event.start is not None:
                    self._begin(at, event.start)
                elif name == "contentBlockStop":
                    calls += self._end(at)
                elif name == "messageStop":
                    reason = _reason(event.stop_reason)
                    self._finished = True
                elif name == "metadata":
                    usage = _usage(event.usage)
                    self.ended = self._finished
        except ValueError as error:
            raise malformed(f"its event stream is damaged ({error})") from None
        if not (texts or calls or reason or usage):
            return None
        choice = Choice(text="".join(texts), tool_calls=tuple(calls), finish_reason=reason)
        return Delta(choices=(choice,) if texts or calls or reason else (), usage=usage)

    def finish(self) -> Iterable[Delta]:
        """Nothing is left to tell."""
        if not self._finished:
            raise cut_off()
        return ()

    def _begin(self, index: int, start: _Block) -> None:
        if start.tool_use is None:
            raise unreadable()
        if len(self._uses) >= MOST_CALLS:
            raise malformed("too many tool calls")
        self._uses[index] = start.tool_use
        self._json[index] = []

    def _grow(self, index: int, delta: _Block, texts: list[str]) -> None:
        if delta.tool_use is not None:
            if index not in self._json:
                raise malformed("a tool call goes on that has not begun")
            self._json[index].append(written(delta.tool_use.input))
        else:
            texts.append(_text(delta))

    def _end(self, index: int) -> list[ToolCall]:
        pieces = self._json.pop(index, None)
        return [] if pieces is None else [_call(self._uses[index], "".join(pieces))]


def _decode(decoder: msgspec.json.Decoder[Any], data: bytes) -> Any:
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # The exception may quote the answer; only the fact is told.
        raise malformed("it is no JSON of the expected shape") from None


def _text(block: _Block) -> str:
    """Text is read, with or without citations; reasoning is left out; else it can't be judged."""
    if block.text is not None:
        return block.text
    if block.citations_content is not None:
        return "".join(part.text or "" for part in block.citations_content.content)
    if block.reasoning_content is None and block.citation is None:
        raise unreadable()
    return ""


def _call(use: _Use, arguments: str) -> ToolCall:
    return ToolCall(id=use.tool_use_id or "call_0", name=use.name, arguments=arguments or "{}")


def _reason(reason: str | None) -> str:
    if reason in _BROKEN:
        raise malformed(f"the model ended with {reason}")
    return _REASONS.get(reason or "", "stop")


def _broke(name: str) -> ProviderUnavailable:
    said = f" ({name})" if name in _EXCEPTIONS else ""
    return ProviderUnavailable(f"the endpoint reported an error instead of an answer{said}").of(
        "server_error"
    )


def _usage(raw: msgspec.Raw) -> Usage | None:
    """AWS counts cached input beside the other; here they are parts of the prompt."""
    try:
        used = counts(raw)
    except ValueError:
        return NONSENSE
    if used is None:
        return None
    plain, said = whole_number(used, "inputTokens"), whole_number(used, "outputTokens")
    read, wrote = count(used, "cacheReadInputTokens"), count(used, "cacheWriteInputTokens")
    if plain < 0 or said < 0:
        return NONSENSE
    if not (plain or read or wrote):
        return None
    return Usage(
        prompt_tokens=plain + read + wrote,
        completion_tokens=said,
        cached_tokens=read,
        cache_write_tokens=wrote,
    )
