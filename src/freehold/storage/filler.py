"""Fills the index of exchanges from the ledger's segments.

Run beside a server as ``python -m freehold.storage.filler --home H --follow``, or once with
:func:`fill` before something is looked up. Where a writer's segments have been read up to stands
in the same transaction as the rows, so nothing is filled twice or never, however often or at once
this runs. Segments are only read, never changed.
"""

import argparse
import logging
import os
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa

from freehold.core.errors import StorageError
from freehold.ledger.files import writers
from freehold.ledger.reading import Place, lock_of, read
from freehold.storage.engine import Database, incoming, upsert
from freehold.storage.exchanges import values_from
from freehold.storage.migrate import open_database
from freehold.storage.tables import exchanges, fill_marks

URL_VARIABLE = "FREEHOLD_DATABASE_URL"
_BATCH = 500
_IDLE_S = 0.3
_AWAY_S = 2.0
_log = logging.getLogger(__name__)


def fill(home: Path, database: Database) -> int:
    """Read everything that is new; returns how many records that were.

    Exchanges that a dead writer left open become ``interrupted``.

    Raises:
        StorageError: the store or a segment can't be read.
    """
    total = 0
    for writer in writers(home):
        while filled := _fill_batch(home, database, writer):
            total += filled
    _bury(home, database)
    return total


def follow(home: Path, database: Database, parent: int | None = None) -> None:
    """Go on filling until the parent process is gone; wait while the store is away."""
    while parent is None or os.getppid() == parent:
        try:
            filled = fill(home, database)
        except StorageError as error:
            _log.warning("the index waits: %s", error)
            time.sleep(_AWAY_S)
            continue
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


def _fill_batch(home: Path, database: Database, writer: str) -> int:
    with database.write() as connection:
        mark = _lock_mark(connection, writer)
        entries = list(islice(read(home, writer, mark), _BATCH))
        if not entries:
            return 0
        rows: dict[str, dict[str, Any]] = {}
        for entry in entries:
            body = entry.envelope()["body"]
            if body.get("type") == "started":
                _store(connection, rows)
                _interrupt(connection, writer, body["at_ns"])
            elif "exchange" in body:
                _merge(rows, values_from(entry, body))
        _store(connection, rows)
        end = entries[-1].end
        connection.execute(
            fill_marks.update()
            .where(fill_marks.c.writer == writer)
            .values(segment=end.segment, offset=end.offset)
        )
    return len(entries)


def _lock_mark(connection: sa.Connection, writer: str) -> Place:
    """How far this writer has been read; another filler waits here until this one is done."""
    start = {"writer": writer, "segment": 0, "offset": 0}
    upsert(connection, fill_marks, [start], {"segment": fill_marks.c.segment})
    query = sa.select(fill_marks).where(fill_marks.c.writer == writer).with_for_update()
    row = connection.execute(query).one()
    return Place(row.segment, row.offset)


def _merge(rows: dict[str, dict[str, Any]], values: dict[str, Any]) -> None:
    row = rows.get(values["exchange_id"])
    if row is None:
        rows[values["exchange_id"]] = values
        return
    fired = orjson.loads(row["rules_fired"]) + orjson.loads(values["rules_fired"])
    row.update({name: value for name, value in values.items() if value is not None})
    row["rules_fired"] = orjson.dumps(fired).decode()


def _store(connection: sa.Connection, rows: dict[str, dict[str, Any]]) -> None:
    update: dict[str, sa.ColumnElement[Any]] = {
        column.name: sa.func.coalesce(incoming(column), column)
        for column in exchanges.c
        if not column.primary_key
    }
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
            while _fill_batch(home, database, writer):
                pass
            with database.write() as connection:
                _interrupt(connection, writer)
        finally:
            lock.release()


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
    try:
        database = open_database(options.home, os.environ.get(URL_VARIABLE))
    except StorageError:
        _log.exception("the index can't be opened")
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
