"""Rows in the forms that other trainers read."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from freehold.core.decisions import MILLION
from freehold.core.training import Dataset, Example
from freehold.learning.datasets import tables
from freehold.learning.datasets.pairs import hardly_differ
from freehold.learning.datasets.rows import SPLITS, line_of

Row = dict[str, Any]
_TABLE = ("id", "text", "label", "weight", "split", "tenant", "app", "language")


def chat(row: Example) -> Iterator[Row]:
    """``{"messages": […]}``, the answer last: what OpenAI's fine-tuning takes, and most others."""
    if row.answer:
        yield {"messages": [*_messages(row), _answer(row.answer)]}


def completion(row: Example) -> Iterator[Row]:
    """``{"prompt": text, "completion": text}``; several messages as ``role: content`` lines."""
    if row.answer:
        yield {"prompt": prompt_text(row), "completion": row.answer}


def preference(row: Example) -> Iterator[Row]:
    """``{"prompt": […], "chosen": […], "rejected": […]}``, messages each, as TRL's DPO reads them;
    the expert's correction is chosen. Without pairs that hardly differ (see `pairs`).
    """
    if row.answer and row.rejected and not hardly_differ(row.answer, row.rejected):
        yield {
            "prompt": _messages(row),
            "chosen": [_answer(row.answer)],
            "rejected": [_answer(row.rejected)],
        }


def thumbs(row: Example) -> Iterator[Row]:
    """``{"prompt": […], "completion": […], "label": true or false}``, as TRL's KTO reads them."""
    for said, good in ((row.answer, True), (row.rejected, False)):
        if said:
            yield {"prompt": _messages(row), "completion": [_answer(said)], "label": good}


def table(row: Example) -> Iterator[Row]:
    """One line of a classification table; ``weight`` from 0 to 1."""
    if row.label:
        yield {
            "id": row.id,
            "text": row.question,
            "label": row.label,
            "weight": row.weight / MILLION,
            "split": row.split,
            "tenant": row.tenant,
            "app": row.app,
            "language": row.language,
        }


LINES: Mapping[str, Callable[[Example], Iterator[Row]]] = {
    "chat": chat,
    "completion": completion,
    "preference": preference,
    "thumbs": thumbs,
}
"""Views that are JSON lines, one file for each part."""


def export(dataset: Dataset, view: str, out: Path) -> dict[str, int]:
    """Write a view into a folder, one file for each part; how many rows each has.

    Raises:
        FreeholdError: Parquet, and pyarrow is not installed.
        StorageError: the dataset is not what it was.
        OSError: the folder can't be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    counts: dict[str, int] = {}
    for split in SPLITS:
        name = f"{split}.{_ending(view)}"
        path = out / name
        counts[name] = _written(view, path, dataset.rows(split))
    return counts


def _ending(view: str) -> str:
    return view if view in ("csv", "parquet") else "jsonl"


def _written(view: str, path: Path, rows: Iterable[Example]) -> int:
    counted = _Counted()
    if view == "csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            lines = csv.DictWriter(file, _TABLE)
            lines.writeheader()
            lines.writerows(counted.all(each for row in rows for each in table(row)))
    elif view == "parquet":
        pa = tables.needed()
        kinds = {"weight": pa.float64()}
        schema = pa.schema([(name, kinds.get(name, pa.string())) for name in _TABLE])
        tables.write(path, schema, counted.all(each for row in rows for each in table(row)))
    else:
        with path.open("wb") as file:
            for row in rows:
                if view == "rows":
                    file.writelines(counted.all([line_of(row)]))
                else:
                    file.writelines(
                        orjson.dumps(each) + b"\n" for each in counted.all(LINES[view](row))
                    )
    return counted.count


class _Counted:
    def __init__(self) -> None:
        self.count = 0

    def all(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self.count += 1
            yield item


def prompt_text(row: Example) -> str:
    """The messages as one text: a lone one as it is, several as ``role: content`` lines."""
    if len(row.messages) == 1:
        return tables.said(row.messages[0])
    return "\n".join(f"{m.get('role', '')}: {tables.said(m)}" for m in row.messages)


def _messages(row: Example) -> list[Row]:
    return [dict(message) for message in row.messages]


def _answer(text: str) -> Row:
    return {"role": "assistant", "content": text}
