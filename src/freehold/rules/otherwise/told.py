"""Edits and how they are told: values, units and places, and no words of caller or model."""

from collections.abc import Mapping
from typing import Any

from freehold.core.counterfactual import Change, How
from freehold.core.spec import FieldSpec
from freehold.rules.declared import SIGNED, attribute_of, types_of
from freehold.rules.otherwise.edits import Edit, Place
from freehold.rules.structured import shown

UNITS = {
    "percent": "bp",
    "fraction": "bp",
    "date": "day",
    "duration": "s",
    "quantity": "thousandth",
}
"""Units of the kinds of facts; money has its currency."""

_PLAIN_UNITS = {
    "request.scope": "millionth",
    "request.intent_score": "millionth",
    "stream.elapsed_ms": "ms",
}
_TEXTS = frozenset({"request.text", "answer.text", "stream.sentence"})
_CLOSED = frozenset(
    {"request.intent", "request.language", "request.labels", "request.findings", "answer.labels"}
    | {"answer.model", "answer.missing_disclaimers", "principal.roles", "principal.clearances"}
    | {"context.sources", "context.failed", "context.labels"}
)
"""Facts in text that are neither the caller's nor the model's words."""

_RANKS: dict[str, int] = {"set": 0, "add": 1, "drop": 3, "cut": 4}


def is_text(fact: str) -> bool:
    """Whether the fact is what somebody wrote."""
    return fact in _TEXTS


def is_strings(fact: str) -> bool:
    """Whether the fact is a list of texts."""
    return _type(fact) == "strings"


def is_json(fact: str) -> bool:
    """Whether the fact is JSON."""
    return _type(fact) == "json"


def is_attribute(fact: str) -> bool:
    """Whether it is an attribute of the principal, which may be absent."""
    return attribute_of(fact) is not None and fact.count(".") == 2


def may_be_negative(fact: str) -> bool:
    """Whether its values may be below zero."""
    return fact in SIGNED or is_json(fact)


def _type(fact: str) -> str:
    return types_of((fact,)).get(fact, "") if _declared(fact) else ""


def _declared(fact: str) -> bool:
    try:
        types_of((fact,))
    except KeyError:
        return False
    return True


def rank(edit: Edit) -> int:
    """The plainer, the lower: a value that could be another, then what could be absent."""
    first = _RANKS[edit.action]
    if edit.action == "drop" and edit.place.item is not None:
        return 1
    return first + 2 if edit.change.how == "other" else first


def changed(
    place: Place,
    field: str,
    was: Any,
    to: Any,
    how: How,
    record: Mapping[str, Any] | None,
    spec: FieldSpec | None,
) -> Edit:
    """A value that might have been another."""
    change = Change(
        fact=place.fact,
        field=field or shown(place.path),
        was=_told(place, was),
        to=None if how == "other" else to,
        how=how,
        unit=_unit(place, record, spec),
        **_where(place, record),
    )
    return Edit(change=change, place=place, action="set", value=to)


def dropped(place: Place, record: Mapping[str, Any] | None = None) -> Edit:
    """Something that might have been absent: a record, an entry, a member."""
    was: Any = place.item if place.fact in _CLOSED else None
    if record is not None and "value" in record and record["parsed"] and record["kind"] in UNITS:
        was = record["value"]
    if record is not None and record.get("kind") == "money" and record.get("parsed"):
        was = record["value"]
    change = Change(
        fact=place.fact,
        field=shown(place.path) or (record or {}).get("path", ""),
        was=was,
        how="without",
        unit=_unit(place, record, None) if was is not None else "",
        **_where(place, record),
    )
    return Edit(change=change, place=place, action="drop")


def added(fact: str, text: str) -> Edit:
    """An entry that a list of texts might have had."""
    return Edit(
        change=Change(fact=fact, to=text, how="with"), place=Place(fact), action="add", value=text
    )


def cut(place: Place, stretches: tuple[tuple[int, int], ...]) -> Edit:
    """Words that might not have been there; the first stretch of them is told."""
    start, end = stretches[0]
    where = "sentence" if place.fact == "stream.sentence" else place.fact.partition(".")[0]
    change = Change(fact=place.fact, how="without", where=where, start=start, end=end)
    return Edit(change=change, place=place, action="cut", stretches=stretches)


def _told(place: Place, was: Any) -> int | bool | str | None:
    if isinstance(was, bool | int):
        return was
    if isinstance(was, float):
        return int(was) if was == int(was) else None
    known = place.fact in _CLOSED or is_attribute(place.fact)
    return was if isinstance(was, str) and known else None


def _unit(place: Place, record: Mapping[str, Any] | None, spec: FieldSpec | None) -> str:
    if record is not None and "value" in record:
        return UNITS.get(record["kind"]) or (record["unit"] if record["kind"] == "money" else "")
    if spec is not None:
        return UNITS.get(spec.type) or (spec.unit if spec.type == "money" else "")
    return _PLAIN_UNITS.get(place.fact, "")


def _where(place: Place, record: Mapping[str, Any] | None) -> dict[str, Any]:
    if record is None:
        return {}
    if "path" in record:  # an origin: the text that it comes from
        where = record["where"]
    else:
        where = place.fact.partition(".")[0]
    return {
        "kind": record["kind"],
        "role": record.get("role", ""),
        "where": where,
        "start": record["start"],
        "end": record["end"],
    }
