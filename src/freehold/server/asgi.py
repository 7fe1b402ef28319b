"""The HTTP door, as raw ASGI: nothing is routed or validated by a framework on the hot path."""

import logging

from freehold.core.clock import Clock
from freehold.core.errors import FreeholdError, NotFound, RequestError
from freehold.core.ids import uuid7
from freehold.core.trail import Trail
from freehold.server.anthropic_dialect import MESSAGES, VERSION_HEADER
from freehold.server.approvals import PREFIX as APPROVALS
from freehold.server.approvals import ApprovalRoutes
from freehold.server.cases import CaseRoutes
from freehold.server.cases import theirs as of_cases
from freehold.server.dialect import Dialect
from freehold.server.exchanges import Begun, Exchanges, where
from freehold.server.feedback import PATH as FEEDBACK
from freehold.server.feedback import FeedbackRoute
from freehold.server.http import (
    JSON,
    PLAIN,
    TRACE_HEADER,
    Receive,
    Scope,
    Send,
    bearer,
    headers_of,
    one_of_each,
    peer,
    reply,
)
from freehold.server.labelling import PREFIX as LABELLING
from freehold.server.labelling import LabellingRoutes
from freehold.server.learned import LearnedRoutes, theirs
from freehold.server.models import model_card, model_list
from freehold.server.openai_dialect import CHAT, COMPLETION, EMBEDDING
from freehold.server.responses_dialect import RESPONSES
from freehold.server.responses_routes import PREFIX as RESPONSE_PATH
from freehold.server.responses_routes import ResponseRoutes
from freehold.services.gateway import Gateway
from freehold.services.lookups import Lookups

DIALECTS: dict[str, Dialect] = {
    "/v1/chat/completions": CHAT,
    "/v1/completions": COMPLETION,
    "/v1/embeddings": EMBEDDING,
    "/v1/messages": MESSAGES,
    "/v1/responses": RESPONSES,
}
_COUNT = "/v1/messages/count_tokens"
_PLAIN_ROUTES = ("/healthz", "/readyz", "/metrics", "/v1/models")
_METRICS: tuple[bytes, bytes] = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
_log = logging.getLogger("freehold.door")


