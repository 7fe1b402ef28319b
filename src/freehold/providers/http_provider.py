"""A call over HTTP in any dialect: deadlines, keys, refusals, streams and their ends."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from msgspec import Struct

from freehold.core.call_errors import CallError
from freehold.core.clock import Clock
from freehold.core.errors import BundleError, ProviderError, ProviderRejected, ProviderUnavailable
from freehold.core.handoffs import Sendable
from freehold.core.ports import Delta, Secrets
from freehold.core.spec import ModelSpec
from freehold.providers import wire_errors
from freehold.providers.dialect import Dialect, Trip
from freehold.providers.sse import SseTooLong
from freehold.providers.transport import HttpResponse, HttpTransport, Reason, TransportFailed

_SECRET_PREFIXES = ("env:", "file:")
_CACHED_ENDPOINTS = 4096
_DRAIN_S = 0.1
"""How long to wait, behind an answer's end, for the end that lets a connection be used again."""

_SORTS: dict[Reason, CallError] = {
    "connect": "unreachable",
    "tls": "unreachable",
    "timeout": "timeout",
    "first_byte": "timeout",
    "broken": "broken_off",
    "too_large": "nonsense",
    "bad_request": "refused",
}


class _Endpoint(Struct, kw_only=True):
    """A model with its secrets resolved; kept until its key is refused or its bundle has gone."""

    model: ModelSpec
    headers: dict[str, str]
    secrets: tuple[str, ...]


