"""Plain JSON lines: a case in each, with all of its labels."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from freehold.core.labels import QueueSpec
from freehold.learning.labelling.formats.rows import (
    DECISION,
    Malformed,
    Mistakes,
    Row,
    RowLabel,
    a_count,
    a_list,
    a_number,
    a_text,
    a_verdict,
    an_object,
)

_TEXTS = ("question", "conversation", "context", "answer", "intent", "by", "app", "tenant")
_FIELDS = ("case", *_TEXTS, "reasons", "labels", "decided")
_LABEL_TEXTS = ("answer", "intent", "comment", "guideline")
_LABEL_FIELDS = ("by", "verdict", *_LABEL_TEXTS, "rating", "took_ms", "at_ns")


def dump(rows: Sequence[Row], queue: QueueSpec) -> str:  # noqa: ARG001 - each line says it all
    """The rows, one in each line."""
    parts = []
    for row in rows:
        told: dict[str, Any] = msgspec.to_builtins(row)
        for name in ("line", "number", "left"):
            told.pop(name)
        parts.append(json.dumps(told, ensure_ascii=False))
    return "".join(f"{part}\n" for part in parts)


def load(text: str) -> list[Row]:
    """Read them again.

    Raises:
        Mistakes: lines are no such rows.
    """
    found: list[Row] = []
    wrong: list[str] = []
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if raw.strip():
            try:
                found.append(_of_line(raw, number))
            except Malformed as error:
                wrong.append(str(error))
    if wrong:
        raise Mistakes(wrong)
    return found


def _of_line(raw: str, number: int) -> Row:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise Malformed(number, "no JSON") from None
    return _row(an_object(value, number, "the line"), number)


def _row(told: dict[str, Any], line: int) -> Row:
    _known(told, _FIELDS, line)
    case = a_text(told.get("case"), line, "`case`")
    if not case:
        raise Malformed(line, "`case` is missing")
    listed = a_list(told.get("reasons"), line, "`reasons`")
    texts: dict[str, Any] = {name: a_text(told.get(name), line, f"`{name}`") for name in _TEXTS}
    reasons = tuple(a_text(one, line, "a reason") for one in listed)
    row = Row(case=case, reasons=reasons, line=line, **texts)
    labels = [
        _label(an_object(one, line, "a label"), row)
        for one in a_list(told.get("labels"), line, "`labels`")
    ]
    left = (DECISION,) if told.get("decided") is not None else ()
    return msgspec.structs.replace(row, labels=tuple(labels), left=left)


def _label(told: dict[str, Any], row: Row) -> RowLabel:
    line = row.line
    _known(told, _LABEL_FIELDS, line)
    by = a_text(told.get("by"), line, "`by`")
    if not by:
        raise Malformed(line, "a label does not say `by` whom it is")
    texts: dict[str, Any] = {
        name: a_text(told.get(name), line, f"`{name}`") for name in _LABEL_TEXTS
    }
    label = RowLabel(
        by=by,
        verdict="",
        rating=a_number(told.get("rating"), line, "`rating`"),
        took_ms=a_count(told.get("took_ms"), line, "`took_ms`"),
        at_ns=a_count(told.get("at_ns"), line, "`at_ns`"),
        **texts,
    )
    verdict = a_verdict(a_text(told.get("verdict"), line, "`verdict`"), label, row)
    return msgspec.structs.replace(label, verdict=verdict)


def _known(told: dict[str, Any], known: tuple[str, ...], line: int) -> None:
    for name in told:
        if name not in known:
            raise Malformed(line, f"there is no field {name[:40]!r} here: {', '.join(known)}")
