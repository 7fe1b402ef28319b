"""``/v1/responses``: a journey as any other, and what became of it for whoever comes back."""

from typing import Any

import msgspec
import orjson
from msgspec.structs import replace

from freehold.core.ask import Arrival, Ask
from freehold.core.clock import Clock
from freehold.core.errors import AdmissionError, NotFound, RequestError
from freehold.core.principal import KeyGrant, Principal
from freehold.core.spec import AppSpec
from freehold.core.trail import Trail
from freehold.server.approvals import ApprovalRoutes
from freehold.server.dialect import Asked, Headers
from freehold.server.exchanges import Begun, Exchanges, Pieces
from freehold.server.http import (
    JSON,
    TRACE_HEADER,
    Receive,
    Scope,
    Send,
    bearer,
    client_headers,
    headers_of,
    identity_token,
    one_of_each,
    patiently,
    query,
    reply,
    waiting_time,
)
from freehold.server.responses_dialect import RESPONSES
from freehold.server.responses_items import item_list
from freehold.server.responses_replies import kept_response, response_id
from freehold.server.responses_wire import Form, going_on
from freehold.services.collecting import LONGEST_WAIT_S, Visitor
from freehold.services.gateway import Gateway
from freehold.services.lookups import Lookups
from freehold.services.responses import Found
from freehold.stages.admit.stage import PARENT_HEADER, SUBJECT_HEADER

PREFIX = "/v1/responses"
_MOST_A_MINUTE = 6_000
_NOTHING_KEPT = (
    "No response can be kept here, since this tenant keeps no texts (`content: none`): {}."
)


