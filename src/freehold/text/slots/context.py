"""Pieces of context as rows of plain values, by source."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson
from msgspec import Struct

Value = str | int | float | bool | None
Row = Mapping[str, Value]

MAX_ROWS, MAX_FIELDS, MAX_CHARS = 50, 64, 600
"""What is more or longer is not read: no answer is filled from it."""
_DEEP = 4


class Context(Struct, frozen=True):
    """What the sources gave.

    Attributes:
        sources: source → its rows, in its order; a field within a field is ``outer.inner``.
        facts: what is settled about who asks; conditions read it, no slot is filled from it.
        failed: sources that gave nothing because they failed.
    """

    sources: Mapping[str, tuple[Row, ...]]
    facts: Row = {}
    failed: frozenset[str] = frozenset()


def read(
    pieces: Iterable[Mapping[str, Any]],
    facts: Mapping[str, Any] | None = None,
    failed: Iterable[str] = (),
) -> Context:
    """Trusted pieces (``source``, ``text``, ``trusted``) as rows. What is no JSON has no fields."""
    sources: dict[str, tuple[Row, ...]] = {}
    for piece in pieces:
        if piece.get("trusted", True) is not True:
            continue
        source, text = piece.get("source"), piece.get("text")
        if isinstance(source, str) and isinstance(text, str):
            room = MAX_ROWS - len(sources.get(source, ()))
            sources[source] = sources.get(source, ()) + tuple(_rows(text))[:room]
    known = {
        name: value
        for name, value in (facts or {}).items()
        if name.startswith("principal.") and isinstance(value, str | int | bool)
    }
    return Context(sources, known, frozenset(failed))


def _rows(text: str) -> Iterator[Row]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return
    for record in found[:MAX_ROWS] if isinstance(found, list) else [found]:
        if isinstance(record, dict):
            row: dict[str, Value] = {}
            _fields(row, record, "", 0)
            yield row if len(row) <= MAX_FIELDS else dict(list(row.items())[:MAX_FIELDS])


def _fields(row: dict[str, Value], record: Mapping[str, Any], outer: str, deep: int) -> None:
    for name, value in record.items():
        path = outer + name
        if isinstance(value, str):
            if len(value) <= MAX_CHARS:
                row[path] = value
        elif value is None or isinstance(value, (int, float)):
            row[path] = value
        elif isinstance(value, dict) and deep < _DEEP:
            _fields(row, value, f"{path}.", deep + 1)
