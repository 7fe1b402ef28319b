"""Requests, tokens and money against their limits: decided in memory, kept in the store.

What a day has used always contains what is reserved. So a reservation that a crash loses stays
counted in full: a budget may then look more spent than it is, never less, apart from what was
leased in the last second before the crash, which the store has not seen. Several processes on one
store add their sums up there and see each other's within a second.
"""

import logging
import threading
from itertools import count

import sqlalchemy as sa
from sqlalchemy.exc import DataError

from freehold.core.clock import Clock
from freehold.core.errors import BudgetExhausted, RateLimited, StorageError
from freehold.core.leases import Lease
from freehold.core.rates import MinuteWindow
from freehold.core.spec import Scope
from freehold.storage.engine import Database, incoming, upsert
from freehold.storage.tables import spend

_log = logging.getLogger("freehold.store")
_SECOND = 1_000_000_000
_DAY = 86_400 * _SECOND
_Day = tuple[str, int]


class _Use:
    """What a scope has used on one day, and how much of that the store has not seen yet."""

    __slots__ = ("nano", "new_nano", "new_requests", "new_tokens", "requests", "tokens")

    def __init__(self) -> None:
        self.requests = self.tokens = self.nano = 0
        self.new_requests = self.new_tokens = self.new_nano = 0

    def add(self, requests: int, tokens: int, nano: int) -> None:
        self.requests += requests
        self.tokens += tokens
        self.nano += nano
        self.new_requests += requests
        self.new_tokens += tokens
        self.new_nano += nano

    def take_new(self) -> tuple[int, int, int]:
        fresh = (self.new_requests, self.new_tokens, self.new_nano)
        self.new_requests = self.new_tokens = self.new_nano = 0
        return fresh

    def give_back(self, fresh: tuple[int, int, int]) -> None:
        self.new_requests += fresh[0]
        self.new_tokens += fresh[1]
        self.new_nano += fresh[2]

    def is_stored_as(self, requests: int, tokens: int, nano: int) -> None:
        self.requests = requests + self.new_requests
        self.tokens = tokens + self.new_tokens
        self.nano = nano + self.new_nano


