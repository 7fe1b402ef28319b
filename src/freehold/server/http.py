"""What every door needs of HTTP over raw ASGI: headers, bodies, replies, clients that hang up."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any, Self
from urllib.parse import parse_qs

from freehold.core.errors import RequestError, RequestTooLarge, StorageError, UnreadableContent
from freehold.server.dialect import Headers

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY_BYTES = 8 * 1024 * 1024
TRACE_HEADER = b"x-freehold-trace-id"
PLAIN: tuple[bytes, bytes] = (b"content-type", b"text/plain; charset=utf-8")
JSON: tuple[bytes, bytes] = (b"content-type", b"application/json")
_EVENTS: tuple[bytes, bytes] = (b"content-type", b"text/event-stream; charset=utf-8")
_READ_HEADERS = (b"x-freehold-conversation", b"x-freehold-parent", b"x-freehold-subject")
_TRACE_CONTEXT = b"traceparent"
"""W3C's; it says where spans belong, so that two of them are no reason to refuse."""
_KEY_HEADERS = (b"x-api-key", b"api-key")
_OF_ONE_VALUE = frozenset(
    (
        b"authorization",
        *_KEY_HEADERS,
        b"x-freehold-identity",
        b"x-freehold-approval",
        *_READ_HEADERS,
    )
)
_ATTRIBUTE_PREFIX = b"x-freehold-attribute-"
_FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-real-ip")


