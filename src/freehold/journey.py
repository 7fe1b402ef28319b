"""The path of every request, on one screen.

Each hand-off has its own frozen type, so a stage can't be skipped without a type error. Whole
answers and streams take the same lines: an answer grows, and each time it grows it is checked,
judged, and as much of it released as no control can still object to.
"""

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import ParamSpec, TypeVar

from msgspec import Struct

from freehold.core.ask import Arrival
from freehold.core.clock import Clock
from freehold.core.errors import FreeholdError, RoutingError
from freehold.core.handoffs import Answer, Attempt, Awaiting, Due, Plan, Released, Ruled, Sendable
from freehold.core.releasing import release
from freehold.core.trail import Trail
from freehold.stages.admit import Admit
from freehold.stages.audit import Audit
from freehold.stages.context import Context
from freehold.stages.data_prep import DataPrep
from freehold.stages.governance import Governance
from freehold.stages.inference import Inference
from freehold.stages.monitoring import Monitoring
from freehold.stages.policy import Policy
from freehold.stages.routing import Routing

P = ParamSpec("P")
R = TypeVar("R")


class Journey(Struct, frozen=True, kw_only=True):
    """The stages under one bundle version; a request under way keeps the one it began with."""

    bundle_hash: str
    admit: Admit
    data_prep: DataPrep
    governance: Governance
    context: Context
    policy: Policy
    routing: Routing
    inference: Inference
    monitoring: Monitoring
    audit: Audit
    clock: Clock

    async def travel(self, arrival: Arrival, trail: Trail) -> AsyncGenerator[Released, None]:
        """Take one request all the way; yield what may leave, as soon as it may.

        Raises:
            FreeholdError: whatever stopped it; ``public`` is what the caller may be told.
        """
        with self._ending(trail):
            trail.admitted = admitted = await self.admit(arrival, trail)
            prepared = self.data_prep(admitted, trail)
            screened = await self.governed(self.governance.request, prepared, trail)
            stitched = await self.context(screened, trail)
            grounded = await self.governed(self.governance.context, stitched, trail)
            ruled = self.policy.request(grounded, trail)
            async with aclosing(self._attempts(ruled, trail)) as growing:
                async for judged in growing:
                    for place, piece in release(judged, trail):
                        if piece.held is not None:
                            await self.policy.kept(piece.held)
                        if not (trail.opened or trail.whole):
                            await self._open(ruled, trail)
                        trail.leave(place, piece.text, piece.tool_calls, piece.embeddings)
                        self.governance.carrying.mark(piece, place, trail)
                        if trail.goes(piece):
                            yield piece
        await self.audit.told(trail)
        for piece in trail.whole:  # its one record is written now
            yield piece

    async def resume(self, held: Answer, trail: Trail) -> AsyncGenerator[Released, None]:
        """Let an answer go that was held and approved since: checked again, and judged again."""
        ruled = held.sendable.plan.ruled
        trail.admitted = ruled.admitted
        with self._ending(trail):
            checked = await self.governed(self.governance.answer, held, trail)
            judged = self.policy.answer(checked, trail)
            await self._open(ruled, trail)
            for place, piece in release(judged, trail):
                trail.leave(place, piece.text, piece.tool_calls, piece.embeddings)
                self.governance.carrying.mark(piece, place, trail)
                if trail.goes(piece):
                    yield piece
        await self.audit.told(trail)
        for piece in trail.whole:
            yield piece

    async def _open(self, ruled: Ruled | Awaiting, trail: Trail) -> None:
        """No answer without its record: before the first character, or with all of a whole one."""
        self.governance.keep(ruled.admitted, trail)
        self.governance.carrying.trace(ruled.grounded, trail)
        self.audit.opened(ruled, trail)
        if ruled.admitted.app.strict_audit:
            await self.audit.durable()

    async def _attempts(self, ruled: Ruled | Awaiting, trail: Trail) -> AsyncGenerator[Due, None]:
        """Route, then try the plan's models in turn until one answers."""
        if isinstance(ruled, Awaiting):  # a person decides before any model is asked
            yield ruled
            return
        plan = self.routing(ruled, trail)
        failure: FreeholdError = RoutingError("the plan holds no attempt")
        for attempt in trail.turns(plan):
            try:
                sendable = await self._sendable(plan, attempt, trail)
                called = self.inference.call(sendable, trail, self._sendable)
                async with aclosing(called) as answers:
                    async for answer in answers:
                        checked = await self.governed(self.governance.answer, answer, trail)
                        if self.routing.trusts(checked, trail):
                            yield self.policy.answer(checked, trail)
                return
            except FreeholdError as error:
                if not self.routing.goes_on(error, plan, attempt, trail):  # never twice the text
                    raise
                failure = self.routing.graver(failure, error)
        spare = self.routing.spare(failure, trail)  # what a cascade doubted, if nobody did better
        yield self.policy.answer(await self.governed(self.governance.answer, spare, trail), trail)

    async def _sendable(self, plan: Plan, attempt: Attempt, trail: Trail) -> Sendable:
        """Packed for this model, redacted for its clearance, its worst case reserved."""
        packed = self.inference.pack(plan, attempt, trail)
        sendable = await self.governed(self.governance.redact, plan, attempt, packed, trail)
        self.admit.lease(sendable, trail)
        return sendable

    async def governed(self, step: Callable[P, R], *args: P.args, **none: P.kwargs) -> R:
        """A step of governance; detectors that take their time have read what it reads before."""
        if self.governance.waits(*args):
            await self.governance.consult(step, args, self._ask)
        return step(*args, **none)

    async def _ask(self, sendable: Sendable, trail: Trail) -> Answer:
        """A guard's own call to its model: paid for, timed and recorded like any other."""
        self.admit.lease(sendable, trail)
        return await self.inference.whole(sendable, trail)

    @contextmanager
    def _ending(self, trail: Trail) -> Iterator[None]:
        """Every journey ends here: success, refusal, hold, error, a client that hung up."""
        finished = False
        try:
            yield
            finished = True
        except Exception as error:  # noqa: BLE001 - a stage that crashes refuses
            trail.fail(error)
        finally:
            if (admitted := trail.admitted) is not None:
                _last(trail, self.governance.keep, admitted, trail)
                _last(trail, self.governance.carrying.traced, admitted, trail)
            _last(trail, self.admit.settle, trail)
            trail.result = trail.outcome(finished=finished)
            _last(trail, self.audit.closed, admitted, trail, trail.result)
            trail.result = trail.outcome(finished=finished)
            took = self.clock.monotonic_ns() - trail.arrival.started_ns
            self.monitoring.closed(trail, admitted, trail.result, took)


def _last(trail: Trail, step: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """One of the last steps: where it fails, so does the exchange, and the next is taken anyway."""
    try:
        step(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - it becomes the exchange's failure
        trail.fail(error)
