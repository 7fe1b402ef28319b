"""Queues at the terminal: listed, exported, imported, decided."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from freehold.cli.main import main
from tests.cli.made_home import make_home, moment

CASES = [moment("Where is my parcel?", "It comes tomorrow."), moment("Refund!\x1b[2J", "No.")]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("queues"), CASES)


def run(home: Path, *arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(main, ["queue", *arguments, "--home", str(home)])
    assert done.exit_code == code, done.output
    return done


def told(home: Path, *arguments: str) -> Any:
    return json.loads(run(home, *arguments, "--json").stdout)


def test_from_the_list_to_a_decision(home: Path, tmp_path: Path) -> None:
    rows = told(home, "list")
    assert [(row["queue"], row["waiting"]) for row in rows] == [
        ("answers", 2), ("kinds", 2), ("pairs", 2),
    ]  # fmt: skip
    assert "promise nothing" in run(home, "show", "answers").stdout
    assert "\x1b" not in run(home, "next", "answers", "--as", "ann").stdout
    first = told(home, "next", "pairs", "--as", "ann")
    assert first["suggestion"]["intent"] == "delivery"
    labels = [
        {"by": "ann", "verdict": "correct"},
        {"by": "bob", "verdict": "edit", "answer": "Never.", "intent": "refund"},
    ]
    file = tmp_path / "labels.jsonl"
    file.write_text(json.dumps({"case": "case_1", "labels": labels}) + "\n", encoding="utf-8")
    done = told(home, "import", "pairs", str(file))
    assert done == {"labels": 2, "there": 0, "late": 0, "left_out": {}}
    (dispute,) = told(home, "adjudicate", "pairs", "--as", "sue")
    assert dispute["state"] == "disputed"
    shown = run(home, "adjudicate", "pairs", dispute["id"], "--as", "sue").stdout
    assert "Never." in shown
    decide = ("adjudicate", "pairs", dispute["id"], "--verdict", "correct")
    assert "labelled themselves" in run(home, *decide, "--as", "Bob", code=1).output
    assert told(home, *decide, "--as", "sue")["state"] == "settled"
    assert told(home, "adjudicate", "pairs", "--as", "sue") == []
    agreed = told(home, "agreement", "pairs")
    assert agreed["agreement"]["intent"]["cases"] == 1
    assert {one["name"] for one in agreed["labelers"]} == {"ann", "bob"}
    assert "alpha" in run(home, "agreement", "pairs").stdout
    progress = told(home, "stats", "pairs", "--as", "ann")
    assert (progress["settled"], progress["labels"], progress["yours"]) == (1, 3, 1)
    assert "settled" in run(home, "stats", "pairs").stdout
    assert told(home, "relabel", "answers") == []


def test_exports_are_files_of_the_owner_only(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    run(home, "export", "answers", "--format", "label-studio", "--out", str(out))
    assert out.stat().st_mode & 0o077 == 0
    assert len(json.loads(out.read_text(encoding="utf-8"))) == 2
    run(home, "export", "answers", "--out", str(out), code=2)
    assert run(home, "export", "answers", "--config").stdout.startswith("<View>")
    assert "case_1" in run(home, "export", "answers", "--waiting").stdout


def test_mistakes_are_told(home: Path, tmp_path: Path) -> None:
    assert "answers, kinds, pairs" in run(home, "show", "nowhere", code=1).output
    assert "--as NAME" in run(home, "next", "answers", code=2).output
    bad = tmp_path / "bad.jsonl"
    bad.write_text("{}\n", encoding="utf-8")
    assert "line 1" in run(home, "import", "answers", str(bad), code=1).output
    run(home, "next", "answers", "--as", "x\x1b", code=1)


def test_cases_are_known_and_reopened_at_the_terminal(tmp_path: Path) -> None:
    home = make_home(tmp_path, CASES)
    older = {"by": "ann", "verdict": "correct", "guideline": f"sha256:{0:064}"}
    line = {"case": "case_1", "labels": [older]}
    file = tmp_path / "labels.jsonl"
    file.write_text(json.dumps(line) + "\n", encoding="utf-8")
    told(home, "import", "answers", str(file))
    known = told(home, "gold", "add", "answers", "case_1", "--as", "sue")
    assert (known["kind"], known["verdict"]) == ("adjudication", "correct")
    assert told(home, "gold", "list", "answers")["cases"] == ["case_1"]
    assert "1 known case" in run(home, "gold", "list", "answers").output
    assert told(home, "relabel", "answers", "--reopen", "--as", "sue") == {"reopened": ["case_1"]}
    assert told(home, "stats", "answers")["waiting"] == 2
    assert told(home, "relabel", "answers")
    run(home, "reopen", "answers", "--as", "sue", code=2)
    assert told(home, "reopen", "answers", "case_1", "--as", "sue") == {"reopened": []}
    assert "stands in a dataset yet" in run(home, "effect", "answers").stdout
