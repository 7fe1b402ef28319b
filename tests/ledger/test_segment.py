"""The segment journal: only whole records, whatever happens in the middle of one."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from freehold.core.errors import AuditError, StorageError
from freehold.ledger.canonical import encode
from freehold.ledger.files import ledger_folder, repair, segment_path, writers
from freehold.ledger.reading import Place, read, read_all, read_at
from freehold.ledger.segment import SegmentJournal

RECORD = encode({"n": 1, "text": "x" * 500})


def bodies(home: Path) -> list[dict[str, object]]:
    return [
        entry.envelope()["body"]
        for entry in read_all(home)
        if entry.envelope()["body"].get("type") not in ("started", "counted")
    ]


def sequence(home: Path) -> list[int]:
    return [entry.envelope()["seq"] for entry in read_all(home)]


def test_a_line_is_canonical_and_says_who_wrote_it(tmp_path: Path) -> None:
    with_journal = SegmentJournal(tmp_path).open()
    with_journal.append(RECORD)
    with_journal.close()
    entry = list(read_all(tmp_path))[1]
    envelope = entry.envelope()
    assert encode(envelope) == entry.line
    assert sorted(envelope) == ["body", "salt", "seq", "tenant_seq", "v", "writer"]
    assert (envelope["writer"], envelope["seq"]) == (with_journal.writer, 2)
    assert (envelope["tenant_seq"], envelope["v"]) == (2, 2)
    assert len(bytes.fromhex(envelope["salt"])) == 16
    again = read_at(tmp_path, entry.writer, entry.segment, entry.offset, len(entry.line))
    assert again == entry


def test_salts_are_never_the_same(tmp_path: Path) -> None:
    journal = SegmentJournal(tmp_path).open()
    for _ in range(600):
        journal.append(RECORD)
    journal.close()
    assert len({entry.envelope()["salt"] for entry in read_all(tmp_path)}) == 602


def test_sequence_goes_on_over_segments_and_runs(tmp_path: Path) -> None:
    for _ in range(3):
        journal = SegmentJournal(tmp_path, rotate_bytes=4_000).open()
        for _ in range(20):
            journal.append(RECORD)
        journal.close()
    assert writers(tmp_path) == [journal.writer]
    assert journal.segment > 5
    assert sequence(tmp_path) == list(range(1, 67))


def test_reading_goes_on_from_a_place(tmp_path: Path) -> None:
    journal = SegmentJournal(tmp_path, rotate_bytes=2_000).open()
    for _ in range(12):
        journal.append(RECORD)
    journal.close()
    entries = list(read_all(tmp_path))
    for at, entry in enumerate(entries):
        assert list(read(tmp_path, journal.writer, entry.end)) == entries[at + 1 :]
    assert list(read(tmp_path, journal.writer, Place())) == entries


def test_two_processes_have_their_own_folders(tmp_path: Path) -> None:
    first = SegmentJournal(tmp_path).open()
    second = SegmentJournal(tmp_path).open()
    assert first.writer != second.writer
    second.close()
    third = SegmentJournal(tmp_path).open()
    assert third.writer == second.writer
    third.close()
    first.close()


def test_closed_means_refused(tmp_path: Path) -> None:
    journal = SegmentJournal(tmp_path)
    with pytest.raises(AuditError):
        journal.append(RECORD)
    journal.open()
    journal.close()
    journal.close()
    with pytest.raises(AuditError):
        journal.append(RECORD)


class FailingDisk:
    """os.write that writes a little and then fails, or is merely slow of digestion."""

    def __init__(self, accepts: int, fails: bool) -> None:
        self.accepts = accepts
        self.fails = fails
        self.real = os.write

    def __call__(self, descriptor: int, data: bytes) -> int:
        if self.fails and self.accepts <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = self.real(descriptor, data[: max(self.accepts, 1)])
        if self.fails:
            self.accepts -= written
        return written


def test_short_writes_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = SegmentJournal(tmp_path).open()
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", FailingDisk(7, fails=False))
        journal.append(RECORD)
    journal.close()
    assert bodies(tmp_path) == [{"n": 1, "text": "x" * 500}]


@pytest.mark.parametrize("accepts", [0, 1, 100, 600])
def test_a_full_disk_refuses_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accepts: int
) -> None:
    journal = SegmentJournal(tmp_path).open()
    journal.append(RECORD)
    before = segment_path(journal.folder, journal.segment).read_bytes()
    counters = journal.sequence, dict(journal._tenants), list(journal._unhashed.leaves())
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", FailingDisk(accepts, fails=True))
        with pytest.raises(AuditError, match="No space"):
            journal.append(RECORD)
    assert segment_path(journal.folder, journal.segment).read_bytes() == before
    assert (journal.sequence, dict(journal._tenants), list(journal._unhashed.leaves())) == counters
    journal.append(RECORD)
    journal.close()
    assert len(bodies(tmp_path)) == 2
    assert sequence(tmp_path) == [1, 2, 3, 4]


def test_when_not_even_cutting_back_works_a_new_segment_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = SegmentJournal(tmp_path).open()

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", FailingDisk(100, fails=True))
        patch.setattr(os, "ftruncate", refuse)
        with pytest.raises(AuditError):
            journal.append(RECORD)
    journal.append(RECORD)
    journal.close()
    assert journal.segment == 2
    assert len(bodies(tmp_path)) == 1
    torn = segment_path(journal.folder, 1).with_suffix(".log.torn")
    assert torn.stat().st_size == 100


@pytest.mark.parametrize("tail", [b"{", b'{"body":{', bytes(300), b"{}garbage\n", b"\0\0\n\0"])
def test_a_torn_tail_is_moved_aside(tmp_path: Path, tail: bytes) -> None:
    journal = SegmentJournal(tmp_path).open()
    journal.append(RECORD)
    journal.close()
    path = segment_path(journal.folder, journal.segment)
    whole = path.read_bytes()
    path.write_bytes(whole + tail)
    assert len(list(read(tmp_path, journal.writer))) >= 2
    again = SegmentJournal(tmp_path).open()
    again.append(RECORD)
    again.close()
    assert path.read_bytes().startswith(whole)
    assert path.with_suffix(".log.torn").read_bytes() == tail
    assert sequence(tmp_path) == [1, 2, 3, 4, 5, 6]
    assert writers(tmp_path) == [again.writer]


def test_nothing_is_written_where_readers_have_been(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An index that went past the damaged tail would take what stands there then for old."""
    journal = SegmentJournal(tmp_path).open()
    journal.close()
    path = segment_path(journal.folder, 1)
    path.write_bytes(path.read_bytes() + b"what is this\n")
    seen = list(read(tmp_path, journal.writer))[-1].end
    again = SegmentJournal(tmp_path).open()
    again.append(RECORD)
    again.close()
    assert "13 bytes that are no record" in caplog.text
    assert [entry.envelope()["seq"] for entry in read(tmp_path, again.writer, seen)] == [3, 4, 5]


