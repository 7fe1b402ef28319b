"""The `recorded` behaviour: real answers from a file of conversations.

The file is JSON Lines, each line with `messages` in OpenAI's form. A request is matched to the
conversation and the step that it continues, and the assistant message recorded there is said
again, calls and their ids included.

A gateway in between may have hidden values behind placeholders, normalised Unicode and added
system messages, so texts are compared as bags of words in which a placeholder may stand for
anything, and system messages are not compared at all. Where histories agree equally well, the
longer stretch of equal texts decides, results of tools included.

A model that was shown placeholders says placeholders: whatever value the request hides is hidden
in the recorded answer as well.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, Final

import orjson

from freehold.testing.simulator.answers import Answer
from freehold.testing.simulator.asks import Ask, Message
from freehold.testing.simulator.errors import WireError
from freehold.testing.simulator.plain import wire_calls
from freehold.testing.simulator.seeded import PLACEHOLDER
from freehold.testing.simulator.settings import SettingsError

_WORD: Final = re.compile(r"\w+")
_HINT: Final = re.compile(r"(?:recording[:=-])?(\d+)")
# Below this the request continues no conversation of the file.
_LEAST: Final = 0.5
# How many words a placeholder may have hidden (a postal address is the longest).
_HIDDEN_WORDS: Final = 8
# How many messages are compared where the roles fit no recording (a packed or cut history).
_TAIL: Final = 3
# Histories whose words agree as well as this (of one) are told apart by their texts.
_TIE: Final = 0.02
# Shorter values stand in too many places to be hidden wherever they occur.
_LEAST_HIDDEN: Final = 4
_MOST_HIDDEN: Final = 200

_SYSTEM: Final = ("system", "developer")


@dataclass(frozen=True, slots=True)
class _Said:
    """One message as it is compared."""

    role: str
    words: frozenset[str]
    text: str
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One assistant message and what came before it."""

    conversation: int
    before: tuple[_Said, ...]
    answer: Answer


def _words(text: str) -> tuple[frozenset[str], int]:
    """The words of a text without its placeholders, and how many of those there are."""
    bare, hidden = PLACEHOLDER.subn(" ", text)
    folded = unicodedata.normalize("NFKC", bare).casefold()
    return frozenset(_WORD.findall(folded)), hidden


def _said(role: str, text: str, calls: Iterable[Mapping[str, Any]]) -> _Said:
    if role == "tool":
        # The call before it says which result this is; the result itself may be long.
        return _Said(role, frozenset(), text)
    functions = [call.get("function") or {} for call in calls]
    spoken = [f"{f.get('name', '')} {f.get('arguments', '')}" for f in functions]
    whole = " ".join([text, *spoken])
    words, hidden = _words(whole)
    return _Said(role, words, whole, hidden)


def similarity(asked: Sequence[_Said], recorded: Sequence[_Said]) -> float:
    """How well two histories of equal length agree, from 0 to 1, weighted by their words."""
    shared = total = 0.0
    for one, other in zip(asked, recorded, strict=True):
        if one.role != other.role:
            return 0.0
        common = len(one.words & other.words)
        unexplained = max(0, len(other.words) - common - _HIDDEN_WORDS * one.hidden)
        added = len(one.words) - common
        weight = common + max(unexplained, added)
        shared += common
        total += weight
    return shared / total if total else 1.0


def _behind(asked: str, recorded: str) -> dict[str, str] | None:
    """Each placeholder of a text and the value that stands in its place in the recorded one.

    None where the two differ in more than that.
    """
    values: dict[str, str] = {}
    at = place = 0
    waiting: str | None = None
    for found in [*PLACEHOLDER.finditer(asked), None]:
        literal = asked[place : found.start() if found else len(asked)]
        if waiting is None:
            start = 0 if recorded.startswith(literal) else -1
        elif found is None:
            ends = recorded.endswith(literal) and len(recorded) - len(literal) > at
            start = len(recorded) - len(literal) if ends else -1
        else:
            start = recorded.find(literal, at + 1) if literal else -1
        if start < 0:
            return None
        if waiting is not None:
            values[waiting] = recorded[at:start]
        at = start + len(literal)
        if found is not None:
            waiting, place = found[0], found.end()
    return values if at == len(recorded) else None


def _agreeing(asked: Sequence[_Said], step: Step) -> int:
    """How many messages, the latest first, are the recorded ones but for their placeholders."""
    count = 0
    for one, other in zip(reversed(asked), reversed(step.before), strict=False):
        if one.text != other.text and _behind(one.text, other.text) is None:
            break
        count += 1
    return count


