"""Capture while a gateway runs: exchanges become cases when they are over, or when somebody says
something of them later. Nothing here can change, delay or fail an exchange.
"""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from threading import Lock
from typing import Literal

from msgspec import Struct

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.alerts import CaseRow
from freehold.core.approvals import Hold
from freehold.core.capturing import CaptureSpec
from freehold.core.cases import Case, CaseBook
from freehold.core.clock import Clock
from freehold.core.errors import FreeholdError, NotFound, StorageError
from freehold.core.handoffs import Admitted
from freehold.core.outcomes import Told
from freehold.core.subjects import DAY_NS
from freehold.core.trail import Trail
from freehold.core.trials import ShadowSeen
from freehold.learning.capture.triggers import (
    Judged,
    bad_score,
    good_score,
    judge,
    unremarkable,
)
from freehold.learning.capture.witnessed import witnessed
from freehold.services.case_making import CaseMaker, Later
from freehold.stages.monitoring.metrics import Counter

WAITING = 512
"""So many exchanges wait to be written down; of more, those that come are counted as dropped."""
_REMEMBERED = 256
_UNWRITTEN = 4_096
_AT_ONCE = 32
_EVERY_S = 0.1
_AWAY_S = 1.0
_COUNTS_S = 10
_SECOND_NS = 1_000_000_000
_log = logging.getLogger("freehold.cases")
Dropped = Literal["queue", "store", "gone", "failed"]
Catch = Callable[[], Iterable[Later]]


class _Fresh(Struct, eq=False):
    """An exchange that has just ended and is a case. Without a ``trail``, somebody was erased
    since, and the ledger knows what is left.
    """

    admitted: Admitted
    trail: Trail | None
    judged: Judged
    outcome: str


class _Day:
    """How many cases of an app and owner there are on a day, as far as this process knows."""

    __slots__ = ("count", "day", "since")

    def __init__(self, day: int) -> None:
        self.day = day
        self.count = 0
        self.since = 0


