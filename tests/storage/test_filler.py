"""The index is filled once, from everywhere, however often and however many fill it."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from freehold.core.errors import StorageError
from freehold.core.ids import uuid7
from freehold.ledger.files import segment_path
from freehold.ledger.segment import SegmentJournal
from freehold.stages.audit import Audit
from freehold.storage import filler
from freehold.storage.engine import Database
from freehold.storage.exchanges import StoredExchanges
from freehold.storage.filler import fill
from freehold.storage.migrate import open_database
from freehold.storage.tables import exchanges
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


def test_a_damaged_line_is_loud(database: Database, tmp_path: Path, writing: Writing) -> None:
    writing.run(1)
    with segment_path(writing.journal.folder, 1).open("ab") as file:
        file.write(b"what is this\n")
    with pytest.raises(StorageError, match="no record at byte"):
        fill(tmp_path, database)


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
