"""Examples as a responder's trainer sees them: what came from context is marked."""

from msgspec import Struct

from freehold.core.training import Example
from freehold.text.blocks import unpacked
from freehold.text.language import detect
from freehold.text.slots.context import Context, read
from freehold.text.slots.features import features
from freehold.text.slots.finding import Mark, find
from freehold.text.slots.questions import Question, understood
from freehold.text.slots.rows import Asked

MOST_CHARS = 4_000
"""A longer answer is no answer to one question."""


class Lesson(Struct, frozen=True):
    """One example, read.

    ``answer`` is empty for a counterexample: what must be left to others.
    """

    case: str
    conversation: str
    question: Question
    asked: Asked
    context: Context
    states: dict[str, str]
    answer: str
    marks: tuple[Mark, ...]
    language: str
    weight: int
    follows: bool
    rejected: str = ""


def lesson(example: Example) -> Lesson | None:
    """An example as a lesson; none where nothing is asked, or something came after the question:
    to such a conversation a responder says nothing.
    """
    text = example.question
    if not text.strip() or example.messages[-1].get("role") != "user":
        return None
    pieces = list(example.pieces)
    if not pieces:
        systems = [m["content"] for m in example.messages if m.get("role") == "system"]
        pieces = [piece for system in systems for piece in unpacked(str(system))]
    context = read(pieces, example.facts)
    asked = Asked(text)
    answer = " ".join(example.answer.split(" ")).strip()
    if len(answer) > MOST_CHARS:
        answer = ""
    return Lesson(
        case=example.id,
        conversation=example.conversation or example.id,
        question=understood(text, context, asked),
        asked=asked,
        context=context,
        states=features(context, asked),
        answer=answer,
        marks=tuple(find(answer, context, asked)) if answer else (),
        language=example.language or detect(answer)[0],
        weight=max(1, example.weight),
        follows=sum(m.get("role") == "user" for m in example.messages) > 1,
        rejected=example.rejected,
    )
