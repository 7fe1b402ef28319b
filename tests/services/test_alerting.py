"""From a model that goes slow to a record, a notice, a measure, and back."""

import logging
import random
from pathlib import Path
from typing import Any

import orjson
import pytest

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.alerts import AlertRow, Happened, Subject
from freehold.core.errors import AuditError, NotFound, StorageError
from freehold.core.standing import StandingMeasures
from freehold.core.trail import Call
from freehold.services.alert_desk import AlertDesk
from freehold.services.alerting import MOST_NOTICES_A_MINUTE, AlertKeeper
from freehold.services.bundles import described_bundle
from freehold.stages.monitoring import Monitoring
from freehold.storage.alerts import AlertMirror, StoredAlerts
from freehold.storage.engine import Database
from freehold.storage.migrate import open_database
from freehold.storage.notices import Outbox
from freehold.testing.fakes import FakeClock
from tests.audit_samples import answered, exchange

BUNDLE = """\
freehold: 1
name: watched
monitoring:
  defaults: false
  webhook: {url: "https://desk.example.com/in", secret: "env:DESK"}
egress: {allow: [desk.example.com]}
tenants: {main: {}}
models: {large: {base_url: "http://127.0.0.1:9/v1"}, small: {base_url: "http://127.0.0.1:9/v1"}}
routes: {default: {candidates: [large, small]}}
apps: {service: {tenant: main, purpose: Is tested, route: default}}
alerts:
  slow:
    watch: latency
    of: {model: "*"}
    reactions: [REACTIONS]
    notify: [webhook]
"""
DEMOTE = "{demote: {minutes: 10}}, {open_case: {exchanges: 5}}"


def bundle(folder: Path, reactions: str = DEMOTE, extra: str = "") -> ResolvedBundle:
    folder.mkdir(exist_ok=True)
    text = BUNDLE.replace("REACTIONS", reactions) + extra
    (folder / "bundle.yaml").write_text(text, encoding="utf-8")
    return described_bundle(folder)


class World:
    """A keeper over a store, and a model whose answers take as long as is said."""

    def __init__(self, home: Path, live: ResolvedBundle, clock: FakeClock) -> None:
        self.database: Database = open_database(home)
        self.clock = clock
        self.ledger: list[tuple[str, str, str]] = []
        self.deaf = False
        self.store = StoredAlerts(self.database, clock)
        self.standing = StandingMeasures(clock)
        self.mirror = AlertMirror(self.store, lambda: self.keeper.changed())
        self.monitoring = Monitoring(clock=clock)
        self.keeper = AlertKeeper(
            self.monitoring, self.store, self.mirror, self.standing, self.log, clock
        )
        self.mirror.load()
        self.keeper.adopt(live)
        self.chance = random.Random(4)
        self.ids: list[str] = []

    def log(self, kind: str, actor: str, subject: str, details: Any, tenant: str = "") -> str:
        if self.deaf:
            raise AuditError("the disk is full")
        self.ledger.append((kind, actor, subject))
        orjson.dumps(details)
        return "evt_1"

    def kinds(self) -> list[str]:
        return [kind for kind, _, _ in self.ledger]

    async def serve(self, count: int, ms: float, *, model: str = "large", error: str = "") -> None:
        """So many exchanges, ten a second."""
        for number in range(count):
            trail, _, one = exchange()
            answered(trail)
            took = int(ms * 1e6 * self.chance.lognormvariate(0, 0.2))
            trail.calls = [
                Call(attempt=1, model=model, upstream_model=model, started_ns=0, first_ns=took // 2,
                     ended_ns=took, error=error,
                     error_kind="server_error" if error else "")
            ]  # fmt: skip
            self.ids.append(trail.arrival.exchange_id)
            self.monitoring.closed(trail, one, "allowed", took)
            if number % 10 == 9:
                self.clock.advance(1)
                await self.keeper.tick()

    def open(self) -> list[AlertRow]:
        return self.store.alerts(states=("open",))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def world(tmp_path: Path, clock: FakeClock) -> World:
    return World(tmp_path / "home", bundle(tmp_path / "bundle"), clock)


