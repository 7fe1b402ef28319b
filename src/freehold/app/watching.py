"""Monitoring wired: samples, alerts, what they set, and what the metrics page reads elsewhere."""

from collections.abc import Callable, Iterator, Mapping

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.alerts import Subject
from freehold.core.alerts import Watched as AlertWatch
from freehold.core.clock import Clock
from freehold.core.decisions import MILLION
from freehold.core.health import Health
from freehold.core.limits import UNITS, Period, Scope, Unit
from freehold.core.mirrors import MirrorSpec
from freehold.core.outcomes import Told
from freehold.core.ports import Observer
from freehold.core.standing import StandingMeasures
from freehold.ledger.segment import SegmentJournal
from freehold.services.alerting import AlertKeeper
from freehold.services.mirror_states import Lag
from freehold.services.shadows import Dropped
from freehold.stages.admit import Shedder
from freehold.stages.audit import Audit
from freehold.stages.monitoring import Monitoring
from freehold.stages.monitoring.metrics import CAP, Counter, gauge
from freehold.storage.alerts import AlertMirror, StoredAlerts
from freehold.storage.engine import Database

Used = Callable[[str, Period], tuple[int, int, int]]
"""Scope and period → requests, tokens and money used, what is reserved included."""


_MONEY = UNITS.index("nano")


class StoredMeasures:
    """Alerts and measures of a store; ``refresh`` is housekeeping of its writer."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.rows = StoredAlerts(database, clock)
        self.changed: Callable[[], None] = lambda: None
        self.mirror = AlertMirror(self.rows, self._tell)

    def _tell(self) -> None:
        self.changed()


class Watched:
    """Monitoring with everything around it; ``standing`` is for routing."""

    def __init__(
        self,
        stored: StoredMeasures,
        clock: Clock,
        audit: Audit,
        also: tuple[Observer, ...],
        store_failures: Callable[[], int],
    ) -> None:
        self._clock = clock
        self.standing = StandingMeasures(clock)
        self.monitoring = Monitoring(
            also, store_failures, lambda: audit.failures, clock=clock, carry=audit.carried.add
        )
        self.keeper = AlertKeeper(
            self.monitoring, stored.rows, stored.mirror, self.standing, audit.event, clock
        )
        stored.changed = self.keeper.changed
        self._bundle: ResolvedBundle | None = None

    def adopt(self, bundle: ResolvedBundle) -> None:
        """This bundle decides from now on."""
        self._bundle = bundle
        self.monitoring.activated(bundle.hash)
        self.keeper.adopt(bundle)

    def heard(self, told: Told) -> None:
        """Somebody, or something, judged an answer: of the route's and the app's own quality tells
        only what the caller got.
        """
        route, app = (told.route, told.app) if told.of_the_answer else ("", "")
        self.monitoring.learned(told.score, told.source, model=told.model, route=route, app=app)

    def mirrored(self, spec: MirrorSpec, lag: Lag) -> None:
        """So far is a mirror of the ledger's checkpoints behind."""
        readings: dict[AlertWatch, float] = {"contradictions": float(lag.refused)}
        if spec.alert:
            readings["mirror_lag"] = lag.ns / 1e9 / spec.late_s
        subject = Subject("mirror", spec.label)
        self.monitoring.watching.noted(subject, readings, self._clock.now_ns())

    def show(
        self,
        health: Health,
        used: Used,
        shedder: Shedder,
        dropped: Mapping[Dropped, int],
        journal: SegmentJournal,
    ) -> None:
        """Let the metrics page say how models are doing, what of the budgets is used, how much is
        under way, how many shadows were not asked, and what the ledger has written.
        """
        self.monitoring.readers += [
            lambda: self._ready(health),
            self._deployed,
            lambda: self._budgets(used),
            lambda: _under_way(shedder),
            lambda: _not_asked(dropped),
            lambda: _written(journal),
        ]

    def _ready(self, health: Health) -> Iterator[str]:
        models = self._bundle.models if self._bundle is not None else {}
        rows = [
            ({"model": name}, _share(health.of(model).weight))
            for name, model in list(models.items())[:CAP]
        ]
        said = "The share of its usual traffic that a model's endpoint gets: 0 while it is down."
        yield from gauge("freehold_model_ready", said, rows)

    def _deployed(self) -> Iterator[str]:
        bundle = self._bundle
        deployments = {} if bundle is None else bundle.bundle.deployments
        rows: list[tuple[dict[str, str], int | str]] = []
        for name, standing in list(deployments.items())[:CAP]:
            for state, served in (("live", standing.live), (standing.state, standing.trial)):
                if served is not None:
                    rows.append(({"model": name, "version": served.version, "state": state}, 1))
        said = "Versions of custom models that answer somebody, or are asked on trial."
        yield from gauge("freehold_deployed", said, rows)

    def _budgets(self, used: Used) -> Iterator[str]:
        limit: list[tuple[dict[str, str], int]] = []
        spent: list[tuple[dict[str, str], int]] = []
        for scope in self._scopes():
            shown: dict[tuple[Unit, Period], int] = {
                ("nano", "day"): _MONEY
            }  # of everybody, whether or not it has a ceiling
            for ceiling in scope.quotas:
                shown[ceiling.unit, ceiling.period] = ceiling.place
                labels = {"scope": scope.id, "unit": ceiling.unit, "period": ceiling.period}
                limit.append((labels, ceiling.most))
            for (unit, period), place in shown.items():
                labels = {"scope": scope.id, "unit": unit, "period": period}
                spent.append((labels, used(scope.id, period)[place]))
        said = "Ceilings of a day, a month and in total; money in nano-units."
        yield from gauge("freehold_budget_limit", said, limit)
        said = "What is used or reserved, of each ceiling, and of each day's money."
        yield from gauge("freehold_budget_used", said, spent)

    def _scopes(self) -> list[Scope]:
        """Of tenants, apps and models, as the apps' owners have them; keys come without bound."""
        bundle = self._bundle
        if bundle is None:
            return []
        found: dict[str, Scope] = {}
        for app_id, app in bundle.bundle.apps.items():
            found |= {scope.id: scope for scope in bundle.app_for(app.tenant, app_id).scopes}
        found |= {m.scope.id: m.scope for m in bundle.models.values() if m.scope is not None}
        return list(found.values())[:CAP]


