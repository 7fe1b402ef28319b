"""Alerts, measures, cases and baselines in the store; what stands is in memory for routing."""

import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any

import orjson
import sqlalchemy as sa

from freehold.core.alerts import (
    AlertRow,
    AlertState,
    Baseline,
    CaseRow,
    Happened,
    MeasureRow,
)
from freehold.core.clock import Clock
from freehold.core.errors import StorageError
from freehold.core.standing import Measure
from freehold.storage.alert_tables import alerts, baselines, cases, measures
from freehold.storage.engine import Database, bump, incoming, upsert
from freehold.storage.notices import queue
from freehold.storage.tables import revisions

_REVISION = "alerts"
_OPEN: tuple[AlertState, ...] = ("open",)
_log = logging.getLogger("freehold.alerts")


class StoredAlerts:
    """The `AlertStore` over its four tables."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def alerts(self, *, states: Collection[AlertState] = (), limit: int = 100) -> list[AlertRow]:
        """The newest first; of no states is of all."""
        query = sa.select(alerts).order_by(alerts.c.fired_ns.desc(), alerts.c.alert_id).limit(limit)
        if states:
            query = query.where(alerts.c.state.in_(list(states)))
        return [AlertRow(**row) for row in self._rows(query)]

    def measures(self, *, standing: bool = True, limit: int = 1_000) -> list[MeasureRow]:
        """Those that nobody has ended and whose time is not over, or all; the newest first."""
        c = measures.c
        query = sa.select(measures).order_by(c.since_ns.desc(), c.measure_id).limit(limit)
        if standing:
            ends = c.until_ns.is_(None) | (c.until_ns > self._clock.now_ns())
            query = query.where(c.ended_ns.is_(None) & ends)
        return [_measure(row) for row in self._rows(query)]

    def cases(self, *, limit: int = 100) -> list[CaseRow]:
        """The newest first."""
        query = sa.select(cases).order_by(cases.c.created_ns.desc(), cases.c.case_id).limit(limit)
        return [
            CaseRow(**row | {"exchanges": tuple(orjson.loads(row["exchanges"]))})
            for row in self._rows(query)
        ]

    def keep(self, happened: Happened) -> None:
        """Write it down, all or nothing.

        Raises:
            StorageError: it can't be kept.
        """
        now = self._clock.now_ns()
        with self._database.write() as connection:
            bump(connection, revisions, _REVISION)
            if happened.alert is not None:
                _put(connection, alerts, _plain(happened.alert))
            for row in happened.measures:
                _put(connection, measures, _measure_row(row))
            if happened.case is not None:
                shown = orjson.dumps(list(happened.case.exchanges)).decode()
                _put(connection, cases, _plain(happened.case) | {"exchanges": shown})
            if happened.notice is not None and happened.alert is not None:
                queue(connection, "alert", happened.alert.alert_id, happened.notice, now)

    def baselines(self) -> list[Baseline]:
        """All of them."""
        columns = (baselines.c.series, baselines.c.fingerprint, baselines.c.content)
        return [Baseline(**row) for row in self._rows(sa.select(*columns))]

    def keep_baselines(self, kept: Collection[Baseline]) -> None:
        """Write these down in place of the older ones."""
        now = self._clock.now_ns()
        rows = [_plain(baseline) | {"updated_ns": now} for baseline in kept]
        changing = [c for c in baselines.c if not c.primary_key]
        with self._database.write() as connection:
            upsert(connection, baselines, rows, {c.name: incoming(c) for c in changing})

    def revision(self) -> int:
        """Changes whenever a process has changed alerts or measures."""
        query = sa.select(revisions.c.value).where(revisions.c.name == _REVISION)
        with self._database.read() as connection:
            return int(connection.execute(query).scalar() or 0)

    def _rows(self, query: sa.Select[Any]) -> list[dict[str, Any]]:
        with self._database.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]


class AlertMirror:
    """What stands of measures and alerts, in memory: ``refresh`` is housekeeping of the writer's,
    so that this process follows what another one, or the terminal, has changed. ``changed`` is
    called in its thread.
    """

    def __init__(self, store: StoredAlerts, changed: Callable[[], None]) -> None:
        self._store = store
        self._changed = changed
        self._revision = -1
        self.open: tuple[AlertRow, ...] = ()
        self.measures: tuple[MeasureRow, ...] = ()

    def load(self) -> None:
        """Read everything; a store that is away changes nothing."""
        try:
            self.refresh()
        except StorageError as error:
            _log.warning("measures can't be read: %s", error)

    def refresh(self) -> None:
        """Read again what has changed.

        Raises:
            StorageError: the store is away.
        """
        revision = self._store.revision()
        if revision == self._revision:
            return
        self.open = tuple(self._store.alerts(states=_OPEN, limit=1_000))
        self.measures = tuple(self._store.measures())
        self._revision = revision
        self._changed()


def _put(connection: sa.Connection, table: sa.Table, row: Mapping[str, Any]) -> None:
    changing = [column for column in table.c if not column.primary_key]
    upsert(connection, table, [row], {column.name: incoming(column) for column in changing})


def _plain(struct: Any) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


def _measure_row(row: MeasureRow) -> dict[str, Any]:
    measure = _plain(row.measure)
    return {
        **{"measure_id" if name == "id" else name: value for name, value in measure.items()},
        "alert_id": row.alert_id,
        "ended_ns": row.ended_ns,
        "ended_by": row.ended_by,
    }


def _measure(row: dict[str, Any]) -> MeasureRow:
    about = {name: row.pop(name) for name in ("alert_id", "ended_ns", "ended_by")}
    return MeasureRow(measure=Measure(id=row.pop("measure_id"), **row), **about)
