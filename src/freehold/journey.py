"""The path of every request, on one screen.

Each hand-off has its own frozen type, so a stage can't be skipped without a type error. Whole
answers and streams take the same lines: an answer grows, and each time it grows it is checked,
judged, and as much of it released as no control can still object to.
"""

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from typing import ParamSpec

from msgspec import Struct

from freehold.core.ask import Arrival
from freehold.core.clock import Clock
from freehold.core.errors import FreeholdError, ProviderError, ProviderUnavailable, RoutingError
from freehold.core.handoffs import Admitted, Answer, Judged, Released, Ruled
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
        admitted: Admitted | None = None
        finished = False
        try:
            admitted = await self.admit(arrival, trail)
            prepared = self.data_prep(admitted, trail)
            screened = self.governance.request(prepared, trail)
            stitched = await self.context(screened, trail)
            grounded = self.governance.context(stitched, trail)
            ruled = self.policy.request(grounded, trail)
            async with aclosing(self._attempts(ruled, trail)) as growing:
                async for judged in growing:
                    for place, piece in release(judged, trail):
                        if piece.held is not None:
                            await self.policy.kept(piece.held)
                        if not trail.opened:
                            await self._open(ruled, trail)
                        trail.leave(place, piece.text, piece.tool_calls, piece.embeddings)
                        yield piece
            finished = True
        except Exception as error:  # noqa: BLE001 - a stage that crashes refuses
            trail.fail(error)
        finally:
            self._close(admitted, trail, finished)
        if trail.failure is not None:
            raise trail.failure

    async def resume(self, held: Answer, trail: Trail) -> AsyncGenerator[Released, None]:
        """Let an answer go that was held and approved since: checked again, and judged again."""
        ruled = held.sendable.plan.ruled
        finished = False
        try:
            judged = self.policy.answer(self.governance.answer(held, trail), trail)
            await self._open(ruled, trail)
            for place, piece in release(judged, trail):
                trail.leave(place, piece.text, piece.tool_calls, piece.embeddings)
                yield piece
            finished = True
        except Exception as error:  # noqa: BLE001 - a stage that crashes refuses
            trail.fail(error)
        finally:
            self._close(ruled.admitted, trail, finished)
        if trail.failure is not None:
            raise trail.failure

    async def _open(self, ruled: Ruled, trail: Trail) -> None:
        """No answer without its record: this one comes before the first character."""
        self.governance.keep(ruled.admitted, trail)
        self.audit.opened(ruled, trail)
        if ruled.admitted.app.strict_audit:
            await self.audit.durable()

    async def _attempts(self, ruled: Ruled, trail: Trail) -> AsyncGenerator[Judged, None]:
        """Route, then try the plan's models in turn until one answers."""
        plan = self.routing(ruled, trail)
        failure: FreeholdError = RoutingError("the plan holds no attempt")
        for attempt in plan.attempts:
            try:
                packed = self.inference.pack(plan, attempt, trail)
                sendable = self.governance.redact(plan, attempt, packed, trail)
                self.admit.lease(sendable, trail)
                async with aclosing(self.inference.call(sendable, trail)) as answers:
                    async for answer in answers:
                        checked = self.governance.answer(answer, trail)
                        yield self.policy.answer(checked, trail)
                return
            except (ProviderError, RoutingError) as error:
                if trail.released_chars:  # never twice the text: what has left can't be taken back
                    raise
                if not isinstance(failure, ProviderUnavailable):  # the one that is worth a retry
                    failure = error
                trail.start_over()
        raise failure

    def _close(self, admitted: Admitted | None, trail: Trail, finished: bool) -> None:
        """Every journey ends here: success, refusal, hold, error, a client that hung up."""
        if admitted is not None:
            _last(trail, self.governance.keep, admitted, trail)
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


def release(judged: Judged, trail: Trail) -> Iterator[tuple[int, Released]]:
    """What of a judged answer has not left yet; an answer that is held leaves only its notice."""
    answer = judged.checked.answer
    model = answer.reported_model or answer.sendable.attempt.model.id
    if judged.held is not None:
        yield 0, Released(held=judged.held, finish_reason="content_filter", model=model)
        return
    for place, (choice, end) in enumerate(zip(judged.choices, judged.release_chars, strict=True)):
        text = choice.text[trail.left(place) : end]
        if text or answer.complete:
            yield (
                place,
                Released(
                    index=choice.index,
                    text=text,
                    tool_calls=choice.tool_calls if answer.complete else (),
                    finish_reason=(choice.finish_reason or "stop") if answer.complete else None,
                    usage=answer.usage if place == 0 and answer.complete else None,
                    model=model,
                    embeddings=answer.embeddings if place == 0 else (),
                ),
            )
