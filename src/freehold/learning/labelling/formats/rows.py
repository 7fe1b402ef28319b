"""What every format says, and how files are read with the line of each mistake."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

VERDICTS = ("correct", "edit", "reject", "skip", "escalate")


class RowLabel(Struct, frozen=True, kw_only=True):
    """What one person said; ``at_ns`` is 0 where the format does not tell."""

    by: str
    verdict: str
    answer: str = ""
    intent: str = ""
    rating: float | None = None
    comment: str = ""
    took_ms: int = 0
    at_ns: int = 0
    guideline: str = ""


class Row(Struct, frozen=True, kw_only=True):
    """A case with what was said of it, and what somebody has decided since, which is written and
    never read: nobody decides by a file.

    Attributes:
        left: why something that is said in the file is no label, once for each.
        line, number: where it stands in a file that was read; of JSON lines only the line.
    """

    case: str
    question: str = ""
    conversation: str = ""
    context: str = ""
    answer: str = ""
    intent: str = ""
    by: str = ""
    app: str = ""
    tenant: str = ""
    reasons: tuple[str, ...] = ()
    labels: tuple[RowLabel, ...] = ()
    decided: RowLabel | None = None
    left: tuple[str, ...] = ()
    line: int = 0
    number: int = 0

    @property
    def place(self) -> str:
        """Where it stands in the file that it was read from."""
        return _place(self.line, self.number)


DRAFT, DECISION = "a draft", "a decision: nobody decides by a file"
"""Why something that was said is no label."""
_MOST_MISTAKES = 20


class Malformed(ValueError):
    """A row can't be read; says why, and in which line."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line}: {why}")
        self.line = line
        self.why = why


class Mistakes(ValueError):
    """A file can't be read; says all that is wrong, of the first twenty rows with a mistake."""

    def __init__(self, told: Sequence[str]) -> None:
        more = ["… and more"] if len(told) > _MOST_MISTAKES else []
        listed = [*told[:_MOST_MISTAKES], *more]
        super().__init__(listed[0] if len(listed) == 1 else "\n" + "\n".join(listed))


def all_of(text: str, made: Callable[[dict[str, Any], int], Row]) -> list[Row]:
    """The rows of a JSON list.

    Raises:
        Mistakes: it is no list of objects, or some are no rows; each is told with its line and its
            number, since a list may stand in one line.
    """
    wrong: list[str] = []
    rows = []
    number = 0
    try:
        for number, (line, told) in enumerate(elements(text), 1):
            try:
                rows.append(replace(made(an_object(told, line), line), number=number))
            except Malformed as error:
                wrong.append(f"{_place(error.line, number)}: {error.why}")
    except Malformed as error:
        wrong.append(str(error))
    if wrong:
        raise Mistakes(wrong)
    return rows


def _place(line: int, number: int) -> str:
    return f"line {line}, record {number}" if number else f"line {line}"


def elements(text: str) -> Iterator[tuple[int, Any]]:
    """What stands in a JSON list, each with the line where it begins.

    Raises:
        Malformed: it is no list.
    """
    decoder = json.JSONDecoder()
    at, first = _skip(text, 0), True
    if text[at : at + 1] != "[":
        raise Malformed(_line(text, at), "the file is no JSON list")
    at = _skip(text, at + 1)
    while text[at : at + 1] != "]":
        if not first:
            if text[at : at + 1] != ",":
                raise Malformed(_line(text, at), "`,` or `]` is missing")
            at = _skip(text, at + 1)
        line = _line(text, at)
        try:
            value, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise Malformed(_line(text, error.pos), f"no JSON: {error.msg}") from None
        except RecursionError:
            raise Malformed(line, "nested too deeply") from None
        yield line, value
        at, first = _skip(text, at), False
    if text[_skip(text, at + 1) :]:
        raise Malformed(_line(text, at + 1), "something stands behind the list")


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] in (" ", "\n", "\r", "\t", "\ufeff") and at < len(text):
        at += 1
    return at


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def an_object(value: Any, line: int, what: str = "the record") -> dict[str, Any]:
    """Raises: Malformed: it is no object."""
    if not isinstance(value, dict):
        raise Malformed(line, f"{what} is no object")
    return value


def a_list(value: Any, line: int, what: str) -> list[Any]:
    """Raises: Malformed: it is no list; nothing is an empty one."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise Malformed(line, f"{what} is no list")
    return value


def a_text(value: Any, line: int, what: str) -> str:
    """Raises: Malformed: it is no text; nothing is an empty one."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Malformed(line, f"{what} is no text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Malformed(line, f"{what} holds half a character") from None
    return value


def a_number(value: Any, line: int, what: str) -> float | None:
    """Raises: Malformed: it is no number."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e15:
        raise Malformed(line, f"{what} is no number")
    return float(value)


def a_count(value: Any, line: int, what: str) -> int:
    """Raises: Malformed: it is no whole number from 0 on."""
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise Malformed(line, f"{what} is no whole number from 0 on")
    return value


def a_verdict(value: str, label: RowLabel, row: Row) -> str:
    """What is said, or what the rest of the label comes to, where a format's own users only write
    an answer or choose a class.

    Raises:
        Malformed: it is no verdict.
    """
    if value:
        if value not in VERDICTS:
            raise Malformed(
                row.line, f"the verdict {value[:40]!r} is none of {', '.join(VERDICTS)}"
            )
        return value
    if not label.answer and not label.intent and label.rating is None:
        return "skip"
    other = label.answer not in ("", row.answer) or label.intent not in ("", row.intent)
    return "edit" if other else "correct"