class Door:
    """The ASGI application over a gateway.

    Args:
        keep_alive_s: after how long a silence a stream gets a comment as a sign of life.
        body_timeout_s: how long a request's body may take to come.
    """

    def __init__(
        self,
        gateway: Gateway,
        clock: Clock,
        *,
        keep_alive_s: float = 5.0,
        body_timeout_s: float = 60.0,
    ) -> None:
        self._gateway = gateway
        self._exchanges = Exchanges(
            gateway, clock, keep_alive_s=keep_alive_s, body_timeout_s=body_timeout_s
        )
        self._counts = Lookups(clock, "counts")
        self._approvals = ApprovalRoutes(gateway, clock, self._exchanges.whole, _spoken_on)
        self._feedback = FeedbackRoute(gateway, clock)
        self._labelling = LabellingRoutes(gateway, clock)
        self._cases = CaseRoutes(gateway, clock)
        self._learned = LearnedRoutes(gateway, clock)
        self._responses = ResponseRoutes(gateway, self._exchanges, self._approvals, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1003})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self._gateway.open()
                except FreeholdError as error:
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    return
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self._gateway.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange_id = uuid7()
        answering = Begun(send)
        path = scope["path"]
        dialect = DIALECTS.get(path)
        try:
            if dialect is None:
                await self._other(scope, receive, answering, exchange_id)
            elif scope["method"] != "POST":
                await self._no_method(scope, answering, exchange_id, b"POST")
            elif dialect is RESPONSES:
                await self._responses.create(scope, receive, answering, exchange_id)
            else:
                await self._exchange(scope, receive, answering, dialect, exchange_id)
        except FreeholdError as error:
            await self._exchanges.error(answering, _spoken(scope), error, exchange_id)
        except Exception as crash:  # noqa: BLE001 - the last resort: no stack trace leaves, ever
            _log.error("exchange %s: %s", exchange_id, where(crash))
            if not answering.begun:
                unsaid = FreeholdError("a crash in the door")
                await self._exchanges.error(answering, _spoken(scope), unsaid, exchange_id)

    async def _other(self, scope: Scope, receive: Receive, send: Begun, exchange_id: str) -> None:
        """Routes that begin no journey, or only perhaps.

        Raises:
            FreeholdError: whatever refuses it.
        """
        path = scope["path"]
        if path.startswith(APPROVALS):
            await self._approvals.handle(scope, receive, send, exchange_id)
        elif path.startswith(f"{RESPONSE_PATH}/"):
            await self._responses.handle(scope, receive, send, exchange_id)
        elif path.startswith(f"{LABELLING}/"):
            await self._labelling.handle(scope, receive, send, exchange_id)
        elif of_cases(path):
            await self._cases.handle(scope, receive, send, exchange_id)
        elif theirs(path):
            await self._learned.handle(scope, send, exchange_id)
        elif path not in (FEEDBACK, _COUNT):
            await self._plain(scope, send, exchange_id)
        elif scope["method"] != "POST":
            await self._no_method(scope, send, exchange_id, b"POST")
        elif path == FEEDBACK:
            await self._feedback.handle(scope, receive, send, exchange_id)
        else:
            await self._count(scope, receive, send, exchange_id)

    async def _plain(self, scope: Scope, send: Send, exchange_id: str) -> None:
        """Health, metrics and the list of models.

        Raises:
            KeyRefused, ScopeRefused, NotFound.
        """
        gateway, path = self._gateway, scope["path"]
        trace = (TRACE_HEADER, exchange_id.encode())
        model = path.removeprefix("/v1/models/") if path.startswith("/v1/models/") else None
        if model is None and path not in _PLAIN_ROUTES:
            raise NotFound(f"no route {path}", public="There is no such route.")
        if scope["method"] not in ("GET", "HEAD"):
            await self._no_method(scope, send, exchange_id, b"GET, HEAD")
            return
        headers = headers_of(scope)
        if path == "/healthz":
            await reply(send, 200, [PLAIN, trace], b"ok\n")
        elif path == "/readyz":
            ready, why = gateway.ready()
            await reply(send, 200 if ready else 503, [PLAIN, trace], f"{why}\n".encode())
        elif path == "/metrics":
            body = gateway.metrics(bearer(headers), peer(scope, headers))
            await reply(send, 200, [_METRICS, trace], body)
        else:
            one_of_each(scope, headers)
            dialect = _spoken(scope)
            names = gateway.models(bearer(headers), model)
            write = model_list if model is None else model_card
            body = write(names, anthropic=dialect is MESSAGES)
            await reply(send, 200, [JSON, trace, *dialect.headers(exchange_id)], body)

    async def _count(self, scope: Scope, receive: Receive, send: Begun, exchange_id: str) -> None:
        """How long a prompt is, as far as that is known without a model; no model is asked.

        Raises:
            KeyRefused, ScopeRefused, RateLimited, RequestError.
        """
        headers = headers_of(scope)
        one_of_each(scope, headers)
        grant, _ = self._gateway.journey.admit.grant_for(bearer(headers), "chat")
        with self._counts.one(grant, None):
            body = await self._exchanges.body(headers, receive)
            if body is not None:
                counted = MESSAGES.count(body, headers)
                trace = (TRACE_HEADER, exchange_id.encode())
                await reply(send, 200, [JSON, trace, *MESSAGES.headers(exchange_id)], counted)

    async def _exchange(
        self, scope: Scope, receive: Receive, send: Begun, dialect: Dialect, exchange_id: str
    ) -> None:
        read = await self._exchanges.read(scope, receive, dialect, exchange_id)
        if read is None:
            return
        asked, arrival = read
        trail = Trail(arrival)
        approval = headers_of(scope).get(b"x-freehold-approval")
        if approval is None:
            pieces = self._gateway.journey.travel(arrival, trail)
        else:  # the answer to this request was held: it has made half of its journey already
            held = approval.decode("latin-1")
            pieces = self._approvals.again(scope, arrival, trail, held)
        await self._exchanges.answer(receive, send, dialect, asked, trail, pieces)

    async def _no_method(self, scope: Scope, send: Send, exchange_id: str, allowed: bytes) -> None:
        takes = allowed.decode().partition(",")[0]
        dialect = _spoken(scope)
        body = dialect.error(RequestError(f"{scope['path'][:100]} takes {takes}."), exchange_id)
        trace = (TRACE_HEADER, exchange_id.encode())
        await reply(send, 405, [(b"allow", allowed), JSON, trace], body)


def _spoken_on(route: str) -> Dialect:
    """The dialect in which whoever asked there reads the answer."""
    return DIALECTS.get(route, CHAT)


def _spoken(scope: Scope) -> Dialect:
    """The dialect of whoever asks, also where the route has none of its own."""
    found = DIALECTS.get(scope["path"])
    if found is not None:
        return found
    anthropic = scope["path"].startswith("/v1/messages/") or VERSION_HEADER in headers_of(scope)
    return MESSAGES if anthropic else CHAT
