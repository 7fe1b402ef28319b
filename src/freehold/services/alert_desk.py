"""Alerts for people: list them, clear one, take a measure back."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from freehold.core.alerts import AlertRow, AlertState, AlertStore, CaseRow, Happened, MeasureRow
from freehold.core.clock import Clock, rfc3339
from freehold.core.errors import NotFound

LogEvent = Callable[..., str]
_OPEN: tuple[AlertState, ...] = ("open",)


class AlertDesk:
    """What people do with alerts; each act leaves its ledger entry first.

    Args:
        actor: who acts, for the ledger.
    """

    def __init__(self, store: AlertStore, log: LogEvent, clock: Clock, actor: str) -> None:
        self._store = store
        self._log = log
        self._clock = clock
        self._actor = actor

    def alerts(self, *, every: bool = False, limit: int = 100) -> list[dict[str, Any]]:
        """Open alerts, or also those that are over, the newest first, each with its measures."""
        rows = self._store.alerts(states=() if every else _OPEN, limit=limit)
        measures = self._store.measures(standing=False)
        return [alert_dict(row, measures) for row in rows]

    def measures(self) -> list[dict[str, Any]]:
        """What stands now, the newest first."""
        return [measure_dict(row) for row in self._store.measures()]

    def cases(self, limit: int = 100) -> list[dict[str, Any]]:
        """Exchanges that alerts have put aside, the newest first."""
        return [case_dict(row) for row in self._store.cases(limit=limit)]

    def clear(self, alert_id: str, reason: str) -> dict[str, Any]:
        """An alert is over, and what it did is taken back: how things are is the new normal.

        Raises:
            NotFound: no such alert is open.
        """
        row = next((r for r in self._store.alerts(states=_OPEN) if r.alert_id == alert_id), None)
        if row is None:
            raise NotFound(f"no open alert {alert_id}")
        now = self._clock.now_ns()
        details = {"name": row.name, "subject": row.subject, "reason": reason}
        self._log("alert.cleared", self._actor, alert_id, details)
        ended = tuple(
            self._end(m, now, reason) for m in self._store.measures() if m.alert_id == alert_id
        )
        done = replace(row, state="resolved", resolved_ns=now, resolved=f"cleared: {reason}"[:500])
        self._store.keep(Happened(alert=done, measures=ended))
        return alert_dict(done, list(ended))

    def undo(self, measure_id: str, reason: str) -> dict[str, Any]:
        """Take one measure back; its alert stays as it is.

        Raises:
            NotFound: no such measure stands.
        """
        row = next((m for m in self._store.measures() if m.measure.id == measure_id), None)
        if row is None:
            raise NotFound(f"no measure {measure_id} stands")
        ended = self._end(row, self._clock.now_ns(), reason)
        self._store.keep(Happened(measures=(ended,)))
        return measure_dict(ended)

    def _end(self, row: MeasureRow, now: int, reason: str) -> MeasureRow:
        self._log(
            "measure.ended", self._actor, row.measure.id, {"alert": row.alert_id, "reason": reason}
        )
        return replace(row, ended_ns=now, ended_by=self._actor)


def alert_dict(row: AlertRow, measures: list[MeasureRow]) -> dict[str, Any]:
    """An alert by its fields, times as text."""
    return {
        "id": row.alert_id,
        "name": row.name,
        "watch": row.watch,
        "subject": {"kind": row.subject_kind, "name": row.subject},
        "severity": row.severity,
        "status": row.state,
        "why": row.why,
        "fired_at": rfc3339(row.fired_ns),
        "resolved_at": rfc3339(row.resolved_ns) if row.resolved_ns is not None else None,
        "resolved": row.resolved,
        "times": row.times,
        "measures": [measure_dict(m) for m in measures if m.alert_id == row.alert_id],
    }


def measure_dict(row: MeasureRow) -> dict[str, Any]:
    """A measure by its fields, times as text."""
    measure = row.measure
    return {
        "id": measure.id,
        "alert": row.alert_id,
        "kind": measure.kind,
        "route": measure.route,
        "model": measure.model,
        "intent": measure.intent,
        "floor": measure.floor,
        "by": measure.by,
        "since": rfc3339(measure.since_ns),
        "until": rfc3339(measure.until_ns) if measure.until_ns is not None else None,
        "ended_at": rfc3339(row.ended_ns) if row.ended_ns is not None else None,
        "ended_by": row.ended_by,
    }


def case_dict(row: CaseRow) -> dict[str, Any]:
    """A case by its fields."""
    return {
        "id": row.case_id,
        "alert": row.alert_id,
        "subject": {"kind": row.subject_kind, "name": row.subject},
        "status": row.state,
        "why": row.why,
        "exchanges": list(row.exchanges),
        "created_at": rfc3339(row.created_ns),
    }
