"""Signing in the background: what it signs, what it does when it can't, keys and days."""

import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from freehold.core.errors import AuditError, StorageError
from freehold.ledger import notes
from freehold.ledger.canonical import encode
from freehold.ledger.checkpoint_files import CheckpointFiles
from freehold.ledger.checkpointer import KEY_ADOPTED
from freehold.ledger.checkpoints import Checkpoint
from freehold.ledger.files import ledger_folder
from freehold.ledger.segment import SegmentJournal
from freehold.ledger.signing import LedgerKeys
from freehold.ledger.tree_files import TreeFiles
from tests.ledger import log_checks as logs

AT = "2026-11-22T20:00:00.000000Z"
DAY_NS = 86_400_000_000_000


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def record(tenant: str) -> bytes:
    return encode({"tenant": tenant, "type": "closed", "v": 2})


class Wound:
    """A clock that the test winds on."""

    def __init__(self) -> None:
        self.now = 1_795_000_000_000_000_000

    def now_ns(self) -> int:
        return self.now

    def monotonic_ns(self) -> int:
        return self.now


def test_what_is_appended_is_soon_signed_for(tmp_path: Path) -> None:
    journal = SegmentJournal(tmp_path, sign_every_s=0.02).open()
    store = CheckpointFiles(journal.folder)
    until(lambda: store.newest() is not None and logs.newest(tmp_path, journal.writer).size == 1)
    journal.append(record("acme"), "acme")
    until(lambda: logs.newest(tmp_path, journal.writer).size == 2)
    note = str(store.newest())
    time.sleep(0.1)
    assert str(store.newest()) == note, "nothing came, so nothing was signed"
    journal.close()
    logs.check(tmp_path, journal.writer)


