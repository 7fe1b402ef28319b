"""Outgoing HTTP on pyreqwest (hyper and rustls): the cheapest for whole answers, with one defect.

Cancelling a request that still waits for its status line does not close the connection (0.15.1;
``tests/providers/test_transport.py`` will notice when that changes). The model goes on, and is
paid, until it has answered. So this is no default.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Self

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import (
    BuilderError,
    ConnectError,
    PyreqwestError,
    RequestTimeoutError,
)
from pyreqwest.request import StreamRequest
from pyreqwest.response import Response

from freehold.providers.transport import (
    CONNECT_TIMEOUT_MS,
    IDLE_SECONDS,
    MAX_BODY_BYTES,
    USER_AGENT,
    HttpResponse,
    Reason,
    TransportFailed,
)

_WHOLE_BUFFER = 65_536


class PyreqwestTransport:
    """``HttpTransport`` on pyreqwest.

    Args:
        ca_pem: certificates (PEM) to trust beside the system's own.
    """

    def __init__(self, *, ca_pem: bytes = b"") -> None:
        self._ca_pem = ca_pem
        self._client: Client | None = None

    async def __aenter__(self) -> Self:
        builder = (
            ClientBuilder()
            .no_proxy()
            .follow_redirects(False)
            .referer(False)
            .tcp_nodelay(True)
            .user_agent(USER_AGENT)
            .connect_timeout(timedelta(milliseconds=CONNECT_TIMEOUT_MS))
            .pool_idle_timeout(timedelta(seconds=IDLE_SECONDS))
            # Nothing is unpacked: a small compressed body could unfold without bounds.
            .gzip(False)
            .brotli(False)
            .zstd(False)
            .deflate(False)
        )
        for certificate in _split_pem(self._ca_pem):
            builder = builder.add_root_certificate_pem(certificate)
        self._client = builder.build()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

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
        """See ``HttpTransport.request``."""
        if self._client is None:
            raise RuntimeError("the transport is not open")
        try:
            builder = (
                self._client.request(method, url)
                .headers(headers)
                .timeout(timedelta(milliseconds=max(timeout_ms, 1)))
                # The reader fills this buffer before it hands over anything: for a stream that
                # would hold back the first tokens until 64 KiB of them are there.
                .streamed_read_buffer_limit(1 if streamed else _WHOLE_BUFFER)
            )
            request = (builder.body_bytes(body) if body else builder).build_streamed()
        except (BuilderError, ValueError) as error:
            # Its text quotes what it could not parse, which may be a secret in a header.
            raise TransportFailed("bad_request", url) from _quiet(error)
        try:
            if first_byte_ms is None or first_byte_ms >= timeout_ms:
                response = await request.__aenter__()
            else:
                async with asyncio.timeout(first_byte_ms / 1000):
                    response = await request.__aenter__()
        except RequestTimeoutError as error:
            raise TransportFailed("timeout", url) from _quiet(error)
        except TimeoutError:
            raise TransportFailed("first_byte", url) from None
        except PyreqwestError as error:
            raise TransportFailed(_reason(error), url) from _quiet(error)
        return _Response(request, response, url)


class _Response:
    __slots__ = ("_request", "_response", "_url", "status")

    def __init__(self, request: StreamRequest, response: Response, url: str) -> None:
        self._request = request
        self._response = response
        self._url = url
        self.status: int = response.status

    def header(self, name: str) -> str:
        return self._response.get_header(name) or ""

    async def read(self) -> bytes:
        reader = self._response.body_reader
        pieces: list[bytes] = []
        size = 0
        try:
            while (piece := await reader.read_chunk()) is not None:
                size += len(piece)
                if size > MAX_BODY_BYTES:
                    raise TransportFailed("too_large", self._url)
                pieces.append(piece.to_bytes())
        except PyreqwestError as error:
            raise TransportFailed(_reason(error), self._url) from _quiet(error)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def stream(self) -> AsyncGenerator[bytes, None]:
        reader = self._response.body_reader
        size = 0
        try:
            while (piece := await reader.read_chunk()) is not None:
                size += len(piece)
                if size > MAX_BODY_BYTES:
                    raise TransportFailed("too_large", self._url)
                yield piece.to_bytes()
        except PyreqwestError as error:
            raise TransportFailed(_reason(error), self._url) from _quiet(error)

    async def aclose(self) -> None:
        await self._request.__aexit__(None, None, None)


def _reason(error: PyreqwestError) -> Reason:
    if isinstance(error, RequestTimeoutError):
        return "timeout"
    details = getattr(error, "details", None) or {}
    causes = " ".join(str(cause.get("message", "")) for cause in details.get("causes") or ())
    if "certificate" in causes or "tls" in causes.lower().split() or "handshake" in causes:
        return "tls"
    # A connection that broke while the request went out is reported as a ConnectError as well.
    if isinstance(error, ConnectError) and "SendRequest" not in causes:
        return "connect"
    return "broken"


def _quiet(error: BaseException) -> BaseException:
    """The kind of error without its text, which has the whole URL in it."""
    return RuntimeError(type(error).__name__)


def _split_pem(bundle: bytes) -> list[bytes]:
    end = b"-----END CERTIFICATE-----"
    parts = [part + end for part in bundle.split(end)[:-1]]
    for part in parts:
        ssl.PEM_cert_to_DER_cert(part.decode("ascii").strip())  # fails early, with a clear error
    return parts
