"""An export beside a gateway that writes: what is signed for goes in, whole or not at all."""

import zipfile
from pathlib import Path
from typing import Any

import pytest

from freehold.app.exporting import export_audit
from freehold.core.errors import StorageError
from freehold.ledger.archive import Archive
from freehold.ledger.canonical import encode
from freehold.ledger.segment import SegmentJournal
from freehold.ledger.signing import LedgerKeys
from freehold.ledger.verifying import verify
from freehold.services.audit_export import Exported, Exporting
from freehold.services.export_choice import Asked
from tests.services.made_ledger import event, exchange
from tests.services.test_audit_export import House, day


def write(journal: SegmentJournal, *names: str) -> None:
    for name in names:
        for body in exchange(name):
            journal.append(encode(body), body["tenant"])


def export(home: Path, target: Path, *, force: bool = False, **asked: Any) -> Exported:
    return export_audit(home, lambda _: Asked(**asked), target, force=force, tell=lambda _: None)


def lines(target: Path, writer: str) -> bytes:
    with zipfile.ZipFile(target) as archive:
        return archive.read(f"logs/{writer}/lines.jsonl")


def sound(target: Path, made: Exported) -> bool:
    report = verify(target, keys=(made.fingerprint,))
    return made.sound and not report.problems and not any(log.problems for log in report.logs)


def test_a_gateway_may_go_on_writing(tmp_path: Path) -> None:
    home, target = tmp_path / "home", tmp_path / "a.zip"
    before = SegmentJournal(home).open()
    write(before, "x1", "x2")
    before.close()
    gateway = SegmentJournal(home).open()
    try:
        write(gateway, "x3")
        made = export(home, target)
        write(gateway, "x4")
        assert sound(target, made)
        assert made.manifest["claim"] == "complete"
        assert b'"exchange":"x2"' in lines(target, gateway.writer)
        assert b'"exchange":"x4"' not in lines(target, gateway.writer)
        assert made.manifest["event"]["writer"] != gateway.writer
    finally:
        gateway.close()
    again = export(home, target, force=True, person="ada")
    assert sound(target, again)
    assert again.manifest["exchanges"] == 4


def test_the_key_may_be_changed_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the archive would be signed by a key that is not among those in it."""
    home, target = tmp_path / "home", tmp_path / "a.zip"
    journal = SegmentJournal(home).open()
    write(journal, "x1")
    journal.close()
    keys, add = LedgerKeys(home), Archive.add_all

    def rotating(archive: Archive, name: str, parts: Any) -> None:
        keys.rotate("2026-11-21T12:00:00Z")
        add(archive, name, parts)

    monkeypatch.setattr(Archive, "add_all", rotating)
    made = export(home, target)
    assert sound(target, made)
    assert made.fingerprint == keys.history()[0].fingerprint != keys.newest()[0].fingerprint


def test_a_log_that_was_just_begun_is_waited_for(tmp_path: Path) -> None:
    house, target = House(tmp_path / "home", day()), tmp_path / "a.zip"
    begun = SegmentJournal(house.home, sign_every_s=3600).open()
    waited: list[float] = []

    def pause(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 2:
            begun.checkpoint()

    try:
        (house.home / "ledger" / begun.writer / "checkpoint").unlink(missing_ok=True)
        made = house.export(pause=pause)
    finally:
        begun.close()
    target.write_bytes(made.data)
    assert verify(target).ok
    assert {log["status"] for log in made.manifest["logs"]} == {"proven"}
    assert len(waited) == 2


def test_what_was_written_a_moment_ago_is_waited_for(tmp_path: Path) -> None:
    house, target = House(tmp_path / "home", day()), tmp_path / "a.zip"
    running = SegmentJournal(house.home, sign_every_s=3600).open()
    running.checkpoint()
    write(running, "x-just-now")
    waited: list[float] = []

    def pause(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 2:
            running.checkpoint()

    try:
        made = house.export(pause=pause)
        again = house.export(pause=pause)
    finally:
        running.close()
    target.write_bytes(made.data)
    assert verify(target).ok
    assert len(waited) == 2, "and nothing is waited for where all is signed"
    assert again.manifest["exchanges"] == made.manifest["exchanges"] == 7


def test_a_file_that_is_there_is_not_touched(tmp_path: Path) -> None:
    home, target = tmp_path / "home", tmp_path / "a.zip"
    journal = SegmentJournal(home).open()
    write(journal, "x1")
    journal.close()
    target.write_bytes(b"mine")
    with pytest.raises(StorageError, match="--force"):
        export(home, target)
    assert target.read_bytes() == b"mine"
    assert sound(target, export(home, target, force=True))


def test_what_breaks_off_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, folder = tmp_path / "home", tmp_path / "out"
    folder.mkdir()
    journal = SegmentJournal(home).open()
    write(journal, "x1")
    journal.close()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Exporting, "write", full)
    with pytest.raises(StorageError, match="No space"):
        export(home, folder / "a.zip")
    assert list(folder.iterdir()) == []


def test_a_damaged_line_makes_an_archive_that_says_so(tmp_path: Path) -> None:
    home, target = tmp_path / "home", tmp_path / "a.zip"
    journal = SegmentJournal(home).open()
    write(journal, "x1", "x2")
    journal.append(encode(event("key.created", "k1")))
    journal.close()
    (segment,) = (home / "ledger" / journal.writer).glob("segment-*.log")
    segment.write_bytes(segment.read_bytes().replace(b'"exchange":"x1"', b'"exchange":"x9"', 1))
    made = export(home, target)
    assert not made.sound
    assert made.manifest["claim"] == "authentic"
    (log,) = (log for log in made.manifest["logs"] if log["writer"] == journal.writer)
    assert log["damaged"]
    assert b'"x9"' not in lines(target, journal.writer)
    report = verify(target, keys=(made.fingerprint,))
    assert any(log.problems for log in report.logs)
