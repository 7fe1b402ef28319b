"""Mirrors and witnesses at the terminal: what is printed, and with which exit status."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from freehold.cli.main import main
from freehold.core.clock import SystemClock
from freehold.ledger.heads import head_of
from freehold.ledger.witness_files import WitnessFiles
from freehold.ledger.witnessing import submission
from freehold.services.witness import Witness
from tests.ledger.made_logs import MadeLog


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def log(tmp_path: Path) -> MadeLog:
    return MadeLog(tmp_path / "home").grow(4)


@pytest.fixture
def witness(tmp_path: Path) -> Path:
    home = tmp_path / "witness"
    assert run("witness", "init", "--home", home, "--name", "w.example.com").exit_code == 0
    return home


def test_a_file_gets_what_is_new_and_no_more(log: MadeLog, tmp_path: Path) -> None:
    path = tmp_path / "carried.jsonl"
    for _ in range(2):
        done = run("audit", "mirror", "--to", path, "--home", log.home)
        assert done.exit_code == 0, done.output
    log.grow(1)
    done = run("audit", "mirror", "--to", path, "--home", log.home, "--json")
    (row,) = json.loads(done.stdout)
    assert row["logs"][0]["mirrored"] == 5
    sizes = [head_of(json.loads(line)["note"]).size for line in path.read_text().splitlines()]
    assert sizes == [4, 5]
    assert not (log.home / "mirrors").exists()  # what was typed leaves no state behind


def test_a_file_that_contradicts_is_said_so_and_stands_in_the_ledger(
    log: MadeLog, tmp_path: Path
) -> None:
    path = tmp_path / "carried.jsonl"
    run("audit", "mirror", "--to", path, "--home", log.home)
    log.cut(2)
    done = run("audit", "mirror", "--to", path, "--home", log.home)
    assert done.exit_code == 1
    assert "CONTRADICTION" in done.stdout
    lines = b"".join(p.read_bytes() for p in (log.home / "ledger").glob("*/segment-*.log"))
    assert b'"ledger.refused"' in lines


def test_what_is_printed_is_the_notes(log: MadeLog) -> None:
    MadeLog(log.home, "w-00000000000e").grow(1)
    printed = run("audit", "mirror", "--to", "-", "--home", log.home).stdout
    assert log.note() in printed
    as_json = json.loads(run("audit", "mirror", "--to", "-", "--home", log.home, "--json").stdout)
    assert [head_of(note).size for note in as_json] == [4, 1]


def test_a_folder_that_is_away_is_a_failure(log: MadeLog, tmp_path: Path) -> None:
    done = run("audit", "mirror", "--to", tmp_path / "away" / "f.jsonl", "--home", log.home)
    assert done.exit_code == 1
    assert "No such file" in done.stdout


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("audit", "mirror", "--home", "nowhere"), 1),
        (("audit", "mirrors", "--home", "nowhere"), 1),
        (("audit", "mirrors", "--settle", "m"), 2),
        (("audit", "mirrors", "--settle", "m", "log"), 2),
        (("audit", "mirror", "--to", "http://127.0.0.1:9", "--key", "nonsense"), 1),
        (("witness", "list", "--home", "nowhere"), 1),
        (("witness", "show", "--home", "nowhere"), 1),
        (("witness", "serve", "--home", "nowhere"), 1),
        (("witness", "serve", "--listen", "nonsense"), 2),
        (("witness", "serve", "--listen", "127.0.0.1:99999"), 2),
        (("witness", "trust", "no-such-file"), 2),
        (("witness", "init", "--name", "with a blank", "--home", "x"), 1),
    ],
)
def test_what_can_not_be_has_its_exit_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], status: int
) -> None:
    monkeypatch.chdir(tmp_path)
    if words[:2] == ("audit", "mirror") and "--home" not in words:
        words = (*words, "--home", str(MadeLog(tmp_path / "home").grow(1).home))
    done = run(*words)
    assert done.exit_code == status, done.output
    assert done.stderr.strip()


def test_a_live_bundle_without_mirrors_is_said_so(log: MadeLog) -> None:
    done = run("audit", "mirror", "--home", log.home)
    assert done.exit_code == 1  # nothing was ever live here


def test_a_witness_shows_whom_it_trusts_and_what_it_saw(log: MadeLog, witness: Path) -> None:
    (witness.parent / "store.vkey").write_text(f"  {log.vkey}\n")
    done = run("witness", "trust", witness.parent / "store.vkey", "--home", witness, "--json")
    assert json.loads(done.stdout)["added"] == [log.vkey]
    assert "already" in run("witness", "trust", log.vkey, "--home", witness).stderr
    files = WitnessFiles(witness)
    Witness(files, SystemClock()).add(submission(0, (), log.note()))
    listed = run("witness", "list", "--home", witness)
    assert (listed.exit_code, listed.stdout.split()[:2]) == (0, ["ok", log.origin])
    shown = run("witness", "show", log.origin, "--home", witness)
    assert shown.stdout.startswith(log.note())
    about = json.loads(run("witness", "show", "--home", witness, "--json").stdout)
    assert about["name"] == "w.example.com"
    assert [row["key"] for row in about["trusted"]] == [log.vkey]
    log.cut(3).grow(1, salt="b")
    Witness(files, SystemClock()).add(submission(4, (), log.note()))
    listed = run("witness", "list", "--home", witness)
    assert listed.exit_code == 1
    assert listed.stdout.startswith("forked")
    shown = run("witness", "show", log.origin, "--home", witness)
    assert log.note().splitlines()[2] in shown.stderr
