"""The HTTP door, as raw ASGI: nothing is routed or validated by a framework on the hot path."""

import asyncio
import contextlib
import logging
import traceback
from collections.abc import AsyncGenerator, Awaitable, MutableMapping
from typing import Any

from freehold.core.ask import Arrival, Ask, Operation
from freehold.core.clock import Clock
from freehold.core.errors import (
    ApprovalError,
    ControlFailed,
    FreeholdError,
    NotFound,
    RateLimited,
    RequestError,
    StorageError,
)
from freehold.core.handoffs import Released
from freehold.core.ids import uuid7
from freehold.core.trail import Trail
from freehold.server.approvals import PREFIX as APPROVALS
from freehold.server.approvals import ApprovalRoutes
from freehold.server.http import (
    JSON,
    PLAIN,
    TRACE_HEADER,
    EventStream,
    HangUp,
    Receive,
    Scope,
    Send,
    bearer,
    client_headers,
    headers_of,
    identity_token,
    one_of_each,
    peer,
    read_body,
    refuse_compressed,
    reply,
)
from freehold.server.openai_replies import (
    Headers,
    StreamReply,
    WholeReply,
    error_bytes,
    error_event,
    held_text,
    outcome_comment,
)
from freehold.server.openai_wire import parse
from freehold.services.gateway import Gateway

