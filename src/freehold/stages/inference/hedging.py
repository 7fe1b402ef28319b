"""Two models on one request: the second is asked where the first is late, the first good answer
is taken (Dean and Barroso, The Tail at Scale, 2013).
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from freehold.core.budget import ShareBudget
from freehold.core.call_errors import WENT_AWAY, CallError
from freehold.core.clock import Clock
from freehold.core.decisions import Decision
from freehold.core.errors import FreeholdError, ProviderError, ProviderUnavailable
from freehold.core.handoffs import Answer, Attempt, Plan, Sendable
from freehold.core.health import Health
from freehold.core.routes import HedgeSpec, RouteSpec
from freehold.core.trail import Trail

Prepare = Callable[[Plan, Attempt, Trail], Awaitable[Sendable]]
"""Packs for a model, redacts for its clearance, reserves its money."""

MOST_SAVED = 10
"""So many requests may be asked twice in a row after a time in which none was."""


class Leaving:
    """Why a call is left before its end, if it is; whoever leaves it says so here first.

    ``beside``: another call answers in its place, so that its wait is not the exchange's.
    """

    __slots__ = ("beside", "kind", "why")

    def __init__(self, why: str = WENT_AWAY) -> None:
        self.why = why
        self.kind: CallError = "hung_up"
        self.beside = False


Start = Callable[[Sendable, Trail, Leaving], AsyncGenerator[Answer, None]]


class _Runner:
    """One of the calls, in a task of its own until it has said something."""

    __slots__ = ("_leaving", "_left", "answers", "began_ns", "dropped", "sendable", "task")

    def __init__(self, start: Start, sendable: Sendable, trail: Trail, now_ns: int) -> None:
        self._leaving = Leaving()
        self._left = False
        self.sendable = sendable
        self.dropped = trail.dropped
        self.began_ns = now_ns
        self.answers = start(sendable, trail, self._leaving)
        self.task = asyncio.get_running_loop().create_task(self._first())

    @property
    def model(self) -> str:
        return self.sendable.attempt.model.id

    @property
    def failure(self) -> BaseException | None:
        """Why it will say nothing, if it is over."""
        if not self.task.done() or self.task.cancelled():
            return None
        return self.task.exception()

    @property
    def said_something(self) -> bool:
        """Whether it has begun to answer."""
        return self.task.done() and not self.task.cancelled() and self.failure is None

    async def _first(self) -> Answer:
        return await anext(self.answers)

    async def leave(self, why: str = "", *, beside: bool = False) -> None:
        """End it upstream, if it is not over."""
        if self._left:
            return
        self._left = True
        self._leaving.why = why or self._leaving.why
        self._leaving.beside = beside
        if not self.task.done():
            self.task.cancel()
            await asyncio.wait((self.task,))
        _ = self.failure  # somebody must have asked for it
        await self.answers.aclose()


class Hedging:
    """Decides whether a request may be asked twice, and runs the race.

    Args:
        start: begins a call, its retries included.
        health: knows what an endpoint usually takes, and who is down.
    """

    def __init__(self, start: Start, health: Health, clock: Clock) -> None:
        self._start = start
        self._health = health
        self._clock = clock
        self._budgets: dict[str, ShareBudget] = {}

    def delay_s(self, sendable: Sendable, trail: Trail) -> float | None:
        """After how long a silence a second model may be asked; ``None``: never."""
        attempt = sendable.attempt
        route = route_of(sendable.plan)
        hedge = route.hedge
        if hedge is None or attempt.role != "answer" or attempt.cascade is not None:
            return None  # a cascade asks the next model itself, once it has read this answer
        if attempt.number == 1:
            self._budget(route, hedge).saw()
        if self._second(sendable.plan, attempt, trail) is None:
            return None
        if hedge.after_ms is not None:
            return hedge.after_ms / 1000
        streamed = trail.arrival.ask.stream and "stream" in attempt.model.capabilities
        usual = self._health.usual_ns(attempt.model, hedge.after_percentile or 0, streamed=streamed)
        return None if usual is None else usual / 1e9

    async def race(
        self, sendable: Sendable, trail: Trail, delay_s: float, prepare: Prepare
    ) -> AsyncGenerator[Answer, None]:
        """The answer of whoever gives one first, as it grows.

        Raises:
            ProviderUnavailable, ProviderRejected, RoutingError: as a call alone does; of two that
                failed, the first's.
        """
        running = [_Runner(self._start, sendable, trail, self._clock.monotonic_ns())]
        winner: _Runner | None = None
        try:
            await asyncio.wait((running[0].task,), timeout=delay_s)
            if not running[0].task.done():
                second = await self._beside(sendable, trail, prepare, delay_s)
                if second is not None:
                    running.append(second)
            trail.tried.update(runner.sendable.attempt.number for runner in running)
            winner = await _first_good(running)
            if len(running) > 1:
                await self._settle(running, winner, trail)
            yield await winner.task
            async for answer in winner.answers:
                yield answer
        finally:
            for runner in running:
                await runner.leave()
            _count_one(running, winner, trail)

    async def _beside(
        self, sendable: Sendable, trail: Trail, prepare: Prepare, delay_s: float
    ) -> _Runner | None:
        """The second call, if there is a model and a budget for it, and data that it may see."""
        plan = sendable.plan
        route = route_of(plan)
        attempt = self._second(plan, sendable.attempt, trail)
        if attempt is None or route.hedge is None:
            return None
        if not self._budget(route, route.hedge).take(self._clock.monotonic_ns()):
            return None
        known, dropped = len(trail.decisions), trail.dropped
        try:
            second = await prepare(plan, attempt, trail)
            late = f"{sendable.attempt.model.id} had said nothing after {delay_s * 1000:.0f} ms"
            _decide(trail, f"{late}; {attempt.model.id} is asked beside it")
            return _Runner(self._start, second, trail, self._clock.monotonic_ns())
        except FreeholdError as error:
            # what would end a request is here only the end of an extra
            trail.decisions[known:] = [d for d in trail.decisions[known:] if d.stage != "admit"]
            _decide(trail, f"{attempt.model.id} could not be asked beside it: {error}")
            return None
        finally:
            trail.sendable, trail.dropped = sendable, dropped

    async def _settle(self, running: list[_Runner], winner: _Runner, trail: Trail) -> None:
        """One answers, the other is ended; its call says who was faster."""
        why = _faster(winner)
        for runner in running:
            if runner is not winner:
                if runner.failure is None:  # it may be needed yet, should the winner break off
                    trail.tried.discard(runner.sendable.attempt.number)
                await runner.leave(why, beside=True)
        _count_one(running, winner, trail)
        first, second = running
        if winner is second:
            trail.wait("inference", second.began_ns - first.began_ns)
            trail.sendable, trail.dropped = second.sendable, second.dropped
        trail.answered = winner.model

    def _second(self, plan: Plan, attempt: Attempt, trail: Trail) -> Attempt | None:
        """The next of the plan that nobody has tried and that is not known to be in trouble."""
        for other in trail.untried(plan):
            if other.number != attempt.number and self._health.of(other.model).weight:
                return other
        return None

    def _budget(self, route: RouteSpec, hedge: HedgeSpec) -> ShareBudget:
        key = f"{route.id}/{hedge.max_share}"
        budget = self._budgets.get(key)
        if budget is None:
            budget = self._budgets[key] = ShareBudget(hedge.max_share, most=MOST_SAVED)
        return budget


def route_of(plan: Plan) -> RouteSpec:
    """The route that the plan was made for."""
    admitted = plan.ruled.admitted
    if admitted.ask.operation == "embedding" and admitted.app.embedding_route is not None:
        return admitted.app.embedding_route
    return admitted.app.route


def _faster(winner: _Runner) -> str:
    return f"{winner.model} answered first"


def _count_one(running: list[_Runner], winner: _Runner | None, trail: Trail) -> None:
    """Of two that were as good, one answers: the other is paid as well, and its call says why it
    does not count. Where the caller went before anybody won, the first counts.
    """
    first = winner or next((runner for runner in running if runner.said_something), None)
    if first is None:
        return
    others = {one.sendable.attempt.number for one in running if one is not first}
    for call in trail.calls:
        if call.attempt in others and not call.error:
            call.error, call.error_kind = _faster(first), "hung_up"


async def _first_good(running: list[_Runner]) -> _Runner:
    """Whoever has said something first. A crash ends the race; of failures, the first is told."""
    pending = {runner.task for runner in running}
    while pending:
        _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for runner in running:
            failure = runner.failure
            if runner.task.done() and failure is None:
                return runner
            if failure is not None and not isinstance(failure, ProviderError):
                raise failure
    failures = [runner.failure for runner in running if runner.failure is not None]
    worth_a_retry = [f for f in failures if isinstance(f, ProviderUnavailable)]
    raise [*worth_a_retry, *failures][0]


def _decide(trail: Trail, why: str) -> None:
    trail.decide(Decision(stage="inference", outcome="allow", rule="hedge", why=why))
