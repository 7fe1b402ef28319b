"""Alerts, measures, cases and baselines, on both databases."""

import pytest
from msgspec.structs import replace

from freehold.core.alerts import AlertRow, Baseline, CaseRow, Happened, MeasureRow
from freehold.core.errors import StorageError
from freehold.core.standing import Measure
from freehold.storage.alerts import AlertMirror, StoredAlerts
from freehold.storage.engine import Database
from freehold.storage.notices import Outbox
from freehold.testing.fakes import FakeClock

ROW = AlertRow(
    alert_id="alr_1", name="slow", watch="latency", subject_kind="model", subject="m",
    severity="warning", state="open", why="26 % above", fired_ns=5,
)  # fmt: skip


def measure(clock: FakeClock, number: int = 1, **more: int | None) -> MeasureRow:
    until = more.get("until_ns", clock.now_ns() + 60 * 10**9)
    stands = Measure(
        id=f"mea_{number}", kind="demote", route="main", model="m", by="alert slow", why="slow",
        since_ns=clock.now_ns() + number, until_ns=until,
    )  # fmt: skip
    return MeasureRow(measure=stands, alert_id="alr_1")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(database: Database, clock: FakeClock) -> StoredAlerts:
    return StoredAlerts(database, clock)


def test_what_happened_is_kept_and_told(store: StoredAlerts, clock: FakeClock) -> None:
    case = CaseRow(
        case_id="cas_1", alert_id="alr_1", subject_kind="model", subject="m", why="w",
        exchanges=("x1", "x2"), created_ns=7,
    )  # fmt: skip
    store.keep(Happened(alert=ROW, measures=(measure(clock),), case=case, notice={"a": 1}))
    assert store.alerts(states=("open",)) == [ROW]
    assert store.measures() == [measure(clock)]
    assert store.cases() == [case]
    (notice,) = Outbox(store._database, clock).take()
    assert (notice.about, notice.subject_id, notice.body) == ("alert", "alr_1", '{"a":1}')
    over = replace(ROW, state="resolved", resolved_ns=9, resolved="back")
    ended = replace(measure(clock), ended_ns=9, ended_by="terminal")
    store.keep(Happened(alert=over, measures=(ended,)))
    assert store.alerts(states=("open",)) == []
    assert store.alerts() == [over]
    assert store.measures() == []
    assert store.measures(standing=False) == [ended]


def test_a_measure_whose_time_is_over_stands_no_more(store: StoredAlerts, clock: FakeClock) -> None:
    lasting = measure(clock, 2, until_ns=None)
    store.keep(Happened(measures=(measure(clock), lasting)))
    assert len(store.measures()) == 2
    clock.advance(61)
    assert store.measures() == [lasting]


def test_baselines_take_the_place_of_older_ones(store: StoredAlerts) -> None:
    one = Baseline(series="latency/model/m", fingerprint="a", content="{}")
    two = replace(one, content='{"reference":1}')
    store.keep_baselines([one, replace(one, series="b")])
    store.keep_baselines([two])
    assert sorted(b.content for b in store.baselines()) == ['{"reference":1}', "{}"]
    store.keep_baselines([])


def test_a_mirror_follows_and_reads_only_what_changed(
    store: StoredAlerts, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    mirror = AlertMirror(store, lambda: told.append(1))
    mirror.load()
    store.keep(Happened(alert=ROW, measures=(measure(clock),)))
    mirror.refresh()
    assert mirror.open == (ROW,)
    assert len(mirror.measures) == 1
    mirror.refresh()
    assert len(told) == 2

    def away() -> int:
        raise StorageError("away")

    monkeypatch.setattr(store, "revision", away)
    mirror.load()  # what was known stays
    assert mirror.open == (ROW,)
    with pytest.raises(StorageError):
        mirror.refresh()


def test_all_or_nothing(store: StoredAlerts, clock: FakeClock) -> None:
    bad = replace(ROW, why=None)  # type: ignore[arg-type]
    with pytest.raises(StorageError):
        store.keep(Happened(measures=(measure(clock),), alert=bad))
    assert store.measures() == []
    assert store.revision() == 0