async def reply(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Send a whole reply."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


async def read_body(
    receive: Receive, declared: bytes | None, timeout_s: float, most: int = MAX_BODY_BYTES
) -> bytes | None:
    """The whole request body, ``None`` when the client hung up.

    Raises:
        RequestTooLarge: declared or really longer than the door's limit.
        RequestError: it did not come in time.
    """
    if declared is not None and declared.isdigit() and int(declared[:20]) > most:
        raise _too_large(most)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > most:
                    raise _too_large(most)
                if not message.get("more_body", False):
                    return parts[0] if len(parts) == 1 else b"".join(parts)
    except TimeoutError:
        raise RequestError(f"The request body did not come within {timeout_s:g} s.") from None


def _too_large(most: int) -> RequestTooLarge:
    return RequestTooLarge(f"The request body may hold {most:,} bytes at most.")


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """Headers by lower-case name; the last of several that have the same name."""
    return dict(scope["headers"])


def one_of_each(scope: Scope, headers: dict[bytes, bytes]) -> None:
    """Who asks must be said once: of two values, another reader might believe the other one.

    Raises:
        RequestError: a header that says who asks is there twice, or two of them name two keys.
    """
    if len(_keys(headers)) > 1:
        raise RequestError("Two headers hold two different API keys; send one.")
    if len(headers) == len(scope["headers"]):
        return
    seen = set()
    for name, _ in scope["headers"]:
        if name in seen and (name in _OF_ONE_VALUE or name.startswith(_ATTRIBUTE_PREFIX)):
            raise RequestError(f"The header {name.decode('latin-1')} is there more than once.")
        seen.add(name)


def refuse_compressed(headers: dict[bytes, bytes]) -> None:
    """A compressed body is not read: what it unpacks to could be of any length.

    Raises:
        UnreadableContent: the body is said to be in another form than its own.
    """
    encoding = headers.get(b"content-encoding", b"").strip().lower()
    if encoding not in (b"", b"identity"):
        raise UnreadableContent(
            f"The request body comes with content-encoding {encoding[:40].decode('latin-1')!r};"
            " send it uncompressed, without that header."
        )


def query(scope: Scope, known: tuple[str, ...]) -> dict[str, str]:
    """What is asked for behind the path.

    Raises:
        RequestError: something unknown, or twice the same.
    """
    try:
        found = parse_qs(scope["query_string"].decode("ascii"), keep_blank_values=True)
    except (UnicodeDecodeError, ValueError):
        raise RequestError("The query can't be read.") from None
    for name, values in found.items():
        if name not in known:
            raise RequestError(f"Only {' and '.join(known)} may be asked for.", param=name[:50])
        if len(values) > 1:
            raise RequestError(f"`{name}` is there more than once.", param=name)
    return {name: values[0] for name, values in found.items()}


def waiting_time(scope: Scope, longest_s: int) -> float:
    """Seconds that the client is ready to wait, from ``?wait=``.

    Raises:
        RequestError: it is no number, or something else is asked for.
    """
    given = query(scope, ("wait",)).get("wait", "0")
    if not given.isdecimal() or len(given) > 6:
        raise RequestError(f"`wait` is a number of seconds, {longest_s} at most.", param="wait")
    return min(int(given), longest_s)


def client_headers(headers: dict[bytes, bytes]) -> dict[str, str]:
    """The few headers that the journey may read, by their lower-case names."""
    return {
        name.decode("latin-1"): _stated(value)
        for name, value in headers.items()
        if name in _READ_HEADERS or name.startswith(_ATTRIBUTE_PREFIX) or name == _TRACE_CONTEXT
    }


def _stated(value: bytes) -> str:
    """What a header says of a person: HTTP has no charset for it, clients send UTF-8 or Latin-1.

    Whoever is recorded under another name than the one they have can't be found when their data is
    to be erased. No name in Latin-1 is valid UTF-8 by chance, but for oddities such as ``Ã¼``.
    """
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def bearer(headers: dict[bytes, bytes]) -> str:
    """The key from ``Authorization: Bearer``, Anthropic's ``x-api-key`` or Azure's ``api-key``."""
    scheme, _, value = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return value.strip().decode("latin-1")
    return (headers.get(b"x-api-key") or headers.get(b"api-key", b"")).decode("latin-1")


def _keys(headers: dict[bytes, bytes]) -> set[bytes]:
    """The different keys that a request comes with."""
    found = {headers[name] for name in _KEY_HEADERS if headers.get(name)}
    if not found:
        return found  # the common case: there is at most the bearer's
    scheme, _, value = headers.get(b"authorization", b"").partition(b" ")
    return found | {value.strip()} if scheme.lower() == b"bearer" else found


def identity_token(headers: dict[bytes, bytes]) -> str | None:
    """The end user's token."""
    value = headers.get(b"x-freehold-identity")
    return None if value is None else value.decode("latin-1")


def peer(scope: Scope, headers: dict[bytes, bytes]) -> str:
    """The address of whoever asks; empty when a proxy asks for somebody else."""
    client = scope.get("client")
    if client is None or any(name in headers for name in _FORWARDED):
        return ""
    return str(client[0])


class HangUp:
    """Cancels the task that serves a request as soon as its client has hung up."""

    __slots__ = ("_receive", "_serving", "_watch", "gone")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.gone = False

    def __enter__(self) -> Self:
        self._serving = asyncio.current_task()
        self._watch = asyncio.get_running_loop().create_task(self._wait())
        return self

    def __exit__(self, *_: object) -> None:
        self._watch.cancel()
        if self.gone and self._serving is not None:
            self._serving.uncancel()

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        if self._serving is not None:
            self._serving.cancel()


async def patiently(receive: Receive, work: Coroutine[Any, Any, None]) -> None:
    """Serve a request that may wait long: no longer than the client does, nor than the server
    lives.

    Raises:
        StorageError: the server stops.
    """
    with HangUp(receive) as client:
        try:
            await work
        except asyncio.CancelledError:
            if not client.gone:  # then the server is stopping: nobody else cancels
                stopping = "The gateway is stopping; ask again."
                raise StorageError("the server stops", public=stopping) from None


class EventStream:
    """A reply of server-sent events that begins with the first one, or with a sign of life.

    Until something is sent, a refusal can still have its own HTTP status.
    """

    __slots__ = ("_beat", "_beat_s", "_headers", "_send", "_sign", "_silent", "begun")

    def __init__(self, send: Send, headers: Headers, sign: bytes, beat_s: float) -> None:
        self._send = send
        self._headers = headers
        self._sign = sign
        self._beat_s = beat_s
        self._silent = True
        self._beat: asyncio.Task[None] | asyncio.TimerHandle
        self._beat = asyncio.get_running_loop().call_later(beat_s, self._start_beating)
        self.begun = False

    async def write(self, events: bytes) -> None:
        """Send events."""
        self._silent = False
        if not self.begun:
            await self._begin()
        if events:
            await self._send({"type": "http.response.body", "body": events, "more_body": True})

    async def finish(self, events: bytes) -> None:
        """Send the last events and end the reply."""
        self.stop()
        if not self.begun:
            await self._begin()
        await self._send({"type": "http.response.body", "body": events, "more_body": False})

    def stop(self) -> None:
        """No more signs of life."""
        self._beat.cancel()

    async def _begin(self) -> None:
        self.begun = True
        headers = [_EVENTS, (b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]
        headers += self._headers
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    def _start_beating(self) -> None:
        self._beat = asyncio.get_running_loop().create_task(self._keep_alive())

    async def _keep_alive(self) -> None:
        while True:
            if self._silent:
                await self.write(self._sign)
            self._silent = True
            await asyncio.sleep(self._beat_s)