@pytest.mark.parametrize("at", [9, 300, -30])
def test_a_damaged_last_record_stays_for_readers_to_report(
    tmp_path: Path, at: int, abandon: Callable[[SegmentJournal], None]
) -> None:
    journal = SegmentJournal(tmp_path, sign_every_s=3600).open()
    journal.append(RECORD)
    start = segment_path(journal.folder, 1).stat().st_size
    journal.append(RECORD)
    abandon(journal)
    path = segment_path(journal.folder, 1)
    data = bytearray(path.read_bytes())
    data[start + at if at > 0 else at] ^= 0x80
    path.write_bytes(bytes(data))
    again = SegmentJournal(tmp_path).open()
    again.append(RECORD)
    again.close()
    assert path.read_bytes().startswith(bytes(data))
    entries = list(read(tmp_path, again.writer))
    assert [e.envelope()["seq"] for e in entries if e.offset != start] == [1, 2, 4, 5, 6, 7]
    with pytest.raises(StorageError, match=f"segment 1 has no record at byte {start}"):
        next(e for e in entries if e.offset == start).envelope()


def test_a_file_of_nothing_but_garbage_is_emptied(tmp_path: Path) -> None:
    path = tmp_path / "segment-00000001.log"
    path.write_bytes(b"\0\0\n{x}\n")
    assert repair(path) == 7
    assert path.read_bytes() == b""