async def test_a_quarter_slower_fires_and_demotes_and_back_to_normal_resolves(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.serve(600, 400)
    assert world.store.alerts() == []
    with caplog.at_level(logging.INFO, "freehold.alerts"):
        await world.serve(180, 500)
    (row,) = world.open()
    assert (row.name, row.subject_kind, row.subject) == ("slow", "model", "large")
    assert "above the normal" in row.why
    assert "alert slow (large) fired" in caplog.text
    assert world.kinds() == ["alert.fired", "measure.set", "case.opened"]
    assert {actor for _, actor, _ in world.ledger} == {"freehold"}
    assert "alert slow" in world.standing.demoted("default", "large", "")
    assert world.standing.demoted("default", "small", "") == ""
    (case,) = world.store.cases()
    assert len(case.exchanges) == 5
    assert set(case.exchanges) <= set(world.ids)
    text = world.monitoring.render()
    assert 'freehold_alerts_open{alert="slow",subject="large",severity="warning"} 1' in text
    assert 'freehold_measures{kind="demote",route="",model="large",intent=""} 1' in text
    await world.serve(300, 400)
    assert world.open() == []
    assert world.kinds()[3:] == ["alert.resolved", "measure.ended"]
    assert world.standing.demoted("default", "large", "") == ""
    notices = [orjson.loads(n.body) for n in Outbox(world.database, world.clock).take()]
    assert [n["type"] for n in notices] == ["alert.fired", "alert.resolved"]
    assert notices[0]["data"]["subject"] == {"kind": "model", "name": "large"}
    assert notices[0]["data"]["reactions"] == ["demote", "open_case"]


async def test_nothing_fires_while_nothing_changes(world: World) -> None:
    await world.serve(2_000, 400)
    assert world.store.alerts() == []
    assert world.ledger == []


async def test_a_restart_keeps_what_is_open_and_what_is_normal(
    world: World, tmp_path: Path, clock: FakeClock
) -> None:
    await world.serve(600, 400)
    await world.serve(180, 500)
    (row,) = world.open()
    world.keeper._save()
    again = World(tmp_path / "home", bundle(tmp_path / "bundle"), clock)
    assert "alert slow" in again.standing.demoted("default", "large")
    await again.keeper._recall()
    await again.serve(100, 500)
    assert [r.alert_id for r in again.open()] == [row.alert_id]
    assert again.ledger == []  # it does not fire a second time
    await again.serve(300, 400)
    assert again.open() == []
    assert again.kinds() == ["alert.resolved", "measure.ended"]


async def test_another_endpoint_behind_the_name_starts_anew(
    world: World, tmp_path: Path, clock: FakeClock
) -> None:
    await world.serve(600, 400)
    series = world.monitoring.watching.series("latency", Subject("model", "large"))
    assert series is not None
    assert series.change() is not None
    text = (tmp_path / "bundle" / "bundle.yaml").read_text()
    (tmp_path / "bundle" / "bundle.yaml").write_text(
        text.replace("large: {", "large: {version: b, ")
    )
    world.keeper.adopt(described_bundle(tmp_path / "bundle"))
    await world.serve(180, 500)
    assert world.open() == []


async def test_a_measure_that_ends_while_the_model_is_still_slow_is_set_again(
    world: World,
) -> None:
    await world.serve(600, 400)
    await world.serve(100, 600)
    (row,) = world.open()
    world.clock.advance(601)
    await world.serve(10, 600)
    assert "measure.ended" in world.kinds()
    assert world.standing.demoted("default", "large") == ""
    await world.serve(100, 600)
    assert [(r.alert_id, r.times) for r in world.open()] == [(row.alert_id, 2)]
    assert "alert slow" in world.standing.demoted("default", "large")


async def test_what_stays_becomes_the_new_normal(world: World) -> None:
    await world.serve(600, 400)
    await world.serve(100, 600)
    world.clock.advance(3_600)
    await world.serve(20, 600)
    assert world.open() == []
    assert "new normal" in world.store.alerts()[0].resolved
    await world.serve(500, 600)
    assert world.open() == []


async def test_a_person_clears_it_and_takes_a_measure_back(world: World) -> None:
    await world.serve(600, 400)
    await world.serve(100, 600)
    (row,) = world.open()
    desk = AlertDesk(world.store, world.log, world.clock, "terminal")
    (measure,) = desk.measures()
    assert desk.undo(measure["id"], "we know")["ended_by"] == "terminal"
    world.mirror.refresh()
    assert world.standing.demoted("default", "large") == ""
    assert [alert["id"] for alert in desk.alerts()] == [row.alert_id]
    assert desk.clear(row.alert_id, "planned")["resolved"] == "cleared: planned"
    assert world.ledger[-1] == ("alert.cleared", "terminal", row.alert_id)
    world.mirror.refresh()
    await world.serve(200, 600)
    assert world.open() == []
    assert desk.alerts() == []
    assert len(desk.alerts(every=True)) == 1
    assert len(desk.cases()) == 1
    for act in (desk.clear, desk.undo):
        with pytest.raises(NotFound):
            act(row.alert_id, "again")


async def test_a_model_is_stopped_for_an_intent_until_somebody_clears_it(
    tmp_path: Path, clock: FakeClock
) -> None:
    stop = "{stop: {model: small, route: default, intent: refund}}, "
    stop += "{raise_floor: {to: 0.8, route: default, minutes: 5}}"
    world = World(tmp_path / "home", bundle(tmp_path / "bundle", stop), clock)
    await world.serve(600, 400)
    await world.serve(100, 600)
    assert "stopped for refund" in world.standing.excluded("default", "small", "refund")
    assert world.standing.excluded("default", "small", "other") == ""
    assert world.standing.floor("default") == 800_000
    await world.serve(300, 400)
    assert world.open() == []
    assert "stopped for refund" in world.standing.excluded("default", "small", "refund")
    assert world.standing.floor("default") == 0


async def test_while_the_store_is_away_the_measure_holds_and_the_record_comes_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.serve(600, 400)

    def away(_: Happened) -> None:
        raise StorageError("away")

    with monkeypatch.context() as patched:
        patched.setattr(world.store, "keep", away)
        await world.serve(100, 600)
        assert "alert slow" in world.standing.demoted("default", "large")
        assert world.open() == []
    await world.keeper.tick()
    assert len(world.open()) == 1
    assert world.kinds().count("alert.fired") == 1
    assert "alert slow" in world.standing.demoted("default", "large")


async def test_nothing_is_done_that_the_ledger_does_not_hold(world: World) -> None:
    await world.serve(600, 400)
    world.deaf = True
    await world.serve(100, 600)
    assert world.standing.demoted("default", "large") == ""
    assert world.open() == []
    world.deaf = False
    await world.serve(10, 600)
    assert len(world.open()) == 1
    assert "alert slow" in world.standing.demoted("default", "large")


async def test_an_alert_that_is_declared_no_more_is_over(world: World, tmp_path: Path) -> None:
    await world.serve(600, 400)
    await world.serve(100, 600)
    text = (tmp_path / "bundle" / "bundle.yaml").read_text()
    text = text.partition("alerts:")[0]
    (tmp_path / "bundle" / "bundle.yaml").write_text(text)
    world.keeper.adopt(described_bundle(tmp_path / "bundle"))
    await world.serve(20, 600)
    rows = {row.name: row.state for row in world.store.alerts()}
    assert rows["slow"] == "resolved"
    assert world.standing.demoted("default", "large") == ""


async def test_levels_fire_after_their_time_and_are_over_below(
    tmp_path: Path, clock: FakeClock
) -> None:
    extra = (
        "  failing: {watch: errors, of: {model: large}, when: above, value: 0.5, window_s: 10,\n"
        "    for_s: 3, fewest: 5, severity: critical}\n"
    )
    world = World(tmp_path / "home", bundle(tmp_path / "bundle", extra=extra), clock)
    await world.serve(20, 400, error="it answered 503")
    assert world.open() == []
    await world.serve(40, 400, error="it answered 503")
    names = {row.name: row.severity for row in world.open()}
    assert names["failing"] == "critical"
    await world.serve(200, 400)
    assert "failing" not in {row.name for row in world.open()}
    resolved = {row.name: row.resolved for row in world.store.alerts()}
    assert resolved["failing"].startswith("back to normal: ")
    assert "not above 0.5" in resolved["failing"]


FAILING = (
    "  failing: {watch: errors, of: {model: '*'}, when: above, value: 0.5, window_s: 10,\n"
    "    fewest: 5, settle_s: 600, reactions: [{demote: {minutes: 60}}]}\n"
)


async def failing(home: Path, folder: Path, clock: FakeClock) -> World:
    """A world in which `failing` is open."""
    world = World(home, bundle(folder, extra=FAILING), clock)
    await world.serve(40, 400, error="it answered 503")
    assert "failing" in {row.name for row in world.open()}
    return world


@pytest.mark.parametrize("restarted", [False, True])
async def test_an_alert_of_which_nothing_more_is_heard_is_over_and_its_measure_stays(
    tmp_path: Path, clock: FakeClock, *, restarted: bool
) -> None:
    world = await failing(tmp_path / "home", tmp_path / "bundle", clock)
    if restarted:
        world = World(tmp_path / "home", bundle(tmp_path / "bundle", extra=FAILING), clock)
        await world.keeper.tick()
    clock.advance(300)
    await world.serve(3, 400)  # too few to say anything
    await world.keeper.tick()
    assert "failing" in {row.name for row in world.open()}
    clock.advance(601)
    await world.keeper.tick()
    assert "failing" not in {row.name for row in world.open()}
    (row,) = [row for row in world.store.alerts() if row.name == "failing"]
    assert "too few readings" in row.resolved
    assert "alert failing" in world.standing.demoted("default", "large")
    clock.advance(3_600)
    await world.keeper.tick()
    assert world.standing.demoted("default", "large") == ""


async def test_an_alert_of_a_model_that_is_gone_is_over(tmp_path: Path, clock: FakeClock) -> None:
    world = await failing(tmp_path / "home", tmp_path / "bundle", clock)
    file = tmp_path / "bundle" / "bundle.yaml"
    file.write_text(file.read_text().replace("large", "larger"))
    world.keeper.adopt(described_bundle(tmp_path / "bundle"))
    await world.keeper.tick()
    assert "failing" not in {row.name for row in world.open()}
    assert world.standing.demoted("default", "large") == ""


async def test_a_pause_without_readings_does_not_count_as_time_in_which_it_held(
    tmp_path: Path, clock: FakeClock
) -> None:
    extra = (
        "  failing: {watch: errors, of: {model: large}, when: above, value: 0.5, window_s: 10,\n"
        "    for_s: 60, fewest: 5}\n"
    )
    world = World(tmp_path / "home", bundle(tmp_path / "bundle", extra=extra), clock)
    await world.serve(10, 400, error="it answered 503")
    clock.advance(120)
    await world.keeper.tick()
    await world.serve(20, 400, error="it answered 503")
    assert "failing" not in {row.name for row in world.open()}
    await world.serve(620, 400, error="it answered 503")
    assert "failing" in {row.name for row in world.open()}


async def test_a_storm_of_alerts_is_a_bounded_number_of_notices(world: World) -> None:
    row = AlertRow(
        alert_id="alr_1", name="slow", watch="latency", subject_kind="model", subject="m",
        severity="info", state="open", why="", fired_ns=0,
    )  # fmt: skip
    now = world.clock.now_ns()
    told = [world.keeper._notice("alert.fired", row, now, []) for _ in range(100)]
    assert sum(one is not None for one in told) == MOST_NOTICES_A_MINUTE
    later = world.keeper._notice("alert.fired", row, now + 61 * 10**9, [])
    assert later is not None
    assert later["data"]["left_out"] == 100 - MOST_NOTICES_A_MINUTE


async def test_a_bundle_may_ask_for_adwin(tmp_path: Path, clock: FakeClock) -> None:
    pytest.importorskip("river", reason="needs the extra `drift`")
    live = bundle(tmp_path / "bundle")
    text = (tmp_path / "bundle" / "bundle.yaml").read_text()
    text = text.replace("  defaults: false", "  defaults: false\n  detector: adwin")
    (tmp_path / "bundle" / "bundle.yaml").write_text(text)
    world = World(tmp_path / "home", live, clock)
    world.keeper.adopt(described_bundle(tmp_path / "bundle"))
    await world.serve(600, 400)
    assert world.open() == []
    await world.serve(300, 600)
    assert len(world.open()) == 1
    series = world.monitoring.watching.series("latency", Subject("model", "large"))
    assert type(series.detector).__name__ == "_Adwin"  # type: ignore[union-attr]


async def test_without_river_our_own_test_goes_on(
    tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def missing() -> None:
        raise ImportError

    monkeypatch.setattr("freehold.services.alerting.adwin", missing)
    bundle(tmp_path / "bundle")
    text = (tmp_path / "bundle" / "bundle.yaml").read_text()
    text = text.replace("  defaults: false", "  defaults: false\n  detector: adwin")
    (tmp_path / "bundle" / "bundle.yaml").write_text(text)
    world = World(tmp_path / "home", described_bundle(tmp_path / "bundle"), clock)
    await world.serve(600, 400)
    await world.serve(100, 600)
    assert len(world.open()) == 1
    assert "pip install 'freehold[drift]'" in caplog.text
