"""``/v1/approvals``: for approvers to decide, and for whoever asked to wait and collect."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, cast

import orjson

from freehold.core.approvals import KEY_SCOPE, State
from freehold.core.ask import Arrival
from freehold.core.clock import Clock
from freehold.core.errors import NotFound, RequestError, ScopeRefused
from freehold.core.handoffs import Released
from freehold.core.trail import Trail
from freehold.server.dialect import Asked, Dialect
from freehold.server.http import (
    JSON,
    TRACE_HEADER,
    Receive,
    Scope,
    Send,
    bearer,
    headers_of,
    identity_token,
    one_of_each,
    patiently,
    query,
    read_body,
    reply,
    waiting_time,
)
from freehold.services.approval_views import progress
from freehold.services.approvers import Approver
from freehold.services.collecting import LONGEST_WAIT_S, Granted, Ready, Visitor
from freehold.services.gateway import Gateway
from freehold.services.lookups import Lookups

PREFIX = "/v1/approvals"
_VERDICTS = {"approve": ("reason",), "amend": ("reason", "text"), "decline": ("reason", "message")}
_STATES = ("waiting", "approved", "declined", "expired")
_BODY_S = 60.0
Whole = Callable[[Send, Dialect, Asked, Trail, AsyncGenerator[Released, None]], Awaitable[None]]


class ApprovalRoutes:
    """The routes; ``whole`` sends an answer in the dialect that is ``spoken_on`` the route where it
    was asked for.
    """

    def __init__(
        self, gateway: Gateway, clock: Clock, whole: Whole, spoken_on: Callable[[str], Dialect]
    ) -> None:
        self._gateway = gateway
        self._clock = clock
        self._whole = whole
        self._spoken_on = spoken_on
        self._lookups = Lookups(clock)

    async def handle(self, scope: Scope, receive: Receive, send: Send, exchange_id: str) -> None:
        """One request.

        Raises:
            FreeholdError: whatever refuses it.
        """
        headers = headers_of(scope)
        one_of_each(scope, headers)
        rest = scope["path"].removeprefix(PREFIX).strip("/").split("/")
        grant, _, person = await self._gateway.journey.admit.visitor(
            bearer(headers), identity_token(headers)
        )
        with self._lookups.one(grant, person):
            visitor = Visitor(grant=grant, person=person)
            await self._one(scope, receive, send, visitor, headers, rest, exchange_id)

    async def _one(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        visitor: Visitor,
        headers: dict[bytes, bytes],
        rest: list[str],
        exchange_id: str,
    ) -> None:
        trace = (TRACE_HEADER, exchange_id.encode())
        match (scope["method"], *rest):
            case ("GET", ""):
                approver = await self._approver(visitor, headers)
                body: Any = await self._list(scope, approver)
            case ("GET", approval_id):
                if not await self._gateway.collecting.mine(visitor, approval_id):
                    approver = await self._approver(visitor, headers)
                    body = await self._gateway.approvals.show(approver, approval_id)
                else:
                    work = self._collect(scope, send, visitor, approval_id, exchange_id)
                    await patiently(receive, work)
                    return
            case ("POST", approval_id, verdict) if verdict in _VERDICTS:
                approver = await self._approver(visitor, headers)
                read = await read_body(receive, headers.get(b"content-length"), _BODY_S)
                if read is None:
                    return
                body = await self._decide(approver, approval_id, verdict, read)
            case _:
                raise NotFound("no such route", public="There is no such route.")
        await reply(send, 200, [JSON, trace], orjson.dumps(body))

    async def again(
        self, scope: Scope, arrival: Arrival, trail: Trail, approval_id: str
    ) -> AsyncGenerator[Released, None]:
        """What a request gets that is sent again with an approval's id: see `Collecting.again`."""
        journey = self._gateway.journey
        grant, app, person = await journey.admit.visitor(arrival.key, arrival.identity_token)
        trail.grant, trail.app = grant, app
        visitor = Visitor(grant=grant, person=person)
        pieces = self._gateway.collecting.again(
            visitor, approval_id, arrival, trail, journey, waiting_time(scope, LONGEST_WAIT_S)
        )
        with self._lookups.one(grant, person):
            async with aclosing(pieces):
                async for piece in pieces:
                    yield piece

    async def _approver(self, visitor: Visitor, headers: dict[bytes, bytes]) -> Approver:
        if KEY_SCOPE not in visitor.grant.scopes:
            raise ScopeRefused(
                f"key {visitor.grant.key_id} has no scope {KEY_SCOPE}",
                public="This key is not for deciding about answers, and this request is not the"
                " one that asked: `freehold key create --scope approvals` makes such a key.",
            )
        return await self._gateway.approvals.approver(identity_token(headers), visitor.grant)

    async def _list(self, scope: Scope, approver: Approver) -> dict[str, Any]:
        wanted = query(scope, ("status", "limit"))
        status = wanted.get("status", "waiting")
        limit = wanted.get("limit", "100")
        if status not in (*_STATES, "all"):
            known = ", ".join((*_STATES, "all"))
            raise RequestError(f"`status` is one of {known}.", param="status")
        if not limit.isdecimal() or not 1 <= int(limit[:6]) <= 1_000:
            raise RequestError("`limit` is a number from 1 to 1,000.", param="limit")
        states = cast(tuple[State, ...], _STATES if status == "all" else (status,))
        rows = await self._gateway.approvals.list(approver, states=states, limit=int(limit))
        return {"object": "list", "data": rows}

    async def _decide(
        self, approver: Approver, approval_id: str, verdict: str, body: bytes
    ) -> dict[str, Any]:
        said, texts = _fields(body, _VERDICTS[verdict])
        approvals, reason = self._gateway.approvals, said.get("reason", "")
        if verdict == "approve":
            return await approvals.approve(approver, approval_id, reason)
        if verdict == "amend":
            return await approvals.amend(approver, approval_id, reason, texts)
        return await approvals.decline(approver, approval_id, reason, said.get("message", ""))

    async def _collect(
        self, scope: Scope, send: Send, visitor: Visitor, approval_id: str, exchange_id: str
    ) -> None:
        collecting = self._gateway.collecting
        hold = await collecting.wait(visitor, approval_id, waiting_time(scope, LONGEST_WAIT_S))
        approval = (b"x-freehold-approval", hold.approval_id.encode())
        if hold.state == "waiting":
            headers = [JSON, (TRACE_HEADER, exchange_id.encode()), approval]
            outcome = (b"x-freehold-outcome", b"held")
            await reply(send, 202, [*headers, outcome], orjson.dumps(progress(hold)))
            return
        ready = await collecting.ready(hold)
        if isinstance(ready, Granted):  # it goes on when it is sent again, and not by a look
            headers = [JSON, (TRACE_HEADER, exchange_id.encode()), approval]
            await reply(send, 200, headers, orjson.dumps(progress(hold)))
            return
        trail = Trail(self._arrival(ready, exchange_id))
        pieces = collecting.release(visitor, ready, trail.arrival, trail, self._gateway.journey)
        dialect = self._spoken_on(ready.route)
        await self._whole(send, dialect, Asked(ready.ask), trail, pieces)

    def _arrival(self, ready: Ready, exchange_id: str) -> Arrival:
        return Arrival(
            ask=ready.ask,
            route=f"{PREFIX}/{{id}}",
            key="",
            exchange_id=exchange_id,
            received_ns=self._clock.now_ns(),
            started_ns=self._clock.monotonic_ns(),
        )


def _fields(body: bytes, known: tuple[str, ...]) -> tuple[dict[str, str], list[str]]:
    """The fields, and apart from them `text`: one, or a list with one for each choice."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise RequestError("The body is no JSON.") from None
    texts = said.pop("text", []) if isinstance(said, dict) and "text" in known else []
    texts = [texts] if isinstance(texts, str) else texts
    if (
        not isinstance(said, dict)
        or not isinstance(texts, list)
        or not all(isinstance(value, str) for value in (*said.values(), *texts))
    ):
        raise RequestError(f"The body is an object with texts: {', '.join(known)}.")
    for name in said:
        if name not in known:
            raise RequestError(f"There is no field {name[:50]!r} here: {', '.join(known)}.")
    return said, texts
