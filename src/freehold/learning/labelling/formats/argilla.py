"""Argilla's records (2.x), as ``dataset.records.to_json`` writes and ``from_json`` reads them: a
JSON list of ``id, fields, metadata, suggestions, responses, vectors, _server_id``; a suggestion is
``{value, score, agent}`` by question, responses are lists of ``{value, user_id}`` by question, some
with their ``status``.

Argilla knows people by UUID, so a person's is made of the name; metadata tells which is whose, and
whoever is not told there is called ``argilla:UUID``.
"""

import json
from collections.abc import Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from msgspec.structs import replace

from freehold.core.labels import QueueSpec
from freehold.learning.labelling.formats.rows import (
    DRAFT,
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

_FIELDS = ("question", "conversation", "context", "answer")
_SUBMITTED, _DRAFT, _DISCARDED, _PENDING = "submitted", "draft", "discarded", "pending"
QUESTIONS = ("verdict", "right_answer", "intent", "rating", "comment")
"""The questions of the dataset, as they are called here."""


def dump(rows: Sequence[Row], queue: QueueSpec) -> str:
    """The records, as one JSON list."""
    return json.dumps([_record(row, queue) for row in rows], ensure_ascii=False, indent=1) + "\n"


def _record(row: Row, queue: QueueSpec) -> dict[str, Any]:
    suggestions: dict[str, Any] = {}
    if row.answer and "answer" in queue.ask:
        suggestions["right_answer"] = {"value": row.answer, "score": None, "agent": row.by or None}
    if row.intent and "intent" in queue.ask:
        suggestions["intent"] = {"value": row.intent, "score": None, "agent": row.by or None}
    responses: dict[str, list[Any]] = {}
    for label in row.labels:
        said = {
            "verdict": label.verdict,
            "right_answer": label.answer,
            "intent": label.intent,
            "rating": label.rating,
            "comment": label.comment,
        }
        for name, value in said.items():
            if value not in ("", None):
                responses.setdefault(name, []).append({"value": value, "user_id": _uuid(label.by)})
    return {
        "id": row.case,
        "fields": {name: getattr(row, name) for name in _FIELDS},
        "metadata": {
            "app": row.app,
            "tenant": row.tenant,
            "intent": row.intent,
            "by": row.by,
            "reasons": list(row.reasons),
            "decided": _decided(row),
            "labelers": sorted({f"{_uuid(label.by)} {label.by}" for label in row.labels}),
        },
        "suggestions": suggestions,
        "responses": responses,
        "vectors": {},
        "_server_id": None,
    }


def _decided(row: Row) -> str | None:
    """What somebody has decided; Argilla's records know of no such thing, and keep a text."""
    one = row.decided
    if one is None:
        return None
    return ": ".join(part for part in (one.by, one.verdict, one.intent, one.answer) if part)


def _uuid(name: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"freehold:labeler:{name}"))


def load(text: str) -> list[Row]:
    """Read them again.

    Raises:
        Mistakes: it is no list of records.
    """
    return all_of(text, _row)


def _row(told: dict[str, Any], line: int) -> Row:
    case = a_text(told.get("id"), line, "`id`")
    if not case:
        raise Malformed(line, "the record has no `id`")
    fields = an_object(told.get("fields") or {}, line, "`fields`")
    metadata = an_object(told.get("metadata") or {}, line, "`metadata`")
    suggestions = an_object(told.get("suggestions") or {}, line, "`suggestions`")
    texts: dict[str, Any] = {
        name: a_text(fields.get(name), line, f"the field `{name}`") for name in _FIELDS
    }
    names: dict[str, Any] = {
        name: a_text(metadata.get(name), line, f"`{name}`") for name in ("app", "tenant")
    }
    by = a_text(metadata.get("by"), line, "`by`")
    intent = a_text(metadata.get("intent"), line, "`intent`") or _suggested(suggestions, line)
    reasons = tuple(
        a_text(one, line, "a reason") for one in a_list(metadata.get("reasons"), line, "`reasons`")
    )
    row = Row(case=case, intent=intent, by=by, reasons=reasons, line=line, **texts, **names)
    labels, drafts = _labels(told, metadata, row)
    return replace(row, labels=tuple(labels), left=(DRAFT,) * drafts)


def _suggested(suggestions: dict[str, Any], line: int) -> str:
    found = an_object(suggestions.get("intent") or {}, line, "a suggestion")
    return a_text(found.get("value"), line, "a suggestion's `value`")


def _labels(told: dict[str, Any], metadata: dict[str, Any], row: Row) -> tuple[list[RowLabel], int]:
    """What people have submitted, and how many have only begun; who discarded it could not tell."""
    line = row.line
    listed = a_list(metadata.get("labelers"), line, "`labelers`")
    names = dict(a_text(one, line, "a labeler").partition(" ")[::2] for one in listed)
    said: dict[str, dict[str, Any]] = {}
    states: dict[str, set[str]] = {}
    for question, given in an_object(told.get("responses") or {}, line, "`responses`").items():
        for response in a_list(given, line, f"the responses to `{question}`"):
            one = an_object(response, line, "a response")
            user = a_text(one.get("user_id"), line, "`user_id`") or "somebody"
            if question in said.setdefault(user, {}):
                raise Malformed(line, f"{user} answers `{question}` twice")
            said[user][question] = one.get("value")
            states.setdefault(user, set()).add(_state(one, line))
    labels = []
    for user, answers in said.items():
        if _DISCARDED in states[user]:
            answers = {name: answers[name] for name in ("comment",) if name in answers}
            answers["verdict"] = "skip"
        elif _DRAFT in states[user]:
            continue
        labels.append(_label(names.get(user, f"argilla:{user}"), answers, row))
    return labels, len(said) - len(labels)


def _state(response: dict[str, Any], line: int) -> str:
    """How far a response is; of one that does not say, it is taken that it was submitted.

    Raises:
        Malformed: it is no such state.
    """
    state = a_text(response.get("status"), line, "`status`") or _SUBMITTED
    if state not in (_SUBMITTED, _DRAFT, _DISCARDED, _PENDING):
        raise Malformed(line, f"a response's `status` is none of Argilla's: {state[:40]!r}")
    return _DRAFT if state == _PENDING else state


def _label(by: str, answers: dict[str, Any], row: Row) -> RowLabel:
    line = row.line
    for name in answers:
        if name not in QUESTIONS:
            raise Malformed(line, f"no question {name[:40]!r} is known: {', '.join(QUESTIONS)}")
    label = RowLabel(
        by=by,
        verdict="",
        answer=a_text(answers.get("right_answer"), line, "the response to `right_answer`"),
        intent=a_text(answers.get("intent"), line, "the response to `intent`"),
        rating=a_number(answers.get("rating"), line, "the response to `rating`"),
        comment=a_text(answers.get("comment"), line, "the response to `comment`"),
    )
    verdict = a_text(answers.get("verdict"), line, "the response to `verdict`")
    return replace(label, verdict=a_verdict(verdict, label, row))
