"""Rows as tables: Parquet with pyarrow (extra ``learn``), a thousand rows at a time."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from freehold.core.errors import FreeholdError
from freehold.core.training import Example

_AT_ONCE = 1_000


def available() -> str:
    """The version of pyarrow; empty where it is not installed."""
    try:
        import pyarrow as pa
    except ImportError:
        return ""
    return str(pa.__version__)


def needed() -> Any:
    """The library itself.

    Raises:
        FreeholdError: it is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError:
        raise FreeholdError("Parquet needs pyarrow: pip install 'freehold[learn]'") from None
    return pa


def write_rows(path: Path, rows: Iterable[Example]) -> None:
    """Rows with all that they have; ``pieces`` and ``facts`` as JSON.

    Raises:
        FreeholdError: pyarrow is not installed.
        OSError: the disk refused.
    """
    pa = needed()
    text = pa.string()
    message = pa.struct([("role", text), ("content", text)])
    columns = [
        ("id", text),
        ("split", text),
        ("conversation", text),
        ("at_ns", pa.int64()),
        ("tenant", text),
        ("app", text),
        ("language", text),
        ("question", text),
        ("messages", pa.list_(message)),
        ("pieces", text),
        ("facts", text),
        ("answer", text),
        ("rejected", text),
        ("label", text),
        ("weight", pa.int64()),
    ]
    write(path, pa.schema(columns), map(_plain, rows))


def write(path: Path, schema: Any, rows: Iterable[dict[str, Any]]) -> None:
    """Any rows, as that schema says.

    Raises:
        FreeholdError: pyarrow is not installed.
        OSError: the disk refused.
    """
    pa = needed()
    # `store_schema` would add the writer's own form of the schema; the file's own says it all
    with pa.parquet.ParquetWriter(path, schema, compression="zstd", store_schema=False) as writer:
        for some in _some(rows):
            writer.write_table(pa.Table.from_pylist(some, schema=schema))


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of any Parquet file.

    Raises:
        FreeholdError: pyarrow is not installed, or it is no such file.
    """
    pa = needed()
    try:
        with pa.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(_AT_ONCE):
                yield from batch.to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise FreeholdError(f"{path} can't be read as Parquet: {error}") from None


def _plain(row: Example) -> dict[str, Any]:
    return {
        "id": row.id,
        "split": row.split,
        "conversation": row.conversation,
        "at_ns": row.at_ns,
        "tenant": row.tenant,
        "app": row.app,
        "language": row.language,
        "question": row.question,
        "messages": [{"role": m.get("role", ""), "content": said(m)} for m in row.messages],
        "pieces": json.dumps(row.pieces, ensure_ascii=False, sort_keys=True),
        "facts": json.dumps(row.facts, ensure_ascii=False, sort_keys=True),
        "answer": row.answer,
        "rejected": row.rejected,
        "label": row.label,
        "weight": row.weight,
    }


def said(message: dict[str, Any]) -> str:
    """The content of a message as text; what is none, as JSON."""
    content = message.get("content")
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def _some(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    some: list[dict[str, Any]] = []
    for row in rows:
        some.append(row)
        if len(some) == _AT_ONCE:
            yield some
            some = []
    if some:
        yield some
