"""Read-only SQLite connections, kept open between queries."""

import queue
import sqlite3
from typing import Any
from urllib.parse import quote

from freehold.core.clock import Clock
from freehold.core.errors import ContextError
from freehold.core.spec import SourceSpec

PREFIX = "sqlite:///"
_PROGRESS_STEPS = 5_000
_ALLOWED = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
    }
)
_FULL_TEXT_PRAGMA = "data_version"  # FTS5 asks for it by itself
_SCHEMA_TABLES = frozenset({"sqlite_master", "sqlite_schema"})
_SAYS_A_NAME = ("no such table", "no such column", "no such function", "no such module")
Rows = list[dict[str, Any]]


class SqlitePool:
    """Idle connections by address; one is taken, used and put back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._idle: dict[str, queue.SimpleQueue[sqlite3.Connection]] = {}

    def query(self, spec: SourceSpec, params: dict[str, Any], budget_ns: int) -> Rows | None:
        """The rows, or ``None`` when they took longer than the budget.

        Raises:
            ContextError: the file can't be read, or the database refuses the query.
        """
        idle = self._idle.setdefault(spec.url, queue.SimpleQueue())
        deadline = self._clock.monotonic_ns() + budget_ns
        connection: sqlite3.Connection | None = None
        try:
            try:
                connection = idle.get_nowait()
            except queue.Empty:
                connection = _open(spec.url)
            connection.set_progress_handler(
                lambda: self._clock.monotonic_ns() > deadline, _PROGRESS_STEPS
            )
            cursor = connection.execute(spec.query, params)
            names = [column[0] for column in cursor.description or ()]
            rows = cursor.fetchmany(spec.max_rows)
            cursor.close()
        except (sqlite3.Error, ValueError, OverflowError, TypeError) as error:
            if connection is not None:
                connection.close()
            if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT:
                return None
            raise ContextError(f"source {spec.id}: {_reason(error)}") from None
        idle.put(connection)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def close(self) -> None:
        """Close what is idle."""
        for idle in self._idle.values():
            while not idle.empty():
                idle.get_nowait().close()
        self._idle.clear()


def _open(url: str) -> sqlite3.Connection:
    path = url.removeprefix(PREFIX)
    connection = sqlite3.connect(
        f"file:{quote(path)}?mode=ro", uri=True, check_same_thread=False, isolation_level=None
    )
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.set_authorizer(_authorise)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _authorise(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """Reading, and nothing else: no other file, no setting, no extension."""
    if action in _ALLOWED:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA and first == _FULL_TEXT_PRAGMA and second is None:
        return sqlite3.SQLITE_OK
    # Said when a virtual table is declared (json_each, FTS5); a real update is refused anyway,
    # by `mode=ro` and by `query_only`.
    if action == sqlite3.SQLITE_UPDATE and first in _SCHEMA_TABLES:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _reason(error: Exception) -> str:
    """What went wrong, without the values and the text that SQLite quotes in its messages."""
    name = getattr(error, "sqlite_errorname", "")
    said = str(error)
    what = f"{type(error).__name__} {name}".strip()
    return f"{what}: {said}" if name and said.startswith(_SAYS_A_NAME) else what
