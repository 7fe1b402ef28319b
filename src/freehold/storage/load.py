"""Freehold's own work by minute: sums made from ledger records, and the questions about them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from freehold.core.decisions import STAGES
from freehold.ledger.index import Tenants
from freehold.ledger.load import By, LoadRow
from freehold.ledger.reading import Entry
from freehold.storage.engine import Database, incoming, upsert
from freehold.storage.tables import own_work

MINUTE_NS = 60_000_000_000
_HOUR = 60
_KEY = ("minute", "tenant", "app", "writer")
_COUNTS = tuple(column.name for column in own_work.c if not column.primary_key)
_ZERO = dict.fromkeys(_COUNTS, 0)
# more, and a sum could grow beyond what a column holds; no exchange works for hours
_MOST_NS = 10**13
_LONGEST_NAME = 200

Sums = dict[tuple[Any, ...], dict[str, int]]
"""By minute, tenant, app and writer: what to add to the table's columns."""


def add_work(sums: Sums, entry: Entry, body: Mapping[str, Any]) -> None:
    """Add what a record says of own work, if it says anything. What can't be a time is left out.

    Raises:
        KeyError, TypeError, ValueError: it is no record of its type.
    """
    closed = body.get("closed")
    if closed is not None:
        row = _row(sums, entry, body["at_ns"], body["tenant"], body["app"])
        row["exchanges"] += 1
        row["sampled"] += "cpu_ns" in closed
        _add(row, "spent", closed, "spent_ns", "carried_ns")
        _add(row, "cpu", closed, "cpu_ns", "carried_cpu_ns")
        _add(row, "waited", closed, "waited_ns")
    elif body.get("kind") == "work.carried":
        app = body["subject"] if body["tenant"] else ""
        row = _row(sums, entry, body["at_ns"], body["tenant"], app)
        _add(row, "spent", body["details"], "spent_ns")
        _add(row, "cpu", body["details"], "cpu_ns")


def store_work(connection: sa.Connection, sums: Sums) -> None:
    """Add these to the table, within the caller's transaction."""
    rows = [dict(zip(_KEY, key, strict=True)) | sums[key] for key in sorted(sums)]
    add = {name: own_work.c[name] + incoming(own_work.c[name]) for name in _COUNTS}
    upsert(connection, own_work, rows, add)


class StoredLoad:
    """The `LoadIndex` over the ``own_work`` table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(
        self,
        *,
        tenant: Tenants = None,
        app: str | None = None,
        since_ns: int | None = None,
        until_ns: int | None = None,
        by: By = "",
    ) -> list[LoadRow]:
        """Sums over whole minutes, one for each app, tenant or hour; with none, one at most."""
        c = own_work.c
        keys = _grouping(by)
        first, last = sa.func.min(c.minute), sa.func.max(c.minute)
        query = sa.select(*keys, first, last, *(sa.func.sum(c[name]) for name in _COUNTS))
        if tenant is not None:
            query = query.where(c.tenant.in_([tenant] if isinstance(tenant, str) else tenant))
        if app is not None:
            query = query.where(c.app == app)
        if since_ns is not None:
            query = query.where(c.minute >= since_ns // MINUTE_NS)
        if until_ns is not None:
            query = query.where(c.minute < -(-until_ns // MINUTE_NS))
        query = query.group_by(*keys).order_by(*keys).having(sa.func.count() > 0)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [_told(by, row[: len(keys)], row[len(keys) :]) for row in rows]


def _grouping(by: By) -> Sequence[sa.ColumnElement[Any]]:
    c = own_work.c
    if by == "hour":
        return [(c.minute - c.minute % _HOUR).label("hour")]
    return {"": [], "tenant": [c.tenant], "app": [c.tenant, c.app]}[by]


def _told(by: By, key: Iterable[Any], values: Iterable[Any]) -> LoadRow:
    first, last, *counts = (int(value) for value in values)
    of = dict(zip(_COUNTS, counts, strict=True))
    names = list(key)
    return LoadRow(
        tenant=names[0] if by in ("tenant", "app") else "",
        app=names[1] if by == "app" else "",
        hour_ns=int(names[0]) * MINUTE_NS if by == "hour" else None,
        since_ns=first * MINUTE_NS,
        until_ns=(last + 1) * MINUTE_NS,
        exchanges=of["exchanges"],
        sampled=of["sampled"],
        spent_ns={stage: of[f"spent_{stage}"] for stage in STAGES},
        cpu_ns={stage: of[f"cpu_{stage}"] for stage in STAGES},
        waited_ns={stage: of[f"waited_{stage}"] for stage in STAGES},
    )


def _row(sums: Sums, entry: Entry, at_ns: int, tenant: str, app: str) -> dict[str, int]:
    if type(at_ns) is not int or not 0 <= at_ns < 2**63:
        raise ValueError("no time")
    for name in (tenant, app):
        if type(name) is not str or len(name) > _LONGEST_NAME or "\0" in name:
            raise ValueError("no name")
    return sums.setdefault((at_ns // MINUTE_NS, tenant, app, entry.writer), dict(_ZERO))


def _add(row: dict[str, int], kind: str, told: Mapping[str, Any], *fields: str) -> None:
    for field in fields:
        for stage, nanoseconds in (told.get(field) or {}).items():
            name = f"{kind}_{stage}"
            if name in row and type(nanoseconds) is int and 0 <= nanoseconds <= _MOST_NS:
                row[name] += nanoseconds
