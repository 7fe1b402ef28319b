"""Approved answers, and nothing else: the one whose questions are most like what is asked.

Nothing is written here that nobody has approved, so nothing can be made up; what is not known is
left to the next model. The file has one JSON object a line::

    {"questions": ["When do you open?", "opening hours"], "answer": "At nine."}
    {"questions": ["Who won the match?"], "answer": null}

``answer: null`` are examples of what it must leave alone.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct

from freehold.core.ask import Message
from freehold.core.decisions import MILLION
from freehold.core.local import Known
from freehold.text.intents import Intents, learn
from freehold.text.local.asked import question, turns
from freehold.text.local.learned import LearnedResponder, learned
from freehold.text.slots.templates import FORMAT, is_learned, made_by

MOST_CHARS = 2_000
"""A longer question is more than a question: it is left to other models."""


class _Line(Struct, forbid_unknown_fields=True):
    questions: list[str]
    answer: str | None


class Responder:
    """Approved answers by what is asked.

    ``confidence`` is the chance to be right that questions held back from learning had, as far
    from the others as this one, and never more than that many questions can show; one that stands
    in the file word for word is certain.
    """

    quick = True

    def __init__(
        self,
        intents: Intents,
        answers: Sequence[str],
        verbatim: Mapping[str, int],
        version: str,
        *,
        follow_ups: bool,
    ) -> None:
        self._intents = intents
        self._answers = answers
        self._verbatim = verbatim
        # Laplace's rule of succession: as many examples as there are can show no more than this.
        self._most = MILLION * (len(verbatim) + 1) // (len(verbatim) + 2)
        self._follow_ups = follow_ups
        self.version = version

    def answer(self, messages: Sequence[Message]) -> Known:
        """The approved answer that fits best; no text where none does."""
        text = question(messages)
        if len(text) > MOST_CHARS or not text.strip():
            return Known(text="", confidence=0, why="no_question")
        if turns(messages) > 1 and not self._follow_ups:
            return Known(text="", confidence=0, why="follow_up")
        known = self._verbatim.get(_plain(text))
        if known is not None:
            return Known(text=self._answers[known], confidence=MILLION, nearest=_named(known))
        found = self._intents.of(text)
        confidence = min(found.score, self._most)
        if not found.name:
            return Known(text="", confidence=confidence, why="nothing_near")
        place = int(found.name)
        if not found.fits:
            near = _named(place)
            return Known(text="", confidence=confidence, nearest=near, why="not_near_enough")
        return Known(text=self._answers[place], confidence=confidence, nearest=_named(place))


def responder(data: bytes, options: Mapping[str, Any]) -> Responder | LearnedResponder:
    """From a file of approved answers, or one that was learned from them. Option ``follow_ups`` of
    the former: answer within a conversation too, where a question may hang on what was said before.

    Raises:
        ValueError: a line, an option, or too few answers.
    """
    if is_learned(data):
        return learned(data, options)
    other = made_by(data)
    if other:
        raise ValueError(f"it was made by another release: its form is {other}, not {FORMAT}")
    return _written(data, options)


def _written(data: bytes, options: Mapping[str, Any]) -> Responder:
    """From a file of approved answers that somebody wrote."""
    unknown = options.keys() - {"follow_ups"}
    if unknown:
        raise ValueError(f"a responder has no option `{min(unknown)}`")
    answers: list[str] = []
    inside: dict[str, Sequence[str]] = {}
    outside: list[str] = []
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = msgspec.json.decode(line, type=_Line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ValueError(f"line {number}: {error}") from None
        if not any(asked.strip() for asked in row.questions):
            raise ValueError(f"line {number}: it has no question")
        if row.answer is None:
            outside += row.questions
            continue
        if not row.answer.strip():
            raise ValueError(f"line {number}: an answer is a text, or null")
        inside[str(len(answers))] = row.questions
        answers.append(row.answer)
    if not answers:
        raise ValueError("it has no answer")
    verbatim: dict[str, int] = {}
    for name, questions in inside.items():
        for one in map(_plain, questions):
            if verbatim.setdefault(one, int(name)) != int(name):
                raise ValueError(f"two answers for one question: {one!r}")
    return Responder(
        learn(inside, outside),
        answers,
        verbatim,
        sha256(data).hexdigest()[:12],
        follow_ups=options.get("follow_ups") is True,
    )


def _named(place: int) -> str:
    """An answer by its place among the file's lines that have one, counted from 1."""
    return f"answer-{place + 1}"


def _plain(text: str) -> str:
    """Without what makes no other question of it: case, blanks, the marks at its end."""
    return " ".join(text.casefold().split()).rstrip("?!. ")
