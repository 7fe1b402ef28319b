"""What the ledger's benchmark makes of its figures: tables for a page, a miss told as a miss."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import durability, ledger
from freehold.ledger.segment import SegmentJournal


def ended(said: Any, status: int = 0) -> dict[str, Any]:
    return {"took_s": 4.25, "status": status, "said": said}


def layer(name: str, published: int | None) -> dict[str, Any]:
    return {
        "layer": name, "published_percent": published, "wall_ns": 2_000_000,
        "wall_share": None if published is None else 0.25, "cpu_share": None,
    }  # fmt: skip


def result(**changes: Any) -> dict[str, Any]:
    total = {
        "exchanges": 2, "cpu_sampled": 1, "layers": [layer("routing", 29)],
        "wire": layer("wire and door", None),
    }  # fmt: skip
    day = {
        "demo": {
            "requests": 50_000, "took_s": 100.0, "per_s": 500, "outcomes": {"allowed": 49_999},
            "errors": {"timeout": 1},
        },
        "records": 100_001, "bytes": 300_000_000, "tree_bytes": 3_300_000,
        "verify": ended("fine"), "verify_alone": ended("fine"),
        "replay": ended({"replayed": 10_000, "mismatches": 0}), "load": ended({"total": total}),
    }  # fmt: skip
    return {"machine": "a machine", "load": 1.0, "day": day | changes}


def test_the_day() -> None:
    said = ledger.day_table(result())
    assert "50,000 requests in 100 s (500/s)" in said
    assert "errors: 1." in said
    assert "| `freehold audit verify` | 4.2 s |" in said
    assert "10,000 replayed, **0 mismatches**" in said
    assert "| routing | 29 % | 25.0 % |  | 1,000 |" in said
    assert "| wire and door |  |  |  | 1,000 |" in said
    assert "estimated from 1 of 2 exchanges" in said


def test_what_failed_says_so() -> None:
    said = ledger.day_table(
        result(verify=ended("changed", 1), replay=ended("no", 2), load=ended("no", 1))
    )
    assert "| `freehold audit verify` | 4.2 s, **exit status 1** |" in said
    assert "| `freehold replay` | 4.2 s, **exit status 2** |" in said
    assert "routing" not in said


def test_a_home_has_a_size(tmp_path: Path) -> None:
    journal = SegmentJournal(tmp_path).open()
    journal.append(durability.record(), "t")
    journal.close()
    found = ledger._size(tmp_path)
    lines = sum(
        path.read_bytes().count(b"\n") for path in (tmp_path / "ledger").rglob("segment-*.log")
    )
    assert found["records"] == lines >= 2
    assert found["bytes"] > len(durability.record())
    assert found["tree_bytes"] >= 64


def test_everybody_who_waits_shares_a_sync() -> None:
    found = durability.journal(0.3)
    assert found["append_us"] > 0
    alone, many = found["strict"]["1"], found["strict"]["64"]
    assert alone["records_per_sync"] <= 1.5
    assert many["records_per_sync"] > alone["records_per_sync"]


@pytest.mark.parametrize("part", ["modes", "day"])
def test_the_page_has_its_marks(repository: Path, part: str) -> None:
    text = (repository / ledger.PAGE).read_text(encoding="utf-8")
    for mark in ledger.MARKS[part]:
        assert text.count(mark) == 1
