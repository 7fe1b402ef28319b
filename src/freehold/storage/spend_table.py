"""The table of what was used: requests, tokens and money by scope and period."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import sqlalchemy as sa

from freehold.core.limits import Period
from freehold.storage.engine import Database, incoming, upsert
from freehold.storage.tables import revisions, spending

Sums = tuple[int, int, int]
"""Requests, tokens, nano-units."""
Row = tuple[str, Period, int]
"""Scope, period, and which one: see ``start``."""
ScopeDay = tuple[str, int]
KEPT: tuple[Period, ...] = ("day", "month", "total")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=64)
def start(period: Period, day: int) -> int:
    """The period that a day (counted from 1970, UTC) is in: the day itself, the month counted from
    year 0, or 0 for the total.
    """
    if period == "day":
        return day
    if period == "month":
        date = _EPOCH + timedelta(days=day)
        return date.year * 12 + date.month - 1
    return 0


class SpendTable:
    """Adds to the table and reads it; every method raises ``StorageError`` when it is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, day: int) -> dict[Row, Sums]:
        """What counts on this day or the one before: the days, their months, all totals."""
        c = spending.c
        months = {start("month", day), start("month", day - 1)}
        wanted = (
            (c.period == "total")
            | ((c.period == "day") & (c.start >= day - 1))
            | ((c.period == "month") & c.start.in_(months))
        )
        with self._database.read() as connection:
            return _by_row(connection.execute(sa.select(spending).where(wanted)))

    def of(self, scopes: Collection[str], day: int) -> dict[Row, Sums]:
        """What these scopes have used on this day, in its month, and in total."""
        wanted = spending.c.scope.in_(sorted(scopes)) & _current(day)
        with self._database.read() as connection:
            return _by_row(connection.execute(sa.select(spending).where(wanted)))

    def largest(self, period: Period, day: int, kind: str, limit: int) -> dict[Row, Sums]:
        """The scopes of a kind (``app``, ``key``, …) that used most; most money first."""
        c = spending.c
        query = (
            sa.select(spending)
            .where((c.period == period) & (c.start == start(period, day)))
            .where(c.scope.startswith(f"{kind}:", autoescape=True))
            .order_by(c.nano.desc(), c.tokens.desc(), c.requests.desc(), c.scope)
            .limit(limit)
        )
        with self._database.read() as connection:
            return _by_row(connection.execute(query))

    def add(self, fresh: Mapping[ScopeDay, Sums], giver: str, number: int) -> dict[Row, Sums]:
        """Add to each scope's day, month and total, in one transaction; what is there now.

        Whoever does not hear that it was committed gives it again, with the same number: it is
        added once.

        Args:
            giver: who adds; 40 characters at most.
            number: of this addition; greater than that of the giver's last one.
        """
        changes: dict[Row, Sums] = {}
        for (scope, day), (requests, tokens, nano) in sorted(fresh.items()):
            for period in KEPT:
                row = (scope, period, start(period, day))
                known = changes.get(row, (0, 0, 0))
                changes[row] = (known[0] + requests, known[1] + tokens, known[2] + nano)
        c = spending.c
        grown = {each.name: each + incoming(each) for each in (c.requests, c.tokens, c.nano)}
        query = sa.select(spending).where(
            (c.scope == sa.bindparam("one_scope"))
            & (c.period == sa.bindparam("one_period"))
            & (c.start == sa.bindparam("one_start"))
        )
        stored: dict[Row, Sums] = {}
        with self._database.write() as connection:
            if _first_time(connection, giver, number):
                rows = [_row(row, sums) for row, sums in changes.items()]
                upsert(connection, spending, rows, grown)
            for scope, period, begins in changes:
                one = {"one_scope": scope, "one_period": period, "one_start": begins}
                stored |= _by_row(connection.execute(query, one))
        return stored


def _first_time(connection: sa.Connection, giver: str, number: int) -> bool:
    """Whether this addition is new, which it is not any more when the transaction is committed."""
    c = revisions.c
    known = connection.execute(sa.select(c.value).where(c.name == giver)).scalar()
    if known is not None and known >= number:
        return False
    upsert(connection, revisions, [{"name": giver, "value": number}], {"value": number})
    return True


def _current(day: int) -> sa.ColumnElement[bool]:
    c = spending.c
    return sa.or_(*((c.period == period) & (c.start == start(period, day)) for period in KEPT))


def _row(row: Row, sums: Sums) -> dict[str, str | int]:
    scope, period, number = row
    requests, tokens, nano = sums
    return {
        "scope": scope, "period": period, "start": number,
        "requests": requests, "tokens": tokens, "nano": nano,
    }  # fmt: skip


def _by_row(rows: Iterable[sa.Row[tuple[object, ...]]]) -> dict[Row, Sums]:
    return {(r.scope, r.period, r.start): (r.requests, r.tokens, r.nano) for r in rows}
