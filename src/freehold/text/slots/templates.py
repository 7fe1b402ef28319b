"""The file of a learned responder: one JSON object a line, the first of them about the others."""

from collections.abc import Mapping

import msgspec
import orjson
from msgspec import Struct

from freehold.text.slots.context import Context
from freehold.text.slots.features import ABSENT, of_rows
from freehold.text.slots.filling import Slot, written
from freehold.text.slots.questions import Question
from freehold.text.slots.rows import Asked

FORMAT = "freehold-responder-3"
FOLLOWS, ASKS, STRAY, NEGATED = "follows", "asks", "stray", "negated"
DIFFERENCES = (FOLLOWS, ASKS, STRAY, NEGATED)
"""What may turn an answer round: something was said before, more is asked, an identifier that the
context does not know, a word that denies."""
MOST = 200_000
"""Lines of one file."""


class Header(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first line.

    Attributes:
        line: the score from which an answer is given, in millionths.
        chances: (score, chance to be right), both in millionths, ascending.
        talk: parts of questions that make no other question, such as greetings.
        eased: what may differ from the approved question, since examples show that it does not
            matter here; see `DIFFERENCES`.
        alpha: the error that was aimed at, in millionths; ``bound`` what was shown of it.
    """

    responder: str
    vectors: str
    line: int
    chances: tuple[tuple[int, int], ...]
    alpha: int
    bound: int
    talk: tuple[str, ...] = ()
    eased: tuple[str, ...] = ()


class Template(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An approved answer with slots.

    Attributes:
        template: its name.
        group: of templates that answer the same question.
        answer: constants, and numbers of slots.
        when: feature → the states in which it was approved.
        rows: source → the rule for the row that it is about.
        sources: those that the examples of its group had; where one of them failed, nobody knows
            which of the group would hold.
        beside: templates that answer questions like its own, in other contexts.
        language: of the answer.
        weight: how many approved it, in millionths.
        cases: where it was learned.
    """

    template: str
    group: int
    answer: tuple[str | int, ...]
    slots: tuple[Slot, ...] = ()
    when: dict[str, tuple[str, ...]] = {}
    rows: dict[str, str] = {}
    sources: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    language: str = "und"
    weight: int = 1_000_000
    cases: tuple[str, ...] = ()

    def applies(self, states: Mapping[str, str], context: Context, asked: Asked) -> bool:
        """Whether it was approved for a context in such a state."""
        if not context.failed.isdisjoint(self.sources):
            return False
        if self.rows:
            states = {**states, **of_rows(context, asked, self.rows)}
        return all(states.get(name, ABSENT) in seen for name, seen in self.when.items())

    def text(self, context: Context, asked: Asked) -> str | None:
        """The answer for this context; none where a slot can't be filled."""
        return written(self.answer, self.slots, context, asked)


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A question, and the template that answers it; none for what is left to others.

    ``code`` is its vector, so that it need not be made again; see `nearness.code_of`.
    """

    question: Question
    template: str = ""
    case: str = ""
    code: str = ""


class File(Struct, frozen=True):
    """All of it."""

    header: Header
    templates: tuple[Template, ...]
    entries: tuple[Entry, ...]

    def dump(self) -> bytes:
        """As it is written."""
        lines = (self.header, *self.templates, *self.entries)
        return b"".join(
            orjson.dumps(msgspec.to_builtins(line), option=orjson.OPT_SORT_KEYS) + b"\n"
            for line in lines
        )


def is_learned(data: bytes) -> bool:
    """Whether a responder's file has this form, rather than the plain one."""
    return FORMAT.encode() in data[: data.find(b"\n") if b"\n" in data else len(data)]


def made_by(data: bytes) -> str:
    """The form that a learned responder's file names in its first line; empty for other files."""
    try:
        head = orjson.loads(data.partition(b"\n")[0])
    except orjson.JSONDecodeError:
        return ""
    named = head.get("responder") if isinstance(head, dict) else None
    return named[:80] if isinstance(named, str) else ""


def load(data: bytes) -> File:
    """Read one.

    Raises:
        ValueError: a line is wrong; says which.
    """
    header: Header | None = None
    templates: dict[str, Template] = {}
    entries: list[Entry] = []
    lines = data.splitlines()
    if len(lines) > MOST:
        raise ValueError(f"more than {MOST:,} lines")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            if header is None:
                header = msgspec.json.decode(line, type=Header)
            elif b'"question"' in line and line.find(b'"answer"') < 0:
                entries.append(msgspec.json.decode(line, type=Entry))
            else:
                made = msgspec.json.decode(line, type=Template)
                _check(made)
                if made.template in templates:
                    raise ValueError(f"there are two templates `{made.template}`")
                templates[made.template] = made
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
            raise ValueError(f"line {number}: {error}") from None
    if header is None or header.responder != FORMAT:
        raise ValueError(f"no responder's file: its first line names {FORMAT}")
    lost = next((e.template for e in entries if e.template and e.template not in templates), None)
    if lost is not None:
        raise ValueError(f"a question names the template `{lost}`, which is not there")
    return File(header, tuple(templates.values()), tuple(entries))


def _check(template: Template) -> None:
    numbers = [segment for segment in template.answer if isinstance(segment, int)]
    if any(number not in range(len(template.slots)) for number in numbers):
        raise ValueError(f"template {template.template}: it has no such slot")
    if not all(slot.any for slot in template.slots) or not template.answer:
        raise ValueError(f"template {template.template}: it is empty, or a slot has no origin")
