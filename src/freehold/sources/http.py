"""HTTP sources: a live API, reached only where the bundle's egress list allows."""

import re
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
_DEFAULT_PORTS = {"http": 80, "https": 443}
_MARKER = re.compile(r"\{\w+\}")
_DOTS = re.compile(r"(?:^|/)\.{1,2}(?:/|$)")
Fetch = Callable[[str, str, dict[str, str], bytes, int], Awaitable[tuple[int, bytes]]]
"""method, URL, headers, body, timeout in ms → status and body."""


class HttpSource:
    """Asks an HTTP service for JSON. Parameters are escaped into the URL's path or query.

    ``{name}`` in the URL is replaced by the escaped value; parameters that the URL does not name
    go into the query of a GET or the JSON body of a POST. Redirects are not followed: they could
    lead out of the allowed addresses. ``allowed`` holds ``host`` and ``host:port`` entries; a host
    alone stands for all of its ports.
    """

    def __init__(
        self, fetch: Fetch, secrets: Secrets, clock: Clock, allowed: frozenset[str]
    ) -> None:
        self._fetch = fetch
        self._allowed = frozenset(entry.casefold() for entry in allowed)
        self._secrets = secrets
        self._clock = clock

    async def fetch(self, spec: SourceSpec, params: dict[str, Any]) -> Piece | None:
        """What the service answers, as one piece; ``None`` for 404 or an empty answer.

        Raises:
            ContextError: it can't be reached, is not allowed, or does not answer in JSON.
        """
        url, left = _url(spec, params)
        address = self._address(spec, url)
        body = b""
        try:
            headers = {
                name: self._secrets.resolve(value) if value.startswith(("env:", "file:")) else value
                for name, value in spec.headers.items()
            }
            if spec.method == "POST":
                body = orjson.dumps(left)
                headers.setdefault("content-type", "application/json")
            status, answer = await self._fetch(spec.method, url, headers, body, spec.deadline_ms)
        except FreeholdError as error:
            raise ContextError(f"source {spec.id}: {type(error).__name__}") from None
        if status == 404 or (200 <= status < 300 and not answer.strip()):
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
            spec, records, locator=f"{address}{_path(spec.url)}", fetched_ns=self._clock.now_ns()
        )

    def _address(self, spec: SourceSpec, url: str) -> str:
        """Scheme, host and port of an allowed URL.

        Raises:
            ContextError: it leads elsewhere, or nobody can say for sure where.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ContextError(f"source {spec.id}: its address can't be read") from None
        host = (parts.hostname or "").casefold()
        # Programs disagree about who is the host in `https://good@evil`, or with a backslash.
        if parts.scheme not in _DEFAULT_PORTS or not host or set("@\\") & set(parts.netloc):
            raise ContextError(f"source {spec.id}: its address is not a plain http(s) one")
        spelled = f"[{host}]" if ":" in host else host
        exact = f"{spelled}:{port or _DEFAULT_PORTS[parts.scheme]}"
        if not {host, spelled, exact} & self._allowed:
            raise ContextError(f"source {spec.id}: {exact} is not on the egress list")
        return f"{parts.scheme}://{spelled}" + (f":{port}" if port else "")


def _url(spec: SourceSpec, params: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The URL with every parameter in its place, and those that belong into a body.

    Raises:
        ContextError: a value would walk to another path.
    """
    written = {name: _written(spec, value) for name, value in params.items()}
    markers = {"{" + name + "}": name for name in params}
    used = set()

    def fill(found: re.Match[str]) -> str:
        name = markers.get(found.group())
        if name is None:
            return found.group()
        used.add(name)
        return quote(written[name], safe="")

    url = _MARKER.sub(fill, spec.url)
    if used and _DOTS.search(_path(url)) and not _DOTS.search(_path(spec.url)):
        raise ContextError(f"source {spec.id}: a parameter is no name of its own")
    left = {name: value for name, value in params.items() if name not in used}
    if left and spec.method == "GET":
        query = "&".join(f"{quote(name, safe='')}={quote(written[name], safe='')}" for name in left)
        url, mark, fragment = url.partition("#")
        url += ("&" if "?" in url else "?") + query + mark + fragment
        left = {}
    return url, left


def _written(spec: SourceSpec, value: Any) -> str:
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ContextError(f"source {spec.id}: a parameter is not proper text") from None
    return text


def _path(url: str) -> str:
    """The path of an URL as the bundle wrote it; a query may hold a secret."""
    try:
        return urlsplit(url).path
    except ValueError:
        return ""