OPERATIONS: dict[str, Operation] = {
    "/v1/chat/completions": "chat",
    "/v1/completions": "completion",
    "/v1/embeddings": "embedding",
}
_PLAIN_ROUTES = ("/healthz", "/readyz", "/metrics", "/v1/models")
_METRICS: tuple[bytes, bytes] = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
_LONGEST_RETRY_AFTER_S = 60
"""Official SDKs pass over a longer wait, and try again at once."""
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
        self._clock = clock
        self._keep_alive_s = keep_alive_s
        self._body_timeout_s = body_timeout_s
        self._approvals = ApprovalRoutes(gateway, clock, self._whole)

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
        answering = _Begun(send)
        try:
            operation = OPERATIONS.get(scope["path"])
            if scope["path"].startswith(APPROVALS):
                await self._approvals.handle(scope, receive, answering, exchange_id)
            elif operation is None:
                await self._plain(scope, answering, exchange_id)
            elif scope["method"] == "POST":
                await self._exchange(scope, receive, answering, operation, exchange_id)
            else:
                await self._no_method(scope, answering, exchange_id, b"POST")
        except FreeholdError as error:
            await self._error(answering, error, exchange_id)
        except Exception as crash:  # noqa: BLE001 - the last resort: no stack trace leaves, ever
            _log.error("exchange %s: %s", exchange_id, _where(crash))
            if not answering.begun:
                await self._error(answering, FreeholdError("a crash in the door"), exchange_id)

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
            body = gateway.models(bearer(headers), model)
            await reply(send, 200, [JSON, trace], body)

    async def _exchange(
        self, scope: Scope, receive: Receive, send: "_Begun", operation: Operation, exchange_id: str
    ) -> None:
        headers = headers_of(scope)
        received, started = self._clock.now_ns(), self._clock.monotonic_ns()
        try:
            one_of_each(scope, headers)
            refuse_compressed(headers)
            body = await read_body(receive, headers.get(b"content-length"), self._body_timeout_s)
            if body is None:
                return  # the client hung up before it had asked anything
            ask = parse(operation, body)
        except FreeholdError as error:
            self._gateway.malformed(error)
            raise
        arrival = Arrival(
            ask=ask,
            route=scope["path"],
            key=bearer(headers),
            identity_token=identity_token(headers),
            client_headers=client_headers(headers),
            exchange_id=exchange_id,
            received_ns=received,
            started_ns=started,
        )
        trail = Trail(arrival)
        approval = headers.get(b"x-freehold-approval")
        if approval is None:
            pieces = self._gateway.journey.travel(arrival, trail)
        else:  # the answer to this request was held: it has made half of its journey already
            held = approval.decode("latin-1")
            pieces = self._approvals.again(scope, arrival, trail, held)
        answer = self._stream if ask.stream else self._whole
        with HangUp(receive) as client:
            try:
                await answer(send, ask, trail, pieces)
            except asyncio.CancelledError:
                if not client.gone:  # then the server is stopping: nobody else cancels
                    await self._stopping(send, trail)
            finally:
                _forget(trail)

    async def _whole(
        self, send: Send, ask: Ask, trail: Trail, pieces: AsyncGenerator[Released, None]
    ) -> None:
        whole = WholeReply(ask, trail.arrival.exchange_id, trail.arrival.received_ns // 10**9)
        try:
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    whole.add(piece)
        except FreeholdError as error:
            await self._error(send, error, trail.arrival.exchange_id, trail)
            return
        if whole.held is not None and ask.operation == "embedding":  # no words fit into vectors
            waits = ApprovalError(held_text(whole.held))
            await self._error(send, waits, trail.arrival.exchange_id, trail)
            return
        await reply(send, 200, [JSON, *_trace(trail)], whole.body())

    async def _stream(
        self, send: Send, ask: Ask, trail: Trail, pieces: AsyncGenerator[Released, None]
    ) -> None:
        events = StreamReply(ask, trail.arrival.exchange_id, trail.arrival.received_ns // 10**9)
        stream = EventStream(send, trail, self._keep_alive_s)
        try:
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    await stream.write(events.events(piece))
        except FreeholdError as error:
            stream.stop()
            if not stream.begun:
                await self._error(send, error, trail.arrival.exchange_id, trail)
                return
            _tell(error, trail.arrival.exchange_id)
            await stream.finish(error_event(error) + outcome_comment(trail.result))
        else:
            await stream.finish(events.end(trail.result))
        finally:
            stream.stop()

    async def _stopping(self, send: "_Begun", trail: Trail) -> None:
        error = StorageError("the server stops", public="The gateway is stopping; ask again.")
        if not send.begun:
            await self._error(send, error, trail.arrival.exchange_id, trail)
        elif trail.arrival.ask.stream:
            last = error_event(error) + outcome_comment(trail.result)
            await send({"type": "http.response.body", "body": last, "more_body": False})

    async def _error(
        self, send: Send, error: FreeholdError, exchange_id: str, trail: Trail | None = None
    ) -> None:
        _tell(error, exchange_id)
        headers: Headers = [JSON]
        if trail is None:
            headers.append((TRACE_HEADER, exchange_id.encode()))
        else:
            headers.extend(_trace(trail))
        if isinstance(error, RateLimited):
            wait = min(error.retry_after_s, _LONGEST_RETRY_AFTER_S)
            headers.append((b"retry-after", str(wait).encode()))
        await reply(send, error.status, headers, error_bytes(error))

    async def _no_method(self, scope: Scope, send: Send, exchange_id: str, allowed: bytes) -> None:
        takes = allowed.decode().partition(",")[0]
        body = error_bytes(RequestError(f"{scope['path'][:100]} takes {takes}."))
        trace = (TRACE_HEADER, exchange_id.encode())
        await reply(send, 405, [(b"allow", allowed), JSON, trace], body)


class _Begun:
    """``send`` that remembers whether a reply has begun."""

    __slots__ = ("_send", "begun")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    def __call__(self, message: MutableMapping[str, Any]) -> Awaitable[None]:
        self.begun = True
        return self._send(message)


def _tell(error: FreeholdError, exchange_id: str) -> None:
    """A crash behind an error is for operators; what it says may quote the caller, so only its
    kind and place are logged.
    """
    if isinstance(error, ControlFailed) and error.__cause__ is not None:
        _log.error("exchange %s: %s", exchange_id, _where(error.__cause__))


def _forget(trail: Trail) -> None:
    """A failure knows the frames that it came through, and these know it and the trail: a circle,
    which would keep all that the exchange held until the garbage collector looks.
    """
    if trail.failure is not None:
        trail.failure.__traceback__ = None
        trail.failure = None


def _where(crash: BaseException) -> str:
    frames = traceback.extract_tb(crash.__traceback__)[-3:]
    places = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(crash).__name__} at {places}"


def _trace(trail: Trail) -> Headers:
    headers: Headers = [
        (TRACE_HEADER, trail.arrival.exchange_id.encode()),
        (b"x-freehold-outcome", trail.result.encode()),
    ]
    approval = trail.held.approval_id if trail.held is not None else trail.approval
    if approval:
        headers.append((b"x-freehold-approval", approval.encode()))
    return headers
