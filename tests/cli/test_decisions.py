"""`freehold policy score` and `freehold policy check`: what they print, where, and how they end."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from freehold.cli.main import main

POLICY = """\
policy: 1
name: doors
inputs: {age: {type: integer, min: 0}}
values:
  fee:
    first:
      - {when: age < 18, then: 0, id: child}
      - otherwise: 10
outputs: {fee: fee, open: age < 100}
"""
ROWS = "age,fee,open\n10,0,true\n18,0,true\n30,1,false\n120,10,false\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "doors").mkdir()
    (tmp_path / "doors" / "policy.yaml").write_text(POLICY)
    (tmp_path / "rows.csv").write_text(ROWS)
    return tmp_path


def run(folder: Path, *words: str) -> Result:
    names = {"doors": str(folder / "doors"), "rows.csv": str(folder / "rows.csv")}
    return CliRunner().invoke(main, ["policy", *(names.get(word, word) for word in words)])


def test_score_prints_each_disagreement_with_what_is_behind_it(folder: Path) -> None:
    result = run(folder, "score", "doors", "rows.csv")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "doors: 2 / 4 match",
        "rows.csv:3: fee: expected 0, got 10",
        "    fee: `otherwise` gives fee = 10 (policy.yaml:8)",
        "rows.csv:4: fee: expected 1, got 10",
        "    fee: `otherwise` gives fee = 10 (policy.yaml:8)",
        "rows.csv:4: open: expected False, got True",
    ]


def test_score_as_json(folder: Path) -> None:
    result = run(folder, "score", "doors", "rows.csv", "--json", "--limit-disagreements", "1")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (found["matched"], found["total"], found["disagreements_found"]) == (2, 4, 3)
    assert found["columns"] == {"fee": 2, "open": 3}
    assert found["problems"] == []
    assert found["disagreements"] == [
        {
            "line": 3,
            "column": "fee",
            "expected": 0,
            "got": 10,
            "error": "",
            "because": [
                {
                    "step": "fee",
                    "said": "`otherwise` gives fee = 10",
                    "file": "policy.yaml",
                    "line": 8,
                }
            ],
        }
    ]


def test_score_ends_well_only_when_all_match(folder: Path) -> None:
    (folder / "rows.csv").write_text("age,fee,open\n10,0,true\n")
    result = run(folder, "score", "doors", "rows.csv")
    assert (result.exit_code, result.stdout) == (0, "doors: 1 / 1 match\n")


def test_what_can_not_be_read_is_not_scored(folder: Path) -> None:
    (folder / "rows.csv").write_text("age,fee,open\nold,0,true\n")
    result = run(folder, "score", "doors", "rows.csv")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "rows.csv:2:1: error: column `age`: `old` is no number" in result.stderr
    as_json = json.loads(run(folder, "score", "doors", "rows.csv", "--json").stdout)
    assert (as_json["matched"], as_json["total"]) == (0, 0)
    assert as_json["problems"][0]["code"] == "csv.cell"
    (folder / "doors" / "policy.yaml").write_text(POLICY.replace("fee: fee", "fee: fea"))
    result = run(folder, "score", "doors", "rows.csv")
    assert result.exit_code == 1
    assert "did you mean `fee`?" in result.stderr


def test_check_prints_problems_and_ends_badly_on_errors_alone(folder: Path) -> None:
    assert run(folder, "check", "doors").exit_code == 0
    policy = folder / "doors" / "policy.yaml"
    policy.write_text(POLICY.replace("values:\n", "values:\n  spare: age\n"))
    result = run(folder, "check", "doors")
    assert result.exit_code == 0
    assert "warning: nothing uses `spare`" in result.stdout
    policy.write_text(POLICY.replace("age < 18", "age < x"))
    result = run(folder, "check", "doors", "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found["ok"] is False
    assert (found["problems"][0]["file"], found["problems"][0]["line"]) == ("policy.yaml", 7)


def test_wrong_usage(folder: Path) -> None:
    assert run(folder, "score", "doors").exit_code == 2
    assert run(folder, "score", "doors", "nowhere.csv").exit_code == 2
