"""The port for outgoing HTTP: what a provider needs from a client, and no more.

An adapter keeps connections alive, follows no redirect, reads no proxy from the environment,
verifies TLS, and throws a connection away whenever a response was not read to its end.
"""

from collections.abc import AsyncGenerator, Mapping
from types import TracebackType
from typing import Literal, Protocol, Self
from urllib.parse import urlsplit

MAX_BODY_BYTES = 16 * 1024 * 1024
"""Longest response that is read; a longer one is an error, whole or streamed."""

CONNECT_TIMEOUT_MS = 5_000
IDLE_SECONDS = 15
"""An unused connection is closed after this, before most servers would close it under us."""

USER_AGENT = "freehold"

Reason = Literal["connect", "tls", "timeout", "first_byte", "broken", "too_large", "bad_request"]


class TransportFailed(Exception):
    """No complete response came back.

    The text names the host and what happened; never a path, a query, a header or a body, since
    any of them may hold a secret. ``reason`` is for programs.
    """

    def __init__(self, reason: Reason, url: str) -> None:
        super().__init__(f"{_SAYS[reason]} ({host_of(url)})")
        self.reason: Reason = reason


_SAYS: dict[Reason, str] = {
    "connect": "the connection could not be made",
    "tls": "the TLS certificate could not be verified or the handshake failed",
    "timeout": "the response took too long",
    "first_byte": "the first byte of the response took too long",
    "broken": "the connection broke before the response was complete",
    "too_large": f"the response is longer than {MAX_BODY_BYTES} bytes",
    "bad_request": "the address or a header can't be sent",
}


def host_of(url: str) -> str:
    """Host and port of an URL, without user name, path and query."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2] or "?"
    except ValueError:
        return "?"


class HttpResponse(Protocol):
    """One response. Read it whole or stream it, then ``aclose`` it in any case."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    def header(self, name: str) -> str:
        """The first value of a header, any case; empty when absent."""
        ...

    async def read(self) -> bytes:
        """The whole body, at most ``MAX_BODY_BYTES``.

        Raises:
            TransportFailed: it broke off, took too long, or is too large.
        """
        ...

    def stream(self) -> AsyncGenerator[bytes, None]:
        """The body as it arrives, in pieces of any size.

        Raises:
            TransportFailed: as for ``read``.
        """
        ...

    async def aclose(self) -> None:
        """Give the connection back if the body was read to its end, else throw it away."""
        ...


class HttpTransport(Protocol):
    """A pool of connections; opened and closed as an async context manager."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout_ms: int,
        first_byte_ms: int | None = None,
        *,
        streamed: bool = False,
    ) -> HttpResponse:
        """Send, and return as soon as status and headers are there.

        Args:
            method: ``POST`` or ``GET``.
            url: absolute, ``http`` or ``https``.
            headers: sent as they are, beside those that HTTP itself needs.
            body: sent as it is; empty for none.
            timeout_ms: for everything, from the connection to the body's last byte.
            first_byte_ms: for status and headers; ``None`` where ``timeout_ms`` is enough.
            streamed: the body will be read with ``stream``, piece by piece as it comes.

        Raises:
            TransportFailed: there is no response. Statuses of any kind are no failure.
        """
        ...