def _hide(answer: Answer, asked: Sequence[_Said], step: Step) -> Answer:
    """The answer with a placeholder for each value that the request shows only as one."""
    hidden: dict[str, str] = {}
    recorded = step.before[len(step.before) - len(asked) :]
    for one, other in zip(asked, recorded, strict=False):
        if "[" in one.text and PLACEHOLDER.search(one.text):
            for placeholder, value in (_behind(one.text, other.text) or {}).items():
                if _LEAST_HIDDEN <= len(value) <= _MOST_HIDDEN:
                    hidden.setdefault(value, placeholder)
    if not hidden:
        return answer
    either = "|".join(map(re.escape, sorted(hidden, key=len, reverse=True)))
    values = re.compile(rf"(?<![0-9A-Za-z])(?:{either})(?![0-9A-Za-z])")

    def without(text: str) -> str:
        return values.sub(lambda found: hidden[found[0]], text)

    calls = tuple(replace(call, arguments=without(call.arguments)) for call in answer.tool_calls)
    return replace(answer, text=answer.text and without(answer.text), tool_calls=calls)


class Recorded:
    """Conversations, ready to be said again.

    Args:
        conversations: lists of messages in OpenAI's form.
    """

    def __init__(self, conversations: Sequence[Sequence[Mapping[str, Any]]]) -> None:
        self._steps: list[Step] = []
        self._by_roles: dict[tuple[str, ...], list[Step]] = {}
        self._ends: dict[tuple[str, ...], list[tuple[_Said, ...]]] = {}
        for index, messages in enumerate(conversations):
            self._add(index, messages)

    @classmethod
    def load(cls, path: Path) -> Recorded:
        """Read a file of conversations.

        Raises:
            SettingsError: the file cannot be read, or a line is no conversation.
        """
        conversations: list[list[Mapping[str, Any]]] = []
        try:
            lines = path.read_bytes().splitlines()
        except OSError as error:
            raise SettingsError(f"recording: {error}") from None
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                messages = orjson.loads(line)["messages"]
            except (orjson.JSONDecodeError, KeyError, TypeError) as error:
                raise SettingsError(f"recording: line {number}: {error!r}") from None
            conversations.append(messages)
        return cls(conversations)

    def _add(self, index: int, messages: Sequence[Mapping[str, Any]]) -> None:
        before: list[_Said] = []
        for message in messages:
            role = str(message.get("role"))
            if role in _SYSTEM:
                continue
            content = message.get("content")
            calls = message.get("tool_calls") or []
            if role == "assistant":
                answer = Answer(text=content, tool_calls=wire_calls(calls))
                step = Step(index, tuple(before), answer)
                self._steps.append(step)
                self._by_roles.setdefault(_roles(step.before), []).append(step)
            before.append(_said(role, str(content or ""), calls))
        if before and before[-1].role != "assistant":
            self._ends.setdefault(_roles(before), []).append(tuple(before))

    def answer(self, ask: Ask, rng: Random) -> Answer:  # noqa: ARG002 (the Protocol's form)
        """What was said at this point of the conversation.

        Raises:
            WireError: 404, no recorded conversation goes on from here.
        """
        asked = tuple(_of(message) for message in ask.messages if message.role not in _SYSTEM)
        hinted = _hinted(ask.hint)
        best, score = self._best(asked, hinted)
        if best is not None and score >= _LEAST:
            return _hide(best.answer, asked, best)
        for end in self._ends.get(_roles(asked), ()):
            if similarity(asked, end) >= _LEAST:
                raise _missing("The recorded conversation ends here; nothing was answered.")
        raise _missing(
            f"No recorded conversation continues this one ({len(asked)} messages, "
            f"best similarity {score:.2f}, {_LEAST} is needed)."
        )

    def _best(self, asked: tuple[_Said, ...], hinted: int | None) -> tuple[Step | None, float]:
        steps = self._by_roles.get(_roles(asked), [])
        own = [step for step in steps if step.conversation == hinted]
        best, score = _nearest(asked, own)
        if best is None or score < _LEAST:
            best, score = _nearest(asked, steps)
        if best is None:
            # A history that was cut or packed on the way: compare how it ends.
            tail = asked[-_TAIL:]
            steps = [step for step in self._steps if len(step.before) >= len(tail)]
            if hinted is not None:
                steps = [step for step in steps if step.conversation == hinted]
            best, score = _nearest(tail, steps)
        return best, score


def _nearest(asked: tuple[_Said, ...], steps: Iterable[Step]) -> tuple[Step | None, float]:
    """The step whose latest messages agree best; of equals the one whose texts do, or the first."""
    scored = [
        (similarity(asked, step.before[len(step.before) - len(asked) :]), step) for step in steps
    ]
    top = max((score for score, _ in scored), default=0.0)
    equals = [(score, step) for score, step in scored if score and score >= top - _TIE]
    if not equals:
        return None, 0.0
    if len(equals) == 1:
        return equals[0][1], top
    score, best = max(equals, key=lambda item: (_agreeing(asked, item[1]), item[0]))
    return best, score


def _of(message: Message) -> _Said:
    return _said(message.role, message.text, message.tool_calls)


def _roles(history: Iterable[_Said]) -> tuple[str, ...]:
    return tuple(said.role for said in history)


def _hinted(hint: str | None) -> int | None:
    found = _HINT.fullmatch(hint.strip()) if hint else None
    return int(found[1]) if found else None


def _missing(message: str) -> WireError:
    return WireError(404, message, code="recording_not_found", param="messages")
