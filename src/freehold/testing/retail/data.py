"""Makes the database of the retail example: one SQLite file, the same for the same seed.

    python -m freehold.testing.retail.data --out harbor-and-pine.sqlite

1,600 stores, about 400 products, 145,000 stock rows, 20,000 customers and 40,000 orders take a
few seconds and about 25 MB. The file is written beside its final place and then renamed, so a
reader sees either the whole database or none.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sqlite3
import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Final

from freehold.testing.retail import people, rows, schema
from freehold.testing.retail.database import open_readonly
from freehold.testing.retail.rows import Row

# The day on which the example plays; "today" in every date of the data.
TODAY: Final = date(2026, 6, 15)

# Called with the tables filled so far, the number of tables, and the one just filled.
Progress = Callable[[int, int, str], None]


def build(
    path: Path,
    *,
    stores: int = 1_600,
    customers: int = 20_000,
    orders: int = 40_000,
    seed: int = 2026,
    today: date = TODAY,
    progress: Progress | None = None,
) -> Path:
    """Write the database to `path` and return `path`; an existing file is replaced.

    Raises `ValueError` for counts below 1, and `OSError` or `sqlite3.Error` as the disk does.
    """
    if min(stores, customers, orders) < 1:
        raise ValueError("stores, customers and orders must each be at least 1")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    try:
        with closing(sqlite3.connect(draft, isolation_level=None)) as db:
            # A half-made draft is thrown away, so durability would only cost time.
            db.execute("PRAGMA journal_mode = OFF")
            db.execute("PRAGMA synchronous = OFF")
            db.executescript(schema.TABLES)
            db.execute("BEGIN")
            _fill(_Writer(db, progress), stores, customers, orders, seed, today)
            db.execute("COMMIT")
            db.executescript(schema.INDEXES)
            db.execute("ANALYZE")
            db.execute("PRAGMA journal_mode = WAL")
        for leftover in ("-wal", "-shm"):
            path.with_name(path.name + leftover).unlink(missing_ok=True)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


def ensure(
    path: Path,
    *,
    stores: int = 1_600,
    customers: int = 20_000,
    orders: int = 40_000,
    seed: int = 2026,
    progress: Progress | None = None,
) -> Path:
    """Return `path`, built now unless it already holds the database of these very arguments."""
    if _meta_of(path) != _meta(stores, customers, orders, seed, TODAY):
        build(path, stores=stores, customers=customers, orders=orders, seed=seed, progress=progress)
    return path


def content_hash(path: Path) -> str:
    """SHA-256 (hex) over all rows in key order; free of SQLite's page layout and version."""
    digest = hashlib.sha256()
    with closing(open_readonly(path)) as db:
        for table in schema.NAMES:
            digest.update(table.encode())
            # Every table is WITHOUT ROWID: a plain scan reads it in key order.
            for row in db.execute(f"SELECT * FROM {table}"):  # noqa: S608 (a literal)
                digest.update(repr(row).encode())
    return digest.hexdigest()


class _Writer:
    """Inserts whole tables and reports each."""

    def __init__(self, db: sqlite3.Connection, progress: Progress | None) -> None:
        self._db = db
        self._progress = progress
        self._done = 0

    def insert(self, table: str, made: Iterable[Row]) -> None:
        columns = len(self._db.execute(f"PRAGMA table_info({table})").fetchall())
        marks = ", ".join("?" * columns)
        self._db.executemany(f"INSERT INTO {table} VALUES ({marks})", made)  # noqa: S608
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, len(schema.NAMES), table)


def _fill(to: _Writer, stores: int, customers: int, orders: int, seed: int, today: date) -> None:
    to.insert("meta", sorted(_meta(stores, customers, orders, seed, today).items()))
    to.insert("regions", rows.regions(seed))
    store_rows, hours, shops = rows.stores(seed, stores)
    to.insert("stores", store_rows)
    to.insert("store_hours", hours)
    supplier_rows = rows.suppliers(seed)
    to.insert("suppliers", supplier_rows)
    product_rows, goods = rows.products(seed, supplier_rows)
    to.insert("products", product_rows)
    to.insert("refund_policy", rows.refund_policy())
    to.insert("tier_terms", rows.tier_terms())
    to.insert("promotions", rows.promotions(seed, goods, today))
    stock_rows = list(rows.stock(seed, shops, goods))
    to.insert("stock", stock_rows)
    to.insert("deliveries", rows.deliveries(seed, stock_rows, goods, today))
    customer_rows = people.customers(seed, customers, shops, today)
    to.insert("customers", customer_rows)
    item_rows: list[Row] = []
    order_rows: list[Row] = []
    for order, items in people.orders(seed, orders, customer_rows, goods, today):
        order_rows.append(order)
        item_rows += items
    to.insert("orders", order_rows)
    to.insert("order_items", item_rows)


def _meta(stores: int, customers: int, orders: int, seed: int, today: date) -> dict[str, str]:
    settings = {
        "version": schema.VERSION,
        "seed": seed,
        "today": today.isoformat(),
        "stores": stores,
        "customers": customers,
        "orders": orders,
    }
    return {name: str(value) for name, value in settings.items()}


def _meta_of(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        with closing(open_readonly(path)) as db:
            return dict(db.execute("SELECT name, value FROM meta"))
    except sqlite3.Error:
        return {}  # not our database, or a damaged one: it is made anew


def main(argv: list[str] | None = None) -> int:
    """The command line: makes the file, prints its path, size and content hash."""
    parser = argparse.ArgumentParser(prog="python -m freehold.testing.retail.data")
    parser.add_argument("--out", type=Path, required=True, help="the SQLite file to write")
    parser.add_argument("--stores", type=int, default=1_600)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--orders", type=int, default=40_000)
    parser.add_argument("--seed", type=int, default=2026)
    args = parser.parse_args(argv)

    def report(done: int, of: int, table: str) -> None:
        sys.stderr.write(f"[{done}/{of}] {table}\n")

    build(
        args.out,
        stores=args.stores,
        customers=args.customers,
        orders=args.orders,
        seed=args.seed,
        progress=report,
    )
    size = args.out.stat().st_size
    sys.stdout.write(f"{args.out} {size} bytes, content {content_hash(args.out)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
