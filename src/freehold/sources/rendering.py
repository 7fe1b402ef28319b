"""Records → text that a model reads well, within a bound."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from freehold.core.errors import ContextError
from freehold.core.handoffs import Piece
from freehold.core.spec import SourceSpec

_SEPARATOR = ",\n"
_CUT = "…"


def piece_of(
    spec: SourceSpec, records: Sequence[Any], *, locator: str, fetched_ns: int
) -> Piece | None:
    """One JSON record a line, as many as fit ``max_rows`` and ``max_chars``; ``None`` when there
    are none. What is left out is left out whole, so that the text stays JSON; only a first record
    that is too long by itself is shortened.

    Raises:
        ContextError: a record has no form in JSON.
    """
    lines: list[str] = []
    size = 2 - len(_SEPARATOR)
    for record in records[: spec.max_rows]:
        try:
            line = _line(record)
        except TypeError:
            raise ContextError(f"source {spec.id}: a record has no form in JSON") from None
        room = len(line) if not lines else size + len(_SEPARATOR) + len(line)
        if room > spec.max_chars:
            if not lines:
                lines.append(_shortened(record, spec.max_chars))
            break
        size += len(_SEPARATOR) + len(line)
        lines.append(line)
    if not lines:
        return None
    text = f"[{_SEPARATOR.join(lines)}]" if len(lines) > 1 else lines[0]
    return Piece(
        source=spec.id,
        title=spec.title or spec.id,
        text=text,
        trusted=spec.trusted,
        labels=spec.labels,
        rows=len(lines),
        locator=locator,
        fetched_ns=fetched_ns,
        digest=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
    )


def _line(value: Any) -> str:
    return orjson.dumps(value, default=_plain).decode()


def _plain(value: Any) -> str:
    """Text for what JSON has no form for: decimals, intervals, bytes."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    return str(value)


def _shortened(record: Any, room: int) -> str:
    """As many fields as fit, the last of them cut if it is text; the empty record at least."""
    if not isinstance(record, dict):
        return _cut(record if isinstance(record, str) else _line(record), room) or "null"
    kept: list[str] = []
    left = room - 2
    for name, line, value in _fields(record):
        cost = len(line) + bool(kept)
        if cost <= left:
            kept.append(line)
            left -= cost
        elif isinstance(value, str):
            head = f"{_line(name)}:"
            short = _cut(value, left - bool(kept) - len(head))
            if short:
                kept.append(head + short)
            break
    return "{" + ",".join(kept) + "}"


def _fields(record: dict[Any, Any]) -> Iterator[tuple[str, str, Any]]:
    for name, value in record.items():
        yield str(name), f"{_line(str(name))}:{_line(value)}", value


def _cut(text: str, room: int) -> str:
    """The text as a JSON string of at most ``room`` characters; empty when not even one fits."""
    keep = min(len(text), room - 2 - len(_CUT))
    while keep > 0:
        line = _line(text[:keep] + _CUT)
        if len(line) <= room:
            return line
        keep -= max(1, (len(line) - room) // 6)
    return ""
