"""Outgoing HTTP on aiohttp: what Freehold uses unless told otherwise."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Mapping
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from freehold.providers.transport import (
    CONNECT_TIMEOUT_MS,
    IDLE_SECONDS,
    MAX_BODY_BYTES,
    USER_AGENT,
    HttpResponse,
    Reason,
    TransportFailed,
)


class AiohttpTransport:
    """``HttpTransport`` on aiohttp.

    Args:
        ca_pem: certificates (PEM) to trust beside the system's own.
    """

    def __init__(self, *, ca_pem: bytes = b"") -> None:
        self._ca_pem = ca_pem
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        context = ssl.create_default_context()
        if self._ca_pem:
            context.load_verify_locations(cadata=self._ca_pem.decode("ascii"))
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS, ssl=context),
            cookie_jar=aiohttp.DummyCookieJar(),
            # Nothing is unpacked: a small compressed body could unfold without bounds.
            auto_decompress=False,
            headers={"user-agent": USER_AGENT},
            skip_auto_headers=("accept-encoding",),
            trust_env=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout_ms: int,
        first_byte_ms: int | None = None,
        *,
        streamed: bool = False,  # noqa: ARG002 -- both ways are the same here
    ) -> HttpResponse:
        """See ``HttpTransport.request``."""
        if self._session is None:
            raise RuntimeError("the transport is not open")
        coming = self._session.request(
            method,
            # What is percent-encoded stays so: AWS signs the very bytes of the path.
            URL(url, encoded=True) if "%" in url and url.isascii() else url,
            data=body or None,
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(
                total=max(timeout_ms, 1) / 1000, sock_connect=CONNECT_TIMEOUT_MS / 1000
            ),
        )
        try:
            if first_byte_ms is None or first_byte_ms >= timeout_ms:
                response = await coming
            else:
                first_byte = asyncio.timeout(first_byte_ms / 1000)
                try:
                    async with first_byte:
                        response = await coming
                except TimeoutError:
                    reason: Reason = "first_byte" if first_byte.expired() else "timeout"
                    raise TransportFailed(reason, url) from None
        except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
            raise TransportFailed(_reason(error), url) from _quiet(error)
        return _Response(response, url)


class _Response:
    __slots__ = ("_response", "_url", "status")

    def __init__(self, response: aiohttp.ClientResponse, url: str) -> None:
        self._response = response
        self._url = url
        self.status: int = response.status

    def header(self, name: str) -> str:
        return self._response.headers.get(name, "")

    async def read(self) -> bytes:
        pieces = [piece async for piece in self.stream()]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def stream(self) -> AsyncGenerator[bytes, None]:
        content = self._response.content
        size = 0
        try:
            while piece := await content.readany():
                size += len(piece)
                if size > MAX_BODY_BYTES:
                    raise TransportFailed("too_large", self._url)
                yield piece
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TransportFailed(_reason(error), self._url) from _quiet(error)

    async def aclose(self) -> None:
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()


def _reason(error: BaseException) -> Reason:
    if isinstance(error, (aiohttp.ClientSSLError, ssl.SSLError)):
        return "tls"
    if isinstance(error, (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError)):
        return "connect"
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, (aiohttp.InvalidURL, ValueError)):
        return "bad_request"
    return "broken"


def _quiet(error: BaseException) -> BaseException:
    """The kind of error without its text, which may have the whole URL in it."""
    return RuntimeError(type(error).__name__)
