"""Limits: money is leased and settled atomically, whatever happens at once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.errors import BudgetExhausted, RateLimited, StorageError
from freehold.core.leases import Lease
from freehold.core.limits import Limits, Scope
from freehold.core.rates import MinuteWindow
from freehold.storage.engine import Database, connect
from freehold.storage.migrate import open_database
from freehold.storage.spend import StoreLimiter
from tests.audit_samples import Standing

SECOND = 1_000_000_000
NAMES = ("key:a", "app:n/s")
MONEY = Limits(nano_per_day=1_000)


def scopes(limits: Limits, *names: str) -> tuple[Scope, ...]:
    return tuple(Scope(id=name, limits=limits) for name in names or NAMES)


def limiter(database: Database, clock: Standing | None = None) -> StoreLimiter:
    made = StoreLimiter(database, clock or Standing())
    made.load()
    return made


def nowhere() -> StoreLimiter:
    """A limiter that is never flushed."""
    return StoreLimiter(connect("sqlite://"), Standing())


@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.floats(0, 1), st.booleans()), min_size=1, max_size=60
    )
)
def test_never_over_the_limit_while_truth_stays_within_leases(
    steps: list[tuple[int, float, bool]],
) -> None:
    made = nowhere()
    under_way: list[Lease] = []
    truth = 0
    for amount, share, settle in steps:
        try:
            under_way.append(made.lease(scopes(MONEY), 0, amount))
        except BudgetExhausted:
            reserved = sum(lease.nano for lease in under_way)
            assert truth + reserved + amount > 1_000
        if settle and under_way:
            lease = under_way.pop(0)
            spent = int(lease.nano * share)
            made.settle(lease, 0, spent)
            truth += spent
        reserved = sum(lease.nano for lease in under_way)
        assert truth + reserved <= 1_000
        for scope in NAMES:
            assert made.used(scope) == (0, 0, truth + reserved)


def test_many_threads_never_pass_the_limit() -> None:
    made = nowhere()
    limits = Limits(tokens_per_day=500, nano_per_day=500)

    def spend(_: int) -> int:
        try:
            lease = made.lease(scopes(limits), 3, 7)
        except BudgetExhausted:
            return 0
        made.settle(lease, 2, 5)
        return 5

    with ThreadPoolExecutor(16) as pool:
        spent = sum(pool.map(spend, range(2_000)))
    assert made.used("key:a")[2] == spent <= 500
    assert spent >= 490


def test_all_scopes_or_none() -> None:
    made = nowhere()
    made.lease(scopes(MONEY, "key:b"), 0, 900)
    with pytest.raises(BudgetExhausted):
        made.lease(scopes(MONEY, "key:a", "key:b"), 0, 200)
    assert made.used("key:a") == (0, 0, 0)


def test_settling_twice_or_what_is_unknown_does_nothing() -> None:
    made = nowhere()
    lease = made.lease(scopes(MONEY), 10, 100)
    for _ in range(3):
        made.settle(lease, 4, 40)
    made.settle(Lease(id="x", scopes=NAMES, tokens=9, nano=9), 9, 9)
    assert made.used("key:a") == (0, 4, 40)


def test_more_than_was_leased_counts_too() -> None:
    made = nowhere()
    made.settle(made.lease(scopes(MONEY), 0, 10), 0, 2_000)
    assert made.used("key:a")[2] == 2_000
    with pytest.raises(BudgetExhausted):
        made.lease(scopes(MONEY), 0, 1)


def test_a_new_day_begins_at_zero_and_old_leases_settle_on_their_own() -> None:
    clock = Standing()
    made = StoreLimiter(connect("sqlite://"), clock)
    lease = made.lease(scopes(MONEY), 0, 1_000)
    clock.now += 86_400 * SECOND
    assert made.used("key:a") == (0, 0, 0)
    made.lease(scopes(MONEY), 0, 600)
    made.settle(lease, 0, 0)
    assert made.used("key:a") == (0, 0, 600)


@given(st.lists(st.integers(0, 20 * SECOND), min_size=1, max_size=120), st.integers(1, 12))
def test_no_sixty_seconds_ever_see_more_than_the_ceiling(gaps: list[int], ceiling: int) -> None:
    clock = Standing()
    made = StoreLimiter(connect("sqlite://"), clock)
    passed: list[int] = []
    for gap in gaps:
        clock.now += gap
        try:
            made.admit(scopes(Limits(requests_per_minute=ceiling)))
        except RateLimited as refused:
            clock.now += refused.retry_after_s * SECOND
            made.admit(scopes(Limits(requests_per_minute=ceiling)))
        passed.append(clock.now)
    for at in passed:
        assert sum(1 for other in passed if at <= other < at + 60 * SECOND) <= ceiling


def test_retry_after_is_no_longer_than_needed() -> None:
    window = MinuteWindow()
    window.add(100)
    assert window.free_again(100, 1) == 61
    assert window.free_again(130, 1) == 31
    assert window.total(160) == 1
    assert window.total(161) == 0
    assert window.idle(161)


def test_a_clock_that_is_set_back_frees_nothing() -> None:
    window = MinuteWindow()
    window.add(1_000)
    assert window.total(10) == 1


def test_what_is_flushed_is_there_after_a_restart(database: Database) -> None:
    first = limiter(database)
    first.admit(scopes(Limits()))
    first.settle(first.lease(scopes(MONEY), 10, 100), 7, 70)
    first.flush()
    assert limiter(database).used("key:a") == (1, 7, 70)


def test_a_lease_that_a_crash_loses_stays_counted_in_full(database: Database) -> None:
    first = limiter(database)
    first.lease(scopes(MONEY), 10, 900)
    first.flush()
    again = limiter(database)
    assert again.used("key:a")[2] == 900
    with pytest.raises(BudgetExhausted):
        again.lease(scopes(MONEY), 0, 101)


def test_two_processes_add_up(database: Database) -> None:
    first, second = limiter(database), limiter(database)
    first.lease(scopes(MONEY), 1, 300)
    second.lease(scopes(MONEY), 2, 400)
    first.flush()
    second.flush()
    assert second.used("key:a") == (0, 3, 700)
    first.lease(scopes(MONEY), 0, 1)
    first.flush()
    assert first.used("key:a") == (0, 3, 701)


def test_while_the_store_is_away_nothing_is_lost(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    made = limiter(database)
    made.lease(scopes(MONEY), 0, 300)
    with database.write() as connection:
        connection.execute(sa.text("alter table spending rename to gone"))
    made.flush()
    made.lease(scopes(MONEY), 0, 200)
    assert made.used("key:a")[2] == 500
    with database.write() as connection:
        connection.execute(sa.text("alter table gone rename to spending"))
    made.flush()
    assert limiter(database).used("key:a")[2] == 500
    database.close()


def test_old_days_are_forgotten_in_memory_only(database: Database) -> None:
    clock = Standing()
    made = limiter(database, clock)
    made.lease(scopes(MONEY), 0, 5)
    made.flush()
    clock.now += 3 * 86_400 * SECOND
    made.admit(scopes(Limits(requests_per_minute=5)))
    made.flush()
    assert {len(counter.days) for counter in made._counters.values()} == {1}
    with database.read() as connection:
        assert (
            connection.execute(
                sa.text("select count(*) from spending where period = 'day'")
            ).scalar()
            == 4
        )


def test_limits_of_none_limit_nothing() -> None:
    made = nowhere()
    work: list[Callable[[], object]] = [
        lambda: made.admit(scopes(Limits())),
        lambda: made.lease(scopes(Limits()), 10**12, 10**18),
    ]
    for step in work:
        step()
    assert made.used("key:a") == (1, 10**12, 10**18)


def test_one_number_that_the_store_can_not_take_stops_no_other(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    made = limiter(database)
    made.settle(made.lease(scopes(Limits(), "app:bad"), 1, 1), 10**30, 1)
    made.settle(made.lease(scopes(Limits(), "app:good", "app:fine"), 1, 1), 7, 9)
    made.flush()
    made.flush()
    assert made.used("app:bad")[1] == 10**30, "it counts all the same"
    other = limiter(database)
    assert other.used("app:good") == other.used("app:fine") == (0, 7, 9)
    assert caplog.text.count("spend of app:bad can't be stored") == 1
    assert "spend of app:good" not in caplog.text


class Forgetful:
    """A store whose answers are lost: before a commit, or after it."""

    def __init__(self, database: Database) -> None:
        self._real = database
        self.lose: list[str] = []

    def read(self) -> Any:
        return self._real.read()

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        lost = self.lose.pop() if self.lose else ""
        if lost == "at once":
            raise StorageError("away")
        with self._real.write() as connection:
            yield connection
            if lost == "before the commit":
                raise StorageError("away")
        if lost == "after the commit":
            raise StorageError("away")


@given(
    st.lists(
        st.tuples(
            st.integers(0, 5),
            st.sampled_from(["", "at once", "before the commit", "after the commit"]),
        ),
        max_size=12,
    )
)
def test_what_is_settled_is_added_once_wherever_the_store_is_lost(
    steps: list[tuple[int, str]],
) -> None:
    with TemporaryDirectory() as folder:
        database = open_database(Path(folder))
        away = Forgetful(database)
        made = limiter(cast(Database, away))
        used = 0
        for amount, lost in steps:
            if amount:
                made.settle(made.lease(scopes(Limits()), 0, 9), 0, amount)
                used += amount
            away.lose = [lost] if lost else []
            made.flush()
            assert made.used("key:a")[2] == used, "in memory it counts all the while"
        away.lose = []
        made.flush()
        made.flush()
        assert made.used("key:a")[2] == used
        assert limiter(database).used("key:a")[2] == used
        database.close()
