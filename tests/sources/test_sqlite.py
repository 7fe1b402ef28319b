"""SQLite sources: they read what is bound, and nothing else ever."""

import asyncio
import json
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.clock import SystemClock
from freehold.core.errors import ContextError
from freehold.core.ports import NotAtHand
from freehold.core.spec import SourceSpec
from freehold.sources.sql import SqlSource
from freehold.stages.context.binding import identifiers, terms

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "shop's data.db"
    with sqlite3.connect(path) as made:
        made.executescript(
            """
            CREATE TABLE orders (id TEXT, customer TEXT, total INTEGER, note BLOB);
            INSERT INTO orders VALUES ('A-1', 'ada', 1999, x'00ff'), ('A-2', 'ada', 500, NULL),
                                      ('B-1', 'bob', 100, NULL);
            CREATE VIRTUAL TABLE products USING fts5(sku, title);
            INSERT INTO products VALUES ('SKU-1', 'Blue kettle, 2 l'), ('SKU-2', 'Red boots');
            """
        )
    made.close()
    other = path.with_name("other.db")
    with sqlite3.connect(other) as made:
        made.execute("CREATE TABLE secrets (word TEXT)")
        made.execute("INSERT INTO secrets VALUES ('hidden')")
    made.close()
    return path


@pytest.fixture
async def source() -> AsyncIterator[SqlSource]:
    async with SqlSource(SystemClock()) as opened:
        yield opened


def spec(database: Path, query: str, **changes: Any) -> SourceSpec:
    values: dict[str, Any] = {
        "id": "orders",
        "type": "sql",
        "url": f"sqlite:///{database}",
        "query": query,
        "deadline_ms": 2_000,
    }
    return SourceSpec(**(values | changes))


MINE = "SELECT id, total FROM orders WHERE customer = :customer ORDER BY id"


async def test_rows_become_one_piece(source: SqlSource, database: Path) -> None:
    asked = spec(database, MINE, title="Your orders", labels=frozenset({"orders"}), trusted=True)
    piece = await source.fetch(asked, {"customer": "ada"})
    assert piece is not None
    assert json.loads(piece.text) == [{"id": "A-1", "total": 1999}, {"id": "A-2", "total": 500}]
    assert (piece.source, piece.title, piece.rows) == ("orders", "Your orders", 2)
    assert piece.labels == {"orders"}
    assert piece.trusted
    assert piece.locator.startswith("sqlite:")
    assert len(piece.locator) == len("sqlite:") + 16
    assert piece.fetched_ns > 0
    assert len(piece.digest) == 64


async def test_nothing_found_is_no_piece(source: SqlSource, database: Path) -> None:
    assert await source.fetch(spec(database, MINE), {"customer": "cyd"}) is None


async def test_values_of_every_kind_have_a_form(source: SqlSource, database: Path) -> None:
    query = "SELECT note, 1.5 AS f, NULL AS n, 9223372036854775807 AS big FROM orders WHERE id = :i"
    piece = await source.fetch(spec(database, query), {"i": "A-1"})
    assert piece is not None
    assert json.loads(piece.text) == {"note": "00ff", "f": 1.5, "n": None, "big": 2**63 - 1}


async def test_only_as_many_rows_as_wanted(source: SqlSource, database: Path) -> None:
    piece = await source.fetch(spec(database, MINE, max_rows=1), {"customer": "ada"})
    assert piece is not None
    assert piece.rows == 1


HOSTILE = [
    "' OR '1'='1",
    "ada' --",
    "'; DROP TABLE orders; --",
    "ada\0",
    ":customer",
    "%",
    "ada\\",
    '" OR ""="',
    "ａｄａ",
]


@pytest.mark.parametrize("value", HOSTILE)
async def test_a_value_is_a_value(source: SqlSource, database: Path, value: str) -> None:
    assert await source.fetch(spec(database, MINE), {"customer": value}) is None
    piece = await source.fetch(spec(database, "SELECT :customer AS said"), {"customer": value})
    assert piece is not None
    if "\0" not in value:
        assert json.loads(piece.text) == {"said": value}


@pytest.mark.parametrize(
    "query",
    [
        "INSERT INTO orders VALUES ('X', 'ada', 1, NULL)",
        "UPDATE orders SET total = 0",
        "DELETE FROM orders",
        "DROP TABLE orders",
        "CREATE TABLE more (a)",
        "CREATE TEMP TABLE more (a)",
        "ATTACH DATABASE '{other}' AS other",
        "PRAGMA query_only = OFF",
        "PRAGMA table_info(orders)",
        "SELECT * FROM pragma_table_info('orders')",
        "SELECT load_extension('x')",
        "VACUUM",
        "VACUUM INTO '{other}.copy'",
        "BEGIN IMMEDIATE",
        "SELECT 1; SELECT 2",
        "UPDATE sqlite_master SET sql = 'x'",
        "INSERT INTO products(products) VALUES ('rebuild')",
        "SELECT * FROM nowhere",
        "SELEC 1",
        "SELECT * FROM orders WHERE customer = :customer AND id = :missing",
    ],
)
async def test_anything_but_reading_is_refused(
    source: SqlSource, database: Path, query: str
) -> None:
    before = database.read_bytes()
    asked = spec(database, query.replace("{other}", str(database.with_name("other.db"))))
    with pytest.raises(ContextError) as caught:
        await source.fetch(asked, {"customer": "ada"})
    assert "ada" not in str(caught.value)
    assert database.read_bytes() == before
    assert not list(database.parent.glob("*.copy"))
    # and the source still works
    assert await source.fetch(spec(database, MINE), {"customer": "ada"}) is not None


