"""Requests, tokens and money against their limits: decided in memory, kept in the store.

What a period has used always contains what is reserved. So a reservation that a crash loses stays
counted in full: a budget may then look more spent than it is, never less, apart from what was
leased in the last second before the crash, which the store has not seen. Several processes on one
store add their sums up there and see each other's within a second; ceilings on a minute are each
process's own.
"""

import logging
import secrets
import threading
from itertools import count

from sqlalchemy.exc import DataError

from freehold.core.clock import Clock
from freehold.core.errors import BudgetExhausted, LimitError, RateLimited, StorageError
from freehold.core.leases import Lease
from freehold.core.limits import Ceiling, Period, Scope
from freehold.core.rates import MinuteWindow
from freehold.storage.engine import Database
from freehold.storage.spend_table import KEPT, Row, ScopeDay, SpendTable, Sums, start

_log = logging.getLogger("freehold.store")
_SECOND = 1_000_000_000
_DAY = 86_400 * _SECOND
_NOTHING: Sums = (0, 0, 0)
_REQUEST: Sums = (1, 0, 0)


class _Use:
    """What a scope has used on one day: as the store has it, on its way there, and since then."""

    __slots__ = ("dirty", "flying", "new", "stored")

    def __init__(self) -> None:
        self.stored: Sums = _NOTHING
        self.flying: Sums = _NOTHING
        self.new = [0, 0, 0]
        self.dirty = False

    def used(self, place: int) -> int:
        return self.stored[place] + self.flying[place] + self.new[place]

    def take_off(self) -> Sums:
        requests, tokens, nano = self.new
        self.flying, self.new, self.dirty = (requests, tokens, nano), [0, 0, 0], False
        return self.flying

    def come_back(self) -> None:
        """The store did not take it."""
        self.new = [new + flying for new, flying in zip(self.new, self.flying, strict=True)]
        self.flying = _NOTHING

    def is_stored_as(self, stored: Sums) -> None:
        self.stored, self.flying = stored, _NOTHING


class _Counter:
    """What one scope has used: by day, and as the store had it in its months and in total."""

    __slots__ = ("days", "stored")

    def __init__(self) -> None:
        self.days: dict[int, _Use] = {}
        self.stored: dict[tuple[Period, int], Sums] = {}

    def day(self, day: int) -> _Use:
        use = self.days.get(day)
        if use is None:
            use = self.days[day] = _Use()
        return use

    def used(self, place: int, period: Period, day: int) -> int:
        """One unit's sum in the period that this day is in."""
        if period == "day":
            use = self.days.get(day)
            return use.used(place) if use else 0
        number = start(period, day)
        total = self.stored.get((period, number), _NOTHING)[place]
        for other, use in self.days.items():
            if other == day or start(period, other) == number:
                total += use.new[place] + use.flying[place]
        return total


class _Reserved:
    """A lease, the day on which it counts, and where it stands in windows of a minute."""

    __slots__ = ("day", "lease", "windows")

    def __init__(self, day: int, lease: Lease) -> None:
        self.day = day
        self.lease = lease
        self.windows: list[tuple[MinuteWindow, int, int]] = []


