"""Attacks on an archive, each with what shows it; those that nothing shows are documented as such.

The second table in docs/reference/verification.md is read here, so what it says is what happens.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from freehold.core.clock import rfc3339
from freehold.ledger import notes, verifying
from freehold.ledger.canonical import encode
from freehold.ledger.checkpoints import Checkpoint
from freehold.ledger.signing import LedgerKeys
from freehold.ledger.verifying.joined import one_file
from freehold.services import audit_export
from tests.audit_samples import START_NS
from tests.ledger.archive_attacks import ATTACKS, MARCH, Office, files_of, zipped
from tests.ledger.test_attacks import codes, table
from tests.services.test_audit_export import GATEWAY

HEAD = "Attacks on an archive"


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setattr(audit_export, "one_file", lambda: b"raise SystemExit(0)\n")
    return Office(tmp_path)


def put(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    return path


def test_the_table_names_every_attack_and_no_other() -> None:
    assert list(table(HEAD)) == list(ATTACKS)


@pytest.mark.parametrize(
    "asked", [{}, {"tenants": "south"}, {"tenants": "south", **MARCH}], ids=str
)
def test_nothing_is_found_where_nothing_was_done(
    asked: dict[str, Any], office: Office, tmp_path: Path
) -> None:
    path = put(tmp_path, office.export(**asked).data)
    pin = LedgerKeys(office.home).history()[0].fingerprint
    report = verifying.verify(path, keys=[pin], checkpoints=[office.mirror])
    assert (report.problems, report.warnings) == ([], [])
    assert report.archive is not None
    assert report.archive["claim"] == "complete"


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_shows_as_the_table_says(attack: str, office: Office, tmp_path: Path) -> None:
    path = put(tmp_path, zipped(ATTACKS[attack](office)))
    pin = LedgerKeys(office.home).history()[0].fingerprint
    reports = {
        "alone": verifying.verify(path),
        "key": verifying.verify(path, keys=[pin]),
        "mirror": verifying.verify(path, keys=[pin], checkpoints=[office.mirror]),
    }
    assert {name: codes(report) for name, report in reports.items()} == table(HEAD)[attack]
    for report in reports.values():
        assert (report.exit_status == 0) == report.ok == (not codes(report))
        json.dumps(report.as_dict())


@pytest.mark.parametrize("attack", ["a tenant's denials are taken out", "a rule is changed"])
def test_the_one_file_finds_it_too(attack: str, office: Office, tmp_path: Path) -> None:
    path, alone = put(tmp_path, zipped(ATTACKS[attack](office))), tmp_path / "verify.py"
    alone.write_bytes(one_file())
    words = [sys.executable, "-I", "-S", str(alone), str(path), "--json"]
    said = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (said.returncode, said.stderr) == (1, "")
    assert json.loads(said.stdout) == verifying.verify(path).as_dict()


def test_what_rests_on_a_word_is_said_to_do_so(office: Office, tmp_path: Path) -> None:
    path = put(tmp_path, zipped(ATTACKS[list(ATTACKS)[-1]](office)))
    said = verifying.verify(path).said
    assert said[0] == "Claimed: complete, of south; made at 2026-11-21T01:30:00.000000Z."
    assert said[1].startswith("By the word of the ledger's line about this export")
    assert said[1].endswith(f" there is no line of south in {GATEWAY} (21 lines).")
    attack = "a version of the rules is taken out, and is said not to have been kept"
    report = verifying.verify(put(tmp_path, zipped(ATTACKS[attack](office))))
    assert [one.code for one in report.warnings] == ["bundle-absent"]
    asked = office.export(tenants="south", bundles=False).data
    assert [one.code for one in verifying.verify(put(tmp_path, asked)).warnings] == [
        "bundle-absent"
    ]


def test_texts_are_said_to_rest_on_whoever_made_the_archive(office: Office, tmp_path: Path) -> None:
    files = {**files_of(office.export(tenants="south")), "contents/x1.json": b"{}"}
    files = office.signed(files, lambda manifest: manifest.update(contents={"open": 1}))
    report = verifying.verify(put(tmp_path, zipped(files)))
    assert (report.problems, [one.code for one in report.warnings]) == ([], ["texts-unproven"])


def remarks(report: verifying.Report) -> list[str]:
    return [one.code for one in report.warnings]


@pytest.mark.parametrize(
    ("hours", "asked", "found"),
    [
        (None, {"tenants": "north"}, ["log-missing"]),
        (None, {}, ["log-missing"]),
        (-2, {}, ["log-missing"]),
        (-0.1, {}, ["log-missing"]),
        (2, {}, ["older"]),  # begun since
        (None, {"exchange": "x3"}, ["authentic", "older"]),
        (-2, {"exchange": "x3"}, ["authentic", "older"]),
    ],
)
def test_a_checkpoint_of_a_log_that_a_complete_archive_lacks_is_a_problem(
    hours: float | None, asked: Any, found: list[str], office: Office, tmp_path: Path
) -> None:
    """Unless it was kept only after the archive was made."""
    made = office.export(**asked)
    origin = LedgerKeys(office.home).origin("w-ffffffffffff")
    kept = mirrored(office, tmp_path, Checkpoint(origin, 3, b"\1" * 32), hours)
    report = verifying.verify(put(tmp_path, made.data), checkpoints=[kept])
    assert sorted([one.code for one in report.problems] + remarks(report)) == found
    assert report.ok == ("log-missing" not in found)
    assert report.compared == 0


@pytest.mark.parametrize(
    ("hours", "asked", "found"),
    [
        (None, {}, ["older"]),
        (2, {}, ["older"]),
        (-2, {}, ["rolled-back"]),
        (-0.1, {}, ["older"]),  # its log may have gone on while the archive was in the making
        (-2, {"exchange": "x3"}, ["authentic", "older"]),
    ],
)
def test_an_archive_of_an_older_copy_shows_beside_a_checkpoint_with_its_time(
    hours: float | None, asked: Any, found: list[str], office: Office, tmp_path: Path
) -> None:
    made = office.export(**asked)
    origin = LedgerKeys(office.home).origin(GATEWAY)
    longer = Checkpoint(origin, made.log()["size"] + 1, b"\1" * 32)
    kept = mirrored(office, tmp_path, longer, hours)
    report = verifying.verify(put(tmp_path, made.data), checkpoints=[kept])
    assert sorted([one.code for one in report.problems] + remarks(report)) == found


def test_a_time_that_is_none_says_nothing(office: Office, tmp_path: Path) -> None:
    """A log that is not there is missing, and one that was longer may have gone on since."""
    made = office.export()
    path = put(tmp_path, made.data)
    longer = {"w-ffffffffffff": 3, GATEWAY: made.log()["size"] + 1}
    for (writer, size), found in zip(longer.items(), (["log-missing"], ["older"]), strict=True):
        origin = LedgerKeys(office.home).origin(writer)
        kept = mirrored(office, tmp_path, Checkpoint(origin, size, b"\1" * 32), 0)
        told = json.loads(kept.read_bytes())
        for at in ("never", "", 7, None):
            kept.write_bytes(encode(told | {"at": at}) + b"\n")
            report = verifying.verify(path, checkpoints=[kept])
            assert [one.code for one in report.problems] + remarks(report) == found


def mirrored(office: Office, tmp_path: Path, checkpoint: Checkpoint, hours: float | None) -> Path:
    """A checkpoint in a file of its own, or in that of a mirror: so long after the archive."""
    keys, kept = LedgerKeys(office.home), tmp_path / "kept"
    note = notes.sign(checkpoint.text(), keys.signer(checkpoint.origin))
    if hours is None:
        kept.write_text(note, encoding="utf-8")
    else:
        at = rfc3339(START_NS + int(hours * 3600) * 1_000_000_000)
        kept.write_bytes(encode({"at": at, "note": note}) + b"\n")
    return kept
