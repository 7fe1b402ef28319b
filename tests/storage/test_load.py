"""Own work by minute: everything recorded is summed up once, and only for those who may see it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from freehold.core.decisions import STAGES
from freehold.core.trail import Trail
from freehold.ledger.load import LoadRow
from freehold.ledger.reading import read_all
from freehold.ledger.segment import SegmentJournal
from freehold.stages.audit import Audit
from freehold.storage import migrate
from freehold.storage.engine import Database
from freehold.storage.exchanges import StoredExchanges
from freehold.storage.filler import fill
from freehold.storage.load import MINUTE_NS, StoredLoad
from freehold.storage.tables import own_work
from tests.audit_samples import START_NS, Standing, exchange, tenant_key

HOUR_NS = 60 * MINUTE_NS


class Writing:
    """Records of exchanges whose work is known."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.clock = Standing()
        self.journal = SegmentJournal(home).open()
        self.audit = Audit(self.journal, "r", tenant_key, clock=self.clock)

    def run(self, policy: int, *, sampled: bool = False, **spec: str) -> Trail:
        trail, _, one = exchange(**spec)
        exchange_id = trail.arrival.exchange_id[:-1] + ("0" if sampled else "1")
        made = Trail(structs.replace(trail.arrival, exchange_id=exchange_id))
        made.grant, made.app = trail.grant, trail.app
        made.spend("policy", policy, policy // 2)
        made.wait("context", policy * 10)
        self.audit.closed(one, made, "allowed")
        return made

    def close(self) -> None:
        self.audit.close()
        self.journal.close()


@pytest.fixture
def writing(tmp_path: Path) -> Iterator[Writing]:
    made = Writing(tmp_path)
    yield made
    made.journal.close()


def only(rows: list[LoadRow]) -> LoadRow:
    (row,) = rows
    return row


def test_it_is_summed_up_once(database: Database, writing: Writing) -> None:
    for policy in (1_000, 2_000, 4_000):
        writing.run(policy, sampled=policy == 4_000)
        fill(writing.home, database)
        fill(writing.home, database)
    row = only(StoredLoad(database).load())
    assert (row.exchanges, row.sampled) == (3, 1)
    assert row.spent_ns["policy"] == 7_000
    assert row.cpu_ns["policy"] == 2_000, "of the one in the sample"
    assert row.waited_ns["context"] == 70_000
    assert row.spent_ns["routing"] == 0


def test_nothing_is_left_when_the_writer_has_closed(database: Database, writing: Writing) -> None:
    """Closing the last record, too, which no record can tell of but an event."""
    trails = [writing.run(1_000) for _ in range(3)]
    writing.close()
    fill(writing.home, database)
    row = only(StoredLoad(database).load())
    for stage in STAGES:
        assert row.spent_ns[stage] == sum(trail.spent_ns.get(stage, 0) for trail in trails)
    assert row.exchanges == 3


def test_other_tenants_do_not_exist(database: Database, writing: Writing) -> None:
    writing.run(1_000)
    writing.run(5_000, tenant="south")
    fill(writing.home, database)
    index = StoredLoad(database)
    assert only(index.load(tenant="north")).spent_ns["policy"] == 1_000
    assert only(index.load(tenant=frozenset({"south"}))).spent_ns["policy"] == 5_000
    assert index.load(tenant="west") == []
    assert index.load(tenant=frozenset()) == []
    assert [(row.tenant, row.app) for row in index.load(by="app")] == [
        ("north", "service"),
        ("south", "service"),
    ]
    assert [row.tenant for row in index.load(tenant="south", by="tenant")] == ["south"]
    assert index.load(app="other") == []


def test_a_period_is_of_whole_minutes_by_when_exchanges_ended(
    database: Database, writing: Writing
) -> None:
    for minute, policy in ((0, 1), (1, 10), (60, 100), (125, 1_000)):
        writing.clock.now = START_NS + minute * MINUTE_NS
        writing.run(policy)
    fill(writing.home, database)
    index = StoredLoad(database)

    def policy(**period: Any) -> int:
        rows = index.load(**period)
        return rows[0].spent_ns["policy"] if rows else 0

    assert policy() == 1_111
    assert policy(since_ns=START_NS + 30 * 10**9, until_ns=START_NS + 61 * MINUTE_NS) == 111
    assert policy(since_ns=START_NS + MINUTE_NS) == 1_110
    assert policy(until_ns=START_NS + MINUTE_NS) == 1
    assert policy(since_ns=START_NS + 200 * MINUTE_NS) == 0
    by_hour = index.load(by="hour")
    assert [row.spent_ns["policy"] for row in by_hour] == [11, 100, 1_000]
    hours = [row.hour_ns for row in by_hour if row.hour_ns is not None]
    assert [hour % HOUR_NS for hour in hours] == [0, 0, 0]
    assert by_hour[0].since_ns == START_NS
    assert by_hour[0].until_ns == START_NS + 2 * MINUTE_NS


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 4), min_size=1, max_size=5))
def test_however_it_is_cut_into_rounds_the_sums_are_those_of_the_ledger(
    cuts: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("home")
    database = migrate.open_database(home)
    writing = Writing(home)
    for count in cuts:
        for number in range(count):
            writing.run(number + 1)
        fill(home, database)
    writing.close()
    fill(home, database)
    said = 0
    for entry in read_all(home):
        body = entry.envelope()["body"]
        told = body.get("closed") or body.get("details") or {}
        said += sum(told.get("spent_ns", {}).values()) + sum(told.get("carried_ns", {}).values())
    assert sum(only(StoredLoad(database).load()).spent_ns.values()) == said
    database.close()


@pytest.mark.parametrize("value", [-1, 10**18, "7", 1.5, None, True])
def test_what_can_be_no_time_is_left_out(
    database: Database, writing: Writing, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One damaged digit must not hold up the index."""
    from freehold.ledger.reading import Entry

    writing.run(1_000)
    real = Entry.envelope

    def damaged(self: Entry) -> dict[str, Any]:
        envelope = real(self)
        closed = envelope["body"].get("closed")
        if closed is not None:
            closed["spent_ns"]["policy"] = value
            closed["spent_ns"]["no such stage"] = 5
        return envelope

    monkeypatch.setattr(Entry, "envelope", damaged)
    fill(writing.home, database)
    row = only(StoredLoad(database).load())
    assert (row.exchanges, row.spent_ns["policy"]) == (1, 0)


def test_an_older_store_keeps_what_it_knew(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(migrate, "HEAD", "0011")
        database = migrate.open_database(tmp_path, store_url)
    row = (
        "insert into exchanges (exchange_id, tenant, app, writer, closed_ns, spent_ns)"
        " values (:id, 'north', 'service', 'w-1', :at, :spent)"
    )
    with database.write() as connection:
        for number, spent in enumerate(['{"policy":7,"audit":2}', '{"policy":1}', "nothing", "[]"]):
            values = {"id": f"e{number}", "at": START_NS + number, "spent": spent}
            connection.execute(sa.text(row), values)
        connection.execute(
            sa.text(
                "insert into exchanges (exchange_id, tenant, app, writer)"
                " values ('open', 'north', 'service', 'w-1')"
            )
        )
    database.close()
    database = migrate.open_database(tmp_path, store_url)
    found = only(StoredLoad(database).load())
    assert (found.exchanges, found.sampled) == (4, 0)
    assert (found.spent_ns["policy"], found.spent_ns["audit"]) == (8, 2)
    assert len(StoredExchanges(database).recent()) == 5
    with database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(own_work)).scalar() == 1
    database.close()
