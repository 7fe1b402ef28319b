"""The inference stage: pack for one model, call it, hand on the answer as it grows."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing

from freehold.core.ask import Message
from freehold.core.clock import Clock
from freehold.core.decisions import Decision
from freehold.core.errors import (
    FreeholdError,
    ProviderRejected,
    ProviderUnavailable,
    RoutingError,
)
from freehold.core.handoffs import Answer, Attempt, Plan, Sendable
from freehold.core.health import Health
from freehold.core.ports import Provider
from freehold.core.timing import timed
from freehold.core.trail import Trail
from freehold.stages.inference import packing
from freehold.stages.inference.deadline import Deadline, DeadlinePassed
from freehold.stages.inference.growing import Growing

FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 5.0
PATIENCE_S = 1.0
"""A longer ``Retry-After`` is waited for only when the plan has no other model."""

_JUST_BEFORE_NS = 5_000_000
"""Providers count in milliseconds, so that they may give up this much before the plan's end."""

GRACE_S = 0.05
"""Providers keep a model's own time limits; this stage steps in so much later."""


class Inference:
    """Packs, calls, retries.

    Args:
        providers: by the name that ``ModelSpec.provider`` uses.
        clock: for deadlines and the times in the trail.
        health: told how each call ended; says whether one may be tried again.
        jitter: numbers between 0 and 1, for pauses between retries.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        clock: Clock,
        health: Health,
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._providers = providers
        self._clock = clock
        self._health = health
        self._jitter = jitter

    @timed("inference")
    def pack(self, plan: Plan, attempt: Attempt, trail: Trail) -> tuple[Message, ...]:
        """The messages for this model: instructions and context first, then the conversation.

        Raises:
            RoutingError: the newest turn alone is too long for this model; another may take it.
        """
        packed = packing.pack(plan, attempt)
        trail.dropped = packed.dropped_pieces
        if packed.dropped_pieces or packed.dropped_turns:
            trail.decide(
                Decision(
                    stage="inference",
                    outcome="allow",
                    rule="context-window",
                    why=(
                        f"to fit {attempt.model.id}, {len(packed.dropped_pieces)} pieces of context"
                        f" and {packed.dropped_turns} old turns were left out"
                    ),
                    evidence=packed.dropped_pieces,
                )
            )
        return packed.messages

    async def call(self, sendable: Sendable, trail: Trail) -> AsyncGenerator[Answer, None]:
        """The answer as it grows: each one has everything said so far, the last is complete.

        A stream may skip states: one answer covers all that came together. With several choices
        only the complete answer is given. Leaving early closes the connection to the model.

        Raises:
            ProviderUnavailable: no answer, after this model's retries, or it broke off.
            ProviderRejected: the same request would fail again.
            RoutingError: the model's dialect has no provider here.
        """
        attempt = sendable.attempt
        model = attempt.model
        provider = self._providers.get(model.provider)
        if provider is None:
            raise RoutingError(f"model {model.id}: there is no provider {model.provider!r}")
        if attempt.role == "guard" and not self._health.of(model).weight:
            # no other model can take over, so a caller need not wait for what is known to fail
            raise ProviderUnavailable(f"model {model.id}: its endpoint is down")
        for tried in range(model.retries + 1):
            growing = Growing(sendable, trail, self._clock)
            try:
                async with aclosing(self._once(provider, sendable, growing)) as answers:
                    async for answer in answers:
                        yield answer
                return
            except ProviderUnavailable as failure:
                pause = None if growing.started else self._pause(failure, tried, sendable)
                if pause is None:
                    raise
            began = self._clock.monotonic_ns()
            await asyncio.sleep(pause)
            if attempt.role != "guard":
                trail.wait("inference", self._clock.monotonic_ns() - began)

    async def _once(
        self, provider: Provider, sendable: Sendable, growing: Growing
    ) -> AsyncGenerator[Answer, None]:
        clock = self._clock.monotonic_ns
        deltas = provider.call(sendable)
        deadline = Deadline()
        guards = sendable.attempt.role == "guard"
        error = "it was too late" if guards else "the caller went away"
        ok: bool | None = None
        retry_after_s: float | None = None
        model = sendable.attempt.model
        probe = self._health.started(model)
        try:
            deadline.arm(self._left_s(sendable, growing))
            while True:
                began = clock()
                delta = await deadline.next(deltas)
                came = clock()
                if delta is None:
                    growing.waited += came - began
                    break
                growing.waited += came - began - delta.spent_ns
                first = not growing.started
                answer = growing.take(delta)
                if first and growing.started:
                    deadline.arm(self._left_s(sendable, growing))
                growing.spent += delta.spent_ns + clock() - came
                if answer is not None:
                    yield answer
            final = growing.complete()
            growing.close("")
            ok = True
            yield final
        except Exception as problem:
            error, ok, retry_after_s = self._verdict(problem, sendable)
            if isinstance(problem, DeadlinePassed):
                raise ProviderUnavailable(error) from None
            raise
        finally:
            deadline.disarm()
            growing.close(error)
            self._health.ended(model, growing.report(ok, retry_after_s), probe=probe)
            await deltas.aclose()

    def _verdict(
        self, problem: Exception, sendable: Sendable
    ) -> tuple[str, bool | None, float | None]:
        """What went wrong, whether the endpoint is to blame, and what it asked for.

        The plan's own end says nothing about an endpoint.
        """
        left_ns = sendable.plan.deadline_ns - self._clock.monotonic_ns()
        blame = False if left_ns > _JUST_BEFORE_NS else None
        match problem:
            case DeadlinePassed():
                return f"model {sendable.attempt.model.id}: the answer took too long", blame, None
            case ProviderRejected():
                return str(problem), True, None
            case ProviderUnavailable():
                return str(problem), blame, problem.retry_after_s
            case FreeholdError():
                return str(problem), blame, None
        return f"{type(problem).__name__} in the provider", False, None

    def _left_s(self, sendable: Sendable, growing: Growing) -> float:
        """Seconds until the plan ends, or until this model has had its time."""
        model = sendable.attempt.model
        limit_ms = model.timeout_ms
        if growing.streamed and not growing.started:
            limit_ms = min(limit_ms, model.first_token_ms)
        own = limit_ms / 1000 + GRACE_S - growing.age_ns() / 1e9
        return min(own, (sendable.plan.deadline_ns - self._clock.monotonic_ns()) / 1e9)

    def _pause(self, failure: ProviderUnavailable, tried: int, sendable: Sendable) -> float | None:
        """Seconds until the next try: full jitter (Brooker, 2015); ``None`` for no next try."""
        attempt = sendable.attempt
        if tried >= attempt.model.retries or not failure.again:
            return None
        pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0**tried) * self._jitter()
        asked = failure.retry_after_s
        if asked is not None:
            if asked > PATIENCE_S and attempt.number < len(sendable.plan.attempts):
                return None
            pause += asked
        left = (sendable.plan.deadline_ns - self._clock.monotonic_ns()) / 1e9
        return pause if pause < left else None