def test_room_is_tried_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = SegmentJournal(tmp_path)
    assert not journal.room(), "it is not open"
    journal.open()
    files = sorted(journal.folder.iterdir())
    assert journal.room()

    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        assert not journal.room()
    assert sorted(journal.folder.iterdir()) == files
    journal.close()


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE")
def test_where_little_records_fit_there_is_not_yet_room(tmp_path: Path) -> None:
    script = """
import resource, signal, sys
from pathlib import Path
from freehold.ledger.canonical import encode
from freehold.ledger.segment import SegmentJournal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = SegmentJournal(Path(sys.argv[1])).open()
assert journal.room()
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
journal.append(encode({"text": "x"}))
assert not journal.room()
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], timeout=30, check=True)


def test_an_unusable_home_says_so(tmp_path: Path) -> None:
    ledger_folder(tmp_path).write_text("not a folder")
    with pytest.raises(StorageError):
        SegmentJournal(tmp_path).open()


async def test_durable_waits_for_the_disk_and_shares_syncs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs: list[int] = []

    def slow(descriptor: int) -> None:
        syncs.append(descriptor)
        time.sleep(0.05)

    monkeypatch.setattr("freehold.ledger.flush._sync", slow)
    async with SegmentJournal(tmp_path) as journal:
        journal.append(RECORD)
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            for _ in range(40):
                group.create_task(journal.durable())
        assert 1 <= len(syncs) <= 3
    assert len(syncs) >= 2  # and once more when it closes


async def test_a_failed_sync_is_told_and_the_next_records_go_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    async with SegmentJournal(tmp_path) as journal:
        journal.append(RECORD)
        with monkeypatch.context() as patch:
            patch.setattr("freehold.ledger.flush._sync", refuse)
            async with asyncio.timeout(10):
                with pytest.raises(AuditError, match="disk"):
                    await journal.durable()
        journal.append(RECORD)
        assert journal.segment == 2
        async with asyncio.timeout(10):
            await journal.durable()


_CHILD = """
import sys
from pathlib import Path
from freehold.ledger.canonical import encode
from freehold.ledger.segment import SegmentJournal
journal = SegmentJournal(Path(sys.argv[1]), rotate_bytes=300_000).open()
n = 0
while True:
    n += 1
    journal.append(encode({"n": n, "text": "x" * (n % 9000)}))
    sys.stdout.write(f"{n}\\n")
    sys.stdout.flush()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_kill_9_leaves_whole_records_and_none_that_was_told_is_missing(tmp_path: Path) -> None:
    told = 0
    for round_ in range(4):
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        for _ in range(150 + 37 * round_):
            last = child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read()
        child.wait(timeout=10)
        child.stdout.close()
        lines = [line for line in (last + rest).splitlines(keepends=True) if line.endswith("\n")]
        told += int(lines[-1])
    journal = SegmentJournal(tmp_path).open()
    journal.close()
    found = bodies(tmp_path)
    assert told <= len(found) <= told + 4
    assert len(writers(tmp_path)) == 1
    numbers = [e.envelope()["seq"] for e in read_all(tmp_path)]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE")
def test_a_real_file_size_limit_leaves_whole_records(tmp_path: Path) -> None:
    script = """
import resource, signal, sys
from pathlib import Path
from freehold.core.errors import AuditError
from freehold.ledger.canonical import encode
from freehold.ledger.segment import SegmentJournal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
journal = SegmentJournal(Path(sys.argv[1])).open()
count = 0
try:
    while True:
        journal.append(encode({"text": "x" * 700}))
        count += 1
except AuditError:
    print(count)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert len(bodies(tmp_path)) == int(done.stdout) > 5
    assert (
        segment_path(ledger_folder(tmp_path) / writers(tmp_path)[0], 1).read_bytes()[-1:] == b"\n"
    )
