"""What follows when something watched goes wrong: a record, a log line, a notice, a reaction."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from msgspec.structs import replace

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.alerts import (
    AlertRow,
    AlertSpec,
    AlertStore,
    CaseRow,
    Happened,
    MeasureRow,
    ReactionSpec,
    Standings,
    Subject,
)
from freehold.core.clock import Clock
from freehold.core.drift import ChangeDetector, ChangePoint, adwin
from freehold.core.errors import AuditError, FreeholdError
from freehold.core.ids import prefixed
from freehold.core.standing import Measure, MeasureKind, StandingMeasures
from freehold.services.alert_views import (
    details_of,
    fingerprints,
    measure_of,
    notice,
    said_of,
    subject_of,
)
from freehold.stages.monitoring import Monitoring
from freehold.stages.monitoring.alerting import Alerting, Transition, covers
from freehold.stages.monitoring.metrics import Counter, gauge

LogEvent = Callable[..., str]
"""kind, actor, subject, details, tenant=…; gives the ledger entry's id."""

ACTOR = "freehold"
MOST_NOTICES_A_MINUTE = 30
_TICK_S = 1.0
_SLICE = 64
_SAVE_EVERY_NS = 60_000_000_000
_SECOND_NS = 1_000_000_000
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "critical": logging.ERROR}
_UNDONE_WHEN_OVER: tuple[MeasureKind, ...] = ("demote", "raise_floor")
_log = logging.getLogger("freehold.alerts")


