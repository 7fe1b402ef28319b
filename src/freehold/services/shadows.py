"""Asking a model that is on trial too, after the answer has left, and keeping how it compares.

Nothing here can change, delay or fail an exchange: it is over when the shadow is asked. What the
shadow says is governed and judged like any answer, goes nowhere, and is not kept.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal

import numpy as np
from msgspec import Struct

from freehold.core.clock import Clock
from freehold.core.errors import (
    Abstained,
    FreeholdError,
    LimitError,
    Refusal,
    StorageError,
)
from freehold.core.handoffs import Admitted, Attempt, Demand, Judged, Plan
from freehold.core.spec import AppSpec, ModelSpec
from freehold.core.trail import Call, Trail
from freehold.core.trials import ShadowBook, ShadowSeen, ShadowSpec, lot
from freehold.journey import Journey
from freehold.stages.policy import Policy
from freehold.text.embedding import embed

_AT_ONCE = 8
_WAITING = 64
_MOST_CHARS = 20_000
_MS = 1_000_000
_log = logging.getLogger("freehold.shadows")
LogEvent = Callable[..., str]
Dropped = Literal["load", "queue"]
"""Why a shadow is not asked: the gateway refuses requests just now, or too many wait already."""


class NobodyHolds:
    """The `Holds` port for answers that nobody gets: what a rule would hold is noted, not kept."""

    def hold(self, _admitted: Admitted, _demand: Demand, _what: object) -> str:
        """An id that stands for none."""
        return "apr_shadow"

    async def kept(self, _approval_id: str) -> None:
        """Nothing is kept."""


class _Exchange(Struct, frozen=True):
    """An exchange that is over, as far as a shadow needs it."""

    plan: Plan
    trail: Trail
    spec: ShadowSpec
    outcome: str
    took_ns: int


class Shadows:
    """An `Observer` and the work behind it.

    At most eight shadows are asked at once and 64 wait; a gateway that is busier than that, or that
    refuses requests for having too many, asks fewer (``dropped`` counts them, by why). Ending the
    task of `run` ends the calls upstream too.

    Args:
        journey: the one that is live.
        log: writes a ledger entry.
        policy: judges what a shadow says; its holds must hold nothing.
        pressed: whether the gateway has more to do than it should have.
        heard: told of each comparison, with the exchange's app.
    """

    def __init__(
        self,
        journey: Callable[[], Journey],
        book: ShadowBook,
        log: LogEvent,
        policy: Policy,
        clock: Clock,
        pressed: Callable[[], bool],
        heard: Callable[[ShadowSeen, str], None] = lambda _, __: None,
    ) -> None:
        self._heard = heard
        self._journey = journey
        self._book = book
        self._log = log
        self._policy = policy
        self._clock = clock
        self._pressed = pressed
        self._queue: asyncio.Queue[_Exchange] = asyncio.Queue(_WAITING)
        self.dropped: dict[Dropped, int] = {"load": 0, "queue": 0}

    def prepare(self, app: AppSpec) -> None:
        """Compile what judges an app's shadow, so that no loop of requests waits for it."""
        if app.route.shadow is not None:
            self._policy.prepare(app)

    def closed(self, trail: Any, admitted: Admitted | None, outcome: str, took_ns: int) -> None:
        """An exchange is over: its shadow may be asked, later."""
        sendable = trail.sendable
        if admitted is None or sendable is None or outcome not in ("allowed", "transformed"):
            return
        spec = admitted.app.route.shadow
        if spec is None or admitted.ask.operation == "embedding":
            return
        if lot("shadow", spec.model, trail.arrival.exchange_id) >= spec.share:
            return
        if self._pressed():
            self.dropped["load"] += 1
            return
        try:
            self._queue.put_nowait(_Exchange(sendable.plan, trail, spec, outcome, took_ns))
        except asyncio.QueueFull:
            self.dropped["queue"] += 1

    async def run(self) -> None:
        """Ask those that wait, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            exchange = await self._queue.get()
            try:
                if self._pressed():  # since it began to wait
                    self.dropped["load"] += 1
                else:
                    await self._one(exchange)
            except Exception as error:  # noqa: BLE001 - one shadow must not end the others
                _log.error("a shadow was not compared: %s", type(error).__name__)
            finally:
                self._queue.task_done()

    async def idle(self) -> None:
        """Return when nobody waits or is asked."""
        await self._queue.join()

    async def _one(self, exchange: _Exchange) -> None:
        ruled = exchange.plan.ruled
        spec = exchange.spec
        model = ruled.admitted.app.models[spec.model]
        journey = self._journey()
        barred = journey.routing.bars(model, ruled)
        if barred:
            self._keep(exchange, "barred", barred)
            return
        if spec.decision_only:
            chosen, why = journey.routing.would(model, ruled)
            self._keep(exchange, "chosen" if chosen else "could", why)
            return
        trail = _fresh(exchange.trail)
        trail.ceilings = (spec.scope(ruled.admitted.app.route.id),)
        self._tell("shadow.asked", exchange, {})
        began = self._clock.monotonic_ns()
        judged: Judged | None = None
        try:
            judged = await self._asked(journey, exchange, model, trail)
            outcome, why = ("held", judged.held.rule) if judged.held else ("allowed", "")
        except LimitError as error:
            outcome, why = "no money", str(error)
        except Refusal as error:
            outcome, why = "denied", error.rule
        except Abstained as error:
            outcome, why = "abstained", str(error)
        except FreeholdError as error:
            outcome, why = "error", error.code
        except Exception as error:  # noqa: BLE001 - a crash is one more thing to know of it
            outcome, why = "error", type(error).__name__
        except asyncio.CancelledError:
            self._keep(exchange, "error", "the gateway was stopped", trail, None, began)
            raise
        self._keep(exchange, outcome, why, trail, judged, began)

    async def _asked(
        self, journey: Journey, exchange: _Exchange, model: ModelSpec, trail: Trail
    ) -> Judged:
        plan = exchange.plan
        route = plan.ruled.admitted.app.route
        most = min(plan.attempts[0].max_tokens, model.max_output_tokens)
        attempt = Attempt(number=1, model=model, max_tokens=most, role="shadow")
        alone = Plan(
            ruled=plan.ruled,
            attempts=(attempt,),
            deadline_ns=self._clock.monotonic_ns() + route.deadline_ms * _MS,
        )
        try:
            packed = journey.inference.pack(alone, attempt, trail)
            redact = journey.governance.redact
            sendable = await journey.governed(redact, alone, attempt, packed, trail)
            journey.admit.lease(sendable, trail)
            answer = await journey.inference.whole(sendable, trail)
            checked = await journey.governed(journey.governance.answer, answer, trail)
            return self._policy.answer(checked, trail)
        finally:
            journey.admit.settle(trail)

    def _keep(
        self,
        exchange: _Exchange,
        outcome: str,
        why: str,
        trail: Trail | None = None,
        judged: Judged | None = None,
        began: int = 0,
    ) -> None:
        """The comparison, into the ledger and the store."""
        before, admitted = exchange.trail, exchange.plan.ruled.admitted
        calls = [] if trail is None else trail.calls
        usages = [call.usage for call in calls if call.usage is not None]
        words, sense = alike(before, judged)
        seen = ShadowSeen(
            exchange_id=before.arrival.exchange_id,
            tenant=admitted.app.tenant,
            route=admitted.app.route.id,
            model=exchange.spec.model,
            before=_answered(before.calls),
            outcome=outcome,
            why=why[:300],
            words=words,
            sense=sense,
            took_ms=0 if trail is None else (self._clock.monotonic_ns() - began) // _MS,
            before_ms=exchange.took_ns // _MS,
            cost_nano=sum(call.cost_nano for call in calls),
            before_nano=sum(call.cost_nano for call in before.calls),
            prompt_tokens=sum(usage.prompt_tokens for usage in usages),
            completion_tokens=sum(usage.completion_tokens for usage in usages),
            redacted=max((call.redacted for call in calls), default=0),
            rules=() if trail is None else _fired(trail),
            before_rules=_fired(before),
            at_ns=self._clock.now_ns(),
        )
        details = {
            name: getattr(seen, name)
            for name in (
                "outcome", "why", "words", "sense", "took_ms", "cost_nano", "prompt_tokens",
                "completion_tokens", "redacted", "rules",
            )
        }  # fmt: skip
        kind = "shadow.answered" if trail is not None else "shadow.decided"
        with suppress(FreeholdError):  # where the ledger is full, the store may still have it
            self._tell(kind, exchange, details)
        with suppress(StorageError):
            self._book.compared(seen)
        self._heard(seen, admitted.app.id)

    def _tell(self, kind: str, exchange: _Exchange, details: dict[str, Any]) -> None:
        app = exchange.plan.ruled.admitted.app
        named = {"role": "shadow", "model": exchange.spec.model, "route": app.route.id}
        subject = exchange.trail.arrival.exchange_id
        self._log(kind, "freehold", subject, named | details, tenant=app.tenant)


def alike(before: Trail, judged: Judged | None) -> tuple[int | None, int | None]:
    """How much two answers are alike, in millionths: in their words (F1 over words, each as often
    as it stands there) and in their sense (cosine of their vectors). ``None`` where one is missing.
    """
    if judged is None or judged.held is not None:
        return None, None
    texts = [" ".join(before.released), " ".join(choice.text for choice in judged.choices)]
    calls = [before.released_calls, [c for choice in judged.choices for c in choice.tool_calls]]
    one, two = (
        f"{text} {' '.join(f'{call.name} {call.arguments}' for call in called)}"[:_MOST_CHARS]
        for text, called in zip(texts, calls, strict=True)
    )
    first, second = Counter(one.lower().split()), Counter(two.lower().split())
    common = sum((first & second).values())
    total = sum(first.values()) + sum(second.values())
    words = 2_000_000 * common // total if total else 1_000_000
    sense = float(np.dot(embed(one), embed(two)))
    return words, max(0, min(1_000_000, round(sense * 1_000_000)))


def _fresh(before: Trail) -> Trail:
    """A trail of its own; what detectors that take their time have said is known already."""
    trail = Trail(before.arrival)
    trail.grant, trail.app = before.grant, before.app
    trail.screened, trail.told = before.screened, before.told
    trail.facts = dict(before.facts)
    return trail


def _answered(calls: list[Call]) -> str:
    return next((call.model for call in reversed(calls) if call.role == "answer"), "")


def _fired(trail: Trail) -> tuple[str, ...]:
    return tuple(dict.fromkeys(firing.rule for firing in trail.firings if firing.fired))
