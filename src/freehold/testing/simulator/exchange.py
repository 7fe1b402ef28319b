"""One HTTP exchange in ASGI terms, with two things that ASGI lacks: noticing that the client has
gone without reading on, and cutting a connection on purpose.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

from freehold.testing.simulator.errors import WireError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

# The protocol class of `main` puts the transport under this name in the scope's extensions.
TRANSPORT: Final = "freehold.simulator.transport"
LARGEST_BODY: Final = 64 * 1024 * 1024

MARK: Final = (b"x-simulator", b"freehold")
JSON: Final = (b"content-type", b"application/json")
EVENTS: Final = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    MARK,
)


class HungUp(Exception):
    """The client has gone, or its connection was cut on purpose."""


class Exchange:
    """One request on its way: what came, and how to answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.path: str = scope["path"]
        self.headers: Headers = scope["headers"]
        self.scope = scope
        self._receive = receive
        self._send = send
        self._transport: Any = scope.get("extensions", {}).get(TRANSPORT)

    def header(self, name: bytes) -> str | None:
        """The first value of a header."""
        for key, value in self.headers:
            if key == name:
                return value.decode("latin-1")
        return None

    async def body(self) -> bytes:
        """The whole body."""
        message = await self._receive()
        if not message.get("more_body"):
            return bytes(message.get("body", b""))
        parts = [message["body"]]
        size = len(parts[0])
        while message.get("more_body"):
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise HungUp
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > LARGEST_BODY:
                raise WireError(413, "The body is too large.")
        return b"".join(parts)

    async def start(self, status: int, headers: Headers) -> None:
        """Send the status and the headers."""
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, data: bytes, *, more: bool = False) -> None:
        """Send a part of the body; the last one ends the answer."""
        await self._send({"type": "http.response.body", "body": data, "more_body": more})

    async def json(
        self, status: int, data: bytes, more: Iterable[tuple[bytes, bytes]] = ()
    ) -> None:
        """Send a whole JSON answer."""
        length = (b"content-length", str(len(data)).encode())
        await self.start(status, [JSON, length, MARK, *more])
        await self.write(data)

    @property
    def gone(self) -> bool:
        """Whether the client has hung up."""
        return bool(self._transport is not None and self._transport.is_closing())

    async def wait(self, seconds: float) -> None:
        """Sleep as long as the client is there.

        Raises:
            HungUp: it went away.
        """
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, 0.05))
            if self.gone:
                raise HungUp

    async def cut(self) -> None:
        """Drop the connection without an end of the answer; what was written goes out first."""
        await asyncio.sleep(0.005)
        if self._transport is None:
            raise ConnectionAbortedError("the simulator drops this connection on purpose")
        self._transport.close()
        await asyncio.sleep(0.005)
        raise HungUp

    def require_loopback(self) -> None:
        """Refuse whoever is not on this machine, and pages of a browser that is.

        Raises:
            WireError: 403.
        """
        client = self.scope.get("client") or ("", 0)
        try:
            near = ipaddress.ip_address(client[0]).is_loopback
        except ValueError:
            near = False
        if not near or self.header(b"origin") is not None:
            raise WireError(403, "This is for programs on the simulator's own machine.")
