"""Behaviours that need no thought: `echo`, `fixed`, and answers dictated by a test."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, Final

from freehold.testing.simulator.answers import Answer, Reply, ToolCall, shape
from freehold.testing.simulator.asks import Ask
from freehold.testing.simulator.settings import SettingsError
from freehold.testing.simulator.wire import ChatWriter

FIXED_TEXT: Final = (
    "This is the fixed answer of a simulator. It is always the same, so that a benchmark measures "
    "what stands in front of it and nothing else. The text is about as long as a careful reply to "
    "a customer: it greets, it names what was asked, it explains what can be done, and it says "
    "what will happen next. There is nothing in it that a rule would object to, no figure, no "
    "date, no name, no promise. A reader who wants more will find that the words go on for a "
    "while without saying much, as such replies sometimes do, and then they come to an end. "
    "Thank you for your patience, and have a pleasant day."
)


FIXED_TEXTS: tuple[str, ...] = (FIXED_TEXT,)
"""What `Fixed` says in turn. A benchmark puts its own texts here before the simulator starts."""


class Echo:
    """Repeats the newest user message, so that a test decides what the model says."""

    def answer(self, ask: Ask, rng: Random) -> Answer:  # noqa: ARG002 (the Protocol's form)
        """The user's own words."""
        return Answer(text=ask.last_user)


class Fixed:
    """Always the same text, or several in turn, with their wire forms kept ready for each model."""

    def __init__(self) -> None:
        self._texts = FIXED_TEXTS
        self._answered = 0
        self._whole: dict[str, list[bytes]] = {}
        self._events: dict[tuple[str, bool], list[list[bytes]]] = {}

    def answer(self, ask: Ask, rng: Random) -> Answer:  # noqa: ARG002 (the Protocol's form)
        """The fixed text."""
        return Answer(text=self._texts[self._turn()])

    def whole(self, model: str) -> bytes:
        """The body of a whole answer."""
        found = self._whole.get(model)
        if found is None:
            writer = _writer(model)
            found = self._whole[model] = [writer.whole(_fixed(text)) for text in self._texts]
        return found[self._turn()]

    def events(self, model: str, *, include_usage: bool) -> list[bytes]:
        """The events of a streamed answer, eight tokens each but for the first and last."""
        found = self._events.get((model, include_usage))
        if found is None:
            writer = _writer(model)
            found = self._events[model, include_usage] = [
                [
                    event.data
                    for event in writer.events(_in_parts(text), include_usage=include_usage)
                ]
                for text in self._texts
            ]
        return found[self._turn()]

    def _turn(self) -> int:
        self._answered += 1
        return (self._answered - 1) % len(self._texts)


def _writer(model: str) -> ChatWriter:
    return ChatWriter("chatcmpl-simulator-fixed", model)


def _fixed(text: str) -> Reply:
    return Reply([shape(Answer(text=text), (), None)], prompt_tokens=100)


def _in_parts(text: str) -> Reply:
    reply = _fixed(text)
    choice = reply.choices[0]
    parts = choice.pieces
    choice.pieces = ["".join(parts[at : at + 8]) for at in range(0, len(parts), 8)]
    return reply


def dictated(raw: object) -> Answer:
    """An answer that a test dictates: a text, or an object with `content` and `tool_calls`.

    Raises:
        SettingsError: it is neither.
    """
    if isinstance(raw, str):
        return Answer(text=raw)
    if not isinstance(raw, Mapping):
        raise SettingsError(f"answers: expected a text or an object, got {raw!r}")
    content = raw.get("content")
    if not isinstance(content, str | None):
        raise SettingsError("answers: content must be a text or null")
    return Answer(text=content, tool_calls=wire_calls(raw.get("tool_calls") or []))


def wire_calls(raw: Any) -> tuple[ToolCall, ...]:
    """Tool calls from their OpenAI form.

    Raises:
        SettingsError: a call lacks its id, its name or its arguments.
    """
    try:
        return tuple(
            ToolCall(
                str(call["id"]),
                str(call["function"]["name"]),
                str(call["function"]["arguments"]),
            )
            for call in raw
        )
    except (KeyError, TypeError):
        raise SettingsError("tool_calls: each needs id, function.name and arguments") from None
