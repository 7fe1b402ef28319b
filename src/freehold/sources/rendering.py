"""Records → text that a model reads well, within a bound."""

import hashlib
from collections.abc import Sequence
from typing import Any

import orjson

from freehold.core.handoffs import Piece
from freehold.core.spec import SourceSpec


def piece_of(
    spec: SourceSpec, records: Sequence[Any], *, locator: str, fetched_ns: int
) -> Piece | None:
    """One JSON record a line, as many as fit ``max_chars``; ``None`` when there are none."""
    lines: list[str] = []
    size = 0
    for record in records[: spec.max_rows]:
        line = orjson.dumps(record, default=str).decode()
        size += len(line) + 1
        if size > spec.max_chars and lines:
            break
        lines.append(line[: spec.max_chars])
    if not lines:
        return None
    text = "[" + ",\n".join(lines) + "]" if len(lines) > 1 else lines[0]
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
