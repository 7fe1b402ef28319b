"""Fills the index of exchanges from the ledger's segments.

Run beside a server as ``python -m freehold.storage.filler --home H --follow``, or once with
:func:`fill` before something is looked up. Where a writer's segments have been read up to stands
in the same transaction as the rows, so nothing is filled twice or never, however often or at once
this runs. Segments are only read, never changed, and read before that transaction begins: SQLite
has one writer at a time, and requests wait for it.

What is no record any more is logged, noted in the table ``unreadable``, and left out; everything
behind it is filled.
"""

import argparse
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from msgspec import to_builtins

from freehold.core.errors import StorageError
from freehold.ledger.files import writers
from freehold.ledger.reading import Damage, Entry, Place, SegmentUnreadable, lock_of, read
from freehold.storage.engine import Database, incoming, upsert
from freehold.storage.exchanges import check_values, values_from
from freehold.storage.load import Sums, add_work, store_work
from freehold.storage.migrate import open_database
from freehold.storage.retold import MARKS, Retold
from freehold.storage.tables import exchanges, fill_marks, unreadable

URL_VARIABLE = "FREEHOLD_DATABASE_URL"
_BATCH = 500
_IDLE_S = 0.3
_AWAY_S = 2.0
# what the parts of a record that was damaged and is still JSON can lead to
_NO_RECORD = (StorageError, KeyError, TypeError, ValueError, AttributeError, IndexError)
_complained: set[str] = set()
_log = logging.getLogger(__name__)


def fill(home: Path, database: Database, waits: Callable[[str], None] = lambda _: None) -> int:
    """Read everything that is new; returns how many records that were.

    Exchanges that a dead writer left open become ``interrupted``. A segment that the system
    refuses to read holds up its own writer only.

    Args:
        waits: told why a writer can't be read to its end.

    Raises:
        StorageError: the store can't be read or written.
    """
    total = 0
    for writer in writers(home):
        total += _fill_all(home, database, writer, waits)
    _bury(home, database)
    return total


def follow(home: Path, database: Database, parent: int | None = None) -> None:
    """Go on filling until the parent process is gone; wait while the store is away."""
    away = False
    while parent is None or os.getppid() == parent:
        try:
            filled = fill(home, database)
        except StorageError as error:
            if not away:
                _log.warning("the index waits: %s", error)
            away = True
            time.sleep(_AWAY_S)
            continue
        away = False
        if not filled:
            time.sleep(_IDLE_S)


def spawn(home: Path, url: str | None = None) -> "subprocess.Popen[bytes]":
    """Start a follower in a process of its own, at low priority.

    It ends when it is terminated, and by itself when this process dies.
    """
    environment = os.environ | ({URL_VARIABLE: url} if url else {})
    command = [sys.executable, "-m", "freehold.storage.filler", "--home", str(home), "--follow"]
    return subprocess.Popen(
        [*command, "--parent", str(os.getpid())], env=environment, stdin=subprocess.DEVNULL
    )


class Plan:
    """What lines do to the store, in their order."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.work: Sums = {}
        self.retold = Retold()
        self._settled: list[tuple[dict[str, dict[str, Any]], str, int]] = []

    def interrupt(self, writer: str, at_ns: int) -> None:
        """Whatever this writer left open up to here was interrupted."""
        self._settled.append((self.rows, writer, at_ns))
        self.rows = {}

    def carry_out(self, connection: sa.Connection) -> None:
        """Within the caller's transaction."""
        for rows, writer, at_ns in self._settled:
            _store(connection, rows)
            _interrupt(connection, writer, at_ns)
        _store(connection, self.rows)
        store_work(connection, self.work)
        self.retold.carry_out(connection)


def _fill_all(
    home: Path, database: Database, writer: str, waits: Callable[[str], None] = lambda _: None
) -> int:
    total = 0
    try:
        _retell(home, database, writer)
        while (filled := _fill_batch(home, database, writer)) != 0:
            total += max(0, filled)
    except SegmentUnreadable as refused:
        waits(str(refused))
        if str(refused) not in _complained:
            _complained.add(str(refused))
            _log.error("the index waits for one writer: %s", refused)
    return total


