"""Small parts that wiring needs: resources as context managers, and fetching over a transport."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.clock import Clock, SystemClock
from freehold.core.errors import BundleError, ContextError
from freehold.identity.jwt import JwtVerifier
from freehold.providers.clients import http_transport
from freehold.providers.transport import HttpTransport, TransportFailed
from freehold.stages.monitoring.otel import Spans
from freehold.storage.secrets import ReferenceSecrets

_AWS_KEYS = ("access_key", "secret_key", "session_token")
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


def http_client() -> HttpTransport:
    """What calls go out over, not open yet: aiohttp, or what FREEHOLD_HTTP_CLIENT names."""
    return http_transport(os.environ.get("FREEHOLD_HTTP_CLIENT", "aiohttp"))


def verifier(fetch: Fetch, folder: Path, clock: Clock) -> JwtVerifier:
    """What verifies identity tokens.

    Args:
        fetch: gets the keys of issuers that publish them.
        folder: of the bundle, whose files may hold the keys of others.
    """
    return JwtVerifier(_getter(fetch), folder, clock)


@asynccontextmanager
async def verifying(folder: Path) -> AsyncIterator[JwtVerifier]:
    """The same for the terminal, over a client of its own."""
    async with http_client() as transport:
        yield verifier(fetcher(transport), folder, SystemClock())


def _getter(fetch: Fetch) -> Callable[[str], Awaitable[bytes]]:
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


def spans_here() -> Spans | None:
    """Spans, where OpenTelemetry's own setting names a collector for them."""
    collector = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").rstrip("/")
    return Spans(f"{collector}/v1/traces") if collector else None


def missing_keys(bundle: ResolvedBundle, secrets: ReferenceSecrets) -> Iterator[str]:
    """Each model whose key is not there: only its requests would tell otherwise."""
    for name, model in sorted(bundle.bundle.models.items()):
        headers = [v for v in model.headers.values() if v.startswith(("env:", "file:"))]
        aws = model.aws.model_dump(include=set(_AWS_KEYS)).values() if model.aws else ()
        for reference in filter(None, (model.api_key, *headers, *aws)):
            try:
                secrets.resolve(reference)
            except BundleError as error:
                yield f"model {name} can't be called: {error}"
