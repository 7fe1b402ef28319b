"""OpenAI-compatible endpoints: OpenAI, Azure, vLLM, Ollama, llama.cpp, any base URL."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from msgspec import Struct

from freehold.core.ask import Ask
from freehold.core.clock import Clock
from freehold.core.errors import BundleError, ProviderError, ProviderRejected, ProviderUnavailable
from freehold.core.handoffs import Sendable
from freehold.core.ports import Delta, Secrets
from freehold.core.spec import ModelSpec
from freehold.providers import openai_build, openai_errors, openai_read
from freehold.providers.sse import SseParser, SseTooLong
from freehold.providers.transport import HttpResponse, HttpTransport, TransportFailed

_SECRET_PREFIXES = ("env:", "file:")
_CACHED_ENDPOINTS = 4096
_DRAIN_S = 0.1
"""How long to wait, behind ``[DONE]``, for the end that lets a connection be used again."""


class _Endpoint(Struct, kw_only=True):
    """A model with its secrets resolved; kept until its key is refused or its bundle has gone."""

    model: ModelSpec
    headers: dict[str, str]
    secrets: tuple[str, ...]


class OpenAIProvider:
    """``Provider`` for everything that speaks OpenAI's HTTP API.

    Args:
        transport: an open ``HttpTransport``.
        secrets: resolves ``env:`` and ``file:`` references. A key is read once, and again when
            the endpoint has refused it, so that a changed key needs no restart.
        clock: for deadlines and the accounting of own work.
    """

    def __init__(self, transport: HttpTransport, secrets: Secrets, clock: Clock) -> None:
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
        trip = _Trip(self._clock, sendable)
        try:
            response = await self._send(trip)
            if trip.streamed and "json" not in response.header("content-type"):
                async with aclosing(_streamed(trip, response)) as deltas:
                    async for delta in deltas:
                        yield delta
            else:
                yield await _whole(trip, response)
        except TransportFailed as failed:
            raise ProviderUnavailable(
                f"model {model.id}: {failed}", again=failed.reason != "bad_request"
            ) from failed
        finally:
            if trip.response is not None:
                await trip.response.aclose()

    async def _send(self, trip: "_Trip") -> HttpResponse:
        """The response with status 200, after at most three tries with something changed."""
        model = trip.model
        key = (model.base_url, model.upstream_model)
        endpoint = self._endpoint(model)
        refreshed = False
        while True:
            began = self._clock.monotonic_ns()
            quirks = self._quirks.get(key, frozenset())
            payload = openai_build.body(trip.sendable, trip.path, quirks)
            url = openai_build.address(model, trip.path)
            trip.spent += self._clock.monotonic_ns() - began
            response = await self._transport.request(
                "POST",
                url,
                endpoint.headers,
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
            if response.status in {400, 422}:
                refused = openai_errors.refused_parameter(said)
                ours = refused != "temperature" or trip.sendable.attempt.role == "guard"
                if refused and ours and refused not in quirks:
                    self._quirks[key] = quirks | {refused}
                    continue
            if response.status == 401 and not refreshed:
                refreshed = True
                self._endpoints.pop(id(model), None)
                renewed = self._endpoint(model)
                if renewed.secrets != endpoint.secrets:
                    endpoint = renewed
                    continue
            texts = [message.content for message in trip.sendable.messages]
            raise _named(
                model,
                openai_errors.failure(response, said, texts, endpoint.secrets, self._clock),
            )

    def _endpoint(self, model: ModelSpec) -> _Endpoint:
        known = self._endpoints.get(id(model))
        if known is not None and known.model is model:
            return known
        headers = {"content-type": "application/json"}
        secrets: list[str] = []
        for name, value in model.headers.items():
            if value.startswith(_SECRET_PREFIXES):
                value = self._secret(model, value)
                secrets.append(value)
            headers[name.lower()] = value
        if model.api_key_ref is not None:
            value = self._secret(model, model.api_key_ref)
            secrets.append(value)
            if "/openai/deployments/" in model.base_url:  # Azure takes keys in a header of its own
                headers.setdefault("api-key", value)
            else:
                headers.setdefault("authorization", f"Bearer {value}")
        if len(self._endpoints) >= _CACHED_ENDPOINTS:
            self._endpoints.clear()
        endpoint = _Endpoint(model=model, headers=headers, secrets=tuple(secrets))
        self._endpoints[id(model)] = endpoint
        return endpoint

    def _secret(self, model: ModelSpec, reference: str) -> str:
        try:
            return self._secrets.resolve(reference)
        except BundleError as error:
            raise ProviderError(f"model {model.id}: {error}") from error


class _Trip:
    """One call under way: what is asked, until when, and what it has cost so far."""

    __slots__ = (
        "ask",
        "clock",
        "ends_ns",
        "model",
        "path",
        "response",
        "sendable",
        "spent",
        "streamed",
    )

    def __init__(self, clock: Clock, sendable: Sendable) -> None:
        self.clock = clock
        self.sendable = sendable
        self.ask: Ask = sendable.plan.ruled.admitted.ask
        self.model = sendable.attempt.model
        self.path = openai_build.path_for(self.ask, self.model)
        self.streamed = openai_build.streams(self.ask, self.model)
        own = clock.monotonic_ns() + self.model.timeout_ms * 1_000_000
        self.ends_ns = min(own, sendable.plan.deadline_ns)
        self.spent = 0
        self.response: HttpResponse | None = None

    def left_ms(self) -> int:
        """Milliseconds until the end.

        Raises:
            TransportFailed: there are none.
        """
        left = (self.ends_ns - self.clock.monotonic_ns()) // 1_000_000
        if left <= 0:
            raise TransportFailed("timeout", self.model.base_url)
        return left

    @property
    def choices(self) -> int:
        """How many choices may come: ``n`` for each prompt."""
        if self.path != "completions":
            return self.ask.n
        prompts = sum(message.role == "user" for message in self.sendable.messages)
        return self.ask.n * max(prompts, 1)

    def account(self, delta: Delta, began: int) -> Delta:
        """The delta with the work since ``began`` and everything not yet told."""
        delta = Delta(
            choices=delta.choices,
            usage=delta.usage,
            reported_model=delta.reported_model,
            embeddings=delta.embeddings,
            spent_ns=self.spent + self.clock.monotonic_ns() - began,
        )
        self.spent = 0
        return delta


async def _whole(trip: _Trip, response: HttpResponse) -> Delta:
    payload = await response.read()
    began = trip.clock.monotonic_ns()
    inputs = len(trip.sendable.messages) if trip.path == "embeddings" else None
    try:
        if trip.path == "moderations":
            return trip.account(openai_read.moderation(payload), began)
        delta = openai_read.whole(payload, n=trip.choices, inputs=inputs)
    except ProviderError as error:
        raise _named(trip.model, error) from None
    return trip.account(delta, began)


async def _streamed(trip: _Trip, response: HttpResponse) -> AsyncGenerator[Delta, None]:
    parser = SseParser()
    reader = openai_read.StreamReader(trip.choices)
    waiting_for_first = asyncio.get_running_loop().time() + trip.model.first_token_ms / 1000
    first = True
    async with aclosing(response.stream()) as pieces:
        try:
            while not reader.done_marked:
                piece = await (_first(pieces, waiting_for_first, trip) if first else _next(pieces))
                began = trip.clock.monotonic_ns()
                delta = reader.read(parser.finish() if piece is None else parser.feed(piece))
                if delta is not None:
                    first = False
                    yield trip.account(delta, began)
                if piece is None:
                    break
            began = trip.clock.monotonic_ns()
            delta = reader.finish()
        except ProviderError as error:
            raise _named(trip.model, error) from None
        except SseTooLong as error:
            raise ProviderUnavailable(f"model {trip.model.id}: {error}") from None
        if delta is not None:
            yield trip.account(delta, began)
        await _drain(pieces)


async def _next(pieces: AsyncGenerator[bytes, None]) -> bytes | None:
    try:
        return await anext(pieces)
    except StopAsyncIteration:
        return None


async def _first(pieces: AsyncGenerator[bytes, None], until: float, trip: _Trip) -> bytes | None:
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
    """Read what little stands behind ``[DONE]``, else the connection could not be used again."""
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
        return ProviderUnavailable(text, retry_after_s=error.retry_after_s, again=error.again)
    if isinstance(error, ProviderRejected):
        return ProviderRejected(text)
    return ProviderError(text)
