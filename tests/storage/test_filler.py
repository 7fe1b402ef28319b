"""The index is filled once, from everywhere, however often and however many fill it."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from freehold.core.ids import uuid7
from freehold.ledger.files import segment_path
from freehold.ledger.reading import read
from freehold.ledger.segment import SegmentJournal
from freehold.stages.audit import Audit
from freehold.storage import filler, migrate
from freehold.storage.engine import Database
from freehold.storage.exchanges import StoredExchanges
from freehold.storage.filler import fill
from freehold.storage.load import StoredLoad
from freehold.storage.migrate import open_database
from freehold.storage.tables import exchanges, fill_marks, unreadable
from tests.audit_samples import answered, exchange, tenant_key


class Writing:
    """A process that writes records into a home."""

    def __init__(self, home: Path, rotate_bytes: int = 10**9) -> None:
        self.journal = SegmentJournal(home, rotate_bytes=rotate_bytes).open()
        self.audit = Audit(self.journal, "r", tenant_key)

    def run(self, count: int, *, open_every: int = 0, **spec: str) -> list[str]:
        ids = []
        for n in range(count):
            trail, ruled, one = exchange(uuid7(), **spec)
            ids.append(trail.arrival.exchange_id)
            self.audit.opened(ruled, trail)
            if not open_every or n % open_every:
                answered(trail)
                self.audit.closed(one, trail, "allowed")
        return ids


@pytest.fixture
def writing(tmp_path: Path) -> Iterator[Writing]:
    made = Writing(tmp_path)
    yield made
    made.journal.close()


def outcomes(database: Database) -> dict[str, int]:
    return StoredExchanges(database).summary().outcomes


def test_everything_gets_in_once(database: Database, tmp_path: Path) -> None:
    writing = Writing(tmp_path, rotate_bytes=50_000)
    writing.run(300)
    assert fill(tmp_path, database) == 601
    writing.run(20)
    assert fill(tmp_path, database) == 40
    assert fill(tmp_path, database) == 0
    assert outcomes(database) == {"allowed": 320}
    assert writing.journal.segment > 5
    writing.journal.close()


def test_open_and_closed_may_come_in_different_rounds(
    database: Database, tmp_path: Path, writing: Writing
) -> None:
    trail, ruled, one = exchange()
    writing.audit.opened(ruled, trail)
    fill(tmp_path, database)
    index = StoredExchanges(database)
    row = index.find(trail.arrival.exchange_id)
    assert row is not None
    assert (row.outcome, row.model, row.rules_fired) == (None, None, ("rule-1/enforce",))
    assert outcomes(database) == {"open": 1}
    answered(trail)
    trail.firings[-1] = trail.firings[-1].__class__(
        rule="discount", version=1, phase="answer", fired=True, mode="observe"
    )
    writing.audit.closed(one, trail, "transformed")
    fill(tmp_path, database)
    row = index.find(trail.arrival.exchange_id)
    assert row is not None
    assert (row.outcome, row.model, row.key_id) == ("transformed", "large", "abc")
    assert row.rules_fired == ("rule-1/enforce", "discount/observe")
    assert row.closed_offset is not None
    assert row.opened_offset is not None
    assert row.closed_offset > row.opened_offset


def test_a_living_writers_open_exchanges_stay_open(
    database: Database, tmp_path: Path, writing: Writing
) -> None:
    writing.run(10, open_every=5)
    fill(tmp_path, database)
    assert outcomes(database) == {"allowed": 8, "open": 2}


def test_a_dead_writers_open_exchanges_were_interrupted(database: Database, tmp_path: Path) -> None:
    writing = Writing(tmp_path)
    writing.run(10, open_every=5)
    fill(tmp_path, database)
    writing.journal.close()
    fill(tmp_path, database)
    assert outcomes(database) == {"allowed": 8, "interrupted": 2}


def test_a_restart_settles_what_the_run_before_left_open(
    database: Database, tmp_path: Path
) -> None:
    writing = Writing(tmp_path)
    writing.run(10, open_every=5)
    writing.journal.close()
    again = Writing(tmp_path)
    assert again.journal.writer == writing.journal.writer
    again.run(4, open_every=2)
    fill(tmp_path, database)
    assert outcomes(database) == {"allowed": 10, "interrupted": 2, "open": 2}
    again.journal.close()


def test_many_fillers_at_once(database: Database, tmp_path: Path) -> None:
    writers = [Writing(tmp_path) for _ in range(3)]
    with ThreadPoolExecutor(6) as pool:
        runs = [pool.submit(writing.run, 150) for writing in writers]
        fills = [pool.submit(fill, tmp_path, database) for _ in range(12)]
        for done in [*runs, *fills]:
            done.result(timeout=60)
    fill(tmp_path, database)
    assert outcomes(database) == {"allowed": 450}
    with database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(exchanges)).scalar() == 450
    for writing in writers:
        writing.journal.close()


def test_others_can_write_while_the_ledger_is_read(
    database: Database,
    store_url: str,
    tmp_path: Path,
    writing: Writing,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who holds the store's one lock for that long makes requests wait until they are given up."""
    writing.run(20)
    other = open_database(tmp_path, store_url)
    wrote: list[str] = []

    def writing_after(name: str):
        step = getattr(filler, name)

        def stepped(*arguments):
            found = step(*arguments)
            with other.write() as connection:  # refused after ten seconds if the filler holds it
                connection.execute(sa.delete(unreadable))
            wrote.append(name)
            return found

        monkeypatch.setattr(filler, name, stepped)

    for name in ("_take", "understood", "_end"):
        writing_after(name)
    try:
        assert fill(tmp_path, database) == 41
    finally:
        other.close()
    assert (wrote.count("_take"), wrote.count("understood")) == (2, 41)
    assert outcomes(database) == {"allowed": 20}


