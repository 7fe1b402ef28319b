"""The OpenAI wire, outbound: what the journey releases → bytes, whole or as server-sent events."""

from typing import Any

import orjson

from freehold.core.ask import Ask, ToolCall
from freehold.core.errors import ApprovalError, FreeholdError
from freehold.core.handoffs import Held, Released, Usage
from freehold.server.dialect import outcome_comment
from freehold.server.held import held_text

KEEP_ALIVE = b": keep-alive\n\n"
_FINISH_REASONS = frozenset({"stop", "length", "tool_calls", "content_filter"})
DONE = b"data: [DONE]\n\n"


def error_body(error: FreeholdError) -> dict[str, Any]:
    """An OpenAI error object; only the public reason."""
    return {
        "error": {
            "message": f"{error.public} ({error.code})",
            "type": error.kind,
            "param": error.param,
            "code": error.slug,
        }
    }


def error_bytes(error: FreeholdError) -> bytes:
    """The same as JSON bytes."""
    return orjson.dumps(error_body(error))


def error_event(error: FreeholdError) -> bytes:
    """An error after the stream has begun: official SDKs raise on a data object with ``error``."""
    return b"data: " + error_bytes(error) + b"\n\n"


def usage_of(usage: Usage | None) -> dict[str, Any]:
    """Token counts; zeros when nothing was used, details where the model's endpoint told them."""
    used = usage or Usage()
    counts: dict[str, Any] = {
        "prompt_tokens": used.prompt_tokens,
        "completion_tokens": used.completion_tokens,
        "total_tokens": used.prompt_tokens + used.completion_tokens,
    }
    if used.cached_tokens:
        counts["prompt_tokens_details"] = {"cached_tokens": used.cached_tokens}
    if used.reasoning_tokens:
        counts["completion_tokens_details"] = {"reasoning_tokens": used.reasoning_tokens}
    return counts


def _finish(reason: str) -> str:
    """A finish reason that clients know; upstreams have words of their own."""
    return reason if reason in _FINISH_REASONS else "stop"


def _tool_calls(calls: tuple[ToolCall, ...], *, indexed: bool) -> list[dict[str, Any]]:
    return [
        {
            **({"index": i} if indexed else {}),
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for i, call in enumerate(calls)
    ]


class WholeReply:
    """Collects what is released into one reply body."""

    __slots__ = ("_ask", "_created", "_id", "_parts")

    def __init__(self, ask: Ask, exchange_id: str, created: int) -> None:
        self._ask = ask
        self._id = exchange_id
        self._created = created
        self._parts: list[Released] = []

    def add(self, piece: Released) -> None:
        """One more piece."""
        self._parts.append(piece)

    @property
    def held(self) -> Held | None:
        """What waits for a person, in place of an answer."""
        return next((p.held for p in self._parts if p.held is not None), None)

    def body(self) -> bytes:
        """The reply in the operation's own form.

        Raises:
            ApprovalError: vectors have no words to say that they wait.
        """
        if self._ask.operation == "embedding":
            if self.held is not None:
                raise ApprovalError(held_text(self.held))
            return self._embeddings()
        chat = self._ask.operation == "chat"
        model = next((p.model for p in self._parts if p.model), self._ask.model)
        usage = next((p.usage for p in self._parts if p.usage is not None), None)
        return orjson.dumps(
            {
                "id": ("chatcmpl-" if chat else "cmpl-") + self._id,
                "object": "chat.completion" if chat else "text_completion",
                "created": self._created,
                "model": model,
                "choices": [
                    self._choice(index, chat=chat)
                    for index in sorted({p.index for p in self._parts})
                ],
                "usage": usage_of(usage),
            }
        )

    def _choice(self, index: int, *, chat: bool) -> dict[str, Any]:
        parts = [p for p in self._parts if p.index == index]
        held = next((p.held for p in parts if p.held is not None), None)
        text = held_text(held) if held is not None else "".join(p.text for p in parts)
        finish = _finish(
            next((p.finish_reason for p in reversed(parts) if p.finish_reason), "stop")
        )
        if not chat:
            return {"index": index, "text": text, "finish_reason": finish, "logprobs": None}
        calls = _tool_calls(parts[-1].tool_calls, indexed=False)
        message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
        if calls:
            message["tool_calls"] = calls
            message["content"] = text or None
        return {"index": index, "message": message, "finish_reason": finish, "logprobs": None}

    def _embeddings(self) -> bytes:
        piece = self._parts[-1] if self._parts else Released(model=self._ask.model)
        used = piece.usage or Usage()
        return orjson.dumps(
            {
                "object": "list",
                "data": [
                    {"object": "embedding", "index": i, "embedding": vector}
                    for i, vector in enumerate(piece.embeddings)
                ],
                "model": piece.model,
                "usage": {
                    "prompt_tokens": used.prompt_tokens,
                    "total_tokens": used.prompt_tokens,
                },
            }
        )


class StreamReply:
    """Turns each released piece into events as it comes."""

    __slots__ = ("_ask", "_chat", "_head", "_model", "_started", "_usage")
    keep_alive = KEEP_ALIVE

    def __init__(self, ask: Ask, exchange_id: str, created: int) -> None:
        self._ask = ask
        self._chat = ask.operation == "chat"
        self._head = {
            "id": ("chatcmpl-" if self._chat else "cmpl-") + exchange_id,
            "object": "chat.completion.chunk" if self._chat else "text_completion",
            "created": created,
        }
        self._started: set[int] = set()
        self._usage: Usage | None = None
        self._model = ask.model

    def events(self, piece: Released) -> bytes:
        """Server-sent events for one piece."""
        self._model = piece.model or self._model
        self._usage = piece.usage or self._usage
        text = held_text(piece.held) if piece.held is not None else piece.text
        events = []
        finish = _finish(piece.finish_reason) if piece.finish_reason else None
        if not self._chat:
            if text or finish:
                events.append(self._event({
                    "index": piece.index, "text": text, "logprobs": None,
                    "finish_reason": finish,
                }))  # fmt: skip
            return b"".join(events)
        if piece.index not in self._started:
            self._started.add(piece.index)
            events.append(self._delta(piece.index, {"role": "assistant", "content": ""}))
        if text:
            events.append(self._delta(piece.index, {"content": text}))
        if piece.tool_calls:
            calls = _tool_calls(piece.tool_calls, indexed=True)
            events.append(self._delta(piece.index, {"tool_calls": calls}))
        if finish:
            events.append(self._delta(piece.index, {}, finish))
        return b"".join(events)

    def end(self, outcome: str) -> bytes:
        """The usage where it was asked for, how the exchange ended (a comment), and the mark."""
        last = b""
        if self._ask.include_usage:
            body: dict[str, Any] = {
                **self._head,
                "model": self._model,
                "choices": [],
                "usage": usage_of(self._usage),
            }
            last = b"data: " + orjson.dumps(body) + b"\n\n"
        return last + outcome_comment(outcome) + DONE

    def failed(self, error: FreeholdError, outcome: str) -> bytes:
        """The error, and how the exchange ended; no mark, since it is not done."""
        return error_event(error) + outcome_comment(outcome)

    def _delta(self, index: int, delta: dict[str, Any], finish: str | None = None) -> bytes:
        return self._event(
            {"index": index, "delta": delta, "finish_reason": finish, "logprobs": None}
        )

    def _event(self, choice: dict[str, Any]) -> bytes:
        body: dict[str, Any] = {**self._head, "model": self._model, "choices": [choice]}
        if self._ask.include_usage:
            body["usage"] = None
        return b"data: " + orjson.dumps(body) + b"\n\n"
