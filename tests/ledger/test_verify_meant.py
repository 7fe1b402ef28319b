"""What is verified is what was named: files put beside it change neither that nor what is said."""

import json
import os
import shutil
import zipfile
from pathlib import Path

import pytest

from freehold.ledger import notes, verifying
from freehold.ledger.checkpoints import Checkpoint
from freehold.services.verification import Proofs, read_kept
from freehold.testing.ledgers import WRITER, WrittenLedger


@pytest.fixture
def ledger(tmp_path: Path) -> WrittenLedger:
    made = WrittenLedger(tmp_path / "home").fill(6)
    made.checkpoint()
    return made


def codes(report: verifying.Report) -> set[str]:
    return {one.code for one in report.problems}


def changed(ledger: WrittenLedger) -> None:
    segment = ledger.folder / "segment-00000001.log"
    segment.write_bytes(segment.read_bytes().replace(b"ex_000003", b"ex_lie003"))


@pytest.mark.parametrize("name", ["tree", "checkpoint", "segment-00000001.log"])
def test_a_ledger_is_not_taken_for_one_log(ledger: WrittenLedger, name: str) -> None:
    """Else a ledger whose lines were changed would pass as an empty log."""
    changed(ledger)
    (ledger.keys.folder / name).mkdir()
    for path in (ledger.home, ledger.keys.folder):
        assert codes(verifying.verify(path)) == {"line-changed"}


@pytest.mark.parametrize(
    ("below", "put"),
    [
        ("", "origin"),
        ("", "w-ffffffffffff/"),
        ("", "manifest.json"),
        ("ledger", "ledger/"),
        ("ledger", "manifest.json"),
        (f"ledger/{WRITER}", "origin"),
        (f"ledger/{WRITER}", "manifest.json"),
    ],
)
def test_what_could_be_two_things_is_refused(ledger: WrittenLedger, below: str, put: str) -> None:
    path = ledger.home / below
    assert verifying.verify(path).ok
    if put.endswith("/"):
        (path / put).mkdir()
    else:
        (path / put).write_text("{}")
    with pytest.raises(verifying.Unreadable, match="something was put there"):
        verifying.verify(path)


def test_a_ledger_without_a_log_is_told(ledger: WrittenLedger) -> None:
    shutil.rmtree(ledger.folder)
    assert [one.code for one in verifying.verify(ledger.home).warnings] == ["empty"]


def test_a_writers_folder_may_be_named_from_within(
    ledger: WrittenLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ledger.folder)
    assert (verifying.verify(Path()).what, verifying.verify(Path()).ok) == ("log", True)
    assert verifying.verify(Path("..")).what == "ledger"


def test_a_checkpoint_of_another_log_is_not_said_to_be_compared(
    ledger: WrittenLedger, tmp_path: Path
) -> None:
    other = WrittenLedger(tmp_path / "other").fill(2)
    kept = tmp_path / "kept"
    kept.write_text(other.checkpoint(), encoding="utf-8")
    report = verifying.verify(ledger.folder, checkpoints=[kept])
    assert "origin-wrong" in codes(report)  # the same writer in another ledger
    log = WrittenLedger(tmp_path / "other", "w-ffffffffffff").fill(2)
    kept.write_text(log.checkpoint(), encoding="utf-8")
    report = verifying.verify(ledger.folder, checkpoints=[kept])
    assert (report.ok, report.compared) == (True, 0)
    assert "could not be compared" in " ".join(report.said)
    assert not any(said.startswith("Compared") for said in report.said)


def test_a_consistency_proof_must_be_about_the_checkpoint_that_was_kept(
    ledger: WrittenLedger, tmp_path: Path
) -> None:
    early, kept, proof = (tmp_path / name for name in ("early", "kept", "proof.json"))
    early.write_text(ledger.checkpoints[-1], encoding="utf-8")
    ledger.fill(3)
    kept.write_text(ledger.checkpoint(), encoding="utf-8")
    ledger.fill(3).checkpoint()

    def found(*checkpoints: Path) -> set[str]:
        return codes(verifying.verify(proof, checkpoints=checkpoints))

    proof.write_text(
        json.dumps(Proofs(ledger.home).consistency(read_kept(early)[0])), encoding="utf-8"
    )
    assert (found(early), found(early, kept)) == (set(), set())
    assert found(kept) == {"checkpoint-missing"}
    lie = Checkpoint(ledger.origin, 6, b"\1" * 32).text()
    kept.write_text(notes.sign(lie, ledger.keys.signer(ledger.origin)), encoding="utf-8")
    assert found(kept) == {"forked"}


def test_a_records_proof_is_compared_where_it_can_be(ledger: WrittenLedger, tmp_path: Path) -> None:
    early, kept, proof = (tmp_path / name for name in ("early", "kept", "proof.json"))
    early.write_text(ledger.checkpoints[-1], encoding="utf-8")
    ledger.fill(3)
    kept.write_text(ledger.checkpoint(), encoding="utf-8")
    proof.write_text(json.dumps(Proofs(ledger.home).of_lines(ledger.lines[:1])), encoding="utf-8")
    report = verifying.verify(proof, checkpoints=[kept, early])
    assert (report.ok, report.compared, len(report.said)) == (True, 1, 3)
    lie = Checkpoint(ledger.origin, 9, b"\1" * 32).text()
    kept.write_text(notes.sign(lie, ledger.keys.signer(ledger.origin)), encoding="utf-8")
    assert codes(verifying.verify(proof, checkpoints=[kept])) == {"forked"}


def test_a_log_that_was_just_begun_is_waited_for(
    ledger: WrittenLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ledger.folder / "checkpoint"
    note, waited = path.read_bytes(), []
    for name in ("checkpoint", "checkpoints.jsonl"):
        (ledger.folder / name).unlink(missing_ok=True)

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            path.write_bytes(note)

    monkeypatch.setattr("freehold.ledger.verifying.ledger.time.sleep", sleep)
    assert verifying.verify(ledger.home).ok
    assert len(waited) == 3
    path.unlink()
    assert codes(verifying.verify(ledger.home)) == {"checkpoint-missing"}


def test_names_can_not_steer_a_terminal(ledger: WrittenLedger) -> None:
    for name in (b"w-\x1b[2J", b"w-\xff", "w-\u202e".encode()):
        (ledger.keys.folder / os.fsdecode(name)).mkdir()
    text = verifying.as_text(verifying.verify(ledger.home))
    assert all(row.isprintable() for row in text.splitlines())
    assert r"w-\x1b[2J" in text
    assert text.isascii()


@pytest.mark.parametrize("size", [None, "x", [], 1.5, True])
def test_a_manifest_of_odd_numbers_is_a_finding(
    ledger: WrittenLedger, tmp_path: Path, size: object
) -> None:
    log = {"writer": WRITER, "origin": ledger.origin, "v": 2, "size": size, "root": "", "lines": 0}
    manifest = {
        "format": verifying.ARCHIVE_FORMAT,
        "v": 1,
        "base": ledger.keys.base,
        "files": {},
        "logs": [log],
        "claim": "complete",
        "scope": {},
        "lines": 0,
    }
    text = f"{verifying.ARCHIVE_FORMAT}\nnot this one\n"
    signature = notes.sign(text, ledger.keys.signer(ledger.keys.base))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        made.writestr("manifest.json", json.dumps(manifest))
        made.writestr("manifest.sig", signature)
    report = verifying.verify(tmp_path / "a.zip")
    assert "manifest-changed" in codes(report)
    verifying.as_text(report)