def test_what_another_filler_was_faster_with_is_not_filled_again(
    database: Database, tmp_path: Path, writing: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing.run(30, open_every=3)
    take, nested = filler._take, []

    def slower(*arguments):
        taken = take(*arguments)
        if not nested:
            nested.append(0)
            nested[0] = fill(tmp_path, database)
        return taken

    monkeypatch.setattr(filler, "_take", slower)
    assert fill(tmp_path, database) == 0
    assert nested[0] == 51
    assert outcomes(database) == {"allowed": 20, "open": 10}
    writing.run(5)
    assert fill(tmp_path, database) == 10
    assert sum(row.exchanges for row in StoredLoad(database).load()) == 25


def test_a_torn_tail_waits(database: Database, tmp_path: Path, writing: Writing) -> None:
    (exchange_id,) = writing.run(1)
    path = segment_path(writing.journal.folder, 1)
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    fill(tmp_path, database)
    assert outcomes(database) == {"open": 1}
    path.write_bytes(whole)
    fill(tmp_path, database)
    row = StoredExchanges(database).find(exchange_id)
    assert row is not None
    assert row.outcome == "allowed"


def damage(path: Path, offset: int, to: bytes = b"\xff") -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(to)


def places(database: Database) -> list[tuple[int, int]]:
    return [(one.segment, one.offset) for one in StoredExchanges(database).unreadable()]


def test_a_damaged_record_is_told_once_and_all_others_get_in(
    database: Database, tmp_path: Path, writing: Writing, caplog: pytest.LogCaptureFixture
) -> None:
    ids = writing.run(6)
    other = Writing(tmp_path)
    other.run(4)
    entries = list(read(tmp_path, writing.journal.writer))
    bad = entries[6]  # the end of the third exchange
    damage(segment_path(writing.journal.folder, 1), bad.offset + len(bad.line) // 2)
    for _ in range(3):
        fill(tmp_path, database)
    assert outcomes(database) == {"allowed": 9, "open": 1}
    row = StoredExchanges(database).find(ids[2])
    assert row is not None
    assert row.outcome is None
    assert places(database) == [(1, bad.offset)]
    assert caplog.text.count("can't be read") == 1
    assert f"{writing.journal.writer} segment 1 at byte {bad.offset}" in caplog.text
    writing.run(2)
    fill(tmp_path, database)
    assert outcomes(database) == {"allowed": 11, "open": 1}
    other.journal.close()


def test_every_single_damaged_byte_costs_at_most_the_records_it_is_in(
    database: Database, tmp_path: Path, writing: Writing
) -> None:
    writing.run(2)
    path = segment_path(writing.journal.folder, 1)
    whole = path.read_bytes()
    writing.run(1)
    after = path.read_bytes()
    for offset in range(0, len(whole), 97):
        path.write_bytes(after)
        damage(path, offset, bytes([after[offset] ^ 0x80]))
        with database.write() as connection:
            for table in (exchanges, fill_marks, unreadable):
                connection.execute(table.delete())
        fill(tmp_path, database)
        assert outcomes(database).get("allowed", 0) >= 2 or len(places(database)) == 1
        assert sum(outcomes(database).values()) == 3
        assert len(places(database)) == 1


def test_a_lost_newline_costs_nothing(database: Database, tmp_path: Path, writing: Writing) -> None:
    writing.run(3)
    for entry in list(read(tmp_path, writing.journal.writer))[1:4]:
        damage(segment_path(writing.journal.folder, 1), entry.end.offset - 1, b"\x8a")
    fill(tmp_path, database)
    assert outcomes(database) == {"allowed": 3}
    assert places(database) == []


def test_the_lost_end_of_a_finished_segment_is_told(database: Database, tmp_path: Path) -> None:
    writing = Writing(tmp_path, rotate_bytes=8_000)
    writing.run(6)
    assert writing.journal.segment > 1
    path = segment_path(writing.journal.folder, 1)
    path.write_bytes(path.read_bytes()[:-10])
    fill(tmp_path, database)
    assert [segment for segment, _ in places(database)] == [1]
    assert sum(outcomes(database).values()) == 6
    writing.journal.close()


@pytest.mark.parametrize(
    "line",
    [
        b"what is this",
        b"[]",
        b'{"body":{"type":"started"}}',
        b'{"body":{"type":"started","at_ns":99999999999999999999}}',
        b'{"body":{"exchange":"x","tenant":"t"}}',
        b'{"body":{"exchange":7,"tenant":"t","app":"a"}}',
        b'{"body":{"exchange":"' + b"x" * 65 + b'","tenant":"t","app":"a"}}',
        b'{"body":{"exchange":"x","tenant":"t","app":"a","opened":[]}}',
        b'{"body":{"exchange":"x","tenant":"t","app":"a\\u0000","closed":null}}',
    ],
)
def test_what_is_no_record_holds_up_nothing(
    database: Database, tmp_path: Path, writing: Writing, line: bytes
) -> None:
    path = segment_path(writing.journal.folder, 1)
    place = path.stat().st_size
    with path.open("ab") as file:
        file.write(line + b"\n")
    writing.run(1)
    fill(tmp_path, database)
    assert outcomes(database) == {"allowed": 1}
    assert places(database) == [(1, place)]


@pytest.mark.parametrize(("code", "seen"), [(errno.EIO, 5), (errno.EACCES, 2)])
def test_a_segment_that_the_system_refuses_to_read(
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    code: int,
    seen: int,
) -> None:
    """What the disk lost is skipped; what may come back is waited for. Others go on."""
    writing = Writing(tmp_path, rotate_bytes=1)
    refused = segment_path(writing.journal.folder, 2)
    writing.run(3)
    other = Writing(tmp_path)
    other.run(2)
    opening = Path.open

    def refuse(path: Path, *how: str) -> object:
        if path == refused:
            raise OSError(code, os.strerror(code))
        return opening(path, *how)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        for _ in range(4):
            fill(tmp_path, database)
    assert sum(outcomes(database).values()) == seen
    assert places(database) == ([(2, 0)] if code == errno.EIO else [])
    assert caplog.text.count("can't be read") == 1
    fill(tmp_path, database)
    assert sum(outcomes(database).values()) == 5
    writing.journal.close()
    other.journal.close()


def test_an_older_store_gets_what_is_new(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(migrate, "HEAD", "0001")
        open_database(tmp_path, store_url).close()
    database = open_database(tmp_path, store_url)
    assert places(database) == []
    database.close()


def test_events_are_no_exchanges(database: Database, tmp_path: Path, writing: Writing) -> None:
    writing.audit.event("key.created", "terminal", "abc", {})
    assert fill(tmp_path, database) == 2
    assert outcomes(database) == {}


def test_nothing_to_fill(database: Database, tmp_path: Path) -> None:
    assert fill(tmp_path, database) == 0


def wait_for(database: Database, expected: dict[str, int]) -> None:
    deadline = time.monotonic() + 20
    while outcomes(database) != expected and time.monotonic() < deadline:
        time.sleep(0.05)
    assert outcomes(database) == expected


def test_the_process_follows_and_survives_kill_9(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    writing = Writing(tmp_path)
    child = filler.spawn(tmp_path)
    writing.run(100)
    wait_for(database, {"allowed": 100})
    writing.run(400)
    child.send_signal(signal.SIGKILL)
    child.wait(timeout=10)
    writing.run(100)
    child = filler.spawn(tmp_path)
    wait_for(database, {"allowed": 600})
    child.terminate()
    child.wait(timeout=10)
    writing.journal.close()
    database.close()


def test_the_process_goes_on_behind_a_damaged_record(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    writing = Writing(tmp_path)
    writing.run(3)
    bad = list(read(tmp_path, writing.journal.writer))[2]
    damage(segment_path(writing.journal.folder, 1), bad.offset + 400)
    child = filler.spawn(tmp_path)
    wait_for(database, {"allowed": 2, "open": 1})
    writing.run(2)
    wait_for(database, {"allowed": 4, "open": 1})
    assert places(database) == [(1, bad.offset)]
    child.terminate()
    child.wait(timeout=10)
    writing.journal.close()
    database.close()


def test_once_on_the_command_line(tmp_path: Path) -> None:
    writing = Writing(tmp_path)
    writing.run(3)
    writing.journal.close()
    command = [sys.executable, "-m", "freehold.storage.filler", "--home", str(tmp_path)]
    subprocess.run(command, check=True, timeout=60)
    database = open_database(tmp_path)
    assert outcomes(database) == {"allowed": 3}
    database.close()


def test_it_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    began = time.monotonic()
    filler.follow(tmp_path, database, parent=-1)
    assert time.monotonic() - began < 5
    database.close()