def _share(weight: int) -> str:
    return f"{weight / MILLION:.4f}"


def _written(journal: SegmentJournal) -> Iterator[str]:
    for name, said, count in (
        (
            "freehold_ledger_records_total",
            "Lines in this process's log, since it was begun.",
            journal.sequence,
        ),
        (
            "freehold_ledger_syncs_total",
            "Times that records were brought to the disk.",
            journal.syncs,
        ),
    ):
        counted = Counter(name, said)
        counted.add((), count)
        yield from counted.render()
    unsigned = "Lines of this process's log that no signed checkpoint covers yet."
    yield from gauge("freehold_ledger_unsigned_lines", unsigned, [({}, journal.unsigned_lines)])


def _not_asked(dropped: Mapping[Dropped, int]) -> Iterator[str]:
    said = "Shadows that were not asked, because the gateway was busy."
    counted = Counter("freehold_shadows_dropped_total", said, ("reason",))
    for reason, count in dropped.items():
        counted.add((reason,), count)
    yield from counted.render()


def _under_way(shedder: Shedder) -> Iterator[str]:
    shed = Counter("freehold_shed_total", "Requests refused at once: too many.", ("priority",))
    for priority, count in shedder.shed.items():
        shed.add((priority,), count)
    yield from shed.render()
    yield from gauge("freehold_in_flight", "Requests under way.", [({}, shedder.in_flight)])
    said = "So many requests may be under way just now."
    yield from gauge("freehold_in_flight_limit", said, [({}, shedder.limit)])
    lag = f"{shedder.lag_ns / 1e9:.4f}"
    yield from gauge("freehold_loop_lag_seconds", "How late the event loop was.", [({}, lag)])