class StoreLimiter:
    """The `Limiter` port over the ``spending`` table. Safe between threads.

    ``load`` before the first request; ``flush`` belongs into the writer's housekeeping.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._table = SpendTable(database)
        self._clock = clock
        self._guard = threading.Lock()
        self._counters: dict[str, _Counter] = {}
        self._minutes: dict[tuple[str, int], MinuteWindow] = {}
        self._leases: dict[str, _Reserved] = {}
        self._numbers = count(1)
        self._dirty: set[ScopeDay] = set()
        # additions that the store has not confirmed, by number: the first may be there already
        self._sent: dict[int, dict[ScopeDay, Sums]] = {}
        self._giver = f"spend:{secrets.token_hex(12)}"
        self._additions = count(1)
        self._refused: set[ScopeDay] = set()

    def admit(self, scopes: tuple[Scope, ...]) -> None:
        """Count one request in every scope, or in none; see the port."""
        now = self._clock.now_ns()
        second, day = now // _SECOND, now // _DAY
        with self._guard:
            for scope in scopes:
                refusal = self._refusal(scope, _REQUEST, second, day)
                if refusal is not None:
                    raise refusal
            for scope in scopes:
                self._add(scope.id, day, 1, 0, 0)
                for ceiling in scope.rates:
                    if ceiling.place == 0:
                        self._minute(scope.id, 0).add(second)

    def lease(
        self, scopes: tuple[Scope, ...], tokens: int, nano: int, model: Scope | None = None
    ) -> Lease:
        """Reserve the worst case of one call in every scope, or in none; see the port."""
        now = self._clock.now_ns()
        second, day = now // _SECOND, now // _DAY
        tokens, nano = max(0, tokens), max(0, nano)
        with self._guard:
            refusal = self._first_refusal(scopes, tokens, nano, model, second, day)
            if refusal is not None:
                raise refusal
            every = scopes if model is None else (*scopes, model)
            lease = Lease(
                id=str(next(self._numbers)),
                scopes=tuple(scope.id for scope in every),
                tokens=tokens,
                nano=nano,
            )
            reserved = self._leases[lease.id] = _Reserved(day, lease)
            for scope in every:
                wanted = (int(scope is model), tokens, nano)
                self._add(scope.id, day, *wanted)
                for ceiling in scope.rates:
                    place = ceiling.place
                    if wanted[place]:
                        window = self._minute(scope.id, place)
                        at = window.add(second, wanted[place])
                        if place:
                            reserved.windows.append((window, at, place))
        return lease

    def misfit(
        self, scopes: tuple[Scope, ...], tokens: int, nano: int, model: Scope | None = None
    ) -> str:
        """Why ``lease`` would refuse just now; see the port."""
        now = self._clock.now_ns()
        second, day = now // _SECOND, now // _DAY
        with self._guard:
            refusal = self._first_refusal(scopes, max(0, tokens), max(0, nano), model, second, day)
        return "" if refusal is None else str(refusal)

    def settle(self, lease: Lease, tokens: int, nano: int) -> None:
        """Replace the reservation by the truth, on the day on which it was made.

        The truth counts even where it is more than was reserved; a second settlement does nothing.
        """
        with self._guard:
            reserved = self._leases.pop(lease.id, None)
            if reserved is None:
                return
            known = reserved.lease
            change = (0, max(0, tokens) - known.tokens, max(0, nano) - known.nano)
            for scope in known.scopes:
                self._add(scope, reserved.day, *change)
            for window, second, place in reserved.windows:
                window.correct(second, change[place])

    def used(self, scope: str, period: Period = "day") -> Sums:
        """Requests, tokens and nano-units of this day, month or total, reservations included."""
        day = self._clock.now_ns() // _DAY
        with self._guard:
            counter = self._counters.get(scope)
            if counter is None:
                return (0, 0, 0)
            return (
                counter.used(0, period, day),
                counter.used(1, period, day),
                counter.used(2, period, day),
            )

    def load(self) -> None:
        """Read what the current periods have used.

        Raises:
            StorageError: the store can't be read.
        """
        rows = self._table.read(self._clock.now_ns() // _DAY)
        with self._guard:
            self._take_over(rows)

    def flush(self) -> None:
        """Add what is new to the store and learn what other processes added.

        While the store is away nothing is lost: it is added when the store is back, and once, even
        where the store took it and could not say so any more.
        """
        today = self._clock.now_ns() // _DAY
        if self._send():
            with self._guard:
                dirty, self._dirty = self._dirty, set()
                fresh = {(s, day): self._counters[s].days[day].take_off() for s, day in dirty}
            if fresh:
                self._sent[next(self._additions)] = fresh
                self._send()
        with self._guard:
            self._forget(today)

    def _send(self) -> bool:
        """Give the store what it has not confirmed; false where it is away.

        A row that it can't take stays in memory, where it counts, and stops no other.
        """
        while self._sent:
            number, fresh = next(iter(self._sent.items()))
            try:
                stored = self._table.add(fresh, self._giver, number)
            except Exception as error:  # noqa: BLE001 - a bad number must not stop housekeeping
                if isinstance(error, StorageError) and not isinstance(error.__cause__, DataError):
                    return False
                del self._sent[number]
                if len(fresh) == 1:
                    self._refuse(next(iter(fresh)), error)
                    continue
                for key, amounts in fresh.items():  # one by one, to find which it is
                    self._sent[next(self._additions)] = {key: amounts}
                continue
            del self._sent[number]
            with self._guard:
                self._take_over(stored)
        return True

    def _refuse(self, key: ScopeDay, error: Exception) -> None:
        scope, day = key
        if key not in self._refused:
            self._refused.add(key)
            _log.error("spend of %s can't be stored: %s", scope, type(error).__name__)
        with self._guard:
            use = self._counters[scope].days[day]
            use.come_back()
            use.dirty = True
            self._dirty.add(key)

    # -- parts, all under the guard --

    def _first_refusal(
        self,
        scopes: tuple[Scope, ...],
        tokens: int,
        nano: int,
        model: Scope | None,
        second: int,
        day: int,
    ) -> LimitError | None:
        for scope in scopes:
            refusal = self._refusal(scope, (0, tokens, nano), second, day)
            if refusal is not None:
                return refusal
        return None if model is None else self._refusal(model, (1, tokens, nano), second, day)

    def _refusal(self, scope: Scope, wanted: Sums, second: int, day: int) -> LimitError | None:
        """Why so much would pass a ceiling. What costs nothing passes none, however full it is."""
        for ceiling in scope.rates:
            if wanted[ceiling.place]:
                refusal = self._hurried(scope.id, ceiling, wanted[ceiling.place], second)
                if refusal is not None:
                    return refusal
        if not scope.quotas:
            return None
        counter = self._counters.get(scope.id)
        for ceiling in scope.quotas:
            amount = wanted[ceiling.place]
            used = counter.used(ceiling.place, ceiling.period, day) if counter else 0
            if amount and used + amount > ceiling.most:
                spent = BudgetExhausted(f"{scope.id}: {ceiling}")
                spent.renews = ceiling.period if amount <= ceiling.most else ""
                return spent
        return None

    def _hurried(self, scope: str, ceiling: Ceiling, amount: int, second: int) -> LimitError | None:
        if amount > ceiling.most:  # waiting would not help
            return BudgetExhausted(f"{scope}: one call may need {amount}; {ceiling}")
        window = self._minutes.get((scope, ceiling.place))
        if window is None or window.total(second) + amount <= ceiling.most:
            return None
        wait = window.free_again(second, ceiling.most, amount)
        return RateLimited(f"{scope}: {ceiling}", retry_after_s=wait)

    def _take_over(self, rows: dict[Row, Sums]) -> None:
        for (scope, period, number), sums in rows.items():
            counter = self._counter(scope)
            if period == "day":
                counter.day(number).is_stored_as(sums)
            else:
                counter.stored[period, number] = sums

    def _forget(self, today: int) -> None:
        """Days and months that are over, and minutes in which nothing happened."""
        current = {(p, start(p, d)) for p in KEPT for d in (today - 1, today)}
        for scope, counter in self._counters.items():
            for day, use in list(counter.days.items()):
                kept = day >= today - 1 or (scope, day) in self._dirty or use.flying != _NOTHING
                if not kept:
                    del counter.days[day]
            for key in [key for key in counter.stored if key not in current]:
                del counter.stored[key]
        second = self._clock.now_ns() // _SECOND
        for place in [p for p, window in self._minutes.items() if window.idle(second)]:
            del self._minutes[place]

    def _counter(self, scope: str) -> _Counter:
        counter = self._counters.get(scope)
        if counter is None:
            counter = self._counters[scope] = _Counter()
        return counter

    def _add(self, scope: str, day: int, requests: int, tokens: int, nano: int) -> None:
        use = self._counter(scope).day(day)
        new = use.new
        new[0] += requests
        new[1] += tokens
        new[2] += nano
        if not use.dirty:
            use.dirty = True
            self._dirty.add((scope, day))

    def _minute(self, scope: str, place: int) -> MinuteWindow:
        window = self._minutes.get((scope, place))
        if window is None:
            window = self._minutes[scope, place] = MinuteWindow()
        return window
