"""The Anthropic wire, outbound: what the journey releases → bytes, whole or as server-sent events.

Source: https://docs.anthropic.com/en/api/messages, messages-streaming and errors.
"""

from typing import Any

import orjson

from freehold.core.ask import Ask, ToolCall
from freehold.core.errors import FreeholdError, ProviderUnavailable
from freehold.core.handoffs import Held, Released, Usage
from freehold.server.dialect import outcome_comment
from freehold.server.held import held_text
from freehold.text.token_counts import of_message, of_settings

PING = b'event: ping\ndata: {"type":"ping"}\n\n'
_STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}


def error_body(error: FreeholdError, exchange_id: str) -> dict[str, Any]:
    """An Anthropic error object; ``code`` and ``param`` are beside what that wire has."""
    otherwise = "api_error" if error.status >= 500 else "invalid_request_error"
    kind = _ERROR_TYPES.get(error.status, otherwise)
    return {
        "type": "error",
        "error": {
            "type": kind,
            "message": f"{error.public} ({error.code})",
            "code": error.slug,
            "param": error.param,
        },
        "request_id": exchange_id,
    }


def prompt_tokens(ask: Ask) -> int:
    """An estimate of what a model is given: the messages and tools, without the app's context."""
    return sum(map(of_message, ask.messages)) + of_settings(ask)


class _Said:
    """What both kinds of reply keep of an answer."""

    def __init__(self, ask: Ask, exchange_id: str) -> None:
        self.model = ask.model
        self.id = f"msg_{exchange_id}"
        self.usage: Usage | None = None
        self.finish = "stop"
        self.held: Held | None = None

    def add(self, piece: Released) -> str:
        """Take note of a piece; the text in it."""
        self.model = piece.model or self.model
        self.usage = piece.usage or self.usage
        self.finish = piece.finish_reason or self.finish
        if piece.held is None:
            return piece.text
        self.held = piece.held
        return held_text(piece.held)

    def message(self, content: list[dict[str, Any]], usage: dict[str, int]) -> dict[str, Any]:
        """The message object."""
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage,
        }

    @property
    def stop(self) -> dict[str, Any]:
        """Why it ended. Which stop sequence ended it, models do not tell."""
        reason = _STOP_REASONS.get(self.finish, "end_turn")
        details = None
        if self.held is not None:
            about = held_text(self.held)
            details = {"type": "refusal", "category": None, "explanation": about}
        return {"stop_reason": reason, "stop_sequence": None, "stop_details": details}

    @property
    def counts(self) -> dict[str, int]:
        """Tokens used; on this wire those of a cache are none of ``input_tokens``."""
        used = self.usage or Usage()
        cached = used.cached_tokens + used.cache_write_tokens
        return {
            "input_tokens": used.prompt_tokens - cached,
            "cache_creation_input_tokens": used.cache_write_tokens,
            "cache_read_input_tokens": used.cached_tokens,
            "output_tokens": used.completion_tokens,
        }


class MessageReply:
    """Collects what is released into one message."""

    __slots__ = ("_calls", "_said", "_text")

    def __init__(self, ask: Ask, exchange_id: str) -> None:
        self._said = _Said(ask, exchange_id)
        self._text: list[str] = []
        self._calls: list[dict[str, Any]] = []

    def add(self, piece: Released) -> None:
        """One more piece.

        Raises:
            ProviderUnavailable: a tool call's arguments are no JSON object.
        """
        self._text.append(self._said.add(piece))
        self._calls += [
            _tool_use(call, orjson.Fragment(_arguments(call))) for call in piece.tool_calls
        ]

    def body(self) -> bytes:
        """The message."""
        text = "".join(self._text)
        content: list[dict[str, Any]] = []
        if text or not self._calls:
            content.append({"type": "text", "text": text})
        message = self._said.message([*content, *self._calls], self._said.counts)
        return orjson.dumps(message | self._said.stop)


class MessageEvents:
    """Turns each released piece into events as it comes."""

    __slots__ = ("_ask", "_begun", "_block", "_open", "_said")
    keep_alive = PING

    def __init__(self, ask: Ask, exchange_id: str) -> None:
        self._ask = ask
        self._said = _Said(ask, exchange_id)
        self._begun = False
        self._block = 0
        self._open = False

    def events(self, piece: Released) -> bytes:
        """Server-sent events for one piece.

        Raises:
            ProviderUnavailable: a tool call's arguments are no JSON object.
        """
        inputs = [_arguments(call) for call in piece.tool_calls]
        text = self._said.add(piece)
        events = self._start()
        if text:
            if not self._open:
                self._open = True
                events += self._block_event("start", content_block={"type": "text", "text": ""})
            events += self._block_event("delta", delta={"type": "text_delta", "text": text})
        if piece.finish_reason or inputs:
            events += self._close()
        for call, written in zip(piece.tool_calls, inputs, strict=True):
            delta = {"type": "input_json_delta", "partial_json": written.decode()}
            events += self._block_event("start", content_block=_tool_use(call, {}))
            events += self._block_event("delta", delta=delta)
            self._open = True
            events += self._close()
        return events

    def end(self, outcome: str) -> bytes:
        """Why it ended, what it used, how the exchange ended (a comment), and the mark."""
        last = self._start() + self._close()
        last += _event("message_delta", delta=self._said.stop, usage=self._said.counts)
        return last + outcome_comment(outcome) + _event("message_stop")

    def failed(self, error: FreeholdError, outcome: str) -> bytes:
        """The error, on which official clients raise, and how the exchange ended."""
        body = error_body(error, self._said.id.removeprefix("msg_"))
        return _event("error", **body) + outcome_comment(outcome)

    def _start(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        # what a model counts is known at the end; some clients read it nowhere but here
        usage = {"input_tokens": prompt_tokens(self._ask), "output_tokens": 0}
        return _event("message_start", message=self._said.message([], usage))

    def _close(self) -> bytes:
        if not self._open:
            return b""
        closed = self._block_event("stop")
        self._open = False
        self._block += 1
        return closed

    def _block_event(self, what: str, **fields: Any) -> bytes:
        return _event(f"content_block_{what}", index=self._block, **fields)


def _event(kind: str, **fields: Any) -> bytes:
    data = orjson.dumps({"type": kind, **fields})
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


def _tool_use(call: ToolCall, written: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": written}


def _arguments(call: ToolCall) -> bytes:
    """A tool call's arguments as they were written; this wire has none that are no object."""
    written = call.arguments.strip() or "{}"
    try:
        read = orjson.loads(written)
    except orjson.JSONDecodeError:
        read = None
    if not isinstance(read, dict):
        raise ProviderUnavailable("the arguments of a tool call are no JSON object")
    return written.encode()
