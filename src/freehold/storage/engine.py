"""One engine for SQLite (WAL) and PostgreSQL, and the few places where they differ."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from freehold.core.errors import StorageError
from freehold.ledger.files import no_space

DATABASE_FILE = "freehold.db"
_BUSY_MS = 10_000
_READ = "read_only"
# a server that vanished is given up: who waits for it would wait for hours otherwise
_PATIENCE = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


class Database:
    """Short transactions on one store. Threads may share it.

    Writers begin with ``BEGIN IMMEDIATE`` on SQLite, so that two never meet half-way; readers
    take no lock at all. With WAL and ``synchronous=NORMAL`` a commit survives any death of the
    process; what must also survive a power cut is in the ledger.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    @property
    def sqlite(self) -> bool:
        """Whether this is SQLite."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection to read with.

        Raises:
            StorageError: the store can't be reached or read.
        """
        try:
            with self.engine.connect() as connection:
                yield connection.execution_options(**{_READ: True})
        except SQLAlchemyError as error:
            raise StorageError(f"the store can't be read: {self._why(error)}") from error

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction, committed at the end unless something is raised inside.

        Raises:
            StorageError: the store can't be reached or written.
        """
        try:
            with self.engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise StorageError(f"the store can't be written: {self._why(error)}") from error

    def _why(self, error: SQLAlchemyError) -> str:
        """What the driver said, and that the disk is full where it is."""
        file = self.engine.url.database if self.sqlite else None
        full = no_space(Path(file).parent) if file else ""
        return f"{_short(error)}; {full}" if full else _short(error)

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


def connect(url: str) -> Database:
    """An engine for a URL: ``sqlite:///path`` or ``postgresql+psycopg://…``; opens nothing yet.

    Raises:
        StorageError: the URL or its driver is not one that Freehold knows.
    """
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "sqlite":
            engine = sa.create_engine(
                parsed,
                connect_args={"check_same_thread": False, "timeout": _BUSY_MS / 1000},
                poolclass=sa.QueuePool,
            )
            sa.event.listen(engine, "connect", _prepare_sqlite)
            sa.event.listen(engine, "begin", _begin_sqlite)
            return Database(engine)
        if parsed.get_backend_name() == "postgresql":
            if parsed.drivername == "postgresql":
                parsed = parsed.set(drivername="postgresql+psycopg")
            return Database(sa.create_engine(parsed, pool_pre_ping=True, connect_args=_PATIENCE))
    except (SQLAlchemyError, ImportError) as error:
        raise StorageError(f"no store at this URL: {error}") from error
    raise StorageError(f"a store is sqlite or postgresql, not {parsed.get_backend_name()}")


def url_for(home: Path) -> str:
    """The SQLite file in Freehold's home."""
    return f"sqlite:///{home / DATABASE_FILE}"


def upsert(
    connection: sa.Connection,
    table: sa.Table,
    rows: Sequence[Mapping[str, Any]],
    update: Mapping[str, Any],
) -> None:
    """Insert rows; where the primary key is there already, set ``update`` instead.

    Values of ``update`` may refer to the new row with :func:`incoming`.
    """
    if not rows:
        return
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).on_conflict_do_update(
        index_elements=list(table.primary_key.columns), set_=dict(update)
    )
    connection.execute(statement, list(rows))


def incoming(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """In :func:`upsert`, the value of the row that was to be inserted."""
    return sa.literal_column(f'excluded."{column.name}"', column.type)


def bump(connection: sa.Connection, revisions: sa.Table, name: str) -> None:
    """Tell every process that its copy of ``name`` is old, when this transaction commits."""
    value = revisions.c.value
    upsert(connection, revisions, [{"name": name, "value": 1}], {"value": value + 1})


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # the driver's own transactions would begin too late and too weak: this module begins them
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout={_BUSY_MS}",
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    if not connection.get_execution_options().get(_READ):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _short(error: SQLAlchemyError) -> str:
    """What the driver said; SQLAlchemy would add the statement and its values."""
    return str(getattr(error, "orig", None) or type(error).__name__)
