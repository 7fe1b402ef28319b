"""Every ceiling of every period, whoever it is on: never passed, whatever happens at once."""

import random
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.core.errors import BudgetExhausted, LimitError, RateLimited
from freehold.core.leases import Lease
from freehold.core.limits import PERIODS, UNITS, Limits, Scope, ceiling_name, ceilings
from freehold.storage.engine import Database, connect
from freehold.storage.spend import StoreLimiter
from freehold.storage.spend_table import SpendTable, start
from tests.audit_samples import Standing

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
NAMES = [ceiling_name(unit, period) for unit in UNITS for period in PERIODS]


def one(name: str = "key:a", **limits: int) -> Scope:
    return Scope(id=name, limits=Limits(**limits))


class Book:
    """What really happened: each amount with the second in which it counts."""

    def __init__(self) -> None:
        self.entries: list[list[int]] = []

    def note(self, second: int, *amounts: int) -> list[int]:
        entry = [second, *amounts]
        self.entries.append(entry)
        return entry

    def most(self, place: int, period: str) -> int:
        """The largest sum that any period of this length has seen."""
        if period == "minute":
            return max(
                sum(e[place + 1] for e in self.entries if 0 <= e[0] - first < 60)
                for first, *_ in self.entries
            )
        sums: dict[int, int] = {}
        for second, *amounts in self.entries:
            number = start(period, second // 86_400)  # type: ignore[arg-type]
            sums[number] = sums.get(number, 0) + amounts[place]
        return max(sums.values())


steps = st.lists(
    st.tuples(
        st.sampled_from(["admit", "lease", "lease", "settle", "flush"]),
        st.integers(0, 4),
        st.integers(0, 4),
        st.sampled_from([0, 0, 1, 7, 59, 61, 3_600, 86_400, 20 * 86_400]),
        st.floats(0, 1),
    ),
    min_size=1,
    max_size=60,
)
ceilings_of = st.dictionaries(st.sampled_from(NAMES), st.integers(1, 12), max_size=5)


@settings(deadline=None)
@given(steps, ceilings_of, ceilings_of)
def test_no_ceiling_of_any_period_is_ever_passed(
    steps: list[tuple[str, int, int, int, float]], key: dict[str, int], app: dict[str, int]
) -> None:
    """Against a second, plain account of the same: sums over all that was let through."""
    clock = Standing()
    made = StoreLimiter(connect("sqlite://"), clock)
    made._table.add = lambda *_: {}  # type: ignore[method-assign] # a store that knows nothing
    scopes = (one("key:a", **key), one("app:n/s", **app))
    book = Book()
    under_way: deque[tuple[Lease, list[int]]] = deque()
    for kind, tokens, nano, gap, share in steps:
        clock.now += gap * SECOND
        second = clock.now // SECOND
        said = ""
        try:
            if kind == "admit":
                made.admit(scopes)
                book.note(second, 1, 0, 0)
            elif kind == "lease":
                said = made.misfit(scopes, tokens, nano)
                lease = made.lease(scopes, tokens, nano)
                under_way.append((lease, book.note(second, 0, tokens, nano)))
                assert not said
            elif kind == "settle" and under_way:
                lease, entry = under_way.popleft()
                entry[2], entry[3] = int(entry[2] * share), int(entry[3] * share)
                made.settle(lease, entry[2], entry[3])
        except LimitError as refused:
            assert said == "" or said == str(refused)  # noqa: PT017 - it may well not be raised
        for scope in scopes if book.entries else ():
            for ceiling in ceilings(scope.limits):
                assert book.most(ceiling.place, ceiling.period) <= ceiling.most, str(ceiling)
        today = second // 86_400
        sums = [sum(e[p] for e in book.entries if e[0] // 86_400 == today) for p in (1, 2, 3)]
        assert list(made.used("key:a")) == sums


def test_many_threads_and_every_ceiling() -> None:
    """Sixteen clients at once; what they really spent is what stands there, and passes nothing."""
    made = StoreLimiter(connect("sqlite://"), Standing())
    made._table.add = lambda *_: {}  # type: ignore[method-assign]
    model = one("model:m", requests_per_day=900, nano_per_month=40_000)
    scopes = (
        one("key:a", tokens_per_day=4_000, nano_per_minute=30_000),
        one("app:n/s", nano_in_total=33_000, requests_per_minute=1_500),
        one("tenant:n", tokens_per_month=5_000),
    )

    def client(seed: int) -> tuple[int, int, int]:
        dice = random.Random(seed)
        calls = tokens = nano = 0
        for _ in range(200):
            most = (dice.randrange(20), dice.randrange(200))
            try:
                made.admit(scopes)
                lease = made.lease(scopes, *most, model)
            except LimitError:
                continue
            used = (dice.randint(0, most[0]), dice.randint(0, most[1]))
            made.settle(lease, *used)
            made.settle(lease, 10**6, 10**6)  # a second time: nothing
            calls, tokens, nano = calls + 1, tokens + used[0], nano + used[1]
        return calls, tokens, nano

    with ThreadPoolExecutor(16) as pool:
        spent = [sum(each) for each in zip(*pool.map(client, range(16)), strict=True)]
    for scope in scopes:
        assert list(made.used(scope.id)[1:]) == spent[1:]
    assert made.used("model:m") == tuple(spent)
    assert made.used("app:n/s")[0] <= 1_500
    assert spent[0] <= 900
    assert spent[1] <= 4_000
    assert spent[2] <= 30_000
    assert spent[2] > 20_000, "and much of it can be used"


def test_tokens_of_a_minute_are_free_again_when_they_were_not_needed() -> None:
    clock = Standing()
    made = StoreLimiter(connect("sqlite://"), clock)
    scopes = (one(tokens_per_minute=100),)
    lease = made.lease(scopes, 90, 0)
    with pytest.raises(RateLimited) as refused:
        made.lease(scopes, 20, 0)
    assert refused.value.retry_after_s == 61
    made.settle(lease, 10, 0)
    made.lease(scopes, 90, 0)
    clock.now += 61 * SECOND
    made.settle(lease, 10, 0)
    made.lease(scopes, 100, 0)
    with pytest.raises(BudgetExhausted, match="one call may need 101; 100 tokens a minute"):
        made.lease(scopes, 101, 0)


def test_a_month_outlives_its_days(database: Database) -> None:
    clock = Standing()
    clock.now = 20_605 * DAY  # the first of June 2026
    scopes = (one(nano_per_month=1_000, nano_in_total=1_500),)
    made = StoreLimiter(database, clock)
    for _ in range(4):
        made.lease(scopes, 0, 200)
        made.flush()
        clock.now += 5 * DAY
    again = StoreLimiter(database, clock)
    again.load()
    for limiter in (made, again):
        assert limiter.used("key:a") == (0, 0, 0)
        assert limiter.used("key:a", "month")[2] == 800
        with pytest.raises(BudgetExhausted, match="1000 nano-units a month"):
            limiter.lease(scopes, 0, 201)
    clock.now += 12 * DAY  # July
    again.lease(scopes, 0, 700)
    assert again.used("key:a", "month")[2] == 700
    with pytest.raises(BudgetExhausted, match="1500 nano-units in total"):
        again.lease(scopes, 0, 1)


def test_a_ceiling_on_a_model_counts_calls_whoever_makes_them() -> None:
    made = StoreLimiter(connect("sqlite://"), Standing())
    model = one("model:m", requests_per_day=2)
    for name in ("key:a", "key:b"):
        made.lease((one(name),), 1, 1, model)
    with pytest.raises(BudgetExhausted, match="model:m: 2 requests a day"):
        made.lease((one("key:c"),), 1, 1, model)
    assert made.used("key:c") == (0, 0, 0)
    assert made.misfit((one("key:c"),), 1, 1, model) == "model:m: 2 requests a day"


def test_what_costs_nothing_passes_where_the_money_is_spent() -> None:
    made = StoreLimiter(connect("sqlite://"), Standing())
    scopes = (one(nano_per_day=10),)
    made.settle(made.lease(scopes, 5, 10), 5, 40)
    made.lease(scopes, 5, 0)
    with pytest.raises(BudgetExhausted):
        made.lease(scopes, 5, 1)


def test_who_used_most(database: Database) -> None:
    clock = Standing()
    made = StoreLimiter(database, clock)
    for name, nano in (("app:n/a", 5), ("app:n/b", 9), ("app%:n", 50), ("key:k", 99)):
        made.lease((one(name),), 1, nano)
    made.flush()
    rows = SpendTable(database).largest("month", clock.now // DAY, "app", 5)
    assert [(scope, sums[2]) for (scope, _, _), sums in rows.items()] == [
        ("app:n/b", 9), ("app:n/a", 5),
    ]  # fmt: skip
    assert len(SpendTable(database).largest("day", clock.now // DAY, "app", 1)) == 1