def _retell(home: Path, database: Database, writer: str) -> None:
    """Heed what lines say that a Freehold read which did not heed it yet; once for each writer.

    Raises:
        SegmentUnreadable: they can't be read just now.
    """
    with database.read() as connection:
        mark, retold = _mark(connection, writer)
    if retold or mark == Place(0, 0):
        return
    plan, damaged = Plan(), []
    for entry in read(home, writer):
        if Place(entry.segment, entry.offset) >= mark:
            break
        if any(told in entry.line for told in MARKS):
            damaged += understood(entry, plan, retelling=True)
    with database.write() as connection:
        _note(connection, damaged)
        plan.retold.carry_out(connection)
        mine = fill_marks.c.writer == writer
        connection.execute(fill_marks.update().where(mine).values(retold=True))


def _fill_batch(home: Path, database: Database, writer: str) -> int:
    """How many records that were; -1 where another filler was faster, and nothing was done.

    Raises:
        SegmentUnreadable: the system refuses to read, and may do so later; what came before that
            has been filled.
    """
    with database.read() as connection:
        mark, _ = _mark(connection, writer)
    entries, refused = _take(home, writer, mark)
    plan = Plan()
    damaged = [bad for entry in entries for bad in understood(entry, plan)]
    end = _end(writer, mark, entries, refused, damaged)
    if end == mark:
        if refused is not None:
            raise refused
        return len(entries)
    with database.write() as connection:
        if _lock_mark(connection, writer) != mark:
            return -1
        _note(connection, damaged)
        plan.carry_out(connection)
        connection.execute(
            fill_marks.update()
            .where(fill_marks.c.writer == writer)
            .values(segment=end.segment, offset=end.offset)
        )
    for one in damaged:
        _log.error("the ledger can't be read: %s; it is left out of the index", one)
    return len(entries) or 1


def _take(home: Path, writer: str, mark: Place) -> tuple[list[Entry], SegmentUnreadable | None]:
    """The next lines, and what ended them if that was no end."""
    entries: list[Entry] = []
    try:
        for entry in islice(read(home, writer, mark), _BATCH):
            entries.append(entry)  # noqa: PERF402 - those before a failure count
    except SegmentUnreadable as refused:
        return entries, refused
    return entries, None


def understood(entry: Entry, plan: Plan, *, retelling: bool = False) -> list[Damage]:
    """Add what a line says to the plan; what of it can't be read is given back.

    Args:
        retelling: only what other lines than those of exchanges say.
    """
    try:
        if retelling:
            body = entry.envelope()["body"]
            if "kind" in body:
                plan.retold.add(body)
        else:
            _understand(entry, plan)
    except _NO_RECORD:
        parts = entry.parts()
        if len(parts) == 1:
            return [entry.damage()]
        return [bad for part in parts for bad in understood(part, plan, retelling=retelling)]
    return []


def _understand(entry: Entry, plan: Plan) -> None:
    """Add what one record says to the plan."""
    body = entry.envelope()["body"]
    if body.get("type") == "started":
        at_ns = body["at_ns"]
        check_values({"closed_ns": at_ns})
        plan.interrupt(entry.writer, at_ns)
    elif "exchange" in body:
        values = values_from(entry, body)
        add_work(plan.work, entry, body)
        _merge(plan.rows, values)
    elif "kind" in body:
        plan.retold.add(body)
        add_work(plan.work, entry, body)


def _end(
    writer: str,
    mark: Place,
    entries: list[Entry],
    refused: SegmentUnreadable | None,
    damaged: list[Damage],
) -> Place:
    """Where the next reading begins. What the disk has lost is damage up to its segment's end."""
    end = entries[-1].end if entries else mark
    if refused is None:
        return end
    if not refused.lost:
        return end
    begin = max(end, Place(refused.place.segment, 0))
    damaged.append(Damage(writer=writer, segment=begin.segment, offset=begin.offset, length=0))
    return Place(begin.segment + 1, 0)


def _note(connection: sa.Connection, damaged: list[Damage]) -> None:
    rows = [to_builtins(one) for one in damaged]
    upsert(connection, unreadable, rows, {"length": incoming(unreadable.c.length)})


def _mark(connection: sa.Connection, writer: str) -> tuple[Place, bool]:
    """How far this writer has been read, and whether what that says was heeded."""
    query = sa.select(fill_marks).where(fill_marks.c.writer == writer)
    row = connection.execute(query).one_or_none()
    return (Place(0, 0), True) if row is None else (Place(row.segment, row.offset), row.retold)


