"""One exchange at the door, in any dialect: read the request, send what its journey releases."""

import asyncio
import contextlib
import logging
import math
import traceback
from collections.abc import AsyncGenerator, Awaitable, MutableMapping
from time import perf_counter_ns, thread_time_ns
from typing import Any

from freehold.core.ask import Arrival
from freehold.core.clock import Clock
from freehold.core.errors import (
    ControlFailed,
    FreeholdError,
    Overloaded,
    ProviderUnavailable,
    RateLimited,
    StorageError,
)
from freehold.core.handoffs import Released
from freehold.core.sampling import sampled
from freehold.core.timing import timed
from freehold.core.trail import Trail
from freehold.server.dialect import Asked, Dialect, Events, Headers, Whole
from freehold.server.http import (
    JSON,
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
    read_body,
    refuse_compressed,
    reply,
)
from freehold.services.gateway import Gateway

_LONGEST_RETRY_AFTER_S = 60
"""Official SDKs pass over a longer wait, and try again at once."""
_log = logging.getLogger("freehold.door")
Pieces = AsyncGenerator[Released, None]


class Begun:
    """``send`` that remembers whether a reply has begun."""

    __slots__ = ("_send", "begun")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    def __call__(self, message: MutableMapping[str, Any]) -> Awaitable[None]:
        self.begun = True
        return self._send(message)


