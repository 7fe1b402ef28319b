"""The inference stage: pack for one model, call it, hand on the answer as it grows."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing

from msgspec import Struct

from freehold.core.ask import Message
from freehold.core.call_errors import CallEnd
from freehold.core.clock import Clock
from freehold.core.decisions import Decision
from freehold.core.errors import (
    Abstained,
    FreeholdError,
    ProviderError,
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
from freehold.stages.inference.hedging import Hedging, Leaving, Prepare, route_of

FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 5.0
PATIENCE_S = 1.0
"""A longer ``Retry-After`` is waited for only when the plan has no other model; and one that took
longer to fail is not asked again.
"""

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
        self._hedging = Hedging(self._tries, health, clock)

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

    def call(
        self, sendable: Sendable, trail: Trail, prepare: Prepare | None = None
    ) -> AsyncGenerator[Answer, None]:
        """The answer as it grows: each one has everything said so far, the last is complete.

        A stream may skip states: one answer covers all that came together. With several choices
        only the complete answer is given. Leaving early closes the connection to the model.

        Args:
            prepare: makes an attempt sendable; with it, and where the route says so, the plan's
                next model is asked beside one that is late.

        Raises:
            ProviderUnavailable: no answer, after this model's retries, or it broke off.
            ProviderRejected: the same request would fail again.
            RoutingError: the model's dialect has no provider here.
        """
        if prepare is not None:
            delay_s = self._hedging.delay_s(sendable, trail)
            if delay_s is not None:
                return self._hedging.race(sendable, trail, delay_s, prepare)
        return self._tries(sendable, trail, Leaving())

    async def whole(self, sendable: Sendable, trail: Trail) -> Answer:
        """The complete answer.

        Raises:
            ProviderUnavailable, ProviderRejected, RoutingError: as ``call``.
        """
        async with aclosing(self.call(sendable, trail)) as answers:
            async for answer in answers:
                if answer.complete:
                    return answer
        raise ProviderUnavailable(f"model {sendable.attempt.model.id}: no answer")

    async def _tries(
        self, sendable: Sendable, trail: Trail, leaving: Leaving
    ) -> AsyncGenerator[Answer, None]:
        """One model, its retries included."""
        attempt = sendable.attempt
        model = attempt.model
        provider = self._providers.get(model.provider)
        if provider is None:
            raise RoutingError(f"model {model.id}: there is no provider {model.provider!r}")
        if attempt.role == "guard":
            leaving.why, leaving.kind = "it was too late", "timeout"
            if not self._health.of(model).weight:
                # no other model can take over: a caller need not wait for what is known to fail
                raise ProviderUnavailable(f"model {model.id}: its endpoint is down").of(
                    "unreachable"
                )
        others = attempt.role == "answer" and _others(sendable, trail)
        silent_until_ns = self._silent_until(sendable, others=others)
        for tried in range(model.retries + 1):
            growing = Growing(sendable, trail, self._clock, silent_until_ns)
            try:
                async with aclosing(self._once(provider, growing, leaving)) as answers:
                    async for answer in answers:
                        yield answer
                return
            except ProviderUnavailable as failure:
                pause = (
                    None if growing.started else self._pause(failure, tried, growing, others=others)
                )
                if pause is None:
                    raise
            began = self._clock.monotonic_ns()
            await asyncio.sleep(pause)
            if attempt.role != "guard":
                trail.wait("inference", self._clock.monotonic_ns() - began)

    async def _once(
        self, provider: Provider, growing: Growing, leaving: Leaving
    ) -> AsyncGenerator[Answer, None]:
        clock = self._clock.monotonic_ns
        sendable = growing.sendable
        model = sendable.attempt.model
        deltas = provider.call(sendable)
        deadline = Deadline()
        end: _End | None = None
        probe = self._health.started(model)
        try:
            deadline.arm(self._left_s(growing))
            while True:
                began = clock()
                delta = await deadline.next(deltas)
                came = clock()
                if delta is None:
                    growing.waited += came - began
                    break
                growing.waited += came - began - delta.spent_ns
                used = growing.cpu_now()
                first = not growing.started
                answer = growing.take(delta)
                if first and growing.started:
                    deadline.arm(self._left_s(growing))
                growing.spent += delta.spent_ns + clock() - came
                # a provider's part is computing and nothing else; only its time is known
                growing.used += delta.spent_ns + growing.cpu_now() - used
                if answer is not None:
                    yield answer
            final = growing.complete()
            growing.close("", "")
            end = _ANSWERED
            yield final
        except Exception as problem:
            end = self._verdict(problem, growing)
            if isinstance(problem, DeadlinePassed):
                raise ProviderUnavailable(end.error).of("timeout") from None
            raise
        finally:
            deadline.disarm()
            if end is None:
                growing.leave(leaving.why, leaving.kind, waits=not leaving.beside)
                end = _LEFT
            growing.close(end.error, end.kind)
            self._health.ended(model, growing.report(end.ok, end.retry_after_s), probe=probe)
            await deltas.aclose()

    def _verdict(self, problem: Exception, growing: Growing) -> "_End":
        """What went wrong, and whether the endpoint is to blame.

        It is not where the time that the plan gave was less than the model's own.
        """
        model = growing.sendable.attempt.model
        left_ns = growing.sendable.plan.deadline_ns - self._clock.monotonic_ns()
        blame = False if left_ns > _JUST_BEFORE_NS else None
        match problem:
            case DeadlinePassed():
                if not growing.started and growing.age_ns() < _own_limit_ms(growing) * 1_000_000:
                    blame = None
                said = f"model {model.id}: the answer took too long"
                return _End(error=said, kind="timeout", ok=blame)
            case ProviderRejected() | Abstained():
                if isinstance(problem, Abstained):
                    growing.abstained(problem)
                return _End(error=str(problem), kind=problem.sort, ok=True)
            case ProviderError():
                pause = getattr(problem, "retry_after_s", None)
                return _End(error=str(problem), kind=problem.sort, ok=blame, retry_after_s=pause)
            case FreeholdError():
                return _End(error=str(problem), kind="other", ok=blame)
        return _End(error=f"{type(problem).__name__} in the provider", kind="crash", ok=False)

    def _silent_until(self, sendable: Sendable, *, others: bool) -> int:
        """Until when this attempt may say nothing: with others left, they need time as well."""
        plan = sendable.plan
        if not others:
            return plan.deadline_ns
        now = self._clock.monotonic_ns()
        wanted_ms = route_of(plan).attempt_ms
        share = (plan.deadline_ns - now) * 2 // 3 if wanted_ms is None else wanted_ms * 1_000_000
        return min(now + share, plan.deadline_ns)

    def _left_s(self, growing: Growing) -> float:
        """Seconds until the plan ends, or until this model has had its time."""
        own = _own_limit_ms(growing) / 1000 + GRACE_S - growing.age_ns() / 1e9
        until = growing.sendable.plan.deadline_ns if growing.started else growing.silent_until_ns
        return min(own, (until - self._clock.monotonic_ns()) / 1e9)

    def _pause(
        self, failure: ProviderUnavailable, tried: int, growing: Growing, *, others: bool
    ) -> float | None:
        """Seconds until the next try: full jitter (Brooker, 2015); ``None`` for no next try."""
        sendable = growing.sendable
        attempt = sendable.attempt
        model = attempt.model
        if tried >= model.retries or not failure.again:
            return None
        if others and growing.age_ns() > PATIENCE_S * 1e9:
            return None  # it took its time to fail
        pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0**tried) * self._jitter()
        asked = failure.retry_after_s
        if asked is not None:
            if asked > PATIENCE_S and others:
                return None
            pause += asked
        left = (growing.silent_until_ns - self._clock.monotonic_ns()) / 1e9
        return pause if pause < left and self._health.may_retry(model) else None


class _End(Struct, frozen=True, kw_only=True):
    """How a try ended, as `Report` says it."""

    error: str = ""
    kind: CallEnd = ""
    ok: bool | None = None
    retry_after_s: float | None = None


_ANSWERED = _End(ok=True)
_LEFT = _End()


def _others(sendable: Sendable, trail: Trail) -> bool:
    """Whether the plan has an attempt beside this one that has not had its turn."""
    number = sendable.attempt.number
    return any(other.number != number for other in trail.untried(sendable.plan))


def _own_limit_ms(growing: Growing) -> int:
    """Milliseconds that the model itself is given."""
    model = growing.sendable.attempt.model
    if growing.streamed and not growing.started:
        return min(model.timeout_ms, model.first_token_ms)
    return model.timeout_ms
