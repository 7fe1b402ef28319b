"""Answers as bytes: whole JSON objects and server-sent events, as OpenAI's API writes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from freehold.testing.simulator.answers import Choice, Reply, round_robin
from freehold.testing.simulator.seeded import pieces

FINGERPRINT: Final = "simulator"
# A constant, so that equal requests get equal bytes: 2026-01-01T00:00:00Z.
CREATED: Final = 1_767_225_600
DONE: Final = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event and how many tokens it carries (for pacing)."""

    data: bytes
    tokens: int = 0


def _event(value: dict[str, Any], tokens: int = 0) -> Event:
    return Event(b"data: " + orjson.dumps(value) + b"\n\n", tokens)


def _tool_calls(choice: Choice) -> list[dict[str, Any]]:
    return [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for call in choice.tool_calls
    ]


@dataclass(frozen=True, slots=True)
class ChatWriter:
    """`/v1/chat/completions`."""

    id: str
    model: str

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": CREATED,
            "model": self.model,
            "system_fingerprint": FINGERPRINT,
        }

    def whole(self, reply: Reply) -> bytes:
        """The answer as one object."""
        choices: list[dict[str, Any]] = []
        for index, choice in enumerate(reply.choices):
            message: dict[str, Any] = {
                "role": "assistant",
                "content": choice.text,
                "refusal": None,
                "annotations": [],
            }
            if choice.tool_calls:
                message["tool_calls"] = _tool_calls(choice)
            choices.append(
                {
                    "index": index,
                    "message": message,
                    "logprobs": None,
                    "finish_reason": choice.finish_reason,
                }
            )
        head = self._head("chat.completion")
        return orjson.dumps({**head, "choices": choices, "usage": reply.usage})

    def events(self, reply: Reply, *, include_usage: bool) -> Iterator[Event]:
        """The answer as events, `[DONE]` included; several choices arrive in turns."""
        head = self._head("chat.completion.chunk")
        tail: dict[str, Any] = {"usage": None} if include_usage else {}
        opening = b"data: " + orjson.dumps(head)[:-1]
        closing = b'},"logprobs":null,"finish_reason":null}]'
        closing += b',"usage":null}\n\n' if include_usage else b"}\n\n"

        def choice_events(index: int, choice: Choice) -> Iterator[Event]:
            def chunk(delta: dict[str, Any], tokens: int = 0, finish: str | None = None) -> Event:
                body = {
                    "index": index,
                    "delta": delta,
                    "logprobs": None,
                    "finish_reason": finish,
                }
                return _event({**head, "choices": [body], **tail}, tokens)

            first = None if choice.text is None else ""
            yield chunk({"role": "assistant", "content": first, "refusal": None})
            # Most events are these, so all but the text is made once.
            before = b'%s,"choices":[{"index":%d,"delta":{"content":' % (opening, index)
            for piece in choice.pieces:
                yield Event(before + orjson.dumps(piece) + closing, 1)
            for at, call in enumerate(_tool_calls(choice)):
                text = call["function"]["arguments"]
                call["function"]["arguments"] = ""
                yield chunk({"tool_calls": [{"index": at, **call}]}, 4)
                for piece in pieces(text):
                    yield chunk(
                        {"tool_calls": [{"index": at, "function": {"arguments": piece}}]}, 1
                    )
            yield chunk({}, 0, choice.finish_reason)

        yield from round_robin(choice_events(i, choice) for i, choice in enumerate(reply.choices))
        if include_usage:
            yield _event({**head, "choices": [], "usage": reply.usage})
        yield Event(DONE)


@dataclass(frozen=True, slots=True)
class CompletionWriter:
    """The legacy `/v1/completions`."""

    id: str
    model: str

    def _body(self, choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "text_completion",
            "created": CREATED,
            "model": self.model,
            "system_fingerprint": FINGERPRINT,
            "choices": choices,
            **more,
        }

    def whole(self, reply: Reply) -> bytes:
        """The answer as one object."""
        choices = [
            {
                "text": choice.text or "",
                "index": index,
                "logprobs": None,
                "finish_reason": choice.finish_reason,
            }
            for index, choice in enumerate(reply.choices)
        ]
        return orjson.dumps(self._body(choices, usage=reply.usage))

    def events(self, reply: Reply, *, include_usage: bool) -> Iterator[Event]:
        """The answer as events, `[DONE]` included."""
        tail: dict[str, Any] = {"usage": None} if include_usage else {}

        def choice_events(index: int, choice: Choice) -> Iterator[Event]:
            for piece in choice.pieces:
                body = {"text": piece, "index": index, "logprobs": None, "finish_reason": None}
                yield _event(self._body([body], **tail), 1)
            last = {
                "text": "",
                "index": index,
                "logprobs": None,
                "finish_reason": choice.finish_reason,
            }
            yield _event(self._body([last], **tail))

        yield from round_robin(choice_events(i, choice) for i, choice in enumerate(reply.choices))
        if include_usage:
            yield _event(self._body([], usage=reply.usage))
        yield Event(DONE)


Writer = ChatWriter | CompletionWriter


def model(name: str) -> dict[str, Any]:
    """One entry of the list of models."""
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "freehold-simulator"}


def models(names: list[str]) -> bytes:
    """`GET /v1/models`."""
    return orjson.dumps({"object": "list", "data": [model(name) for name in names]})
