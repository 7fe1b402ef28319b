"""The HTTP door, as raw ASGI: nothing is routed or validated by a framework on the hot path."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from typing import Any, Self

from freehold.core.ask import Arrival, Ask, Operation
from freehold.core.clock import Clock
from freehold.core.errors import FreeholdError, NotFound, RateLimited, RequestError, RequestTooLarge
from freehold.core.handoffs import Released
from freehold.core.ids import uuid7
from freehold.core.trail import Trail
from freehold.server.openai_replies import (
    KEEP_ALIVE,
    Headers,
    StreamReply,
    WholeReply,
    error_bytes,
    error_event,
    outcome_comment,
)
from freehold.server.openai_wire import parse
from freehold.services.gateway import Gateway

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

OPERATIONS: dict[str, Operation] = {
    "/v1/chat/completions": "chat",
    "/v1/completions": "completion",
    "/v1/embeddings": "embedding",
}
MAX_BODY_BYTES = 8 * 1024 * 1024
KEEP_ALIVE_S = 5.0
_PLAIN: tuple[bytes, bytes] = (b"content-type", b"text/plain; charset=utf-8")
_JSON: tuple[bytes, bytes] = (b"content-type", b"application/json")
_EVENTS: tuple[bytes, bytes] = (b"content-type", b"text/event-stream; charset=utf-8")
_READ_HEADERS = (b"x-freehold-conversation", b"x-freehold-parent", b"x-freehold-subject")


class Door:
    """The ASGI application over a gateway."""

    def __init__(self, gateway: Gateway, clock: Clock) -> None:
        self._gateway = gateway
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
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
        path, method = scope["path"], scope["method"]
        operation = OPERATIONS.get(path)
        if operation is not None:
            if method != "POST":
                await _reply(send, 405, [(b"allow", b"POST"), _JSON], _no_method(method, path))
                return
            await self._exchange(scope, receive, send, operation)
            return
        if method not in ("GET", "HEAD"):
            await self._error(send, NotFound(f"no route {method} {path}"), uuid7())
            return
        await self._plain(path, scope, send)

    async def _plain(self, path: str, scope: Scope, send: Send) -> None:
        """Health, metrics and the list of models."""
        gateway = self._gateway
        if path == "/healthz":
            await _reply(send, 200, [_PLAIN], b"ok\n")
        elif path == "/readyz":
            ready, why = gateway.ready()
            await _reply(send, 200 if ready else 503, [_PLAIN], f"{why}\n".encode())
        elif path == "/metrics":
            try:
                body = gateway.metrics(_bearer(_headers(scope)), _client_host(scope))
            except FreeholdError as error:
                await self._error(send, error, uuid7())
                return
            kind = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
            await _reply(send, 200, [kind], body)
        elif path == "/v1/models" or path.startswith("/v1/models/"):
            try:
                wanted = path[len("/v1/models/") :] or None
                body = gateway.models(_bearer(_headers(scope)), wanted)
            except FreeholdError as error:
                await self._error(send, error, uuid7())
                return
            await _reply(send, 200, [_JSON], body)
        else:
            await self._error(send, NotFound(f"no route {path}"), uuid7())

    async def _exchange(
        self, scope: Scope, receive: Receive, send: Send, operation: Operation
    ) -> None:
        exchange_id = uuid7()
        headers = _headers(scope)
        received, started = self._clock.now_ns(), self._clock.monotonic_ns()
        try:
            body = await _body(receive, headers.get(b"content-length"))
            if body is None:
                return  # the client hung up before it had asked anything
            ask = parse(operation, body)
        except FreeholdError as error:
            self._gateway.malformed(error)
            await self._error(send, error, exchange_id)
            return
        arrival = Arrival(
            ask=ask,
            route=scope["path"],
            key=_bearer(headers),
            identity_token=_text(headers.get(b"x-freehold-identity")),
            client_headers=_client_headers(headers),
            exchange_id=exchange_id,
            received_ns=received,
            started_ns=started,
        )
        trail = Trail(arrival)
        pieces = self._gateway.journey.travel(arrival, trail)
        reply = self._stream if ask.stream else self._whole
        with _HangUp(receive) as client:
            try:
                await reply(send, ask, trail, pieces)
            except asyncio.CancelledError:
                if not client.gone:
                    raise

    async def _whole(
        self, send: Send, ask: Ask, trail: Trail, pieces: AsyncGenerator[Released, None]
    ) -> None:
        reply = WholeReply(ask, trail.arrival.exchange_id, trail.arrival.received_ns // 10**9)
        try:
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    reply.add(piece)
        except FreeholdError as error:
            await self._error(send, error, trail.arrival.exchange_id, trail)
            return
        await _reply(send, 200, [_JSON, *_trace(trail)], reply.body())

    async def _stream(
        self, send: Send, ask: Ask, trail: Trail, pieces: AsyncGenerator[Released, None]
    ) -> None:
        reply = StreamReply(ask, trail.arrival.exchange_id, trail.arrival.received_ns // 10**9)
        stream = _EventStream(send, trail)
        try:
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    await stream.write(reply.events(piece))
        except FreeholdError as error:
            if not stream.begun:
                stream.stop()
                await self._error(send, error, trail.arrival.exchange_id, trail)
                return
            await stream.finish(error_event(error) + outcome_comment(trail.result))
        else:
            await stream.finish(reply.end(trail.result))
        finally:
            stream.stop()

    async def _error(
        self, send: Send, error: FreeholdError, exchange_id: str, trail: Trail | None = None
    ) -> None:
        headers: Headers = [_JSON]
        if trail is None:
            headers.append((b"x-freehold-trace-id", exchange_id.encode()))
        else:
            headers.extend(_trace(trail))
        if isinstance(error, RateLimited):
            headers.append((b"retry-after", str(error.retry_after_s).encode()))
        await _reply(send, error.status, headers, error_bytes(error))


class _HangUp:
    """Cancels the task that serves a request as soon as its client has hung up."""

    __slots__ = ("_receive", "_serving", "_watch", "gone")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.gone = False

    def __enter__(self) -> Self:
        self._serving = asyncio.current_task()
        self._watch = asyncio.get_running_loop().create_task(self._wait())
        return self

    def __exit__(self, *_: object) -> None:
        self._watch.cancel()
        if self.gone and self._serving is not None:
            self._serving.uncancel()

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        if self._serving is not None:
            self._serving.cancel()


class _EventStream:
    """A reply of server-sent events that begins with the first one, or with a sign of life.

    Until something is sent, a refusal can still have its own HTTP status.
    """

    __slots__ = ("_beat", "_send", "_silent", "_trail", "begun")

    def __init__(self, send: Send, trail: Trail) -> None:
        self._send = send
        self._trail = trail
        self._silent = True
        self._beat: asyncio.Task[None] | asyncio.TimerHandle
        self._beat = asyncio.get_running_loop().call_later(KEEP_ALIVE_S, self._start_beating)
        self.begun = False

    async def write(self, events: bytes) -> None:
        """Send events."""
        self._silent = False
        if not self.begun:
            await self._begin()
        if events:
            await self._send({"type": "http.response.body", "body": events, "more_body": True})

    async def finish(self, events: bytes) -> None:
        """Send the last events and end the reply."""
        self.stop()
        if not self.begun:
            await self._begin()
        await self._send({"type": "http.response.body", "body": events, "more_body": False})

    def stop(self) -> None:
        """No more signs of life."""
        self._beat.cancel()

    async def _begin(self) -> None:
        self.begun = True
        trace = (b"x-freehold-trace-id", self._trail.arrival.exchange_id.encode())
        headers = [_EVENTS, (b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no"), trace]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    def _start_beating(self) -> None:
        self._beat = asyncio.get_running_loop().create_task(self._keep_alive())

    async def _keep_alive(self) -> None:
        while True:
            if self._silent:
                await self.write(KEEP_ALIVE)
            self._silent = True
            await asyncio.sleep(KEEP_ALIVE_S)


async def _reply(send: Send, status: int, headers: Headers, body: bytes) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


async def _body(receive: Receive, declared: bytes | None) -> bytes | None:
    """The whole request body, ``None`` when the client hung up.

    Raises:
        RequestTooLarge: declared or really longer than the door's limit.
    """
    too_large = RequestTooLarge(f"The request body may hold {MAX_BODY_BYTES:,} bytes at most.")
    if declared is not None and declared.isdigit() and int(declared) > MAX_BODY_BYTES:
        raise too_large
    message = await receive()
    if message["type"] == "http.disconnect":
        return None
    body = bytes(message.get("body", b""))
    if not message.get("more_body", False):
        if len(body) > MAX_BODY_BYTES:
            raise too_large
        return body
    parts = [body]
    size = len(body)
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY_BYTES:
            raise too_large
        if not message.get("more_body", False):
            return b"".join(parts)


def _headers(scope: Scope) -> dict[bytes, bytes]:
    return dict(scope["headers"])


def _client_headers(headers: dict[bytes, bytes]) -> dict[str, str]:
    """The few headers that the journey may read, by their lower-case names."""
    return {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in headers.items()
        if name in _READ_HEADERS or name.startswith(b"x-freehold-attribute-")
    }


def _bearer(headers: dict[bytes, bytes]) -> str:
    """The key from ``Authorization: Bearer`` or Azure's ``api-key``."""
    scheme, _, value = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return value.strip().decode("latin-1")
    return headers.get(b"api-key", b"").decode("latin-1")


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


def _client_host(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""


def _trace(trail: Trail) -> Headers:
    headers: Headers = [
        (b"x-freehold-trace-id", trail.arrival.exchange_id.encode()),
        (b"x-freehold-outcome", trail.result.encode()),
    ]
    if trail.held is not None:
        headers.append((b"x-freehold-approval", trail.held.approval_id.encode()))
    return headers


def _no_method(method: str, path: str) -> bytes:
    return error_bytes(RequestError(f"{path} takes POST, not {method}."))
