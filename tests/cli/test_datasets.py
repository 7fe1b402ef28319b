"""From labels at the terminal to a dataset, its files, and a purge."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from freehold.cli.main import main
from freehold.core.clock import SystemClock
from freehold.ledger.reading import read_all
from freehold.services.dataset_rows import CONTESTED
from freehold.storage.secrets import KeyFolder
from freehold.storage.vault import open_vault
from tests.cli.made_home import make_home, moment

QUEUE = """\
    queues:
      answers: {apps: [service]}
"""
CASES = [
    moment("When does my oak table come?", "No idea.", correction="On Monday."),
    moment("Do you sell garden chairs?", "No idea.", correction="We do."),
    moment("My invoice has the wrong address.", "Send us the right one."),
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_home(tmp_path, CASES, QUEUE)


def run(home: Path, *words: str, code: int = 0) -> Result:
    done = CliRunner().invoke(main, [*words, "--home", str(home)])
    assert done.exit_code == code, done.output
    return done


def told(home: Path, *words: str, code: int = 0) -> Any:
    return json.loads(run(home, *words, "--json", code=code).stdout)


def build(home: Path, *more: str) -> Any:
    words = ("--owner", "chain", "--app", "service", "--queue", "answers", "--test", "0")
    return told(home, "dataset", "build", "d", *words, "--validation", "0", *more)


def test_labels_and_corrections_become_a_dataset(home: Path, tmp_path: Path) -> None:
    label = {"by": "eve", "verdict": "edit", "answer": "On Tuesday."}
    file = tmp_path / "labels.jsonl"
    file.write_text(json.dumps({"case": "case_1", "labels": [label]}) + "\n")
    run(home, "queue", "import", "answers", str(file))
    made = build(home)
    assert made["parts"]["train"]["rows"] == 2
    assert made["left_out"] == {"nobody has said what is right": 1}
    assert made["counts"]["source"] == {"label": {"train": 1}, "correction": {"train": 1}}
    assert build(home)["digest"] == made["digest"]
    rows = {row["id"]: row for row in told(home, "dataset", "sample", "d")}
    assert rows["case_1"]["answer"] == "On Tuesday."
    assert rows["case_2"]["rejected"] == "No idea."
    checked = told(home, "dataset", "verify", "d")
    assert (checked["ok"], checked["recorded"]) == (True, True)
    out = tmp_path / "out"
    run(home, "dataset", "export", "d", "--view", "preference", "--out", str(out))
    pairs = [json.loads(line) for line in (out / "train.jsonl").read_text().splitlines()]
    assert {pair["chosen"][0]["content"] for pair in pairs} == {"On Tuesday.", "We do."}
    kinds = [entry.envelope()["body"].get("kind") for entry in read_all(home)]
    assert [k for k in kinds if k in ("cases.read", "dataset.built", "dataset.exported")] == [
        "cases.read", "dataset.built", "cases.read", "dataset.exported",
    ]  # fmt: skip
    path = next((home / "datasets" / "d").glob("*/lineage.jsonl"))
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"eve", b"eva"))
    assert "lineage.jsonl" in run(home, "dataset", "verify", "d", code=1).stdout


def test_what_was_erased_is_purged(home: Path) -> None:
    build(home)
    assert told(home, "dataset", "purge", "--yes") == {"dry_run": False, "versions": []}
    vault = open_vault(home, None, KeyFolder(home).subjects(), SystemClock())
    with vault.database.read() as connection:
        keys = [row[0] for row in connection.exec_driver_sql("select key_id from subject_keys")]
    vault.destroy([], keys, lambda _: "evt")
    vault.database.close()
    assert run(home, "dataset", "purge", code=2).output.count("--yes")
    (gone,) = told(home, "dataset", "purge", "--yes")["versions"]
    assert (gone["name"], gone["rows"], gone["newest"]) == ("d", 2, True)
    assert told(home, "dataset", "show", "d")["parts"]["train"]["rows"] == 0
    assert told(home, "dataset", "list")[0]["versions"] == 1


def test_mistakes_are_told(home: Path, tmp_path: Path) -> None:
    words = ("dataset", "build", "d", "--owner", "chain")
    assert "no app is named" in run(home, *words, code=1).output
    assert "there is no app `x`" in run(home, *words, "--app", "x", code=1).output
    words = (*words, "--app", "service")
    assert "there is no queue `x`" in run(home, *words, "--queue", "x", code=1).output
    assert "no custom model `x`" in run(home, "dataset", "build", "--model", "x", code=1).output
    words = ("dataset", "build", "d", "--app", "service", "--owner", "chian")
    assert "there is no tenant `chian`: did you mean `chain`?" in run(home, *words, code=1).output
    assert "either --model or --owner" in run(home, "dataset", "build", "d", code=2).output
    assert "there is no dataset `d`" in run(home, "dataset", "show", "d", code=1).output
    file = tmp_path / "rows.jsonl"
    file.write_text('{"text": "a"}\n')
    words = ("dataset", "import", str(file), "--name", "d", "--owner", "chain")
    assert "freehold cases import" in run(home, *words, code=1).output
    assert "no custom model `x`" in run(home, "train", "x", code=1).output
    assert "write KEY=VALUE" in run(home, "train", "x", "--set", "a", code=2).output


def test_what_strangers_wrote_can_not_act_on_the_terminal(tmp_path: Path) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J"
    home = make_home(tmp_path, [moment(f"Hello {evil}", "Yes.")], QUEUE)
    file = tmp_path / "rows.jsonl"
    rows = ({"text": f"one {evil}", "label": f"x{evil}"}, {"text": "two", "label": "y"})
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("dataset", "import", str(file), "--name", "t", "--owner", "chain")
    shown = (
        words,
        ("dataset", "show", "t"),
        ("dataset", "sample", "t"),
        ("cases", "show", "case_1"),
    )
    for command in shown:
        said = run(home, *command)
        assert "\x1b" not in said.output, command
        assert "\x07" not in said.output, command
        assert "\\x1b]0;owned" in said.output, command


def test_a_dataset_belongs_to_a_tenant_that_there_is(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps({"question": "When?", "answer": "At nine."}) + "\n")
    words = ("dataset", "import", str(file), "--name", "d", "--owner")
    refused = run(home, *words, "nobody", code=1)
    assert "there is no tenant `nobody`. There is `1001`, `chain`" in refused.stderr
    told(home, *words, "chain")
    run(tmp_path / "another", *words, "nobody")  # no bundle was ever live here


@pytest.mark.parametrize(
    ("name", "text"),
    [("r.jsonl", ""), ("r.jsonl", "\n \n"), ("r.csv", ""), ("r.csv", "text,label\n")],
)
def test_a_file_without_a_row_is_a_mistake(
    home: Path, tmp_path: Path, name: str, text: str
) -> None:
    file = tmp_path / name
    file.write_text(text)
    words = ("dataset", "import", str(file), "--name", "d", "--owner", "chain")
    assert "it has no row" in run(home, *words, code=1).stderr
    assert told(home, "dataset", "list") == []


def test_what_is_brought_in_is_kept_as_the_tenant_keeps_texts(home: Path, tmp_path: Path) -> None:
    said = "Mail jane.roe@harbor-mail.com or 4111 1111 1111 1111."
    labels, rows = tmp_path / "labels.jsonl", tmp_path / "rows.jsonl"
    label = {"by": "eve", "verdict": "edit", "answer": said, "comment": said}
    labels.write_text(json.dumps({"case": "case_1", "labels": [label]}) + "\n")
    rows.write_text(json.dumps({"question": f"{said} When?", "answer": said}) + "\n")
    run(home, "queue", "import", "answers", str(labels))
    build(home)
    shares = ("--test", "0", "--validation", "0")
    run(home, "dataset", "import", str(rows), "--name", "d", "--owner", "chain", *shares)
    run(home, "dataset", "import", str(rows), "--name", "e", "--owner", "chain", *shares)
    for name in ("d", "e"):
        shown = (
            run(home, "dataset", "sample", name).stdout
            + run(home, "queue", "export", "answers").stdout
        )
        assert "Mail [" in shown
        assert "jane.roe" not in shown
        assert "4111" not in shown


def test_a_correction_that_experts_contest_is_no_row(tmp_path: Path) -> None:
    home = make_home(tmp_path, CASES, "    queues:\n      answers: {apps: [service], overlap: 2}\n")
    file = tmp_path / "labels.jsonl"
    said = [{"by": "eve", "verdict": "reject"}, {"by": "bob", "verdict": "correct"}]
    rows = [{"case": "case_1", "labels": said}, {"case": "case_2", "labels": said[1:]}]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run(home, "queue", "import", "answers", str(file))
    made = build(home)
    assert made["counts"]["source"] == {"correction": {"train": 1}}
    assert [row["id"] for row in told(home, "dataset", "sample", "d")] == ["case_2"]
    assert CONTESTED in made["left_out"]
