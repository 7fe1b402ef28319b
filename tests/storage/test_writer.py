"""One thread writes; what waits together commits together, and one failure spoils no other."""

import threading
import time

import pytest
import sqlalchemy as sa

from freehold.core.errors import StorageError
from freehold.storage.engine import Database, bump
from freehold.storage.tables import revisions
from freehold.storage.writer import Writer


def value(database: Database, name: str) -> int:
    with database.read() as connection:
        query = sa.select(revisions.c.value).where(revisions.c.name == name)
        return int(connection.execute(query).scalar() or 0)


def test_what_is_submitted_is_committed_when_its_future_is_done(database: Database) -> None:
    writer = Writer(database).open()
    futures = [writer.submit(lambda c: bump(c, revisions, "a")) for _ in range(300)]
    futures[-1].result(timeout=10)
    assert value(database, "a") == 300
    writer.close()
    assert all(future.done() for future in futures)


def test_closing_finishes_what_waits(database: Database) -> None:
    writer = Writer(database).open()
    for _ in range(50):
        writer.submit(lambda c: bump(c, revisions, "a"))
    writer.close()
    writer.close()
    assert value(database, "a") == 50
    with pytest.raises(StorageError):
        writer.submit(lambda c: bump(c, revisions, "a"))


def test_one_bad_write_spoils_no_other(database: Database) -> None:
    def bad(connection: sa.Connection) -> None:
        bump(connection, revisions, "never")
        raise ValueError("broken")

    gate = threading.Event()
    writer = Writer(database).open()
    first = writer.submit(lambda c: gate.wait(5))  # type: ignore[arg-type,return-value]
    futures = [
        writer.submit(bad if n == 3 else lambda c: bump(c, revisions, "a")) for n in range(6)
    ]
    gate.set()
    first.result(timeout=10)
    for n, future in enumerate(futures):
        if n == 3:
            with pytest.raises(StorageError, match="ValueError: broken"):
                future.result(timeout=10)
        else:
            future.result(timeout=10)
    writer.close()
    assert value(database, "a") == 5
    assert value(database, "never") == 0


def test_housekeeping_runs_and_runs_a_last_time(database: Database) -> None:
    ticks: list[float] = []
    writer = Writer(database, (lambda: ticks.append(time.monotonic()),), tick_s=0.02).open()
    deadline = time.monotonic() + 5
    while len(ticks) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    before = len(ticks)
    writer.close()
    assert before >= 3
    assert len(ticks) > before


def test_never_opened_means_closed(database: Database) -> None:
    writer = Writer(database)
    writer.close()
    with pytest.raises(StorageError):
        writer.submit(lambda c: None)


def test_nothing_ends_the_thread(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    ticks: list[int] = []

    def broken() -> None:
        raise OverflowError("4111 1111 1111 1111")

    def bad(connection: sa.Connection) -> None:
        raise RuntimeError("nor this")

    writer = Writer(database, (broken, lambda: ticks.append(1)), tick_s=0.01).open()
    given_up = writer.submit(lambda c: time.sleep(0.05))
    given_up.cancel()
    with pytest.raises(StorageError):
        writer.submit(bad).result(timeout=10)
    deadline = time.monotonic() + 5
    while len(ticks) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    writer.submit(lambda c: bump(c, revisions, "a")).result(timeout=10)
    assert writer.alive
    assert len(ticks) >= 3
    assert writer.failures >= 4
    writer.close()
    assert not writer.alive
    assert value(database, "a") == 1
    assert "OverflowError" in caplog.text
    assert "4111" not in caplog.text


def test_housekeeping_can_be_had_at_once_and_in_the_thread(database: Database) -> None:
    done: list[str] = []
    told = threading.Event()

    def task() -> None:
        done.append(threading.current_thread().name)
        told.set()

    def broken() -> None:
        raise RuntimeError("it broke")

    writer = Writer(database, tick_s=60.0).open()
    try:
        writer.soon(broken)
        writer.soon(task)
        assert told.wait(10)
        assert writer.alive
        assert writer.failures == 1
    finally:
        writer.close()
    writer.soon(task)
    assert done == ["freehold-writer"]


def test_haste_has_its_measure(database: Database) -> None:
    done: list[str] = []
    told = threading.Event()

    def first() -> None:
        done.append("first")
        told.set()

    def more() -> None:
        done.append("more")

    writer = Writer(database, tick_s=3600.0, spacing_s=3600.0).open()
    writer.soon(first)
    assert told.wait(10)
    for _ in range(5):
        writer.soon(more)
    writer.submit(lambda c: bump(c, revisions, "a")).result(timeout=10)
    assert done == ["first"], "the next round waits, other writes do not"
    writer.close()
    assert done == ["first", "more"]


def test_what_was_put_off_is_done_when_its_time_has_come(database: Database) -> None:
    rounds: list[int] = []
    told = threading.Event()

    def task() -> None:
        rounds.append(1)
        if len(rounds) < 3:
            writer.soon(task)
        else:
            told.set()

    writer = Writer(database, tick_s=3600.0, spacing_s=0.02).open()
    try:
        writer.soon(task)
        assert told.wait(10)
    finally:
        writer.close()
    assert len(rounds) == 3
