"""Rows in the forms of others."""

from pathlib import Path

import orjson
import pytest

from freehold.learning.datasets import MemoryDataset, tables, views
from freehold.learning.datasets.pairs import hardly_differ
from freehold.learning.datasets.rows import row_of
from freehold.learning.datasets.splitting import Shares
from freehold.learning.datasets.writing import Wanted, write
from tests.learning.datasets.samples import Ticking, draft


@pytest.mark.parametrize(
    ("chosen", "rejected"),
    [
        ("We refund 20 %.", "We refund 30 %."),
        ("You can not return it.", "You can now return it."),
        ("Yes.", "No."),
        ("It arrives on Monday.", "It arrives on Monday or Tuesday."),
        ("Order A17 is lost", "Order A71 is lost"),
        ("colour colour", "flavour flavour"),
    ],
)
def test_a_correction_that_says_something_is_a_pair(chosen: str, rejected: str) -> None:
    assert not hardly_differ(chosen, rejected)
    assert not hardly_differ(rejected, chosen)


@pytest.mark.parametrize(
    ("chosen", "rejected"),
    [
        ("We refund 20 %!", "we refund  20%"),
        ("Your parcel arives tomorrow.", "Your parcel arrives tomorrow."),
        ("“Sorry”, she said", '"Sorry", she said'),
        ("", "…"),
    ],
)
def test_a_slip_of_the_pen_is_none(chosen: str, rejected: str) -> None:
    assert hardly_differ(chosen, rejected)
    assert hardly_differ(rejected, chosen)


def test_the_forms() -> None:
    row = draft(1, rejected="Never.", label="status").row
    user = {"role": "user", "content": row.question}
    said = {"role": "assistant", "content": row.answer}
    assert list(views.chat(row)) == [{"messages": [user, said]}]
    assert list(views.completion(row)) == [{"prompt": row.question, "completion": row.answer}]
    wrong = {"role": "assistant", "content": "Never."}
    assert list(views.preference(row)) == [
        {"prompt": [user], "chosen": [said], "rejected": [wrong]}
    ]
    assert [(t["completion"][0]["content"], t["label"]) for t in views.thumbs(row)] == [
        (row.answer, True),
        ("Never.", False),
    ]
    bare = draft(2, answer="", rejected="Never.").row
    assert [len(list(view(bare))) for view in views.LINES.values()] == [0, 0, 0, 1]
    assert list(views.table(bare)) == []


def test_several_messages_are_one_prompt() -> None:
    row = draft(1).row
    row = type(row)(id="x", messages=({"role": "system", "content": "Be kind."}, *row.messages))
    assert views.prompt_text(row) == f"system: Be kind.\nuser: {row.question}"


def test_the_tables_of_a_version_say_what_its_lines_say(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="Parquet needs the extra `learn`")
    shares = Shares(test=0, validation=0)
    rows = [draft(n, "Größe?", facts={"n": n}, pieces=({"text": "x"},)) for n in range(2_100)]
    made = write(tmp_path, Wanted(name="a", owner="b", shares=shares), rows, Ticking())
    table = list(tables.read(made.folder / "parquet/train.parquet"))
    lines = (made.folder / "rows/train.jsonl").read_bytes().splitlines()
    assert len(table) == len(lines) == 2_100
    for told, line in ((table[0], lines[0]), (table[-1], lines[-1])):
        row = row_of(line)
        assert (told["id"], told["question"], told["answer"]) == (row.id, "Größe?", row.answer)
        assert told["messages"] == list(row.messages)
        assert orjson.loads(told["facts"]) == row.facts
    assert list(tables.read(made.folder / "parquet/test.parquet")) == []


def test_each_part_has_its_file(tmp_path: Path) -> None:
    rows = [draft(1, split="test").row, draft(2).row]
    assert views.export(MemoryDataset("a", rows), "chat", tmp_path) == {
        "train.jsonl": 1,
        "validation.jsonl": 0,
        "test.jsonl": 1,
    }