class StoreLimiter:
    """The `Limiter` port over the ``spend`` table. Days are UTC days; safe between threads.

    ``load`` before the first request; ``flush`` belongs into the writer's housekeeping.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._guard = threading.Lock()
        self._used: dict[_Day, _Use] = {}
        self._minutes: dict[str, MinuteWindow] = {}
        self._leases: dict[str, tuple[int, Lease]] = {}
        self._numbers = count(1)
        self._dirty: set[_Day] = set()
        self._refused: set[_Day] = set()

    def admit(self, scopes: tuple[Scope, ...]) -> None:
        """Count one request in every scope, or in none.

        Raises:
            RateLimited: one of them has had its requests of the last minute.
        """
        now = self._clock.now_ns()
        second, day = now // _SECOND, now // _DAY
        with self._guard:
            windows = []
            for scope in scopes:
                ceiling = scope.limits.requests_per_minute
                if ceiling is None:
                    continue
                window = self._minute(scope.id)
                if window.total(second) >= ceiling:
                    wait = window.free_again(second, ceiling)
                    raise RateLimited(
                        f"{scope.id}: {ceiling} requests a minute", retry_after_s=wait
                    )
                windows.append(window)
            for window in windows:
                window.add(second)
            for scope in scopes:
                self._add(scope.id, day, 1, 0, 0)

    def lease(self, scopes: tuple[Scope, ...], tokens: int, nano: int) -> Lease:
        """Reserve the worst case in every scope, or in none.

        Raises:
            BudgetExhausted: it would not fit into what is left of the day.
        """
        day = self._clock.now_ns() // _DAY
        with self._guard:
            for scope in scopes:
                limits = scope.limits
                use = self._used.get((scope.id, day))
                if _over(limits.tokens_per_day, use.tokens if use else 0, tokens):
                    raise BudgetExhausted(f"{scope.id}: {limits.tokens_per_day} tokens a day")
                if _over(limits.nano_per_day, use.nano if use else 0, nano):
                    raise BudgetExhausted(f"{scope.id}: {limits.nano_per_day} nano-units a day")
            lease = Lease(
                id=str(next(self._numbers)),
                scopes=tuple(scope.id for scope in scopes),
                tokens=max(0, tokens),
                nano=max(0, nano),
            )
            for scope_id in lease.scopes:
                self._add(scope_id, day, 0, lease.tokens, lease.nano)
            self._leases[lease.id] = (day, lease)
        return lease

    def settle(self, lease: Lease, tokens: int, nano: int) -> None:
        """Replace the reservation by the truth, on the day on which it was made.

        The truth counts even where it is more than was reserved; a second settlement does nothing.
        """
        with self._guard:
            day, known = self._leases.pop(lease.id, (0, None))
            if known is None:
                return
            for scope in known.scopes:
                self._add(scope, day, 0, max(0, tokens) - known.tokens, max(0, nano) - known.nano)

    def used(self, scope: str) -> tuple[int, int, int]:
        """Requests, tokens and nano-units of this day, reservations included."""
        with self._guard:
            use = self._used.get((scope, self._clock.now_ns() // _DAY))
            return (use.requests, use.tokens, use.nano) if use else (0, 0, 0)

    def load(self) -> None:
        """Read what today and yesterday have used.

        Raises:
            StorageError: the store can't be read.
        """
        day = self._clock.now_ns() // _DAY
        query = sa.select(spend).where(spend.c.day >= day - 1)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        with self._guard:
            for row in rows:
                use = self._used.setdefault((row.scope, row.day), _Use())
                use.is_stored_as(row.requests, row.tokens, row.nano)

    def flush(self) -> None:
        """Add what is new to the store and learn what other processes added.

        While the store is away nothing is lost: it is added when the store is back.
        """
        day = self._clock.now_ns() // _DAY
        with self._guard:
            dirty, self._dirty = self._dirty, set()
            fresh = {key: self._used[key].take_new() for key in dirty}
        if not fresh:
            return
        stored, waiting = self._store_all(fresh)
        with self._guard:
            for key in waiting:
                self._used[key].give_back(fresh[key])
            self._dirty |= waiting
            for key, sums in stored.items():
                self._used[key].is_stored_as(*sums)
            for key in [k for k in self._used if k[1] < day - 1 and k not in self._dirty]:
                del self._used[key]
            for scope in [s for s, w in self._minutes.items() if w.idle(self._second())]:
                del self._minutes[scope]

    def _store_all(
        self, fresh: dict[_Day, tuple[int, int, int]]
    ) -> tuple[dict[_Day, tuple[int, int, int]], set[_Day]]:
        """What is in the store now, and what is not and has to wait.

        A row that the store can't take stays in memory, where it counts, and stops no other.
        """
        try:
            return self._store(fresh), set()
        except Exception as error:  # noqa: BLE001 - one bad number must not stop the housekeeping
            if isinstance(error, StorageError) and not isinstance(error.__cause__, DataError):
                return {}, set(fresh)
            if len(fresh) == 1:
                (key,) = fresh
                if key not in self._refused:
                    self._refused.add(key)
                    _log.error("spend of %s can't be stored: %s", key[0], type(error).__name__)
                return {}, {key}
        stored: dict[_Day, tuple[int, int, int]] = {}
        waiting: set[_Day] = set()
        for key, amounts in fresh.items():
            done, left = self._store_all({key: amounts})
            stored |= done
            waiting |= left
        return stored, waiting

    def _store(self, fresh: dict[_Day, tuple[int, int, int]]) -> dict[_Day, tuple[int, int, int]]:
        rows = [
            {"scope": scope, "day": day, "requests": r, "tokens": t, "nano": n}
            for (scope, day), (r, t, n) in sorted(fresh.items())
        ]
        c = spend.c
        sums = {
            "requests": c.requests + incoming(c.requests),
            "tokens": c.tokens + incoming(c.tokens),
            "nano": c.nano + incoming(c.nano),
        }
        query = sa.select(spend).where(
            (c.scope == sa.bindparam("one_scope")) & (c.day == sa.bindparam("one_day"))
        )
        stored = {}
        with self._database.write() as connection:
            upsert(connection, spend, rows, sums)
            for scope, day in fresh:
                row = connection.execute(query, {"one_scope": scope, "one_day": day}).one()
                stored[scope, day] = (row.requests, row.tokens, row.nano)
        return stored

    def _add(self, scope: str, day: int, requests: int, tokens: int, nano: int) -> None:
        key = (scope, day)
        use = self._used.get(key)
        if use is None:
            use = self._used[key] = _Use()
        use.add(requests, tokens, nano)
        self._dirty.add(key)

    def _minute(self, scope: str) -> MinuteWindow:
        window = self._minutes.get(scope)
        if window is None:
            window = self._minutes[scope] = MinuteWindow()
        return window

    def _second(self) -> int:
        return self._clock.now_ns() // _SECOND


def _over(ceiling: int | None, used: int, wanted: int) -> bool:
    return ceiling is not None and used + max(0, wanted) > ceiling