def test_nothing_is_signed_for_that_is_not_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = SegmentJournal(tmp_path, sign_every_s=3600).open()
    journal.checkpoint()
    journal.append(record("acme"), "acme")

    def refuse(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("freehold.ledger.flush._sync", refuse)
        with pytest.raises(AuditError, match="signed for"):
            journal.checkpoint()
        assert logs.newest(tmp_path, journal.writer).size == 1
    journal.append(record("acme"), "acme")
    assert journal.segment == 2
    journal.close()
    logs.check(tmp_path, journal.writer)


@pytest.mark.parametrize("where", ["tree", "put", "remember", "state"])
def test_a_full_disk_at_a_checkpoint_is_told_once_and_loses_nothing(
    tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    owner = {
        "tree": "freehold.ledger.tree_files._write_at",
        "state": "freehold.ledger.merkle_log.write_state",
    }.get(where, f"freehold.ledger.merkle_log.CheckpointFiles.{where}")
    journal = SegmentJournal(tmp_path, sign_every_s=0.02, rotate_bytes=500).open()
    refused = threading.Semaphore(0)

    def refuse(*_: object, **__: object) -> None:
        refused.release()
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(owner, refuse)
        for _ in range(5):
            journal.append(record("acme"), "acme")
            if where == "remember":  # once a minute, or where it is the last
                journal._checkpointer._merkle._remembered_ns = 0  # type: ignore[union-attr]
            assert refused.acquire(timeout=60)
        until(lambda: "No space" in journal.unsigned)
        if where in ("tree", "put"):
            assert journal.unsigned_lines >= 5
    journal.append(record("acme"), "acme")
    until(lambda: not journal.unsigned and journal.unsigned_lines == 0)
    journal.close()
    assert caplog.text.count("can't be signed for just now") == 1
    assert caplog.text.count("signed for again") == 1
    logs.check(tmp_path, journal.writer)


def test_a_close_on_a_full_disk_still_closes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    journal = SegmentJournal(tmp_path, sign_every_s=3600).open()
    journal.append(record("acme"), "acme")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", refuse)
        journal.close()
    assert "could not be counted" in caplog.text
    again = SegmentJournal(tmp_path).open()
    assert again.writer == journal.writer
    again.close()
    logs.check(tmp_path, again.writer)


def test_appending_never_waits_for_signing(tmp_path: Path) -> None:
    """While the disk takes its time over a checkpoint, records go on."""
    journal = SegmentJournal(tmp_path, sign_every_s=3600).open()
    merkle = journal._checkpointer._merkle  # type: ignore[union-attr]
    begun, go_on = threading.Event(), threading.Event()
    real = merkle._sync

    def slow() -> None:
        begun.set()
        assert go_on.wait(60)
        real()

    merkle._sync = slow
    signing = threading.Thread(target=journal.checkpoint)
    signing.start()
    assert begun.wait(60)
    for _ in range(100):
        journal.append(record("acme"), "acme")
    assert signing.is_alive()
    go_on.set()
    signing.join(60)
    assert logs.newest(tmp_path, journal.writer).size == 1
    journal.close()
    logs.check(tmp_path, journal.writer)


def test_a_running_journal_adopts_a_new_key(tmp_path: Path) -> None:
    journal = SegmentJournal(tmp_path, sign_every_s=0.02).open()
    journal.append(record("acme"), "acme")
    keys = LedgerKeys(tmp_path)
    (old,) = keys.vkeys(keys.origin(journal.writer))
    made = keys.rotate(AT)
    new = made.verifier(keys.origin(journal.writer))
    store = CheckpointFiles(journal.folder)

    def signers(note: notes.Note) -> list[notes.VerifierKey]:
        return [one.key for one in notes.verify(note, [old, new])]

    until(lambda: new in signers(store.newest() or notes.Note("")))
    (event,) = logs.events(tmp_path, KEY_ADOPTED)
    assert event["details"] == {
        "before": 1,
        "before_fingerprint": keys.history()[0].fingerprint,
        "fingerprint": made.fingerprint,
        "key": 2,
    }
    journal.append(record("acme"), "acme")
    size = journal.sequence
    until(lambda: logs.newest(tmp_path, journal.writer).size == size)
    assert signers(store.newest() or notes.Note("")) == [new]
    journal.close()
    by = [signers(notes.read(one.note)) for one in store.history()]
    assert by.count([old, new]) == 1
    last_of_old = by.index([old, new]) - 1
    assert by[last_of_old] == [old]
    assert by[-1] == [new]
    logs.check(tmp_path, journal.writer)
    assert len(logs.events(tmp_path, KEY_ADOPTED)) == 1


def test_a_new_key_that_can_not_be_read_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = SegmentJournal(tmp_path, sign_every_s=3600).open()
    checkpointer = journal._checkpointer
    assert checkpointer is not None
    keys = LedgerKeys(tmp_path)
    keys.rotate(AT)
    path = tmp_path / "keys" / "ledger-2.key"
    kept = path.read_bytes()
    path.write_bytes(bytes(32))  # not the key of the history
    for _ in range(3):
        journal.append(record("acme"), "acme")
        checkpointer._attempt()
        assert logs.newest(tmp_path, journal.writer).size == journal.sequence
    assert caplog.text.count("goes on with its key before") == 1
    assert logs.events(tmp_path, KEY_ADOPTED) == []
    path.write_bytes(kept)
    checkpointer._attempt()
    assert len(logs.events(tmp_path, KEY_ADOPTED)) == 1
    journal.close()
    logs.check(tmp_path, journal.writer)


def test_another_process_rotates_the_key(tmp_path: Path) -> None:
    journal = SegmentJournal(tmp_path, sign_every_s=0.05).open()
    script = (
        "import sys; from pathlib import Path; from freehold.ledger.signing import LedgerKeys;"
        f"LedgerKeys(Path(sys.argv[1])).rotate({AT!r})"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=60)
    until(lambda: len(logs.events(tmp_path, KEY_ADOPTED)) == 1)
    journal.close()
    logs.check(tmp_path, journal.writer)


def test_tenants_are_counted_at_the_end_of_a_day_and_of_a_run(tmp_path: Path) -> None:
    clock = Wound()
    journal = SegmentJournal(tmp_path, sign_every_s=0.02, clock=clock).open()
    journal.append(record("acme"), "acme")
    journal.append(record("acme"), "acme")
    journal.append(record("zenith"), "zenith")
    clock.now += DAY_NS
    until(lambda: journal.sequence == 1 + 3 + 3)
    journal.append(record("acme"), "acme")
    journal.close()
    lines = logs.envelopes(tmp_path, journal.writer)
    told = [
        (line["body"]["tenant"], line["tenant_seq"])
        for line in lines
        if line["body"]["type"] == "counted"
    ]
    assert told == [("", 2), ("acme", 3), ("zenith", 2), ("acme", 5)]
    assert lines[-1]["body"]["at_ns"] == clock.now
    logs.check(tmp_path, journal.writer)


def test_a_run_that_died_is_counted_by_the_next(
    tmp_path: Path, abandon: Callable[[SegmentJournal], None]
) -> None:
    journal = SegmentJournal(tmp_path, sign_every_s=3600).open()
    journal.append(record("acme"), "acme")
    abandon(journal)
    again = SegmentJournal(tmp_path, sign_every_s=3600).open()
    kinds = [line["body"]["type"] for line in logs.envelopes(tmp_path, again.writer)]
    assert kinds == ["started", "closed", "counted", "counted", "started"]
    again.close()
    logs.check(tmp_path, again.writer)


def test_the_history_has_one_a_minute_and_the_last(tmp_path: Path) -> None:
    clock = Wound()
    journal = SegmentJournal(tmp_path, sign_every_s=3600, clock=clock).open()
    for _ in range(10):
        journal.append(record("acme"), "acme")
        journal.checkpoint()
        clock.now += 20_000_000_000
    journal.close()
    sizes = [
        Checkpoint.parse(notes.read(one.note).text).size
        for one in CheckpointFiles(journal.folder).history()
    ]
    assert sizes == [2, 5, 8, 11, 13]
    assert sizes[-1] == logs.newest(tmp_path, journal.writer).size


def test_a_line_of_the_history_that_was_never_ended_is_passed_over(tmp_path: Path) -> None:
    store = CheckpointFiles(tmp_path)
    store.remember(AT, "first\n")
    path = tmp_path / "checkpoints.jsonl"
    path.write_bytes(path.read_bytes() + b'{"at":"20')
    store.remember(AT, "second\n")
    assert [one.note for one in store.history()] == ["first\n", "second\n"]
    assert [one.note for one in store.history(last_bytes=70)] == ["second\n"]


def test_the_checkpoint_of_another_log_is_none(tmp_path: Path) -> None:
    first = SegmentJournal(tmp_path, sign_every_s=3600).open()
    second = SegmentJournal(tmp_path, sign_every_s=3600).open()
    first.close()
    second.close()
    keys = LedgerKeys(tmp_path)
    origin = keys.origin(second.writer)
    store = CheckpointFiles(ledger_folder(tmp_path) / first.writer)
    with pytest.raises(notes.NoteError, match="not signed by a key"):
        store.signed(keys.vkeys(origin), origin)
    (first.folder / "checkpoint").write_bytes(b"\xff\n\n")
    with pytest.raises(notes.NoteError):
        store.newest()
    (first.folder / "checkpoint").unlink()
    (first.folder / "checkpoint").mkdir()
    with pytest.raises(StorageError):
        store.newest()


def test_tree_files_refuse_what_is_too_short(tmp_path: Path) -> None:
    files = TreeFiles(tmp_path, 0)
    files.append(bytes(32 * 600))
    assert files.size == 600
    files.close()
    (tmp_path / "tree" / "1").write_bytes(bytes(32))
    with pytest.raises(ValueError, match="holds less than 2"):
        TreeFiles(tmp_path, 600)