class Exchanges:
    """What every route that starts a journey does.

    Args:
        keep_alive_s: after how long a silence a stream gets a sign of life.
        body_timeout_s: how long a request's body may take to come.
    """

    def __init__(
        self, gateway: Gateway, clock: Clock, *, keep_alive_s: float, body_timeout_s: float
    ) -> None:
        self._gateway = gateway
        self._clock = clock
        self._keep_alive_s = keep_alive_s
        self._body_timeout_s = body_timeout_s

    async def read(
        self, scope: Scope, receive: Receive, dialect: Dialect, exchange_id: str
    ) -> tuple[Asked, Arrival] | None:
        """The request, read; ``None`` when the client hung up before it had asked anything.

        Raises:
            RequestError: it can't be accepted as it is.
        """
        headers = headers_of(scope)
        received, started = self._clock.now_ns(), self._clock.monotonic_ns()
        try:
            one_of_each(scope, headers)
            body = await self.body(headers, receive)
            if body is None:
                return None
            measured = sampled(exchange_id)
            used, began = thread_time_ns() if measured else 0, perf_counter_ns()
            asked = dialect.parse(body, headers)
            took = perf_counter_ns() - began
            used = thread_time_ns() - used if measured else 0
        except FreeholdError as error:
            self._gateway.malformed(error)
            raise
        return asked, Arrival(
            ask=asked.ask,
            route=scope["path"],
            key=bearer(headers),
            identity_token=identity_token(headers),
            client_headers=client_headers(headers),
            exchange_id=exchange_id,
            received_ns=received,
            started_ns=started,
            door_ns=took,
            door_cpu_ns=used,
        )

    async def body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes | None:
        """A request's body; ``None`` when the client hung up.

        Raises:
            RequestError: it is too large, compressed, or did not come in time.
        """
        refuse_compressed(headers)
        return await read_body(receive, headers.get(b"content-length"), self._body_timeout_s)

    async def answer(
        self,
        receive: Receive,
        send: Begun,
        dialect: Dialect,
        asked: Asked,
        trail: Trail,
        pieces: Pieces,
    ) -> None:
        """Send what is released, for as long as the client is there and the server lives."""
        events = None
        if asked.ask.stream:
            created = trail.arrival.received_ns // 10**9
            events = dialect.events(asked, trail.arrival.exchange_id, created)
        with HangUp(receive) as client:
            try:
                if events is None:
                    await self.whole(send, dialect, asked, trail, pieces)
                else:
                    await self._stream(send, dialect, events, trail, pieces)
            except asyncio.CancelledError:
                if not client.gone:  # then the server is stopping: nobody else cancels
                    await self._stopping(send, dialect, events, trail)
            finally:
                trail.forget()

    async def whole(
        self, send: Send, dialect: Dialect, asked: Asked, trail: Trail, pieces: Pieces
    ) -> None:
        """Send the answer when all of it is there."""
        exchange_id = trail.arrival.exchange_id
        whole = dialect.whole(asked, exchange_id, trail.arrival.received_ns // 10**9)
        try:
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    whole.add(piece)
            body = _body(whole, trail)
        except FreeholdError as error:
            await self.error(send, dialect, error, exchange_id, trail)
            return
        headers = [JSON, *traced(trail), *dialect.headers(exchange_id)]
        await reply(send, 200, headers, body)

    async def _stream(
        self, send: Send, dialect: Dialect, events: Events, trail: Trail, pieces: Pieces
    ) -> None:
        exchange_id = trail.arrival.exchange_id
        headers = [(TRACE_HEADER, exchange_id.encode()), *dialect.headers(exchange_id)]
        stream = EventStream(send, headers, events.keep_alive, self._keep_alive_s)
        try:
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    await stream.write(_events(events, piece, trail))
        except FreeholdError as error:
            stream.stop()
            if not stream.begun:
                await self.error(send, dialect, error, exchange_id, trail)
                return
            _tell(error, exchange_id)
            await stream.finish(events.failed(error, trail.result))
        else:
            await stream.finish(events.end(trail.result))
        finally:
            stream.stop()

    async def _stopping(
        self, send: Begun, dialect: Dialect, events: Events | None, trail: Trail
    ) -> None:
        error = StorageError("the server stops", public="The gateway is stopping; ask again.")
        if not send.begun:
            await self.error(send, dialect, error, trail.arrival.exchange_id, trail)
        elif events is not None:
            last = events.failed(error, trail.result)
            await send({"type": "http.response.body", "body": last, "more_body": False})

    async def error(
        self,
        send: Send,
        dialect: Dialect,
        error: FreeholdError,
        exchange_id: str,
        trail: Trail | None = None,
    ) -> None:
        """Send an error with its own status."""
        _tell(error, exchange_id)
        trace = [(TRACE_HEADER, exchange_id.encode())] if trail is None else traced(trail)
        headers: Headers = [JSON, *trace, *dialect.headers(exchange_id)]
        wait = _wait_s(error)
        if wait is not None:
            headers.append((b"retry-after", b"%d" % min(wait, _LONGEST_RETRY_AFTER_S)))
        await reply(send, error.status, headers, dialect.error(error, exchange_id))


@timed("admit")
def _body(whole: Whole, _: Trail) -> bytes:
    """What the door writes is its work, as what it reads."""
    return whole.body()


@timed("admit")
def _events(events: Events, piece: Released, _: Trail) -> bytes:
    return events.events(piece)


def _wait_s(error: FreeholdError) -> int | None:
    """Whole seconds after which to ask again, where somebody has said so: we, or the last model."""
    if isinstance(error, RateLimited | Overloaded):
        return error.retry_after_s
    if isinstance(error, ProviderUnavailable) and error.retry_after_s is not None:
        return max(math.ceil(error.retry_after_s), 1)
    return None


def traced(trail: Trail) -> Headers:
    """The exchange's id, how it ended, and the approval that it waits for or leaves by."""
    headers: Headers = [
        (TRACE_HEADER, trail.arrival.exchange_id.encode()),
        (b"x-freehold-outcome", trail.result.encode()),
    ]
    approval = trail.held.approval_id if trail.held is not None else trail.approval
    if approval:
        headers.append((b"x-freehold-approval", approval.encode()))
    return headers


def where(crash: BaseException) -> str:
    """The kind and the places of a crash: what it says may quote the caller."""
    frames = traceback.extract_tb(crash.__traceback__)[-3:]
    places = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(crash).__name__} at {places}"


def _tell(error: FreeholdError, exchange_id: str) -> None:
    """A crash behind an error is for operators; what it says may quote the caller, so only its
    kind and place are logged.
    """
    if isinstance(error, ControlFailed) and error.__cause__ is not None:
        _log.error("exchange %s: %s", exchange_id, where(error.__cause__))
