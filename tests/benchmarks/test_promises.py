"""``python -m benchmarks.promises``: what stands before an answer is its ground."""

import json
from pathlib import Path

import pytest

from benchmarks import promises

TALK = [
    {"role": "system", "content": "Returns: we refund the price."},
    {"role": "user", "content": "I was told 30 % off."},
    {"role": "assistant", "content": "You get 30 % off, and we will refund you."},
    {"role": "tool", "content": '{"discount_percent": 30}'},
    {"role": "assistant", "content": "You get 30 % off."},
    {"role": "assistant", "content": None},
]


def test_only_what_stands_before_counts() -> None:
    first, second = promises.cases([TALK])
    assert [each.kind for each in promises.found(first)] == ["promised_discount"]
    assert promises.found(second) == []
    assert {each.kind for each in promises.found(promises.groundless(first))} == {
        "promised_discount", "promised_refund",
    }  # fmt: skip


def test_one_object_and_a_sample(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "talk.jsonl"
    file.write_text(json.dumps({"messages": TALK}), encoding="utf-8")
    assert promises.main([str(file), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["answers"], result["flagged"], result["findings"]) == (2, 1, 1)
    assert result["kinds"] == {"promised_discount": 1}
    assert promises.main([str(file), "--sample", "9", "--bare"]) == 0
    assert ">>30 %<< off" in capsys.readouterr().out
    page = promises.written(f"a\n{promises.BEGIN}\nold\n{promises.END}\nb\n", result)
    assert "| answers with a finding, of 2 | 1 |" in page
    assert "old" not in page


def test_what_was_read_adds_up() -> None:
    for turn in json.loads(promises.READ.read_text(encoding="utf-8")):
        assert 0 <= turn["right"] <= turn["read"]
        assert turn["said"]
