"""What is brought in: every form, and every mistake with its line."""

from pathlib import Path

import orjson
import pytest

from freehold.core.errors import FreeholdError, RequestError
from freehold.learning.datasets import MemoryDataset
from freehold.learning.datasets.importing import read
from freehold.learning.datasets.views import export
from tests.learning.datasets.samples import draft


def file(folder: Path, name: str, *rows: object) -> Path:
    path = folder / name
    lines = [row if isinstance(row, bytes) else orjson.dumps(row) for row in rows]
    path.write_bytes(b"\n".join(lines))
    return path


def test_the_forms_of_others_are_read(tmp_path: Path) -> None:
    said = [{"role": "user", "content": "Hi there"}, {"role": "assistant", "content": "Hello."}]
    path = file(
        tmp_path,
        "rows.jsonl",
        b'\xef\xbb\xbf{"messages": ' + orjson.dumps(said) + b"}",
        {"prompt": "Hi", "completion": "Hello!", "at": "2026-11-21T01:30:00Z", "weight": 0.5},
        b"",
        {
            "prompt": said[:1],
            "chosen": said[1:],
            "rejected": [{"role": "assistant", "content": "No"}],
        },
        {"text": "Where is my parcel that I have ordered?", "label": "status", "split": "test"},
        {"question": "Wo ist denn mein Paket, das ich bestellt habe?", "answer": "Da.", "id": "x"},
    )
    chat, prompt, pair, label, german = read(path, tenant="bank", app="triage")
    assert (chat.row.question, chat.row.answer) == ("Hi there", "Hello.")
    assert (prompt.row.at_ns, prompt.row.weight) == (1_795_224_600_000_000_000, 500_000)
    assert (pair.row.answer, pair.row.rejected) == ("Hello.", "No")
    assert (label.row.label, label.wanted, label.row.language) == ("status", "test", "en")
    assert (german.row.id, german.row.language) == ("x", "de")
    assert {d.row.tenant for d in (chat, german)} == {"bank"}
    assert chat.row.id.startswith("imp_")
    assert chat.row.id == next(read(path, tenant="bank", app="triage")).row.id


def test_mistakes_are_told_by_line_and_nothing_is_taken(tmp_path: Path) -> None:
    path = file(
        tmp_path,
        "rows.jsonl",
        {"text": "fine", "label": "a"},
        b"{broken",
        ["a list"],
        {"text": "no label"},
        {"label": "nothing asked"},
        {"text": "x", "label": "a", "wieght": 1},
        {"text": "x", "label": "a", "weight": 7.5},
        {"text": "x", "label": "a", "weight": True},
        {"text": "x", "label": "a", "split": "tets"},
        {"text": "x", "label": "a", "at": "yesterday"},
        {"messages": [{"role": "robot", "content": "x"}], "label": "a"},
        {"messages": [{"role": "assistant", "content": "x"}]},
        {"text": "x", "label": 7},
        {"text": "x", "question": "y", "label": "a"},
        {"text": "x" * 1_000_001, "label": "a"},
        {"text": "x", "label": "a", "facts": []},
        {"text": " ", "label": "a"},
    )
    with pytest.raises(RequestError) as caught:
        list(read(path, tenant="t"))
    told = str(caught.value).splitlines()
    assert told[0].startswith("nothing was imported from")
    assert [line.partition(":")[0].removeprefix("line ") for line in told[2:]] == [
        str(n) for n in range(3, 18)
    ]
    assert told[1].startswith("line 2 is no JSON")
    assert "`wieght` is not known" in told[5]


def test_endless_mistakes_end(tmp_path: Path) -> None:
    path = file(tmp_path, "rows.jsonl", *[b"x"] * 1000)
    with pytest.raises(RequestError, match="and more") as caught:
        list(read(path, tenant="t"))
    assert len(str(caught.value).splitlines()) == 22


def test_tables_are_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('text,label,weight\n"Where, is it?",status,0.5\nLost,"lost card",\n')
    one, two = read(path, tenant="t")
    assert (one.row.question, one.row.weight, two.row.label) == (
        "Where, is it?",
        500_000,
        "lost card",
    )
    path.write_text('text,label\na,b,c\n"never ends')
    with pytest.raises(RequestError, match="more fields") as caught:
        list(read(path, tenant="t"))
    assert "unexpected end of data" in str(caught.value)
    path.write_bytes(b"text,label\n\xff\xfe,b\n")
    with pytest.raises(RequestError, match="is not UTF-8"):
        list(read(path, tenant="t"))


def test_what_no_file_is_or_can_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"ends with none of \.jsonl"):
        list(read(tmp_path / "rows.pickle", tenant="t"))
    with pytest.raises(RequestError, match="can't be read"):
        list(read(tmp_path / "rows.jsonl", tenant="t"))
    pytest.importorskip("pyarrow", reason="Parquet needs the extra `learn`")
    (tmp_path / "rows.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(FreeholdError, match="can't be read as Parquet"):
        list(read(tmp_path / "rows.parquet", tenant="t"))


@pytest.mark.parametrize("view", ["rows", "csv", "parquet", "chat", "preference"])
def test_what_is_exported_can_be_brought_in(tmp_path: Path, view: str) -> None:
    if view == "parquet":
        pytest.importorskip("pyarrow", reason="Parquet needs the extra `learn`")
    rows = [
        draft(n, label=f"l{n}", rejected="No idea.", weight=250_000, facts={"n": n}).row
        for n in range(3)
    ]
    counts = export(MemoryDataset("d", rows), view, tmp_path / "out")
    assert sum(counts.values()) == 3
    written = next(path for path in sorted((tmp_path / "out").iterdir()) if "train" in path.name)
    back = [d.row for d in read(written, tenant="store-1", app="chat")]
    if view == "rows":
        assert back == rows
    elif view in ("csv", "parquet"):
        assert [(r.id, r.question, r.label, r.weight) for r in back] == [
            (r.id, r.question, r.label, r.weight) for r in rows
        ]
    else:
        assert [(r.messages, r.answer) for r in back] == [(r.messages, r.answer) for r in rows]


def test_what_is_yet_to_come_is_no_row(tmp_path: Path) -> None:
    now = 1_790_000_000 * 1_000_000_000  # 2026-09-21T14:13:20Z
    path = tmp_path / "rows.jsonl"
    rows = [
        {"text": "x", "label": "a", "at": "2026-09-21T14:16:00Z"},  # clocks differ a little
        {"text": "x", "label": "a", "at": "2031-01-01T00:00:00Z"},
        {"text": "x", "label": "a", "at_ns": now + 3_600 * 1_000_000_000},
    ]
    path.write_text("".join(orjson.dumps(row).decode() + "\n" for row in rows))
    with pytest.raises(RequestError) as caught:
        list(read(path, tenant="t", now_ns=now))
    assert str(caught.value).splitlines()[1:] == [
        "line 2: `at` lies in the future: 2031-01-01T00:00:00Z",
        f"line 3: `at_ns` lies in the future: {now + 3_600 * 1_000_000_000}",
    ]
    assert len(list(read(path, tenant="t"))) == 3
