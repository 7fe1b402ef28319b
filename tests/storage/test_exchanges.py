"""What the index answers, and that a tenant is answered about itself only."""

from pathlib import Path

import pytest

from freehold.ledger.segment import SegmentJournal
from freehold.stages.audit import Audit
from freehold.storage.engine import Database
from freehold.storage.exchanges import StoredExchanges
from freehold.storage.filler import fill
from tests.audit_samples import START_NS, Standing, answered, app, arrival, exchange, tenant_key
from tests.audit_samples import admitted as admit
from tests.audit_samples import decided as decide

MINUTE = 60 * 1_000_000_000


@pytest.fixture
def index(database: Database, tmp_path: Path) -> StoredExchanges:
    """Six exchanges a minute apart: north/service four times, south/stock twice."""
    clock = Standing()
    journal = SegmentJournal(tmp_path, clock=clock).open()
    audit = Audit(journal, "r", tenant_key, clock=clock)
    for n in range(6):
        south = n % 3 == 2
        spec = app(tenant="south" if south else "north", id="stock" if south else "service")
        coming = arrival(f"0000000{n}-0000-7000-8000-00000000000{n}")
        coming = coming.__class__(
            **{f: getattr(coming, f) for f in coming.__struct_fields__}
            | {"received_ns": START_NS + n * MINUTE}
        )
        one = admit(coming, spec)
        trail, ruled = decide(one)
        audit.opened(ruled, trail)
        clock.mono = 1_000_000 + (n + 1) * 1_000
        answered(trail)
        audit.closed(one, trail, "denied" if n == 0 else "allowed")
    journal.close()
    fill(tmp_path, database)
    return StoredExchanges(database)


def ids(rows: list[object]) -> list[int]:
    return [int(row.exchange_id[-1]) for row in rows]  # type: ignore[attr-defined]


def test_pages_follow_one_another_without_gap_or_twice(index: StoredExchanges) -> None:
    whole = ids(index.recent(limit=10))
    for size in 1, 2, 4:
        seen: list[int] = []
        page = index.recent(limit=size)
        while page:
            seen += ids(page)
            page = index.recent(after=page[-1], limit=size)
        assert seen == whole == [5, 4, 3, 2, 1, 0]
    (north,) = index.recent(tenant="north", limit=1)
    assert ids(index.recent(tenant=frozenset({"north"}), after=north)) == [3, 1, 0]


def test_pages_part_exchanges_of_the_same_moment(index: StoredExchanges) -> None:
    with index._database.write() as connection:
        connection.exec_driver_sql("update exchanges set opened_ns = 7")
    first = index.recent(limit=4)
    assert ids(first) == [5, 4, 3, 2]
    assert ids(index.recent(after=first[-1])) == [1, 0]


def test_several_tenants_at_once(index: StoredExchanges) -> None:
    both = frozenset({"north", "south"})
    assert len(index.recent(tenant=both)) == 6
    assert index.summary(tenant=both).exchanges == 6
    assert index.summary(tenant=frozenset({"south"})).exchanges == 2
    assert index.find("00000002", frozenset({"north"})) is None
    assert index.recent(tenant=frozenset()) == []


def test_who_ran_under_which_bundle(index: StoredExchanges) -> None:
    assert index.tenants() == [("south", "b" * 64), ("north", "b" * 64)]


def test_find(index: StoredExchanges) -> None:
    whole = "00000002-0000-7000-8000-000000000002"
    row = index.find(whole)
    assert row is not None
    assert (row.exchange_id, row.tenant, row.app) == (whole, "south", "stock")
    assert row.opened_ns == START_NS + 2 * MINUTE
    assert index.find("00000002-") == row
    assert index.find("00000002") == row
    assert index.find("0000000") is None  # too short
    assert index.find("00000002%") is None
    assert index.find("________") is None


def test_a_beginning_that_fits_two_finds_none(
    index: StoredExchanges, database: Database, tmp_path: Path
) -> None:
    journal = SegmentJournal(tmp_path).open()
    trail, ruled, _ = exchange("00000002-0000-7000-8000-00000000000f")
    Audit(journal, "r", tenant_key).opened(ruled, trail)
    journal.close()
    fill(tmp_path, database)
    assert index.find("00000002-0000") is None
    assert index.find("00000002-0000", tenant="south") is not None


def test_a_tenant_never_finds_anothers(index: StoredExchanges) -> None:
    assert index.find("00000002", tenant="north") is None
    assert index.find("00000002", tenant="south") is not None
    assert ids(index.recent(tenant="south")) == [5, 2]
    assert index.summary(tenant="south").exchanges == 2
    assert index.summary(tenant="east").outcomes == {}


def test_recent(index: StoredExchanges) -> None:
    assert ids(index.recent()) == [5, 4, 3, 2, 1, 0]
    assert ids(index.recent(limit=2)) == [5, 4]
    assert ids(index.recent(outcome="denied")) == [0]
    assert ids(index.recent(outcome="open")) == []
    assert ids(index.recent(app="stock")) == [5, 2]
    assert ids(index.recent(before_ns=START_NS + 2 * MINUTE)) == [1, 0]
    assert len(index.recent(rule="rule-1")) == 6
    assert index.recent(rule="rule-") == []
    assert len(index.recent(conversation="c0ffee00c0ffee00c0ffee00c0ffee00")) == 6
    assert index.recent(conversation="conv-2") == []


def test_summary(index: StoredExchanges) -> None:
    total = index.summary()
    assert total.outcomes == {"allowed": 5, "denied": 1}
    assert total.exchanges == 6
    assert total.models["large"].prompt_tokens == 720
    assert total.models["large"].completion_tokens == 84
    assert total.models["large"].cost_nano == 6 * 1234
    assert total.rules == {"rule-1/enforce": 6}
    assert total.duration_ns == {"p50": 3_000, "p95": 6_000, "p99": 6_000}
    assert total.own_work_ns["policy"] == 240_000
    assert list(total.own_work_ns)[:2] == ["admit", "data_prep"]
    later = index.summary(since_ns=START_NS + MINUTE, until_ns=START_NS + 3 * MINUTE)
    assert later.exchanges == 2
    assert later.as_dict()["outcomes"] == {"allowed": 2}


def test_a_row_as_json(index: StoredExchanges) -> None:
    row = index.recent(limit=1)[0].as_dict()
    assert row["opened_at"] == "2026-11-21T01:35:00.000000Z"
    assert row["rules_fired"] == ["rule-1/enforce"]
    assert row["outcome"] == "allowed"