async def test_errors_name_what_is_missing_and_quote_no_value(
    source: SqlSource, database: Path
) -> None:
    with pytest.raises(ContextError, match="no such table: nowhere"):
        await source.fetch(spec(database, "SELECT * FROM nowhere"), {})
    search = "SELECT sku FROM products WHERE products MATCH :terms"
    with pytest.raises(ContextError) as caught:
        await source.fetch(spec(database, search), {"terms": "my \"secret' ("})
    assert "secret" not in str(caught.value)
    with pytest.raises(ContextError, match="source orders"):
        await source.fetch(spec(database.with_name("none.db"), MINE), {"customer": "ada"})
    assert not database.with_name("none.db").exists()


@pytest.mark.parametrize("value", ["\ud800", 2**70, object()])
async def test_values_that_cannot_be_bound(source: SqlSource, database: Path, value: Any) -> None:
    with pytest.raises(ContextError, match=r"^source orders: ") as caught:
        await source.fetch(spec(database, MINE), {"customer": value})
    assert str(value) not in str(caught.value)


# -- time --------------------------------------------------------------------------------------


@pytest.mark.parametrize("inline", [True, False])
async def test_an_endless_query_is_interrupted(database: Path, inline: bool) -> None:
    async with SqlSource(SystemClock(), inline_sqlite=inline) as source:
        began = time.perf_counter()
        with pytest.raises(ContextError, match="interrupted after 100 ms"):
            await source.fetch(spec(database, ENDLESS, deadline_ms=100), {})
        assert 0.05 < time.perf_counter() - began < 1.5
        assert await source.fetch(spec(database, MINE), {"customer": "ada"}) is not None


async def test_a_slow_query_holds_up_nobody_else(source: SqlSource, database: Path) -> None:
    longest = 0.0
    slow = asyncio.create_task(source.fetch(spec(database, ENDLESS, deadline_ms=400), {}))
    last = time.perf_counter()
    while not slow.done():
        await asyncio.sleep(0.005)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    with pytest.raises(ContextError):
        slow.result()
    assert longest < 0.2


async def test_three_slow_queries_take_as_long_as_one(source: SqlSource, database: Path) -> None:
    began = time.perf_counter()
    asked = spec(database, ENDLESS, deadline_ms=300)
    results = []
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(_refused(source, asked, results))
    assert results == ["refused"] * 3
    assert time.perf_counter() - began < 0.75


async def _refused(source: SqlSource, asked: SourceSpec, results: list[str]) -> None:
    with pytest.raises(ContextError):
        await source.fetch(asked, {})
    results.append("refused")


async def test_what_was_slow_goes_to_a_thread_and_quick_queries_stay(
    source: SqlSource, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    query = source._sqlite.query

    def noted(*arguments: Any) -> Any:
        threads.append(threading.current_thread().name.partition("_")[0])
        return query(*arguments)

    monkeypatch.setattr(source._sqlite, "query", noted)
    for _ in range(2):
        source.fetch_now(spec(database, MINE), {"customer": "ada"})
    assert threads == ["MainThread", "MainThread"]
    threads.clear()
    slow = spec(database, ENDLESS, deadline_ms=50)
    for _ in range(2):
        with pytest.raises(NotAtHand):
            source.fetch_now(slow, {})
        with pytest.raises(ContextError):
            await source.fetch(slow, {})
    assert threads == ["MainThread", "sql-source", "sql-source"]


async def test_connections_are_kept(source: SqlSource, database: Path) -> None:
    for _ in range(5):
        await source.fetch(spec(database, MINE), {"customer": "ada"})
    (idle,) = source._sqlite._idle.values()
    assert idle.qsize() == 1


# -- search ------------------------------------------------------------------------------------

SEARCH = "SELECT sku FROM products WHERE products MATCH :terms ORDER BY rank"


async def test_the_words_of_a_question_find_products(source: SqlSource, database: Path) -> None:
    bound = {"terms": terms("Do you have a BLUE kettle, please?")}
    piece = await source.fetch(spec(database, SEARCH), bound)
    assert piece is not None
    assert json.loads(piece.text) == {"sku": "SKU-1"}


@given(st.text(max_size=80) | st.text(alphabet=st.sampled_from(list("\"'*^:()-+{} ORANDNEAR\\a"))))
def test_no_text_can_break_a_search(text: str) -> None:
    bound = terms(text)
    if not bound:
        return
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE products USING fts5(sku, title)")
    connection.execute("SELECT sku FROM products WHERE products MATCH ?", (bound,)).fetchall()
    connection.close()


@given(st.text(max_size=200))
def test_identifiers_are_a_list_in_json(text: str) -> None:
    found = json.loads(identifiers(text))
    assert isinstance(found, list)
    assert len(found) <= 12
    assert all(isinstance(word, str) and len(word) <= 40 for word in found)


async def test_identifiers_find_rows(source: SqlSource, database: Path) -> None:
    query = "SELECT id FROM orders WHERE id IN (SELECT value FROM json_each(:ids))"
    piece = await source.fetch(
        spec(database, query), {"ids": identifiers("Where is order a-2, and what about x?")}
    )
    assert piece is not None
    assert json.loads(piece.text) == {"id": "A-2"}
