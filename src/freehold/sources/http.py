"""HTTP sources: a live API, reached only where the bundle's egress list allows."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from freehold.core.clock import Clock
from freehold.core.errors import ContextError, FreeholdError
from freehold.core.handoffs import Piece
from freehold.core.ports import Secrets
from freehold.core.spec import SourceSpec
from freehold.sources.rendering import piece_of

_MAX_BYTES = 1_000_000
Fetch = Callable[[str, str, dict[str, str], bytes, int], Awaitable[tuple[int, bytes]]]
"""method, URL, headers, body, timeout in ms → status and body."""


class HttpSource:
    """Asks an HTTP service for JSON. Parameters are escaped into the URL's path or query.

    ``{name}`` in the URL is replaced by the escaped value; parameters that the URL does not name
    go into the query of a GET or the JSON body of a POST. Redirects are not followed: they could
    lead out of the allowed addresses. ``allowed`` holds ``host`` and ``host:port`` entries.
    """

    def __init__(
        self, fetch: Fetch, secrets: Secrets, clock: Clock, allowed: frozenset[str]
    ) -> None:
        self._fetch = fetch
        self._allowed = allowed
        self._secrets = secrets
        self._clock = clock

    async def fetch(self, spec: SourceSpec, params: dict[str, Any]) -> Piece | None:
        """What the service answers, as one piece; ``None`` for 404 or an empty answer.

        Raises:
            ContextError: it can't be reached, is not allowed, or does not answer in JSON.
        """
        url, left = _url(spec, params)
        parts = urlsplit(url)
        if not {parts.hostname, f"{parts.hostname}:{parts.port}"} & self._allowed:
            raise ContextError(f"source {spec.id}: {parts.netloc} is not on the egress list")
        headers = {
            name: self._secrets.resolve(value) if value.startswith(("env:", "file:")) else value
            for name, value in spec.headers.items()
        }
        body = b""
        if spec.method == "POST":
            body = orjson.dumps(left)
            headers.setdefault("content-type", "application/json")
        try:
            status, answer = await self._fetch(spec.method, url, headers, body, spec.deadline_ms)
        except FreeholdError as error:
            raise ContextError(f"source {spec.id}: {type(error).__name__}") from None
        if status == 404 or not answer:
            return None
        if status != 200 or len(answer) > _MAX_BYTES:
            raise ContextError(f"source {spec.id}: status {status}, {len(answer)} bytes")
        try:
            records = orjson.loads(answer)
        except orjson.JSONDecodeError:
            raise ContextError(f"source {spec.id}: the answer is not JSON") from None
        if not isinstance(records, list):
            records = [records] if records else []
        return piece_of(
            spec, records, locator=f"{parts.scheme}://{parts.netloc}{urlsplit(spec.url).path}",
            fetched_ns=self._clock.now_ns(),
        )  # fmt: skip


def _url(spec: SourceSpec, params: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The URL with every parameter in its place, and those that belong into a body."""
    url = spec.url
    left = {}
    for name, value in params.items():
        marker = "{" + name + "}"
        if marker in url:
            url = url.replace(marker, quote(str(value), safe=""))
        else:
            left[name] = value
    if left and spec.method == "GET":
        query = "&".join(f"{quote(k)}={quote(str(v), safe='')}" for k, v in left.items())
        url += ("&" if "?" in url else "?") + query
        left = {}
    return url, left
