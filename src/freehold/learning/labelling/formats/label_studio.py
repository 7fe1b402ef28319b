"""Label Studio's JSON of tasks: ``data``, ``predictions`` and ``annotations`` with their ``result``
regions (``from_name, to_name, type, value``), and the labeling configuration that shows them.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from msgspec.structs import replace

from freehold.core.clock import rfc3339
from freehold.core.decisions import MILLION
from freehold.core.labels import QueueSpec
from freehold.learning.labelling.formats.rows import (
    DECISION,
    DRAFT,
    VERDICTS,
    Malformed,
    Row,
    RowLabel,
    a_list,
    a_number,
    a_text,
    a_verdict,
    all_of,
    an_object,
)

_DATA = ("question", "conversation", "context", "answer", "intent", "by", "app", "tenant")
_SHOWN = "question"
_DECIDED = {"text": ["decided"]}
"""Stands with the verdict of what somebody decided between others."""
_CHOICES, _TEXT, _RATING = "choices", "textarea", "rating"


def config(queue: QueueSpec) -> str:
    """The labeling configuration of a queue, as XML."""
    view = Element("View")
    for name in ("conversation", "context", "answer"):
        SubElement(view, "Header", value=name)
        SubElement(view, "Text", name=f"shown_{name}", value=f"${name}")
    SubElement(view, "Header", value=_SHOWN)
    SubElement(view, "Text", name=_SHOWN, value=f"${_SHOWN}")
    verdicts = SubElement(view, "Choices", name="verdict", choice="single-radio", toName=_SHOWN)
    for verdict in VERDICTS:
        SubElement(verdicts, "Choice", value=verdict)
    if "answer" in queue.ask:
        SubElement(view, "Header", value="The right answer")
        field = SubElement(view, "TextArea", name="right_answer", toName=_SHOWN, value="$answer")
        field.attrib |= {"maxSubmissions": "1", "editable": "true", "rows": "6"}
    if "intent" in queue.ask:
        intents = SubElement(view, "Choices", name="intent", choice="single", toName=_SHOWN)
        for name in (*queue.classes, "none"):
            SubElement(intents, "Choice", value=name)
    if "rating" in queue.ask:
        most = str(queue.most // MILLION)
        SubElement(view, "Rating", name="rating", maxRating=most, toName=_SHOWN)
    comment = SubElement(view, "TextArea", name="comment", toName=_SHOWN, placeholder="why")
    comment.set("maxSubmissions", "1")
    indent(view)
    return tostring(view, encoding="unicode") + "\n"


def dump(rows: Sequence[Row], queue: QueueSpec) -> str:
    """The tasks, as one JSON list."""
    tasks = [_task(row, queue) for row in rows]
    return json.dumps(tasks, ensure_ascii=False, indent=1) + "\n"


def _task(row: Row, queue: QueueSpec) -> dict[str, Any]:
    suggested = []
    if row.answer and "answer" in queue.ask:
        suggested.append(_region("right_answer", _TEXT, [row.answer]))
    if row.intent and "intent" in queue.ask:
        suggested.append(_region("intent", _CHOICES, [row.intent]))
    data = {name: getattr(row, name) for name in _DATA}
    predictions = [{"model_version": row.by or "freehold", "result": suggested}]
    return {
        "data": {"case": row.case, "reasons": list(row.reasons), **data},
        "predictions": predictions if suggested else [],
        "annotations": [
            *(_annotation(label) for label in row.labels),
            *([_annotation(row.decided, truth=True)] if row.decided is not None else []),
        ],
    }


def _annotation(label: RowLabel, *, truth: bool = False) -> dict[str, Any]:
    result = [_region("verdict", _CHOICES, [label.verdict])]
    if truth:
        result[0]["meta"] = _DECIDED
    if label.answer:
        result.append(_region("right_answer", _TEXT, [label.answer]))
    if label.intent:
        result.append(_region("intent", _CHOICES, [label.intent]))
    if label.rating is not None:
        result.append(_region("rating", _RATING, label.rating))
    if label.comment:
        result.append(_region("comment", _TEXT, [label.comment]))
    told: dict[str, Any] = {
        "completed_by": {"email": label.by},
        "result": result,
        "was_cancelled": label.verdict == "skip",
        "ground_truth": truth,
        "lead_time": label.took_ms / 1_000,
    }
    if label.at_ns:
        told["created_at"] = rfc3339(label.at_ns)
    return told


def _region(name: str, kind: str, value: Any) -> dict[str, Any]:
    inner = {_CHOICES: "choices", _TEXT: "text", _RATING: "rating"}[kind]
    return {"from_name": name, "to_name": _SHOWN, "type": kind, "value": {inner: value}}


def load(text: str) -> list[Row]:
    """Read them again; annotations whose author is a number are of ``label-studio:NUMBER``.

    Raises:
        Mistakes: it is no list of tasks.
    """
    return all_of(text, _row)


def _row(told: dict[str, Any], line: int) -> Row:
    data = an_object(told.get("data"), line, "`data`")
    case = a_text(data.get("case"), line, "`data.case`")
    if not case:
        raise Malformed(line, "`data.case` is missing, so nobody knows which case it is")
    texts: dict[str, Any] = {name: a_text(data.get(name), line, f"`data.{name}`") for name in _DATA}
    reasons = a_list(data.get("reasons"), line, "`data.reasons`")
    row = Row(
        case=case, reasons=tuple(a_text(r, line, "a reason") for r in reasons), line=line, **texts
    )
    given = a_list(told.get("annotations"), line, "`annotations`")
    said = [an_object(one, line, "an annotation") for one in given]
    own = [one for one in said if not _is_decided(one, line)]
    drafts = told.get("drafts")
    left = (DRAFT,) * len(drafts if isinstance(drafts, list) else ())
    left += (DECISION,) * (len(said) - len(own))
    return replace(row, labels=tuple(_label(one, row) for one in own), left=left)


def _is_decided(told: dict[str, Any], line: int) -> bool:
    """Whether an export of ours told what somebody decided, which is no label of anybody's; what
    people mark as the ground truth there is one.
    """
    regions = a_list(told.get("result"), line, "`result`")
    return any(isinstance(one, dict) and one.get("meta") == _DECIDED for one in regions)


def _label(told: dict[str, Any], row: Row) -> RowLabel:
    line = row.line
    said: dict[str, Any] = {}
    for region in a_list(told.get("result"), line, "`result`"):
        one = an_object(region, line, "a result")
        value = an_object(one.get("value"), line, "`value`")
        found = next((value[key] for key in ("text", "choices", "rating") if key in value), None)
        if isinstance(found, list):
            if len(found) > 1:
                raise Malformed(line, f"`{one.get('from_name')}` has several values")
            found = found[0] if found else None
        said[a_text(one.get("from_name"), line, "`from_name`")] = found
    lead = a_number(told.get("lead_time"), line, "`lead_time`") or 0.0
    label = RowLabel(
        by=_author(told, line),
        verdict="",
        answer=a_text(said.get("right_answer"), line, "`right_answer`"),
        intent=a_text(said.get("intent"), line, "`intent`"),
        rating=a_number(said.get("rating"), line, "`rating`"),
        comment=a_text(said.get("comment"), line, "`comment`"),
        took_ms=max(0, round(lead * 1_000)),
        at_ns=_at(told.get("created_at"), line),
    )
    verdict = a_text(said.get("verdict"), line, "`verdict`")
    if told.get("was_cancelled") is True:  # whatever was filled in before
        label, verdict = replace(label, answer="", intent="", rating=None), "skip"
    return replace(label, verdict=a_verdict(verdict, label, row))


def _author(told: dict[str, Any], line: int) -> str:
    by = told.get("completed_by")
    if isinstance(by, dict):
        by = by.get("email") or by.get("id")
    if isinstance(by, str) and by:
        return a_text(by, line, "`completed_by`")
    if isinstance(by, int) and not isinstance(by, bool):
        return f"label-studio:{by}"
    raise Malformed(line, "an annotation has no `completed_by`")


def _at(value: Any, line: int) -> int:
    text = a_text(value, line, "`created_at`")
    if not text:
        return 0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Malformed(line, f"`created_at` is no time: {text[:40]!r}") from None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    seconds = int(moment.replace(microsecond=0).timestamp())
    return max(0, seconds * 10**9 + moment.microsecond * 1_000)
