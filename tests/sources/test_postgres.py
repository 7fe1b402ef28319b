"""PostgreSQL sources, against a real server: read-only, and in time."""

import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import sqlalchemy

from freehold.core.clock import SystemClock
from freehold.core.errors import ContextError
from freehold.core.spec import SourceSpec
from freehold.sources.sql import SqlSource

TABLE = "freehold_source_orders"
MINE = f"SELECT id, total FROM {TABLE} WHERE customer = :customer ORDER BY id"


@pytest.fixture(scope="module")
def filled(postgres_url: str) -> Iterator[str]:
    engine = sqlalchemy.create_engine(
        postgres_url.replace("postgresql://", "postgresql+psycopg://", 1)
    )
    columns = "id int, customer text, total numeric, at timestamptz, more jsonb"
    rows = (
        "(1, 'ada', 19.99, '2026-01-02T03:04:05Z', '{\"a\": [1]}'),"
        "(2, 'ada', 5, NULL, NULL), (3, 'bob', 1, NULL, NULL)"
    )
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {TABLE}")
        connection.exec_driver_sql(f"CREATE TABLE {TABLE} ({columns})")
        connection.exec_driver_sql(f"INSERT INTO {TABLE} VALUES {rows}")
    yield postgres_url
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text(f"DROP TABLE {TABLE}"))
    engine.dispose()


@pytest.fixture
async def source() -> AsyncIterator[SqlSource]:
    async with SqlSource(SystemClock(), threads=3) as opened:
        yield opened


def spec(url: str, query: str, **changes: Any) -> SourceSpec:
    values: dict[str, Any] = {"id": "orders", "type": "sql", "url": url, "query": query}
    return SourceSpec(**(values | {"deadline_ms": 3_000} | changes))


async def test_rows(source: SqlSource, filled: str) -> None:
    piece = await source.fetch(spec(filled, MINE), {"customer": "ada"})
    assert piece is not None
    assert json.loads(piece.text) == [{"id": 1, "total": "19.99"}, {"id": 2, "total": "5"}]
    assert piece.locator.startswith("postgresql")
    assert "@" not in piece.locator
    assert await source.fetch(spec(filled, MINE), {"customer": "' OR true --"}) is None


async def test_times_and_json_and_casts(source: SqlSource, filled: str) -> None:
    query = f"SELECT at, more, id::text AS id FROM {TABLE} WHERE id = :id"
    piece = await source.fetch(spec(filled, query), {"id": 1})
    assert piece is not None
    row = json.loads(piece.text)
    assert (row["more"], row["id"]) == ({"a": [1]}, "1")
    assert row["at"].startswith("2026-01-02T")


async def test_every_spelling_of_the_scheme(source: SqlSource, filled: str) -> None:
    rest = filled.partition("://")[2]
    for scheme in ("postgresql", "postgres", "postgresql+psycopg"):
        assert await source.fetch(spec(f"{scheme}://{rest}", MINE), {"customer": "bob"}) is not None


@pytest.mark.parametrize(
    "query",
    [
        f"INSERT INTO {TABLE} VALUES (9, 'eve', 1, NULL, NULL)",
        f"WITH x AS (DELETE FROM {TABLE} RETURNING id) SELECT id FROM x",
        f"UPDATE {TABLE} SET total = 0",
        f"DROP TABLE {TABLE}",
        "CREATE TABLE freehold_source_more (a int)",
        "SELECT * FROM freehold_nowhere",
        "SELECT 1 WHERE :missing = 1",
    ],
)
async def test_anything_but_reading_is_refused(source: SqlSource, filled: str, query: str) -> None:
    with pytest.raises(ContextError) as caught:
        await source.fetch(spec(filled, query), {"customer": "ada"})
    assert filled not in str(caught.value)
    piece = await source.fetch(spec(filled, MINE), {"customer": "ada"})
    assert piece is not None
    assert piece.rows == 2


async def test_a_query_cannot_open_the_door_for_the_next(source: SqlSource, filled: str) -> None:
    opened = "SELECT set_config('default_transaction_read_only', 'off', false) AS now"
    await source.fetch(spec(filled, opened), {})
    with pytest.raises(ContextError, match="ReadOnly"):
        await source.fetch(spec(filled, f"DELETE FROM {TABLE} RETURNING id"), {})


async def test_a_slow_query_ends_in_time(source: SqlSource, filled: str) -> None:
    began = time.perf_counter()
    with pytest.raises(ContextError, match="QueryCanceled"):
        await source.fetch(spec(filled, "SELECT pg_sleep(20)", deadline_ms=150), {})
    assert time.perf_counter() - began < 2
    assert await source.fetch(spec(filled, MINE), {"customer": "ada"}) is not None


async def test_a_server_that_is_not_there(source: SqlSource) -> None:
    with pytest.raises(ContextError) as caught:
        await source.fetch(spec("postgresql://u:s3cret@127.0.0.1:9/x", MINE), {"customer": "a"})
    assert str(caught.value) == "source orders: OperationalError"


async def test_without_the_driver_it_says_what_to_install(
    source: SqlSource, without_library: Callable[[str], None]
) -> None:
    without_library("psycopg")
    with pytest.raises(ContextError) as caught:
        await source.fetch(spec("postgresql://u@127.0.0.1:9/x", MINE), {"customer": "a"})
    assert str(caught.value) == "source orders: no driver psycopg (install freehold[postgres])"


async def test_an_unknown_database(source: SqlSource) -> None:
    for url in ("nosuch://x/y", "not an url", ""):
        with pytest.raises(ContextError, match="source orders: "):
            await source.fetch(spec(url, MINE), {"customer": "a"})