class Capture:
    """An `Observer`, whoever else tells of exchanges later, and the work behind both.

    Exchanges that end wait in memory, 512 at most, for a thread that makes cases of them; cases
    that the store does not take wait, sealed, until it does. The last 256 exchanges of apps that
    capture are remembered with all they had, so that what is said of them soon finds it; of older
    ones there is what the ledger kept.

    Args:
        bundle: the one that is live.
        missed: exchanges that ended without becoming cases when a process was killed.

    Attributes:
        kept: is told of the cases that the store has taken; may not wait for anything.
    """

    def __init__(
        self,
        book: CaseBook,
        maker: CaseMaker,
        bundle: Callable[[], ResolvedBundle],
        clock: Clock,
        missed: Catch = lambda: (),
    ) -> None:
        self._book = book
        self._maker = maker
        self._bundle = bundle
        self._clock = clock
        self._missed = missed
        self.kept: Callable[[list[Case]], None] = lambda _: None
        self._waiting: deque[_Fresh | Later] = deque()
        self._unwritten: deque[Case] = deque()
        self._recent: OrderedDict[str, tuple[Admitted, Trail]] = OrderedDict()
        self._days: dict[tuple[str, str], _Day] = {}
        self._busy = False
        self._working = Lock()
        self.dropped: dict[Dropped, int] = {"queue": 0, "store": 0, "gone": 0, "failed": 0}
        self._captured = Counter(
            "freehold_cases_total", "Exchanges that became cases, by their first reason.",
            ("app", "kind"),
        )  # fmt: skip

    # -- who tells --

    def closed(self, trail: Trail, admitted: Admitted | None, outcome: str, took_ns: int) -> None:  # noqa: ARG002
        """An exchange is over; a few microseconds."""
        if admitted is None:
            return
        spec = admitted.app.capture
        if spec is None or trail.screened is None or admitted.ask.operation == "embedding":
            return
        if spec.consent and not spec.allows(admitted.principal.attributes):
            return
        recent = self._recent
        recent[trail.arrival.exchange_id] = admitted, trail
        if len(recent) > _REMEMBERED:
            recent.popitem(last=False)
        if unremarkable(spec, trail):
            return
        day = self._day(spec, admitted.app.id)
        judged = judge(spec, witnessed(trail, outcome), full=day.count >= spec.per_day)
        if judged is None:
            return
        if not judged.drawn:
            day.count += 1
        self._wait(_Fresh(admitted, trail, judged, outcome))

    def told(
        self,
        told: Told,
        before: Told | None = None,
        *,
        text: Literal["", "comment", "demonstration"] = "",
    ) -> None:
        """Somebody judged an answer, or gave a better one (``text``); ``before`` is what they said
        first.
        """
        spec = self._spec(told.tenant, told.app)
        if spec is None:
            return
        judged: Judged | None = None
        if text == "demonstration":
            judged = Judged(reasons=(f"feedback:{told.metric}",)) if spec.demonstration else None
        elif text == "comment":
            # nobody knows whether it praises: it goes with a case that there is
            self._wait(_later(told, Judged(reasons=()), told))
            return
        elif not told.of_the_answer:
            return
        elif bad_score(spec, told.metric, told.score):
            judged = Judged(reasons=(f"feedback:{told.metric}",))
        else:
            if before is not None and bad_score(spec, told.metric, before.score):
                said = f"{told.metric}: first against it, and taken back since."
                none = Judged(reasons=())
                self._wait(Later(told.exchange_id, told.tenant, told.app, none, remark=said))
            judged = good_score(spec, told.exchange_id, told.metric, told.score)
        if judged is not None:
            self._late(spec, _later(told, judged, told, corrects=text == "demonstration"))

    def compared(self, seen: ShadowSeen, app: str) -> None:
        """A shadow has answered, too."""
        spec = self._spec(seen.tenant, app)
        if spec is None:
            return
        differs = (
            (seen.sense is not None and seen.sense < spec.shadow_sense)
            or (seen.words is not None and seen.words < spec.shadow_words)
            or (spec.shadow_outcome and seen.outcome in ("denied", "held"))
        )
        if differs:
            judged = Judged(reasons=(f"shadow:{seen.model}",))
            place = Later(seen.exchange_id, seen.tenant, app, judged)
            self._late(spec, place)

    def ruled(self, hold: Hold, verdict: str, text: str) -> None:
        """A person has decided about what was held; ``text`` is what they had it say instead."""
        spec = self._spec(hold.tenant, hold.app)
        if spec is not None and spec.human:
            judged = Judged(reasons=(f"human:{verdict}",))
            place = hold.exchange_id, hold.tenant, hold.app
            self._late(spec, Later(*place, judged, correction=text))

    def alerted(self, row: CaseRow, alert: str) -> None:
        """An alert wants these exchanges looked at. Whose they are stands in the ledger."""
        judged = Judged(reasons=(f"drift:{alert}",))
        for exchange_id in row.exchanges:
            self._wait(Later(exchange_id, "", "", judged))

    def forget(self) -> None:
        """Somebody was erased: no text stays here that is not sealed."""
        self._recent.clear()
        for one in list(self._waiting):
            if isinstance(one, _Fresh):
                one.trail = None

    # -- the work --

    async def run(self) -> None:
        """As long as the gateway runs."""
        await self._again()
        while True:
            pause = _EVERY_S
            try:
                if not await self.step():
                    pause = _AWAY_S
            except Exception as error:  # noqa: BLE001 - one case must not end all cases
                _log.error("cases wait: %s", type(error).__name__)
                pause = _AWAY_S
            if not self._waiting or pause == _AWAY_S:
                await asyncio.sleep(pause)

    async def step(self) -> bool:
        """Make some of what waits into cases; whether the store took them."""
        batch = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
        if not batch and not self._unwritten and not self._stale():
            return True
        self._busy = True
        try:
            return await asyncio.to_thread(self._work, batch)
        finally:
            self._busy = False

    async def _again(self) -> None:
        """What ended just before a process was killed is judged once more; the draws come out the
        same, and what is a case already stays one.
        """
        try:
            found = await asyncio.to_thread(lambda: list(self._missed()))
        except FreeholdError as error:
            _log.warning("what ended before the start is not looked at: %s", error)
            return
        for late in found:
            self._wait(late)

    def close(self) -> None:
        """Write down what waits, as far as the store takes it."""
        while self._waiting or self._unwritten:
            batch = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
            if not self._work(batch):
                break
        if self._unwritten:
            _log.warning("%d cases are not kept: the store is away", len(self._unwritten))

    def _work(self, batch: list[_Fresh | Later]) -> bool:
        """In a thread; one at a time."""
        with self._working:
            for number, item in enumerate(batch):
                if not self._make(item):
                    self._waiting.extendleft(reversed(batch[number:]))
                    return False
            while len(self._unwritten) > _UNWRITTEN:
                self._unwritten.popleft()
                self.dropped["store"] += 1
            return self._written()

    def _make(self, item: "_Fresh | Later") -> bool:
        """Whether it had its turn; not while the store, which may have its case, is away."""
        before = known = None
        late = _as_later(item)
        if late is not None:
            if self._unwritten and not self._written():
                return False
            try:
                before = self._book.of_exchange(late.exchange_id)
            except StorageError as error:
                _log.warning("what was said of exchanges waits for the store: %s", error)
                return False
            known = self._recent.get(late.exchange_id)
        try:
            if late is not None:
                case = self._maker.late(late, before, known, self._bundle())
            else:
                case = self._fresh(item)
        except NotFound:
            self.dropped["gone"] += 1
        except Exception as error:  # noqa: BLE001 - the next one may be sound
            _log.error("an exchange became no case: %s", type(error).__name__)
            self.dropped["failed"] += 1
        else:
            self._count(case)
        return True

    def _fresh(self, item: "_Fresh | Later") -> Case | None:
        if not isinstance(item, _Fresh) or item.trail is None:
            return None
        return self._maker.fresh(item.admitted, item.trail, item.judged, item.outcome)

    def _count(self, case: Case | None) -> None:
        if case is None:
            return
        self._unwritten.append(case)
        if case.reasons:
            self._captured.add((case.app, case.reasons[0].partition(":")[0]))

    def _written(self) -> bool:
        cases = list(self._unwritten)
        try:
            self._book.add(cases)
            self._recount()
        except StorageError as error:
            _log.warning("%d cases wait for the store: %s", len(cases), error)
            return False
        for _ in cases:
            self._unwritten.popleft()
        self.kept(cases)
        return True

    # -- a day's cases --

    def _day(self, spec: CaptureSpec, app: str) -> _Day:
        place, today = (spec.owner, app), self._clock.now_ns() // DAY_NS
        day = self._days.get(place)
        if day is None or day.day != today:
            day = self._days[place] = _Day(today)
        return day

    def _stale(self) -> list[tuple[tuple[str, str], _Day]]:
        due = self._clock.now_ns() - _COUNTS_S * _SECOND_NS
        return [(place, day) for place, day in list(self._days.items()) if day.since < due]

    def _recount(self) -> None:
        """What other processes have captured counts, too."""
        for (owner, app), day in self._stale():
            day.since = self._clock.now_ns()
            known = self._book.count(owner, app, day.day * DAY_NS)
            day.count = max(day.count, known)

    # -- parts --

    def _spec(self, tenant: str, app: str) -> CaptureSpec | None:
        try:
            return self._bundle().app_for(tenant, app).capture
        except NotFound:
            return None

    def _late(self, spec: CaptureSpec, late: Later) -> None:
        day = self._day(spec, late.app)
        if late.judged is None or not late.judged.drawn:
            if day.count >= spec.per_day:
                return
            day.count += 1
        self._wait(late)

    def _wait(self, item: "_Fresh | Later") -> None:
        if len(self._waiting) >= WAITING:
            self.dropped["queue"] += 1
            return
        self._waiting.append(item)

    @property
    def idle(self) -> bool:
        """Whether nothing waits."""
        return not (self._waiting or self._unwritten or self._busy)

    def lines(self) -> Iterator[str]:
        """For the metrics page."""
        yield from self._captured.render()
        counted = Counter(
            "freehold_cases_dropped_total", "Exchanges that should have become cases.", ("reason",)
        )
        for reason, count in self.dropped.items():
            counted.add((reason,), count)
        yield from counted.render()


def _later(told: Told, judged: Judged, box: Told, *, corrects: bool = False) -> Later:
    return Later(told.exchange_id, told.tenant, told.app, judged, told=box, corrects=corrects)


def _as_later(item: _Fresh | Later) -> Later | None:
    """What the ledger is asked about; ``None`` for what memory has."""
    if isinstance(item, Later):
        return item
    if item.trail is not None:
        return None
    app, exchange_id = item.admitted.app, item.admitted.arrival.exchange_id
    return Later(exchange_id, app.tenant, app.id, item.judged)
