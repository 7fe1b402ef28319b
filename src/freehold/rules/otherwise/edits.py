"""Facts as they might have been: one change at a time, and the sheet that rules see then."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from msgspec import Struct

from freehold.core.counterfactual import Change
from freehold.rules.structured import Path

Key = tuple[str, int, int]
"""What tells a record from others in one text: its kind (an origin's path), start and end."""


class Place(Struct, frozen=True):
    """Where a value stands: a fact, a record in a fact's list, or something inside of JSON."""

    fact: str
    key: Key | None = None
    path: Path = ()
    item: str | None = None
    """An entry of a list of texts."""


class Edit(Struct, frozen=True):
    """A change to a sheet of facts, and how it is told.

    ``stretches`` are what a ``cut`` takes out of a text, by start and end.
    """

    change: Change
    place: Place
    action: Literal["set", "drop", "add", "cut"]
    value: Any = None
    stretches: tuple[tuple[int, int], ...] = ()


Candidate = tuple[Edit, ...]


def key_of(record: Any) -> Key | None:
    """What tells this record of a list from others; ``None`` for anything else."""
    if type(record) is not dict or "start" not in record or "end" not in record:
        return None
    name = record["path"] if "path" in record else record.get("kind")
    return str(name), record["start"], record["end"]


def changed(facts: Mapping[str, Any], edits: Iterable[Edit]) -> dict[str, Any]:
    """The facts with the edits made. Records that several lists have are changed in all of them."""
    sheet = dict(facts)
    for edit in edits:
        if edit.place.key is not None:
            _record(sheet, edit)
        elif edit.place.fact in sheet or edit.action == "set":
            sheet[edit.place.fact] = _value(sheet.get(edit.place.fact), edit)
    return sheet


def _record(sheet: dict[str, Any], edit: Edit) -> None:
    root = edit.place.fact.partition(".")[0]
    for name, held in sheet.items():
        if name.partition(".")[0] != root or type(held) is not list:
            continue
        if not any(key_of(each) == edit.place.key for each in held):
            continue
        if edit.action == "drop":
            sheet[name] = [each for each in held if key_of(each) != edit.place.key]
        else:
            sheet[name] = [
                _bounded(each, edit) if key_of(each) == edit.place.key else each for each in held
            ]


def _bounded(record: dict[str, Any], edit: Edit) -> dict[str, Any]:
    """Both ends of a range keep within the bound."""
    ends = (record["value"], record["upper"])
    if edit.change.how == "at_most":
        low, high = (min(end, edit.value) for end in ends)
    elif edit.change.how == "at_least":
        low, high = (max(end, edit.value) for end in ends)
    else:
        low = high = edit.value
    return {**record, "value": low, "upper": high}


def _value(held: Any, edit: Edit) -> Any:
    if edit.place.path:
        return _inside(held, edit.place.path, edit)
    if edit.action == "set":
        return edit.value
    if edit.action == "cut":
        return _cut(held, edit.stretches)
    if type(held) is not list:
        return held
    if edit.action == "drop":
        return [each for each in held if each != edit.place.item]
    return held if edit.value in held else [*held, edit.value]


def _inside(held: Any, path: Path, edit: Edit) -> Any:
    """JSON with one value in it changed; as it is where there is no such place."""
    part, rest = path[0], path[1:]
    if isinstance(held, dict):
        if not rest and edit.action == "drop":
            return {name: each for name, each in held.items() if name != part}
        if part in held:
            return {**held, part: _inside(held[part], rest, edit) if rest else edit.value}
    elif isinstance(held, list) and isinstance(part, int) and part < len(held):
        if not rest and edit.action == "drop":
            return [*held[:part], *held[part + 1 :]]
        return [
            (_inside(each, rest, edit) if rest else edit.value) if at == part else each
            for at, each in enumerate(held)
        ]
    return held


def _cut(text: Any, stretches: tuple[tuple[int, int], ...]) -> Any:
    if not isinstance(text, str):
        return text
    for start, end in sorted(stretches, reverse=True):
        text = text[:start] + text[end:]
    return text
