"""``freehold audit key`` and ``checkpoint``."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from freehold.cli.main import main
from freehold.ledger import notes
from freehold.ledger.canonical import encode
from freehold.ledger.heads import COSIGNED
from freehold.ledger.notes import Cosigner
from freehold.ledger.reading import read_all
from freehold.ledger.segment import SegmentJournal
from freehold.ledger.signing import LedgerKeys


@pytest.fixture
def home(tmp_path: Path) -> Path:
    journal = SegmentJournal(tmp_path, sign_every_s=3600).open()
    journal.append(encode({"tenant": "acme", "type": "closed", "v": 2}), "acme")
    journal.close()
    return tmp_path


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["audit", *words, "--home", str(home)])


def as_json(home: Path, *words: str) -> Any:
    done = run(home, *words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def kinds(home: Path) -> list[str]:
    bodies = [entry.envelope()["body"] for entry in read_all(home)]
    return [body["kind"] for body in bodies if body["type"] == "event"]


def test_keys_are_shown_with_what_to_verify_with(home: Path) -> None:
    told = as_json(home, "key", "show")
    keys = LedgerKeys(home)
    assert told["ledger"] == keys.base
    (key,) = told["keys"]
    assert (key["n"], key["endorsed"]) == (1, False)
    assert notes.VerifierKey.parse(key["vkey"]).public == keys.history()[0].public_bytes
    (log,) = told["logs"]
    assert notes.VerifierKey.parse(log["vkey"]).name == keys.origin(log["writer"])
    said = run(home, "key", "show").output
    assert key["fingerprint"] in said
    assert "the first" in said


def test_a_key_is_rotated_and_that_is_written_down_first(home: Path) -> None:
    made = as_json(home, "key", "rotate", "--reason", "every year")
    assert (made["n"], made["endorsed"]) == (2, True)
    assert kinds(home) == ["ledger.key_rotated", "ledger.key_adopted"]
    events = [e.envelope()["body"] for e in read_all(home)]
    (rotated,) = [body for body in events if body.get("kind") == "ledger.key_rotated"]
    assert rotated["details"] == {"before": 1, "key": 2, "reason": "every year"}
    assert rotated["actor"].startswith("terminal:")
    assert [key["endorsed"] for key in as_json(home, "key", "show")["keys"]] == [False, True]
    done = run(home, "key", "rotate")
    assert "endorsed by the one before" in done.output
    assert as_json(home, "checkpoint")[0]["keys"] == [3]


def test_where_it_can_not_be_written_down_no_key_is_rotated(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from freehold.core.errors import AuditError

    def refuse(*_: object) -> None:
        raise AuditError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(SegmentJournal, "append", refuse)
        assert run(home, "key", "rotate").exit_code == 1
    assert len(LedgerKeys(home).history()) == 1


def test_only_a_lost_key_is_replaced_without_its_endorsement(home: Path) -> None:
    done = run(home, "key", "rotate", "--lost")
    assert done.exit_code == 1
    assert "rotate it without --lost" in done.output
    (home / "keys" / "ledger-1.key").unlink()
    done = run(home, "key", "rotate")
    assert done.exit_code == 1
    assert "--lost" in done.output
    done = run(home, "key", "rotate", "--lost", "--reason", "the disk died")
    assert done.exit_code == 0
    assert "endorsed by none" in done.output
    assert "ledger.key_rotated" in kinds(home)
    assert [key["endorsed"] for key in as_json(home, "key", "show")["keys"]] == [False, False]


def test_checkpoints_are_shown_with_who_cosigned(home: Path) -> None:
    (one,) = as_json(home, "checkpoint")
    # started, one line, two counted
    assert (one["size"], one["keys"], one["cosigned"]) == (4, [1], None)
    assert "cosigned by nobody" in run(home, "checkpoint").output
    note = notes.read(one["note"])
    witness = Cosigner("witness.example/w", bytes(32))
    signed = note.adding(witness.signature(note.text, 1_795_000_000))
    (home / "ledger" / one["writer"] / COSIGNED).write_text(str(signed), encoding="utf-8")
    (again,) = as_json(home, "checkpoint", "--writer", one["writer"])
    assert again["cosigned"]["size"] == 4
    assert again["cosigned"]["by"] == [
        {"name": "witness.example/w", "at": "2026-11-18T11:06:40.000000Z"}
    ]
    assert "witness.example/w" in run(home, "checkpoint").output


def test_what_is_not_there_is_not_made(tmp_path: Path) -> None:
    for words in (
        ["key", "show"],
        ["key", "rotate"],
        ["checkpoint", "--writer", "w-1"],
        ["checkpoint"],
    ):
        done = run(tmp_path / "none", *words)
        assert (done.exit_code, done.stdout) == (1, "")
    assert not (tmp_path / "none").exists()
    assert "no ledger in" in run(tmp_path / "none", "checkpoint").stderr
    assert run(tmp_path / "none", "checkpoint", "--json").exit_code == 1


def test_a_ledger_for_which_nothing_was_signed_yet_is_no_error(tmp_path: Path) -> None:
    LedgerKeys(tmp_path).prepare("2026-11-21T00:00:00.000000Z")
    done = run(tmp_path, "checkpoint")
    assert (done.exit_code, "Nothing has been signed" in done.stderr) == (0, True)


def test_a_damaged_checkpoint_is_told(home: Path) -> None:
    (one,) = as_json(home, "checkpoint")
    (home / "ledger" / one["writer"] / "checkpoint").write_text("nothing", encoding="utf-8")
    done = run(home, "checkpoint")
    assert done.exit_code == 1
    assert "is no checkpoint" in done.output
