"""Labels as lines of JSON, on their way out of a home and into another."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from freehold.core.errors import RequestError
from freehold.core.labels import Label, Words
from freehold.learning.registry.manifest import encoded
from freehold.services.labelling_words import FindKey, opened

Row = dict[str, Any]
_SEALED = ("seal_key", "box")


class Who(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whose words these are, so that an erasure where they go reaches them."""

    issuer: str = ""
    person: str = ""
    conversation: str = ""


class Line(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One label: its row and its task's, without what is sealed; ``words`` where they were asked
    for and may be read.
    """

    label: dict[str, Any]
    task: dict[str, Any]
    words: Words | None = None
    who: Who | None = None


class Reading(Struct, frozen=True):
    """How words are read: the keys, whether a tenant's rules keep texts of an app at all, and whose
    they are, by the case.
    """

    find: FindKey
    keeps: Callable[[str, str], bool]
    who: Callable[[str], Who]


_lines = msgspec.json.Decoder(Line)


def lines(
    rows: Iterable[tuple[Row, Row]], mine: Callable[[str], bool], reading: Reading | None
) -> Iterator[bytes]:
    """One line of JSON for each label of these owners.

    Args:
        reading: for the words; without it, they stay.

    Raises:
        StorageError: the vault can't be read, or a box is damaged.
    """
    for label, task in rows:
        if not mine(label["owner"]):
            continue
        told = {name: value for name, value in label.items() if name not in _SEALED}
        words, who = None, None
        if reading is not None and label["box"] and reading.keeps(label["tenant"], task["app"]):
            words = opened(_as_label(label), reading.find)
            who = reading.who(label["case_id"]) if words is not None else None
        yield encoded(Line(label=told, task=task, words=words, who=who)) + b"\n"


def read_line(line: bytes, number: int) -> Line:
    """Raises: RequestError: it is no label."""
    try:
        found = _lines.decode(line)
        _ = found.label["label_id"], found.label["tenant"], found.task["queue"], found.task["app"]
    except (msgspec.MsgspecError, KeyError, UnicodeDecodeError) as error:
        raise RequestError(f"labels.jsonl: line {number} is no label: {error}") from None
    return found


def same(line: Line, row: Row) -> bool:
    """Whether a label that is there already is this one; its words are sealed, and not compared."""
    skipped = (*_SEALED, "task_id")
    return all(row.get(name) == value for name, value in line.label.items() if name not in skipped)


def _as_label(row: Row) -> Label:
    values = {name: value for name, value in row.items() if name not in ("task_id", "event_id")}
    return Label(undone=values.pop("undone_ns") is not None, **values)