class ResponseRoutes:
    """The routes."""

    def __init__(
        self, gateway: Gateway, exchanges: Exchanges, approvals: ApprovalRoutes, clock: Clock
    ) -> None:
        self._gateway = gateway
        self._exchanges = exchanges
        self._approvals = approvals
        self._clock = clock
        self._lookups = Lookups(clock, "responses", _MOST_A_MINUTE)

    async def create(self, scope: Scope, receive: Receive, send: Begun, exchange_id: str) -> None:
        """``POST /v1/responses``.

        Raises:
            FreeholdError: whatever refuses it before its journey.
        """
        read = await self._exchanges.read(scope, receive, RESPONSES, exchange_id)
        if read is None:
            return
        asked, arrival = read
        form: Form = asked.form
        if form.store or form.background or form.previous_response_id:
            settled = await self._settled(asked, arrival)
            if settled is not None:
                asked, arrival, visitor, app = settled
                if form.background:
                    await self._start(scope, send, visitor, app, asked, arrival)
                    return
        trail = Trail(arrival)
        pieces = self._pieces(scope, arrival, trail)
        if form.store is not False and self._gateway.keeps_responses:
            pieces = self._keeping(form, trail, pieces)
        await self._exchanges.answer(receive, send, RESPONSES, asked, trail, pieces)

    async def handle(self, scope: Scope, receive: Receive, send: Send, exchange_id: str) -> None:
        """``/v1/responses/{id}``.

        Raises:
            FreeholdError: whatever refuses it.
        """
        headers = headers_of(scope)
        one_of_each(scope, headers)
        rest = scope["path"].removeprefix(PREFIX).strip("/").split("/")
        key, token = bearer(headers), identity_token(headers)
        grant, _, person = await self._gateway.journey.admit.visitor(key, token)
        visitor = _visitor(grant, person, client_headers(headers))
        responses = self._gateway.responses
        trace = (TRACE_HEADER, exchange_id.encode())
        with self._lookups.one(grant, person):
            match (scope["method"], *rest):
                case ("GET", wanted):
                    arrival = self._arrival(headers, exchange_id)
                    await patiently(receive, self._look(scope, send, visitor, wanted, arrival))
                    return
                case ("DELETE", wanted):
                    await responses.delete(visitor, wanted)
                    body: Any = {"id": wanted, "object": "response", "deleted": True}
                case ("GET", wanted, "input_items"):
                    page = query(scope, ("after", "limit", "order"))
                    body = item_list(await responses.mine(visitor, wanted), page)
                case ("POST", wanted, "cancel"):
                    body = kept_response(await responses.cancel(visitor, wanted))
                case _:
                    raise NotFound("no such route", public="There is no such route.")
        await reply(send, 200, [JSON, trace], orjson.dumps(body))

    async def _settled(
        self, asked: Asked, arrival: Arrival
    ) -> tuple[Asked, Arrival, Visitor, AppSpec] | None:
        """The request with the conversation that it goes on with, and who asks; ``None`` for
        nobody who may: then the journey refuses, and its record says whom.

        Raises:
            RequestError: nothing can be kept here, or there is nothing to go on with.
            NotFound: no such response of theirs.
        """
        form: Form = asked.form
        admit = self._gateway.journey.admit
        try:
            grant, app, person = await admit.visitor(arrival.key, arrival.identity_token)
        except AdmissionError:
            return None
        visitor = _visitor(grant, person, arrival.client_headers)
        if (form.store or form.background) and not self._gateway.responses.may_keep(app):
            if form.background:
                raise RequestError(
                    _NOTHING_KEPT.format("ask without `background`"), param="background"
                )
            advice = "leave `store` out, or send `store: false`"
            raise RequestError(_NOTHING_KEPT.format(advice), param="store")
        before = form.previous_response_id
        if before is not None:
            with self._lookups.one(grant, person):
                asked = going_on(asked, await self._gateway.responses.history(visitor, before))
            parent = {PARENT_HEADER: before.removeprefix("resp_")}
            arrival = replace(
                arrival, ask=asked.ask, client_headers=parent | arrival.client_headers
            )
        return asked, arrival, visitor, app

    def _pieces(self, scope: Scope, arrival: Arrival, trail: Trail) -> Pieces:
        approval = headers_of(scope).get(b"x-freehold-approval")
        if approval is None:
            return self._gateway.journey.travel(arrival, trail)
        return self._approvals.again(scope, arrival, trail, approval.decode("latin-1"))

    def _keeping(self, form: Form, trail: Trail, pieces: Pieces) -> Pieces:
        def done(kept: bool) -> None:
            form.stored = kept

        wanted = response_id(trail.arrival.exchange_id)
        written = msgspec.to_builtins(form)
        opening = _opening(form)
        return self._gateway.responses.keeping(wanted, written, opening, trail, pieces, done)

    async def _start(
        self,
        scope: Scope,
        send: Send,
        visitor: Visitor,
        app: AppSpec,
        asked: Asked,
        arrival: Arrival,
    ) -> None:
        trail = Trail(arrival)
        form: Form = asked.form
        found = await self._gateway.responses.start(
            response_id(arrival.exchange_id),
            visitor,
            app,
            msgspec.to_builtins(form),
            _opening(form),
            trail,
            self._pieces(scope, arrival, trail),
        )
        await self._send(send, found, arrival.exchange_id)

    async def _look(
        self, scope: Scope, send: Send, visitor: Visitor, wanted: str, arrival: Arrival
    ) -> None:
        wait_s = waiting_time(scope, LONGEST_WAIT_S)
        responses, journey = self._gateway.responses, self._gateway.journey
        found = await responses.look(visitor, wanted, arrival, journey, wait_s)
        await self._send(send, found, arrival.exchange_id)

    async def _send(self, send: Send, found: Found, exchange_id: str) -> None:
        headers: Headers = [JSON, (TRACE_HEADER, exchange_id.encode())]
        if found.stored.approval_id:
            headers.append((b"x-freehold-approval", found.stored.approval_id.encode()))
            headers.append((b"x-freehold-outcome", b"held"))
        await reply(send, 200, headers, orjson.dumps(kept_response(found)))

    def _arrival(self, headers: dict[bytes, bytes], exchange_id: str) -> Arrival:
        """A request that may turn out to be the one that was held; its ask comes from there."""
        return Arrival(
            ask=Ask(operation="chat", messages=()),
            route=PREFIX,
            key=bearer(headers),
            identity_token=identity_token(headers),
            client_headers=client_headers(headers),
            exchange_id=exchange_id,
            received_ns=self._clock.now_ns(),
            started_ns=self._clock.monotonic_ns(),
        )


def _visitor(grant: KeyGrant, person: Principal | None, headers: dict[str, str]) -> Visitor:
    trusted = person is None and "subject" in grant.trusted_headers
    subject = headers.get(SUBJECT_HEADER, "")[:256] if trusted else ""
    return Visitor(grant=grant, person=person, subject=subject)


def _opening(form: Form) -> int:
    return 1 if form.instructions else 0
