"""What a behaviour says, and how `stop` and `max_tokens` cut it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from random import Random
from typing import Any, Protocol, TypeVar

from freehold.testing.simulator.asks import Ask
from freehold.testing.simulator.seeded import count_tokens, pieces

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a function; `arguments` is JSON text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the simulated model says before anything cuts it.

    `misbehaviour` names the rule broken on purpose, `intent` what the model took the question
    for; both go into response headers, so that a test knows the truth.
    """

    text: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    misbehaviour: str | None = None
    intent: str | None = None


class Behaviour(Protocol):
    """A way to answer. It may use nothing but the request and the generator given."""

    def answer(self, ask: Ask, rng: Random) -> Answer:
        """One choice.

        Raises:
            WireError: there is no answer to this request.
        """
        ...


@dataclass(slots=True)
class Choice:
    """An answer as it goes over the wire: pieces of about a token, calls, and why it ended."""

    text: str | None
    pieces: list[str]
    tool_calls: tuple[ToolCall, ...]
    finish_reason: str
    tokens: int


@dataclass(slots=True)
class Reply:
    """All choices of one request with their usage and the truth about them."""

    choices: list[Choice]
    prompt_tokens: int
    misbehaviours: list[str] = field(default_factory=list)
    intent: str | None = None

    @property
    def completion_tokens(self) -> int:
        """Tokens of all choices together."""
        return sum(choice.tokens for choice in self.choices)

    @property
    def usage(self) -> dict[str, Any]:
        """The `usage` object."""
        done = self.completion_tokens
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": done,
            "total_tokens": self.prompt_tokens + done,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        }


def shape(answer: Answer, stop: Iterable[str], max_tokens: int | None) -> Choice:
    """`answer` cut at the first stop sequence, then at `max_tokens` pieces.

    Tool calls are never cut: half a call helps no test.
    """
    calls = answer.tool_calls
    finish = "tool_calls" if calls else "stop"
    call_tokens = sum(count_tokens(call.arguments) + 4 for call in calls)
    if answer.text is None:
        return Choice(None, [], calls, finish, call_tokens)
    text = answer.text
    ends = [at for at in (text.find(item) for item in stop) if at >= 0]
    if ends:
        text = text[: min(ends)]
    parts = pieces(text)
    if max_tokens is not None and len(parts) > max_tokens and not calls:
        parts = parts[:max_tokens]
        text, finish = "".join(parts), "length"
    return Choice(text, parts, calls, finish, len(parts) + call_tokens)


def prompt_tokens(ask: Ask) -> int:
    """A cheap estimate for the question: a token for each four characters, three a message."""
    chars = sum(len(message.text) for message in ask.messages)
    return chars // 4 + 3 * len(ask.messages) + 3


def round_robin(rows: Iterable[Iterable[_T]]) -> Iterator[_T]:
    """The first of each row, then the second of each, as the choices of one stream arrive."""
    missing = object()
    for column in zip_longest(*rows, fillvalue=missing):
        for item in column:
            if item is not missing:
                yield item  # type: ignore[misc]
