"""SQL sources over read-only connections: SQLite in process, everything else by SQLAlchemy."""

import asyncio
import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import sqlalchemy
from sqlalchemy.exc import SQLAlchemyError

from freehold.core.clock import Clock
from freehold.core.errors import ContextError
from freehold.core.handoffs import Piece
from freehold.core.ports import NotAtHand
from freehold.core.spec import SourceSpec
from freehold.sources.rendering import piece_of
from freehold.sources.sqlite import PREFIX as SQLITE
from freehold.sources.sqlite import Rows, SqlitePool

_INLINE_NS = 5_000_000
_SLOW_FOR_NS = 60_000_000_000
_CONNECT_S = 2


class SqlSource:
    """Runs a source's query with its bound parameters, never with text put into the SQL.

    Connections are read-only by the database's own means: SQLite's ``mode=ro``, ``query_only`` and
    an authoriser, PostgreSQL's read-only transactions.

    Args:
        threads: how many queries may run at once.
        inline_sqlite: run quick SQLite queries on the calling thread (``fetch_now``). A bound
            look-up in a local file takes some 30 µs, far less than handing it to another thread
            and back. A query that takes longer than 5 ms is stopped and run again in a thread, and
            so are its next runs for a minute, so that it holds up nobody else.
    """

    def __init__(self, clock: Clock, *, threads: int = 8, inline_sqlite: bool = True) -> None:
        self._clock = clock
        self._threads = threads
        self._inline = inline_sqlite
        self._pool: ThreadPoolExecutor | None = None
        self._sqlite = SqlitePool(clock)
        self._slow_until: dict[tuple[str, str], int] = {}
        self._engines: dict[str, sqlalchemy.Engine] = {}
        self._lock = threading.Lock()

    async def __aenter__(self) -> Self:
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="sql-source")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._sqlite.close()
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()

    async def fetch(self, spec: SourceSpec, params: dict[str, Any]) -> Piece | None:
        """The rows as one piece.

        Raises:
            ContextError: the database can't be reached, or refuses or interrupts the query.
        """
        if spec.url.startswith(SQLITE):
            rows = await self._from_sqlite(spec, params)
        else:
            rows = await self._in_thread(self._query_engine, spec, params)
        return self._piece(spec, rows)

    def fetch_now(self, spec: SourceSpec, params: dict[str, Any]) -> Piece | None:
        """The rows as one piece, when a local file gives them within 5 ms.

        Raises:
            NotAtHand: no local file, or this query has lately been slow.
            ContextError: the database refuses the query.
        """
        shape = (spec.url, spec.query)
        now = self._clock.monotonic_ns()
        if (
            not self._inline
            or not spec.url.startswith(SQLITE)
            or now < self._slow_until.get(shape, now)
        ):
            raise NotAtHand
        rows = self._sqlite.query(spec, params, min(_INLINE_NS, spec.deadline_ms * 1_000_000))
        if rows is None:
            self._slow_until[shape] = self._clock.monotonic_ns() + _SLOW_FOR_NS
            raise NotAtHand
        return self._piece(spec, rows)

    def _piece(self, spec: SourceSpec, rows: Rows) -> Piece | None:
        shape = (
            f"{spec.url.partition(':')[0]}:{hashlib.sha256(spec.query.encode()).hexdigest()[:16]}"
        )
        return piece_of(spec, rows, locator=shape, fetched_ns=self._clock.now_ns())

    async def _from_sqlite(self, spec: SourceSpec, params: dict[str, Any]) -> Rows:
        deadline_ns = spec.deadline_ms * 1_000_000
        rows: Rows | None = await self._in_thread(self._sqlite.query, spec, params, deadline_ns)
        if rows is not None:
            return rows
        raise ContextError(f"source {spec.id}: interrupted after {spec.deadline_ms} ms")

    async def _in_thread(self, query: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, query, *arguments)

    def _query_engine(self, spec: SourceSpec, params: dict[str, Any]) -> Rows:
        try:
            engine = self._engine(spec)
            with engine.connect() as connection:
                if engine.dialect.name == "postgresql":
                    connection.execute(
                        sqlalchemy.text("SELECT set_config('statement_timeout', :ms, true)"),
                        {"ms": str(spec.deadline_ms)},
                    )
                result = connection.execute(sqlalchemy.text(spec.query), params)
                return [dict(row) for row in result.mappings().fetchmany(spec.max_rows)]
        except ModuleNotFoundError as missing:
            hint = " (install freehold[postgres])" if missing.name == "psycopg" else ""
            raise ContextError(f"source {spec.id}: no driver {missing.name}{hint}") from None
        except (SQLAlchemyError, ValueError, TypeError) as error:
            cause = getattr(error, "orig", None)
            raise ContextError(f"source {spec.id}: {type(cause or error).__name__}") from None

    def _engine(self, spec: SourceSpec) -> sqlalchemy.Engine:
        with self._lock:
            engine = self._engines.get(spec.url)
            if engine is None:
                engine = self._engines[spec.url] = _make_engine(spec.url, self._threads)
            return engine


def _make_engine(url: str, threads: int) -> sqlalchemy.Engine:
    scheme, mark, rest = url.partition("://")
    options: dict[str, Any] = {}
    if scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        url = f"postgresql+psycopg{mark}{rest}"
        options["connect_args"] = {
            "options": "-c default_transaction_read_only=on",
            "connect_timeout": _CONNECT_S,
        }
        options["execution_options"] = {"postgresql_readonly": True}
    return sqlalchemy.create_engine(
        url, pool_size=threads, max_overflow=0, pool_pre_ping=True, pool_timeout=5, **options
    )
