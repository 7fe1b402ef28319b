"""A witness's door, as raw ASGI: ``add-checkpoint``, and what it has cosigned, to be read."""

import asyncio
import logging

from freehold.core.errors import FreeholdError, RequestError
from freehold.ledger.witnessing import MOST_BYTES
from freehold.server.http import PLAIN, Receive, Scope, Send, headers_of, read_body, reply
from freehold.services.witness import Reply, Witness

ADD = "/add-checkpoint"
LOGS = "/logs/"
CHECKPOINT = "/checkpoint"
MOST_AT_ONCE = 256
_AT_A_TIME = 8
_BODY_S = 10.0
_log = logging.getLogger("freehold.witness")


class WitnessDoor:
    """The ASGI application over a witness."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._working = asyncio.Semaphore(_AT_A_TIME)
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection's request, or the server's start and end."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._answer(scope, receive)
        except RequestError as error:
            answer = Reply(error.status, f"{error.public}\n")
        except FreeholdError as error:
            _log.error("%s %s: %s", scope["method"], scope["path"][:200], error)
            answer = Reply(503, "this witness can't do its work now; try again later\n")
        if answer is None:
            return
        kind = (b"content-type", answer.content_type.encode())
        body = b"" if scope["method"] == "HEAD" else answer.body.encode()
        headers = [kind if answer.content_type else PLAIN, (b"cache-control", b"no-store")]
        if answer.status == 405:
            allowed = b"POST" if scope["path"] == ADD else b"GET, HEAD"
            headers.append((b"allow", allowed))
        await reply(send, answer.status, headers, body)

    async def _answer(self, scope: Scope, receive: Receive) -> Reply | None:
        """Raises: FreeholdError."""
        path, method = scope["path"], scope["method"]
        if path == ADD:
            if method != "POST":
                return Reply(405, "add-checkpoint takes POST\n")
            declared = headers_of(scope).get(b"content-length")
            body = await read_body(receive, declared, _BODY_S, MOST_BYTES)
            return None if body is None else await self._add(body)
        if method not in ("GET", "HEAD"):
            return Reply(405, "only add-checkpoint takes POST\n")
        if path == "/healthz":
            return Reply(200, "ok\n")
        if path == "/key":
            return Reply(200, f"{self._witness.key}\n")
        if path.startswith(LOGS) and path.endswith(CHECKPOINT):
            origin = path[len(LOGS) : -len(CHECKPOINT)]
            note = await asyncio.to_thread(self._witness.newest, origin)
            return Reply(200, note) if note is not None else Reply(404, "no such log here\n")
        return Reply(404, "there is no such route\n")

    async def _add(self, body: bytes) -> Reply:
        if self._waiting >= MOST_AT_ONCE:
            return Reply(503, "too many checkpoints at once; try again later\n")
        self._waiting += 1
        try:
            async with self._working:
                return await asyncio.to_thread(self._witness.add, body)
        finally:
            self._waiting -= 1


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
