"""SQL sources over read-only connections: SQLite in process, everything else by SQLAlchemy."""

import asyncio
import hashlib
import queue
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self
from urllib.parse import quote

import sqlalchemy
from sqlalchemy.exc import SQLAlchemyError

from freehold.core.clock import Clock
from freehold.core.errors import ContextError
from freehold.core.handoffs import Piece
from freehold.core.spec import SourceSpec
from freehold.sources.rendering import piece_of

_SQLITE = "sqlite:///"
_PROGRESS_STEPS = 20_000


class SqlSource:
    """Runs a source's query with its bound parameters, never with text put into the SQL.

    Connections are read-only by the database's own means: SQLite's ``mode=ro`` and
    ``query_only``, PostgreSQL's ``default_transaction_read_only``.

    Args:
        threads: how many queries may run at once.
        inline_sqlite: run SQLite queries on the calling thread. A bound look-up in a local file
            takes some 30 µs, far less than handing it to another thread and back; a query that
            runs past the source's deadline is interrupted either way.
    """

    def __init__(self, clock: Clock, *, threads: int = 8, inline_sqlite: bool = True) -> None:
        self._clock = clock
        self._threads = threads
        self._inline = inline_sqlite
        self._pool: ThreadPoolExecutor | None = None
        self._sqlite: dict[str, queue.SimpleQueue[sqlite3.Connection]] = {}
        self._engines: dict[str, sqlalchemy.Engine] = {}
        self._lock = threading.Lock()

    async def __aenter__(self) -> Self:
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="sql-source")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        for idle in self._sqlite.values():
            while not idle.empty():
                idle.get_nowait().close()
        for engine in self._engines.values():
            engine.dispose()

    async def fetch(self, spec: SourceSpec, params: dict[str, Any]) -> Piece | None:
        """The rows as one piece.

        Raises:
            ContextError: the database can't be reached, or refuses or interrupts the query.
        """
        if spec.url.startswith(_SQLITE):
            if self._inline:
                rows = self._query_sqlite(spec, params)
            else:
                rows = await self._in_thread(self._query_sqlite, spec, params)
        else:
            rows = await self._in_thread(self._query_engine, spec, params)
        shape = (
            f"{spec.url.partition(':')[0]}:{hashlib.sha256(spec.query.encode()).hexdigest()[:16]}"
        )
        return piece_of(spec, rows, locator=shape, fetched_ns=self._clock.now_ns())

    async def _in_thread(self, query: Any, spec: SourceSpec, params: dict[str, Any]) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, query, spec, params)

    def _query_sqlite(self, spec: SourceSpec, params: dict[str, Any]) -> list[dict[str, Any]]:
        idle = self._sqlite.setdefault(spec.url, queue.SimpleQueue())
        connection: sqlite3.Connection | None = None
        try:
            try:
                connection = idle.get_nowait()
            except queue.Empty:
                connection = _open_sqlite(spec.url)
            deadline = self._clock.monotonic_ns() + spec.deadline_ms * 1_000_000
            connection.set_progress_handler(
                lambda: self._clock.monotonic_ns() > deadline, _PROGRESS_STEPS
            )
            cursor = connection.execute(spec.query, params)
            names = [column[0] for column in cursor.description or ()]
            rows = cursor.fetchmany(spec.max_rows)
            cursor.close()
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            raise ContextError(f"source {spec.id}: {type(error).__name__}: {error}") from None
        idle.put(connection)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _query_engine(self, spec: SourceSpec, params: dict[str, Any]) -> list[dict[str, Any]]:
        with self._lock:
            engine = self._engines.get(spec.url)
            if engine is None:
                engine = self._engines[spec.url] = _engine(spec.url, self._threads)
        try:
            with engine.connect() as connection:
                if engine.dialect.name == "postgresql":
                    connection.execute(
                        sqlalchemy.text("SELECT set_config('statement_timeout', :ms, true)"),
                        {"ms": str(spec.deadline_ms)},
                    )
                result = connection.execute(sqlalchemy.text(spec.query), params)
                return [dict(row) for row in result.mappings().fetchmany(spec.max_rows)]
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None)
            raise ContextError(f"source {spec.id}: {type(cause or error).__name__}") from None


def _open_sqlite(url: str) -> sqlite3.Connection:
    path = url.removeprefix(_SQLITE)
    connection = sqlite3.connect(
        f"file:{quote(path)}?mode=ro", uri=True, check_same_thread=False, isolation_level=None
    )
    connection.execute("PRAGMA query_only = ON")
    return connection


def _engine(url: str, threads: int) -> sqlalchemy.Engine:
    name = url.partition(":")[0]
    options: dict[str, Any] = {}
    if name.startswith("postgresql"):
        url = url.replace("postgresql://", "postgresql+psycopg://", 1)
        options["connect_args"] = {
            "options": "-c default_transaction_read_only=on",
            "connect_timeout": 5,
        }
    return sqlalchemy.create_engine(
        url, pool_size=threads, max_overflow=0, pool_pre_ping=True, pool_timeout=5, **options
    )