class AlertKeeper:
    """Counts samples, asks every alert, and does what the bundle says.

    Args:
        standing: what routing asks.
        stands: what the store holds of alerts and measures, as this process saw it last.
        log: writes ledger entries; called on the event loop.

    Attributes:
        heard: told of each case that an alert opens, with the alert's name.
    """

    def __init__(
        self,
        monitoring: Monitoring,
        store: AlertStore,
        stands: Standings,
        standing: StandingMeasures,
        log: LogEvent,
        clock: Clock,
    ) -> None:
        self.heard: Callable[[CaseRow, str], None] = lambda _, __: None
        self._monitoring = monitoring
        self._store = store
        self._stands = stands
        self._standing = standing
        self._log = log
        self._clock = clock
        self._alerting = Alerting(monitoring.watching)
        self._pending: list[Happened] = []
        self._open: dict[tuple[str, Subject], AlertRow] = {}
        self._ended: set[str] = set()
        self._told: deque[int] = deque()
        self._untold = 0
        self._dirty = True
        self._recalled = False
        self._saved_ns = clock.now_ns()
        self._live: dict[str, AlertSpec] = {}
        self._there: frozenset[Subject] = frozenset()
        self._wanted = self._detector = "freehold"
        self._fired = Counter(
            "freehold_alerts_total", "Alerts that fired or were over.",
            ("alert", "severity", "event"),
        )  # fmt: skip
        monitoring.readers.append(self._lines)

    def adopt(self, bundle: ResolvedBundle) -> None:
        """This bundle says from now on what is watched."""
        prints = fingerprints(bundle)
        self._live = {spec.name: spec for spec in bundle.alerts}
        self._there = frozenset(prints)
        self._wanted = bundle.bundle.monitoring.detector
        self._monitoring.watching.adopt(bundle.alerts, prints)
        self._alerting.adopt(bundle.alerts)

    def changed(self) -> None:
        """The store holds something else now; may be called in another thread."""
        self._restand()
        self._dirty = True

    async def run(self) -> None:
        """Go on until cancelled; then keep what is normal."""
        try:
            await self._recall()
            while True:
                await asyncio.sleep(_TICK_S)
                await self.tick()
        finally:
            self._save()

    async def tick(self) -> None:
        """Everything that is due now."""
        if not self._recalled:
            await self._recall()
        if self._wanted != self._detector:
            await self._take_detector()
        while True:  # a slice at a time, so that requests go on in between
            if not self._monitoring.drain(_SLICE):
                break
            await asyncio.sleep(0)
        self._monitoring.watching.tick()
        if self._dirty:
            self._follow()
        now = self._clock.now_ns()
        try:
            for transition in self._alerting.step(now):
                self._happen(transition, now)
            self._forget_undeclared(now)
            self._expire(now)
        except AuditError as error:  # nothing is done that is not in the ledger
            _log.error("alerts and their reactions wait: %s", error)
        await self._write()
        if now - self._saved_ns >= _SAVE_EVERY_NS:
            self._saved_ns = now
            await asyncio.to_thread(self._save)

    # -- what happens --

    def _happen(self, change: Transition, now: int) -> None:
        """Raises: AuditError: it can't be recorded, so it comes again with the next step."""
        try:
            if change.kind != "resolved":
                self._fire(change, now)
            elif (row := self._open.get((change.spec.name, change.subject))) is not None:
                undone = () if change.unknown else _UNDONE_WHEN_OVER
                self._resolve(row, change.why, now, undone, webhook=change.spec.webhook)
        except AuditError:
            self._alerting.take_back(change, now)
            raise

    def _fire(self, change: Transition, now: int) -> None:
        key = (change.spec.name, change.subject)
        row = self._open.get(key)
        if row is None:
            row = AlertRow(
                alert_id=prefixed("alr", now),
                name=change.spec.name,
                watch=change.spec.watch,
                subject_kind=change.subject.kind,
                subject=change.subject.name,
                severity=change.spec.severity,
                state="open",
                why=change.why[:500],
                fired_ns=now,
            )
        else:
            row = replace(row, times=row.times + 1, why=change.why[:500])
        self._event("alert.fired", row.alert_id, details_of(row))
        measures = tuple(self._measures(change, row, now))
        case = next(
            (self._case(r, change, row, now) for r in change.spec.reactions
             if r.kind == "open_case" and change.kind == "fired"),
            None,
        )  # fmt: skip
        done = [m.measure.kind for m in measures] + (["open_case"] if case else [])
        self._say(row, f"fired: {row.why}" + (f"; {', '.join(done)}" if done else ""), "fired")
        notice = self._notice("alert.fired", row, now, done) if change.spec.webhook else None
        self._open[key] = row
        self._pending.append(Happened(alert=row, measures=measures, case=case, notice=notice))
        self._restand()

    def _measures(self, change: Transition, row: AlertRow, now: int) -> Iterator[MeasureRow]:
        for reaction in change.spec.reactions:
            measure = measure_of(reaction, change.subject, row, now)
            if measure is None or self._stands_already(measure):
                continue
            self._event("measure.set", measure.id, said_of(measure, row.alert_id))
            yield MeasureRow(measure=measure, alert_id=row.alert_id)

    def _stands_already(self, measure: Measure) -> bool:
        """The same by the same alert, whatever its time: one is enough."""
        return any(
            (m.kind, m.route, m.model, m.intent, m.by)
            == (measure.kind, measure.route, measure.model, measure.intent, measure.by)
            for m in self._standing_now().values()
        )

    def _case(self, reaction: ReactionSpec, change: Transition, row: AlertRow, now: int) -> CaseRow:
        ids = self._monitoring.watching.newest(change.subject, reaction.exchanges)
        case = CaseRow(
            case_id=prefixed("cas", now),
            alert_id=row.alert_id,
            subject_kind=row.subject_kind,
            subject=row.subject,
            why=row.why,
            exchanges=ids,
            created_ns=now,
        )
        self._event("case.opened", case.case_id, {"alert": row.alert_id, "exchanges": list(ids)})
        self.heard(case, row.name)
        return case

    def _resolve(
        self, row: AlertRow, why: str, now: int, undone: tuple[MeasureKind, ...], *, webhook: bool
    ) -> None:
        row = replace(row, state="resolved", resolved_ns=now, resolved=why[:500])
        self._event("alert.resolved", row.alert_id, details_of(row) | {"resolved": row.resolved})
        ended = tuple(
            self._end(m, now, f"alert {row.name} is over")
            for m in self._of(row.alert_id)
            if m.measure.kind in undone
        )
        self._say(row, f"over: {row.resolved}", "resolved")
        notice = self._notice("alert.resolved", row, now, []) if webhook else None
        self._open.pop((row.name, subject_of(row)), None)
        self._pending.append(Happened(alert=row, measures=ended, notice=notice))
        self._restand()

    def _end(self, row: MeasureRow, now: int, by: str) -> MeasureRow:
        self._event("measure.ended", row.measure.id, {"alert": row.alert_id, "by": by})
        self._ended.add(row.measure.id)
        return replace(row, ended_ns=now, ended_by=by)

    def _forget_undeclared(self, now: int) -> None:
        for key in [k for k in self._open if not self._declared(*k)]:
            spec = self._live.get(key[0])
            why = "the live bundle declares it no more"
            webhook = spec is not None and spec.webhook
            self._resolve(self._open[key], why, now, _UNDONE_WHEN_OVER, webhook=webhook)
            self._alerting.cleared(key[0], key[1], now)

    def _declared(self, name: str, subject: Subject) -> bool:
        spec = self._live.get(name)
        there = subject in self._there or subject.name == "other"  # beyond so many subjects
        return spec is not None and covers(spec, subject) and there

    def _expire(self, now: int) -> None:
        """Measures whose time is over; what they were against is looked at again."""
        for row in self._stands.measures:
            until = row.measure.until_ns
            if until is None or now < until or row.measure.id in self._ended:
                continue
            self._pending.append(Happened(measures=(self._end(row, now, "its time was over"),)))
            for (name, subject), alert in self._open.items():
                if alert.alert_id == row.alert_id:
                    self._alerting.measures_ended(name, subject)

    # -- what is kept, and told --

    def _follow(self) -> None:
        """Take over what the store says: alerts from before a restart, or cleared elsewhere."""
        self._dirty = False
        unwritten = {h.alert.alert_id for h in self._pending if h.alert is not None}
        there = {row.alert_id: row for row in self._stands.open}
        now = self._clock.now_ns()
        for key, row in list(self._open.items()):
            if row.alert_id not in there and row.alert_id not in unwritten:
                del self._open[key]
                self._alerting.cleared(key[0], key[1], now)
        for row in there.values():
            subject = subject_of(row)
            if (row.name, subject) not in self._open and row.alert_id not in unwritten:
                self._open[row.name, subject] = row
                self._alerting.opened(row.name, subject, row.fired_ns)

    async def _write(self) -> None:
        written = 0
        try:
            for happened in list(self._pending):
                await asyncio.to_thread(self._store.keep, happened)
                written += 1
        except FreeholdError as error:  # measures hold meanwhile, and it is tried again
            _log.warning("alerts wait to be kept: %s", error)
        if written:
            try:
                await asyncio.to_thread(self._stands.refresh)
            except FreeholdError as error:
                _log.warning("alerts can't be read: %s", error)
            else:
                del self._pending[:written]
                self._restand()

    async def _take_detector(self) -> None:
        """Importing river takes seconds, and happens only where a bundle asks for it."""
        self._detector = self._wanted
        make: Callable[[], ChangeDetector] = ChangePoint
        if self._wanted == "adwin":
            try:
                await asyncio.to_thread(adwin)
                make = adwin
            except ImportError:
                _log.error("ADWIN needs the extra: pip install 'freehold[drift]'; using our own")
        self._monitoring.watching.use(make)

    async def _recall(self) -> None:
        try:
            kept = await asyncio.to_thread(self._store.baselines)
        except FreeholdError as error:
            _log.warning("what is normal can't be read: %s", error)
            return
        self._monitoring.watching.recall(kept)
        self._recalled = True

    def _save(self) -> None:
        try:
            self._store.keep_baselines(self._monitoring.watching.baselines())
        except FreeholdError as error:
            _log.warning("what is normal can't be kept: %s", error)

    def _standing_now(self) -> dict[str, Measure]:
        rows = {row.measure.id: row for row in self._stands.measures}
        for happened in list(self._pending):
            rows |= {row.measure.id: row for row in happened.measures}
        return {
            name: row.measure
            for name, row in rows.items()
            if row.ended_ns is None and name not in self._ended
        }

    def _restand(self) -> None:
        self._standing.adopt(self._standing_now().values())

    def _of(self, alert_id: str) -> list[MeasureRow]:
        pending = [m for h in self._pending for m in h.measures]
        rows = {m.measure.id: m for m in (*self._stands.measures, *pending)}
        return [
            m for m in rows.values() if m.alert_id == alert_id and m.measure.id not in self._ended
        ]

    def _event(self, kind: str, subject: str, details: dict[str, Any]) -> None:
        self._log(kind, ACTOR, subject, details)

    def _say(self, row: AlertRow, said: str, event: str) -> None:
        self._fired.add((row.name, row.severity, event))
        level = _LEVELS[row.severity] if event == "fired" else logging.INFO
        _log.log(level, "alert %s (%s) %s", row.name, row.subject, said)

    def _notice(self, kind: str, row: AlertRow, now: int, done: list[str]) -> dict[str, Any] | None:
        """What a webhook is told, unless it was told too much lately."""
        while self._told and now - self._told[0] > 60 * _SECOND_NS:
            self._told.popleft()
        if len(self._told) >= MOST_NOTICES_A_MINUTE:
            self._untold += 1
            _log.warning("alert %s: its notice is left out, there were too many", row.name)
            return None
        self._told.append(now)
        body = notice(kind, row, now) | {}
        body["data"] |= {"reactions": done, "left_out": self._untold}
        self._untold = 0
        return body

    def _lines(self) -> Iterator[str]:
        yield from self._fired.render()
        rows = [
            ({"alert": row.name, "subject": row.subject, "severity": row.severity}, 1)
            for row in self._open.values()
        ]
        yield from gauge("freehold_alerts_open", "Alerts that are open.", rows)
        stands = [
            ({"kind": m.kind, "route": m.route, "model": m.model, "intent": m.intent}, 1)
            for m in self._standing_now().values()
        ]
        unique = {tuple(labels.items()): labels for labels, _ in stands}
        shown = [(labels, 1) for labels in unique.values()]
        yield from gauge("freehold_measures", "Measures that alerts and people have set.", shown)
