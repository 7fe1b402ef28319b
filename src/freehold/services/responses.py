"""Responses that a caller comes back to: kept, gone on with, collected when a person agreed."""

import asyncio
import logging
import re
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from freehold.core.ask import Arrival, Message
from freehold.core.clock import Clock
from freehold.core.errors import (
    ApprovalDeclined,
    ApprovalExpired,
    NotFound,
    RequestError,
    StorageError,
)
from freehold.core.handoffs import Admitted
from freehold.core.responses import OVER, Failure, ResponseStore, Stored, Texts
from freehold.core.spec import AppSpec
from freehold.core.subjects import DAY_NS, Subject, subject_of
from freehold.core.trail import Trail
from freehold.journey import Journey
from freehold.services.background import (
    Background,
    Job,
    Pieces,
    Said,
    asked,
    failure_of,
    status_of,
)
from freehold.services.collecting import Collecting, Granted, Ready, Visitor

_ID = re.compile(r"resp_[0-9a-f-]{36}")
_STALE_NS = 60_000_000_000
_GONE = "The gateway process that worked on this response has ended; ask again."
_log = logging.getLogger("freehold.responses")


class Found(Struct, frozen=True, kw_only=True):
    """A response as it stands now."""

    stored: Stored
    texts: Texts


class Responses:
    """The use cases around kept responses."""

    def __init__(
        self, store: ResponseStore, background: Background, collecting: Collecting, clock: Clock
    ) -> None:
        self._store = store
        self._background = background
        self._collecting = collecting
        self._clock = clock

    @staticmethod
    def may_keep(app: AppSpec) -> bool:
        """Whether the tenant's content rule lets a response be kept."""
        return app.content_kept != "none"

    async def keeping(
        self,
        response_id: str,
        form: dict[str, Any],
        opening: int,
        trail: Trail,
        pieces: Pieces,
        done: Callable[[bool], None],
    ) -> Pieces:
        """The pieces; when the last is out, what they make is kept, if it may be. What can't be
        kept is delivered all the same, since it is paid for.

        Args:
            opening: how many messages at the beginning are instructions, which no later response
                goes on with.
            done: told whether it is kept.
        """
        said = Said()
        async with aclosing(pieces):
            async for piece in pieces:
                said.add(piece)
                yield piece
        if trail.screened is None or trail.app is None or not self.may_keep(trail.app):
            return
        form = form | {"stored": True}
        texts = Texts(form=form, messages=asked(trail, opening), said=said.whole)
        try:
            admitted = trail.screened.prepared.admitted
            await self._keep(self._new(response_id, admitted, texts), texts, admitted, new=True)
            done(True)
        except StorageError as error:
            _log.warning("response %s is not kept: %s", response_id, error)

    async def history(self, visitor: Visitor, response_id: str) -> tuple[Message, ...]:
        """The conversation up to a response's end, to go on with.

        Raises:
            NotFound: this visitor has no such response.
            RequestError: there is no answer in it.
        """
        found = await self.mine(visitor, response_id)
        said = found.texts.said
        if found.stored.status not in ("completed", "incomplete") or found.stored.approval_id:
            raise RequestError(
                "There is no answer to go on from: that response is "
                f"{found.stored.status}{', and waits' if found.stored.approval_id else ''}.",
                param="previous_response_id",
            )
        answer = Message(role="assistant", content=said.text, tool_calls=said.tool_calls)
        return (*found.texts.messages, answer)

    async def mine(self, visitor: Visitor, response_id: str) -> Found:
        """A visitor's own response, as it was left.

        Raises:
            NotFound: this visitor has none like this, or its time is over.
        """
        stored = None
        if _ID.fullmatch(response_id):
            stored = await asyncio.to_thread(self._store.find, response_id)
        over = stored is not None and stored.expires_ns <= self._clock.now_ns()
        if stored is None or over or not _theirs(stored, visitor):
            public = "There is no such response here."
            raise NotFound(f"no response {response_id[:80]}", public=public)
        job = self._background.find(response_id)
        if job is not None:
            return Found(stored=job.stored, texts=job.texts)
        texts = await asyncio.to_thread(self._store.open, stored)
        return Found(stored=stored, texts=texts or Texts())

    async def look(
        self, visitor: Visitor, response_id: str, arrival: Arrival, journey: Journey, wait_s: float
    ) -> Found:
        """A response as it stands now, or after so long. What a person agreed to goes on.

        Raises:
            NotFound: this visitor has no such response.
            FreeholdError: what stands in the way of an answer that was approved.
        """
        found = await self.mine(visitor, response_id)
        stored = found.stored
        if stored.approval_id:
            return await self._decided(visitor, found, arrival, journey, wait_s)
        job = self._background.find(response_id)
        if job is not None:
            await self._background.wait(job, wait_s)
            return await self.mine(visitor, response_id)
        if stored.status not in OVER and self._clock.now_ns() - stored.beat_ns > _STALE_NS:
            return _failed(found, Failure(code="interrupted", message=_GONE))
        return found

    async def delete(self, visitor: Visitor, response_id: str) -> None:
        """Forget a response; one that is worked on is stopped.

        Raises:
            NotFound: this visitor has no such response.
        """
        await self.mine(visitor, response_id)
        await asyncio.to_thread(self._store.delete, response_id)
        self._background.stop(response_id)

    async def cancel(self, visitor: Visitor, response_id: str) -> Found:
        """Stop working on a response, or waiting with it; one that is over stays as it is.

        Raises:
            NotFound: this visitor has no such response.
            RequestError: it is none that is worked on in the background.
        """
        found = await self.mine(visitor, response_id)
        if not found.stored.background:
            raise RequestError("Only a response with `background` can be cancelled.")
        stored = await asyncio.to_thread(self._store.find, response_id)
        if stored is None or stored.status in OVER:
            return found
        if not await asyncio.to_thread(self._store.move, stored, "cancelled"):
            return await self.mine(visitor, response_id)
        self._background.stop(response_id)
        return Found(stored=replace(stored, status="cancelled"), texts=found.texts)

    async def start(
        self,
        response_id: str,
        visitor: Visitor,
        app: AppSpec,
        form: dict[str, Any],
        opening: int,
        trail: Trail,
        pieces: Pieces,
    ) -> Found:
        """Have a journey travelled in the background; its response is queued.

        Raises:
            RateLimited: too many are under way.
            StorageError: nobody could find it again.
        """
        self._background.room()
        now, who = self._clock.now_ns(), visitor.person
        stored = Stored(
            response_id=response_id,
            tenant=visitor.grant.tenant,
            app=visitor.grant.app,
            principal=who.id if who else visitor.subject,
            issuer=who.issuer if who else "",
            verified=who is not None,
            key_id=visitor.grant.key_id,
            status="queued",
            background=True,
            approval_id="",
            owner=self._background.owner,
            created_ns=trail.arrival.received_ns,
            beat_ns=now,
            expires_ns=now + app.retention_days * DAY_NS,
        )
        texts = Texts(form=form | {"stored": True})
        # whose it is the door settles on its way, so that there is no key to seal texts with yet
        await self._store.put(stored, None, Subject(stored.tenant), 1, new=True)
        job = Job(stored=stored, texts=texts, opening=opening, trail=trail, pieces=pieces)
        self._background.start(job)
        return Found(stored=stored, texts=texts)

    async def _decided(
        self, visitor: Visitor, found: Found, arrival: Arrival, journey: Journey, wait_s: float
    ) -> Found:
        """A response that waits for a person, as they have decided by now."""
        try:
            hold = await self._collecting.wait(visitor, found.stored.approval_id, wait_s)
        except (ApprovalDeclined, ApprovalExpired) as error:
            return _failed(found, failure_of(error))
        if hold.state == "waiting":
            return found
        ready = await self._collecting.ready(hold)
        arrival = replace(arrival, ask=ready.ask)
        if isinstance(ready, Granted):
            return await self._gone_on(visitor, found, ready, arrival, journey)
        return await self._released(visitor, found, ready, arrival, journey)

    async def _gone_on(
        self, visitor: Visitor, found: Found, granted: Granted, arrival: Arrival, journey: Journey
    ) -> Found:
        """The request travels in the background: of several who look, one sends it.

        Raises:
            RateLimited: too many are under way.
        """
        self._background.room()
        stored, owner = found.stored, self._background.owner
        if not await asyncio.to_thread(self._store.move, stored, "in_progress", owner=owner):
            return await self.mine(visitor, stored.response_id)
        stored = replace(stored, status="in_progress", owner=owner, approval_id="")
        trail = Trail(arrival)
        pieces = self._collecting.go_on(granted, arrival, trail, journey)
        opening = 1 if found.texts.form.get("instructions") else 0
        self._background.start(
            Job(stored=stored, texts=found.texts, opening=opening, trail=trail, pieces=pieces)
        )
        return Found(stored=stored, texts=found.texts)

    async def _released(
        self, visitor: Visitor, found: Found, ready: Ready, arrival: Arrival, journey: Journey
    ) -> Found:
        """The answer leaves, and is kept; if that fails, it leaves again when asked for again."""
        trail, said = Trail(arrival), Said()
        pieces = self._collecting.release(visitor, ready, arrival, trail, journey)
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    said.add(piece)
        finally:
            trail.forget()
        status = status_of(said.whole)
        stored = replace(found.stored, status=status, approval_id="", owner="")
        texts = replace(found.texts, said=said.whole)
        try:
            if trail.screened is not None and trail.app is not None and self.may_keep(trail.app):
                await self._keep(stored, texts, trail.screened.prepared.admitted, new=False)
        except StorageError as error:
            _log.warning("response %s is not kept: %s", stored.response_id, error)
        return Found(stored=stored, texts=texts)

    def _new(self, response_id: str, admitted: Admitted, texts: Texts) -> Stored:
        now, who, held = self._clock.now_ns(), admitted.principal, texts.said.held
        return Stored(
            response_id=response_id,
            tenant=admitted.app.tenant,
            app=admitted.app.id,
            principal=who.id,
            issuer=who.issuer,
            verified=who.verified,
            key_id=admitted.grant.key_id,
            status=status_of(texts.said),
            background=False,
            approval_id=held.approval_id if held else "",
            owner="",
            created_ns=admitted.arrival.received_ns,
            beat_ns=now,
            expires_ns=now + admitted.app.retention_days * DAY_NS,
        )

    async def _keep(self, stored: Stored, texts: Texts, admitted: Admitted, *, new: bool) -> None:
        days = admitted.app.retention_days
        await self._store.put(stored, texts, subject_of(admitted), days, new=new)


def _theirs(stored: Stored, visitor: Visitor) -> bool:
    """Whether this visitor asked for it; of one that somebody was declared for, they declare the
    same.
    """
    declared = "" if stored.verified else stored.principal
    return visitor.asked_for(stored) and declared in ("", visitor.subject)


def _failed(found: Found, failure: Failure) -> Found:
    stored = replace(found.stored, status="failed", approval_id="")
    return Found(stored=stored, texts=replace(found.texts, failure=failure))
