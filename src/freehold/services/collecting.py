"""What is held, for whoever asked: wait for the decision, then get the answer or go on."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from msgspec import Struct
from msgspec.structs import replace

from freehold.core.approvals import Hold, RequestCase, admitted_of, under
from freehold.core.ask import Arrival, Ask
from freehold.core.clock import Clock, rfc3339
from freehold.core.errors import (
    ApprovalDeclined,
    ApprovalExpired,
    NotFound,
    RequestError,
    ScopeRefused,
)
from freehold.core.handoffs import Answer, Discharge, Held, Released
from freehold.core.principal import KeyGrant, Principal
from freehold.core.responses import Stored
from freehold.core.trail import Trail
from freehold.journey import Journey
from freehold.services.approvals import Approvals, LogEvent
from freehold.services.approvers import judging
from freehold.stages.admit.stage import PARENT_HEADER

LONGEST_WAIT_S = 60
_LOOK_EVERY_S = 0.5
_MOST_WAITING = 1_000


class Visitor(Struct, frozen=True, kw_only=True):
    """Whoever comes with a key, and perhaps with a verified identity, or one that is declared in a
    header which the key may send (``subject``).
    """

    grant: KeyGrant
    person: Principal | None
    subject: str = ""

    def asked_for(self, hold: Hold | Stored) -> bool:
        """Whether this is who caused it: the same app and person; without one, the same key."""
        if (hold.tenant, hold.app) != (self.grant.tenant, self.grant.app):
            return False
        if not hold.verified:
            return hold.key_id == self.grant.key_id
        who = self.person
        return who is not None and (who.id, who.issuer) == (hold.principal, hold.issuer)


class Ready(Struct, frozen=True, kw_only=True):
    """An answer that may be released, with the ask that it answers and the route it came by."""

    hold: Hold
    ask: Ask
    route: str
    answer: Answer


class Granted(Struct, frozen=True, kw_only=True):
    """A request that may go on, with the demands that persons have met for it."""

    hold: Hold
    ask: Ask
    discharged: tuple[Discharge, ...]


class Collecting:
    """The requester's side of held answers and requests."""

    def __init__(self, approvals: Approvals, log: LogEvent, clock: Clock) -> None:
        self._approvals = approvals
        self._log = log
        self._clock = clock
        self._waiting = 0

    async def mine(self, visitor: Visitor, approval_id: str) -> bool:
        """Whether what waits under this id is this visitor's."""
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
            public = hold.public or f"An approver declined this {hold.waits}."
            raise ApprovalDeclined(f"{approval_id} was declined", public=public)
        gone = hold.gone(now)
        if gone and now < hold.expires_ns:
            public = f"The {hold.waits} behind {approval_id} was {gone}."
            raise ApprovalExpired(f"{approval_id} was erased", public=public)
        if hold.state == "expired":
            raise ApprovalExpired(f"{approval_id} expired at {rfc3339(hold.expires_ns)}.")
        if hold.state == "approved" and (hold.expires_ns <= now or not hold.kept):
            raise ApprovalExpired(f"{approval_id} was kept until {rfc3339(hold.expires_ns)}.")
        return hold

    async def ready(self, hold: Hold) -> Ready | Granted:
        """What is behind a hold; it may leave, or go on, where that was approved."""
        hold, case = await asyncio.to_thread(self._approvals.store.open, hold.approval_id)
        asked = case.grounded.admitted.arrival
        ask = _plain(asked.ask)
        if isinstance(case, RequestCase):
            return Granted(hold=hold, ask=ask, discharged=case.discharged)
        return Ready(hold=hold, ask=ask, route=asked.route, answer=case.answer)

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
        async with aclosing(journey.resume(answer, trail)) as pieces:
            async for piece in self._told(hold, arrival, pieces):
                yield piece

    async def go_on(
        self, granted: Granted, arrival: Arrival, trail: Trail, journey: Journey
    ) -> AsyncGenerator[Released, None]:
        """The whole journey from the door on, by what the caller may, and the sources say, now; an
        approval meets its rule's demand where the rule has the same facts before it.

        Raises:
            FreeholdError: what stands in its way now.
        """
        hold = granted.hold
        trail.approval, trail.discharged = hold.approval_id, granted.discharged
        headers = {**arrival.client_headers, PARENT_HEADER: hold.exchange_id}
        arrival = trail.arrival = replace(arrival, client_headers=headers)
        async with aclosing(journey.travel(arrival, trail)) as pieces:
            async for piece in self._told(hold, arrival, pieces):
                yield piece

    async def _told(
        self, hold: Hold, arrival: Arrival, pieces: AsyncGenerator[Released, None]
    ) -> AsyncGenerator[Released, None]:
        """The pieces; the ledger hears of the release before the first."""
        details = {"exchange": hold.exchange_id, "app": hold.app, "as": arrival.exchange_id}
        told = False
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
        """The same request, sent again with the approval's id: the released answer, or the one to a
        request that may go on, or once more the notice that it waits.

        Raises:
            NotFound, ApprovalDeclined, ApprovalExpired: see ``wait``.
            RequestError: it is another request.
        """
        hold = await self.wait(visitor, approval_id, 0)
        ready = await self.ready(hold)
        if _plain(arrival.ask) != ready.ask:  # told at once, whatever is decided about the other
            raise RequestError(
                f"This is another request than the one that {approval_id} stands for."
            )
        if hold.state == "waiting" and seconds > 0:
            hold = await self.wait(visitor, approval_id, seconds)
            ready = await self.ready(hold)  # as it was decided
        if hold.state == "waiting":
            notice = Held(
                approval_id=hold.approval_id,
                role=hold.role,
                rule=hold.rule,
                public=f"This {hold.waits} is not approved yet.",
                releasable=hold.verified,
            )
            trail.held, trail.result = notice, "held"
            yield Released(held=notice, finish_reason="content_filter", model=arrival.ask.model)
            return
        if isinstance(ready, Granted):
            way = self.go_on(ready, arrival, trail, journey)
        else:
            way = self.release(visitor, ready, arrival, trail, journey)
        async with aclosing(way) as pieces:
            async for piece in pieces:
                yield piece


def _plain(ask: Ask) -> Ask:
    """The ask however its answer is to come: whole or streamed is the same request."""
    return replace(ask, stream=False, include_usage=False)
