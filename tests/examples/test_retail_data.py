"""The retail database: the same for the same seed, whole, and small and quick enough."""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from freehold.testing.retail import catalogue, data, schema
from freehold.testing.retail.database import open_readonly

SMALL: dict[str, Any] = {"stores": 40, "customers": 300, "orders": 700}


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float, list[tuple[str, int]]]:
    """The whole database, the seconds it took, and the progress it reported."""
    seen: list[tuple[str, int]] = []
    path = tmp_path_factory.mktemp("retail") / "chain.sqlite"
    started = time.perf_counter()
    data.build(path, progress=lambda done, _, table: seen.append((table, done)))
    return path, time.perf_counter() - started, seen


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return data.build(tmp_path / "small.sqlite", **SMALL)


def _all(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(open_readonly(path)) as db:
        return db.execute(query).fetchall()


def test_the_same_seed_gives_the_same_content(small: Path, tmp_path: Path) -> None:
    again = data.build(tmp_path / "again.sqlite", **SMALL)
    other = data.build(tmp_path / "other.sqlite", seed=7, **SMALL)
    assert data.content_hash(small) == data.content_hash(again)
    assert data.content_hash(small) != data.content_hash(other)


def test_the_content_does_not_depend_on_the_python_version(small: Path) -> None:
    # Written down once; a change here is a change of everybody's example data.
    assert data.content_hash(small)[:16] == "5754f86c8857deb0"


def test_size_time_and_counts(chain: tuple[Path, float, list[tuple[str, int]]]) -> None:
    path, seconds, seen = chain
    assert path.stat().st_size < 60_000_000
    assert seconds < 20
    assert seen == [(name, i + 1) for i, name in enumerate(schema.NAMES)]
    counts = {name: _all(path, f"SELECT count(*) FROM {name}")[0][0] for name in schema.NAMES}
    assert (counts["stores"], counts["customers"], counts["orders"]) == (1_600, 20_000, 40_000)
    assert counts["store_hours"] == 1_600 * 7
    assert 380 <= counts["products"] <= 420
    assert 120_000 <= counts["stock"] <= 170_000


def test_every_reference_holds(chain: tuple[Path, float, list[tuple[str, int]]]) -> None:
    path = chain[0]
    assert _all(path, "PRAGMA foreign_key_check") == []
    assert _all(path, "PRAGMA integrity_check") == [("ok",)]
    assert _all(path, "PRAGMA journal_mode") == [("wal",)]
    wrong_totals = """
        SELECT o.id FROM orders o JOIN order_items i ON i.order_id = o.id
        GROUP BY o.id HAVING sum(i.quantity * i.unit_price_cents) <> o.total_cents"""
    assert _all(path, wrong_totals) == []
    assert (
        _all(path, "SELECT id FROM orders WHERE id NOT IN (SELECT order_id FROM order_items)") == []
    )
    stocked = _all(
        path, "SELECT min(n), max(n) FROM (SELECT count(*) n FROM stock GROUP BY store_id)"
    )
    assert stocked[0][0] >= 60
    assert stocked[0][1] <= 120


def test_the_refund_state_follows_from_the_dates(
    chain: tuple[Path, float, list[tuple[str, int]]],
) -> None:
    today = data.TODAY.isoformat()
    rows = _all(chain[0], "SELECT refund_state, refund_until, delivered_on, status FROM orders")
    assert {row[0] for row in rows} == {"open", "closed", "excluded", "not delivered", "done"}
    for state, until, delivered, status in rows:
        if state == "open":
            assert until >= today
            assert status == "delivered"
        elif state == "closed":
            assert until < today
        elif state == "not delivered":
            assert (delivered, until) == (None, None)


def test_nobody_can_be_reached(chain: tuple[Path, float, list[tuple[str, int]]]) -> None:
    people = _all(chain[0], "SELECT email, phone FROM customers")
    for email, phone in people + _all(chain[0], "SELECT email, phone FROM suppliers"):
        assert re.fullmatch(r"[a-z0-9.]+@([a-z0-9]+\.example|example\.(com|org|net))", str(email))
        assert re.fullmatch(r"\+1 \d{3}-555-01\d\d", str(phone))
    assert len({row[0] for row in people}) == len(people)


def test_tiers_and_promotions_stay_within_their_terms(
    chain: tuple[Path, float, list[tuple[str, int]]],
) -> None:
    path = chain[0]
    tiers = _all(path, "SELECT tier, count(*) FROM customers GROUP BY tier")
    for tier, count in tiers:
        share = catalogue.TIERS[str(tier)][0]
        assert abs(count / 200 - share) < 2
    assert _all(path, "SELECT max(percent_bp) <= 2000 FROM promotions") == [(1,)]
    limits: dict[str, int] = dict(_all(path, "SELECT tier, max_discount_bp FROM tier_terms"))
    assert (limits["guest"], limits["platinum"]) == (500, 1_500)


def test_products_are_found_by_their_words(small: Path) -> None:
    query = "SELECT name FROM product_search WHERE product_search MATCH '{}' ORDER BY rank LIMIT 3"
    assert all(
        "Kettle" in name for (name,) in _all(small, query.format('"kettles" OR "whistling"'))
    )
    ((best,), *_) = _all(small, query.format('"HP-KI-001"'))
    assert (best,) in _all(small, "SELECT name FROM products WHERE sku = 'HP-KI-001'")


def test_reading_cannot_write(small: Path) -> None:
    with closing(open_readonly(small)) as db, pytest.raises(sqlite3.OperationalError):
        db.execute("DELETE FROM orders")


def test_ensure_keeps_what_is_current_and_replaces_what_is_not(tmp_path: Path) -> None:
    path = tmp_path / "kept.sqlite"
    path.write_bytes(b"not a database")
    data.ensure(path, **SMALL)
    made = path.stat().st_mtime_ns
    data.ensure(path, **SMALL)
    assert path.stat().st_mtime_ns == made
    data.ensure(path, seed=7, **SMALL)
    assert path.stat().st_mtime_ns != made


def test_a_failed_build_leaves_the_old_file_and_no_draft(small: Path) -> None:
    before = data.content_hash(small)

    def stop(done: int, of: int, table: str) -> None:
        raise RuntimeError(f"stopped at {table} ({done}/{of})")

    with pytest.raises(RuntimeError, match="meta"):
        data.build(small, progress=stop, **SMALL)
    assert data.content_hash(small) == before
    assert not list(small.parent.glob("*.draft"))


def test_counts_below_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        data.build(tmp_path / "none.sqlite", stores=0)


def test_the_command_prints_the_hash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "cli.sqlite"
    argv = ["--out", str(out), "--stores", "20", "--customers", "50", "--orders", "60"]
    assert data.main(argv) == 0
    assert data.content_hash(out) in capsys.readouterr().out
