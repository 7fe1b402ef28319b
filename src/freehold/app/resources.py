"""Small parts that wiring needs: resources as context managers, and fetching over a transport."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from typing import Any

from freehold.core.errors import ContextError
from freehold.providers.transport import HttpTransport, TransportFailed

Fetch = Callable[[str, str, dict[str, str], bytes, int], Awaitable[tuple[int, bytes]]]
"""From method, URL, headers, body and milliseconds to status and body."""


class Opened:
    """A resource with ``open`` and ``close`` that are quick, as an async context manager."""

    def __init__(self, opening: Callable[[], Any], closing: Callable[[], Any]) -> None:
        self._opening = opening
        self._closing = closing

    async def __aenter__(self) -> None:
        self._opening()

    async def __aexit__(self, *_: object) -> None:
        self._closing()


class Child:
    """A process that lives as long as the server."""

    def __init__(self, start: Callable[[], "subprocess.Popen[bytes]"]) -> None:
        self._start = start
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> None:
        self._process = self._start()

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            await asyncio.to_thread(self._process.wait)


def fetcher(transport: HttpTransport) -> Fetch:
    """A whole response for HTTP sources."""

    async def fetch(
        method: str, url: str, headers: dict[str, str], body: bytes, timeout_ms: int
    ) -> tuple[int, bytes]:
        try:
            response = await transport.request(method, url, headers, body, timeout_ms)
            try:
                return response.status, await response.read()
            finally:
                await response.aclose()
        except TransportFailed as error:
            raise ContextError(str(error)) from None

    return fetch


def getter(fetch: Fetch) -> Callable[[str], Awaitable[bytes]]:
    """The bytes behind a JWKS address."""

    async def get(url: str) -> bytes:
        status, body = await fetch("GET", url, {}, b"", 5_000)
        if status != 200:
            raise ContextError(f"status {status}")
        return body

    return get


def open_files() -> int:
    """How many files and sockets this process may open; 0 where there is no bound to be known."""
    try:
        import resource
    except ImportError:  # not on Windows
        return 0
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 0 if soft == resource.RLIM_INFINITY else soft