def _lock_mark(connection: sa.Connection, writer: str) -> Place:
    """How far this writer has been read; another filler waits here until this one is done."""
    start = {"writer": writer, "segment": 0, "offset": 0, "retold": True}
    upsert(connection, fill_marks, [start], {"segment": fill_marks.c.segment})
    query = sa.select(fill_marks).where(fill_marks.c.writer == writer).with_for_update()
    row = connection.execute(query).one()
    return Place(row.segment, row.offset)


def _merge(rows: dict[str, dict[str, Any]], values: dict[str, Any]) -> None:
    row = rows.get(values["exchange_id"])
    if row is None:
        rows[values["exchange_id"]] = values
        return
    if row["opened_ns"] is not None:
        values["opened_ns"] = None
    fired = orjson.loads(row["rules_fired"]) + orjson.loads(values["rules_fired"])
    row.update({name: value for name, value in values.items() if value is not None})
    row["rules_fired"] = orjson.dumps(fired).decode()


def _store(connection: sa.Connection, rows: dict[str, dict[str, Any]]) -> None:
    update: dict[str, sa.ColumnElement[Any]] = {
        column.name: sa.func.coalesce(incoming(column), column)
        for column in exchanges.c
        if not column.primary_key
    }
    began = exchanges.c.opened_ns
    update["opened_ns"] = sa.func.coalesce(began, incoming(began))
    # both are lists in JSON text: "[a]" and "[b]" become "[a,b]"
    ours, theirs = exchanges.c.rules_fired, incoming(exchanges.c.rules_fired)
    update["rules_fired"] = sa.case(
        (sa.or_(ours.is_(None), ours == "[]"), theirs),
        (theirs == "[]", ours),
        else_=sa.func.substr(ours, 1, sa.func.length(ours) - 1) + "," + sa.func.substr(theirs, 2),
    )
    upsert(connection, exchanges, list(rows.values()), update)
    rows.clear()


def _interrupt(connection: sa.Connection, writer: str, at_ns: int | None = None) -> None:
    """Whatever a writer left open when it died was interrupted."""
    connection.execute(
        exchanges.update()
        .where((exchanges.c.writer == writer) & exchanges.c.outcome.is_(None))
        .values(outcome="interrupted", closed_ns=at_ns)
    )


def _bury(home: Path, database: Database) -> None:
    """Settle what dead writers left open: a writer whose lock is free writes no more."""
    query = sa.select(exchanges.c.writer).where(exchanges.c.outcome.is_(None)).distinct()
    with database.read() as connection:
        open_ones = set(connection.execute(query).scalars())
    for writer in sorted(open_ones.intersection(writers(home))):
        lock = lock_of(home, writer)
        if not lock.acquire():
            continue
        try:
            _fill_all(home, database, writer)
            with database.write() as connection:
                _interrupt(connection, writer)
        finally:
            lock.release()


def _opened(home: Path, parent: int | None, *, patient: bool) -> Database | None:
    """The store; where it is away, whoever is patient waits for it as long as the parent lives."""
    said = False
    while parent is None or os.getppid() == parent:
        try:
            return open_database(home, os.environ.get(URL_VARIABLE))
        except StorageError as error:
            if not patient:
                _log.error("the index can't be opened: %s", error)
                return None
            if not said:
                said = True
                _log.warning("the index waits: %s", error)
        time.sleep(_AWAY_S)
    return None


def main(arguments: list[str] | None = None) -> int:
    """The command line of the process."""
    parser = argparse.ArgumentParser(
        prog="python -m freehold.storage.filler",
        description=f"Fill the index of exchanges. {URL_VARIABLE} names a store other than the"
        " SQLite file in the home.",
    )
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--follow", action="store_true", help="go on until stopped")
    parser.add_argument("--parent", type=int, help="stop when this process is no longer the parent")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    if hasattr(os, "nice"):
        os.nice(10)
    database = _opened(options.home, options.parent, patient=options.follow)
    if database is None:
        return 1
    try:
        if options.follow:
            follow(options.home, database, options.parent)
        else:
            fill(options.home, database)
    except KeyboardInterrupt:
        return 0
    finally:
        database.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
