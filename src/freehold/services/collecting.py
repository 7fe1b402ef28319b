"""Held answers for whoever asked: wait for the decision, then get what was released."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from msgspec import Struct
from msgspec.structs import replace

from freehold.core.approvals import Hold, admitted_of, under
from freehold.core.ask import Arrival, Ask
from freehold.core.clock import Clock, rfc3339
from freehold.core.errors import (
    ApprovalDeclined,
    ApprovalExpired,
    NotFound,
    RequestError,
    ScopeRefused,
)
from freehold.core.handoffs import Answer, Held, Released
from freehold.core.principal import KeyGrant, Principal
from freehold.core.trail import Trail
from freehold.journey import Journey
from freehold.services.approvals import Approvals, LogEvent
from freehold.services.approvers import judging

LONGEST_WAIT_S = 60
_LOOK_EVERY_S = 0.5
_MOST_WAITING = 1_000


class Visitor(Struct, frozen=True, kw_only=True):
    """Whoever comes with a key, and perhaps with a verified identity."""

    grant: KeyGrant
    person: Principal | None

    def asked_for(self, hold: Hold) -> bool:
        """Whether this is who caused it: the same app and person; without one, the same key."""
        if (hold.tenant, hold.app) != (self.grant.tenant, self.grant.app):
            return False
        if not hold.verified:
            return hold.key_id == self.grant.key_id
        who = self.person
        return who is not None and (who.id, who.issuer) == (hold.principal, hold.issuer)


class Ready(Struct, frozen=True, kw_only=True):
    """An answer that may be released, with the ask that it answers."""

    hold: Hold
    ask: Ask
    answer: Answer


class Collecting:
    """The requester's side of held answers."""

    def __init__(self, approvals: Approvals, log: LogEvent, clock: Clock) -> None:
        self._approvals = approvals
        self._log = log
        self._clock = clock
        self._waiting = 0

    async def mine(self, visitor: Visitor, approval_id: str) -> bool:
        """Whether this visitor asked for the answer that waits under this id."""
        hold = await asyncio.to_thread(self._approvals.store.find, approval_id)
        return hold is not None and visitor.asked_for(hold)

    async def wait(self, visitor: Visitor, approval_id: str, seconds: float) -> Hold:
        """What was decided, at once or after at most so many seconds.

        Raises:
            NotFound: this visitor asked for no such answer.
            ApprovalDeclined, ApprovalExpired: there will be none.
        """
        until = self._clock.monotonic_ns() + int(min(seconds, LONGEST_WAIT_S) * 1e9)
        patient = self._waiting < _MOST_WAITING
        self._waiting += 1
        try:
            while True:
                hold = await asyncio.to_thread(self._approvals.store.find, approval_id)
                if hold is None or not visitor.asked_for(hold):
                    public = "There is no such approval here."
                    raise NotFound(f"no approval {approval_id}", public=public)
                now = self._clock.now_ns()
                if hold.state == "waiting" and hold.expires_ns <= now:
                    await self._approvals.expire()
                    hold = replace(hold, state="expired")
                left_ns = until - self._clock.monotonic_ns()
                if hold.state != "waiting" or left_ns <= 0 or not patient:
                    break
                await asyncio.sleep(min(_LOOK_EVERY_S, left_ns / 1e9))
        finally:
            self._waiting -= 1
        if hold.state == "declined":
            public = hold.public or "An approver declined this answer."
            raise ApprovalDeclined(f"{approval_id} was declined", public=public)
        if hold.state == "expired":
            raise ApprovalExpired(f"{approval_id} expired at {rfc3339(hold.expires_ns)}.")
        if hold.state == "approved" and (hold.expires_ns <= now or not hold.kept):
            raise ApprovalExpired(f"{approval_id} was kept until {rfc3339(hold.expires_ns)}.")
        return hold

    async def ready(self, hold: Hold) -> Ready:
        """The answer behind a hold that was approved."""
        hold, case = await asyncio.to_thread(self._approvals.store.open, hold.approval_id)
        ask = replace(admitted_of(case.answer).ask, stream=False, include_usage=False)
        return Ready(hold=hold, ask=ask, answer=case.answer)

    async def release(
        self, visitor: Visitor, ready: Ready, arrival: Arrival, trail: Trail, journey: Journey
    ) -> AsyncGenerator[Released, None]:
        """The rest of the journey: the answer is checked and judged once more, and leaves.

        Raises:
            ScopeRefused: the key does not reach this operation any more.
            ApprovalError, FreeholdError: what stands in its way now.
        """
        hold, answer = ready.hold, ready.answer
        if ready.ask.operation not in visitor.grant.scopes:
            raise ScopeRefused(f"key {visitor.grant.key_id} has no scope {ready.ask.operation}")
        app = self._approvals.live().bundle.app_for(hold.tenant, hold.app)
        admitted = replace(
            admitted_of(answer), arrival=arrival, grant=visitor.grant, app=app,
            parent_id=hold.exchange_id,
        )  # fmt: skip
        answer = under(answer, admitted)
        fresh = judging(answer)
        trail.grant, trail.app = fresh.grant, fresh.app
        trail.screened, trail.sendable = fresh.screened, fresh.sendable
        trail.approval = hold.approval_id
        details = {"exchange": hold.exchange_id, "app": hold.app, "as": arrival.exchange_id}
        told = False
        async with aclosing(journey.resume(answer, trail)) as pieces:
            async for piece in pieces:
                if not told:  # the rules let it go, and nothing of it has left yet
                    told = True
                    kind, who = "approval.released", hold.principal
                    self._log(kind, who, hold.approval_id, details, tenant=hold.tenant)
                yield piece

    async def again(
        self,
        visitor: Visitor,
        approval_id: str,
        arrival: Arrival,
        trail: Trail,
        journey: Journey,
        seconds: float,
    ) -> AsyncGenerator[Released, None]:
        """The same request, sent again with the approval's id: the released answer, or once more
        the notice that it waits.

        Raises:
            NotFound, ApprovalDeclined, ApprovalExpired: see ``wait``.
            RequestError: it is another request.
        """
        hold = await self.wait(visitor, approval_id, seconds)
        if hold.state == "waiting":
            notice = Held(
                approval_id=hold.approval_id,
                role=hold.role,
                rule=hold.rule,
                public="This answer is not released yet.",
                releasable=hold.verified,
            )
            trail.held, trail.result = notice, "held"
            yield Released(held=notice, finish_reason="content_filter", model=arrival.ask.model)
            return
        ready = await self.ready(hold)
        asked = replace(arrival.ask, stream=False, include_usage=False)
        if asked != ready.ask:
            why = f"This is another request than the one whose answer {approval_id} holds."
            raise RequestError(why)
        async with aclosing(self.release(visitor, ready, arrival, trail, journey)) as pieces:
            async for piece in pieces:
                yield piece