class HttpProvider:
    """``Provider`` for one dialect.

    Args:
        dialect: how requests are written and answers read.
        transport: an open ``HttpTransport``.
        secrets: resolves ``env:`` and ``file:`` references. A key is read once, and again when
            the endpoint has refused it, so that a changed key needs no restart.
        clock: for deadlines and the accounting of own work.
    """

    def __init__(
        self, dialect: Dialect, transport: HttpTransport, secrets: Secrets, clock: Clock
    ) -> None:
        self._dialect = dialect
        self._transport = transport
        self._secrets = secrets
        self._clock = clock
        self._endpoints: dict[int, _Endpoint] = {}
        self._quirks: dict[tuple[str, str], frozenset[str]] = {}

    async def call(self, sendable: Sendable) -> AsyncGenerator[Delta, None]:
        """Send, and yield what comes back; ends when the answer is complete.

        Leaving early closes the connection, which ends the generation upstream.

        Raises:
            ProviderUnavailable: another attempt may work.
            ProviderRejected: the same request would fail again.
            ProviderError: this endpoint is set up wrongly here; another model may work.
        """
        model = sendable.attempt.model
        trip = Trip(self._clock, sendable)
        try:
            self._dialect.choose(trip)
            response = await self._send(trip)
            if trip.streamed and self._dialect.streams(response.header("content-type")):
                async with aclosing(self._streamed(trip, response)) as deltas:
                    async for delta in deltas:
                        yield delta
            else:
                payload = await response.read()
                began = self._clock.monotonic_ns()
                yield trip.account(self._dialect.whole(trip, payload), began)
        except TransportFailed as failed:
            unavailable = ProviderUnavailable(
                f"model {model.id}: {failed}", again=failed.reason != "bad_request"
            )
            raise unavailable.of(_SORTS[failed.reason]) from failed
        except ProviderError as error:
            raise _named(model, error) from error.__cause__
        finally:
            if trip.response is not None:
                await trip.response.aclose()

    async def _send(self, trip: Trip) -> HttpResponse:
        """The response with status 200, after at most a few tries with something changed."""
        model = trip.model
        dialect = self._dialect
        key = (model.base_url, model.upstream_model)
        endpoint = self._endpoint(model)
        refreshed = False
        while True:
            began = self._clock.monotonic_ns()
            quirks = self._quirks.get(key, frozenset())
            payload = dialect.body(trip, quirks)
            url = dialect.address(trip)
            stated = endpoint.headers
            if model.deadline_header:
                stated = stated | {model.deadline_header: str(trip.left_ms())}
            headers = await dialect.sign(trip, url, stated, payload)
            trip.spent += self._clock.monotonic_ns() - began
            response = await self._transport.request(
                "POST",
                url,
                headers,
                payload,
                trip.left_ms(),
                model.first_token_ms if trip.streamed else None,
                streamed=trip.streamed,
            )
            trip.response = response
            if response.status == 200:
                return response
            said = await response.read()
            await response.aclose()
            trip.response = None
            status = dialect.status(response.status, said)
            if status in {400, 422}:
                refused = dialect.quirk(trip, said)
                if refused and refused not in quirks:
                    self._quirks[key] = quirks | {refused}
                    continue
            if status == 401 and not refreshed:
                refreshed = True
                self._endpoints.pop(id(model), None)
                renewed = self._endpoint(model)
                if dialect.renew(model) or renewed.secrets != endpoint.secrets:
                    endpoint = renewed
                    continue
            texts = [message.content for message in trip.sendable.messages]
            raise wire_errors.failure(
                status,
                wire_errors.retry_after(response, self._clock) or dialect.retry_after_s(said),
                said,
                texts,
                endpoint.secrets,
            )

    async def _streamed(self, trip: Trip, response: HttpResponse) -> AsyncGenerator[Delta, None]:
        clock = self._clock.monotonic_ns
        reader = self._dialect.reader(trip)
        waiting_for_first = asyncio.get_running_loop().time() + trip.model.first_token_ms / 1000
        first = True
        async with aclosing(response.stream()) as pieces:
            try:
                while not reader.ended:
                    piece = await (
                        _first(pieces, waiting_for_first, trip) if first else _next(pieces)
                    )
                    if piece is None:
                        break
                    began = clock()
                    delta = reader.feed(piece)
                    if delta is not None:
                        first = False
                        yield trip.account(delta, began)
                began = clock()
                rest = list(reader.finish())
            except SseTooLong as error:
                raise ProviderUnavailable(str(error)).of("nonsense") from None
            for delta in rest:
                yield trip.account(delta, began)
                began = clock()
            await _drain(pieces)

    def _endpoint(self, model: ModelSpec) -> _Endpoint:
        known = self._endpoints.get(id(model))
        if known is not None and known.model is model:
            return known
        headers = {"content-type": "application/json"}
        secrets: list[str] = []
        for name, value in model.headers.items():
            if value.startswith(_SECRET_PREFIXES):
                value = self._secret(value)
                secrets.append(value)
            headers[name.lower()] = value
        key = ""
        if model.api_key_ref is not None:
            key = self._secret(model.api_key_ref)
            secrets.append(key)
        for name, value in self._dialect.headers(model, key).items():
            headers.setdefault(name, value)
        if len(self._endpoints) >= _CACHED_ENDPOINTS:
            self._endpoints.clear()
        endpoint = _Endpoint(model=model, headers=headers, secrets=tuple(secrets))
        self._endpoints[id(model)] = endpoint
        return endpoint

    def _secret(self, reference: str) -> str:
        try:
            return self._secrets.resolve(reference)
        except BundleError as error:
            raise ProviderError(str(error)) from error


async def _next(pieces: AsyncGenerator[bytes, None]) -> bytes | None:
    try:
        return await anext(pieces)
    except StopAsyncIteration:
        return None


async def _first(pieces: AsyncGenerator[bytes, None], until: float, trip: Trip) -> bytes | None:
    """The next piece, as long as no text has come. Keep-alive comments do not count as text."""
    waiting = asyncio.timeout_at(until)
    try:
        async with waiting:
            return await _next(pieces)
    except TimeoutError:
        if not waiting.expired():
            raise
        raise TransportFailed("first_byte", trip.model.base_url) from None


async def _drain(pieces: AsyncGenerator[bytes, None]) -> None:
    """Read what little stands behind the end, else the connection could not be used again."""
    try:
        async with asyncio.timeout(_DRAIN_S):
            async for _ in pieces:
                pass
    except (TimeoutError, TransportFailed):
        # The answer is complete; ``aclose`` throws this connection away.
        return


def _named(model: ModelSpec, error: ProviderError) -> ProviderError:
    """The same error with the model's name in front."""
    text = f"model {model.id}: {error}"
    if isinstance(error, ProviderUnavailable):
        named: ProviderError = ProviderUnavailable(
            text, retry_after_s=error.retry_after_s, again=error.again
        )
    else:
        kind = ProviderRejected if isinstance(error, ProviderRejected) else ProviderError
        named = kind(text)
    return named.of(error.sort)
