"""The wire: an ASGI application without a framework, since it is the benchmark's upstream too."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from hmac import compare_digest
from typing import Any
from urllib.parse import parse_qs

import orjson

from freehold.testing.simulator import embeddings, wire
from freehold.testing.simulator.answers import Reply
from freehold.testing.simulator.asks import Ask, read_chat, read_completion, read_object
from freehold.testing.simulator.chaos import HALVES, NONSENSE, status_error
from freehold.testing.simulator.errors import WireError, malformed, unknown_model
from freehold.testing.simulator.exchange import (
    EVENTS,
    JSON,
    MARK,
    Exchange,
    Headers,
    HungUp,
    Receive,
    Scope,
    Send,
)
from freehold.testing.simulator.guard import moderation
from freehold.testing.simulator.received import Counts
from freehold.testing.simulator.seeded import digest as digest_of
from freehold.testing.simulator.settings import ModelSettings, SettingsError
from freehold.testing.simulator.state import State


class Simulator:
    """The ASGI application."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._routes: dict[tuple[str, str], Callable[[Exchange], Awaitable[None]]] = {
            ("POST", "/v1/chat/completions"): self._chat,
            ("POST", "/v1/completions"): self._completions,
            ("POST", "/v1/embeddings"): self._embeddings,
            ("POST", "/v1/moderations"): self._moderations,
            ("GET", "/v1/models"): self._models,
            ("GET", "/healthz"): self._health,
            ("GET", "/stats"): self._stats,
            ("POST", "/control"): self._control,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI connection."""
        if scope["type"] != "http":
            return
        exchange = Exchange(scope, receive, send)
        route = self._routes.get((scope["method"], exchange.path))
        if route is None and exchange.path.startswith("/v1/models/") and scope["method"] == "GET":
            route = self._model
        try:
            if route is None:
                raise self._no_route(scope["method"], exchange.path)
            await route(exchange)
        except WireError as error:
            more = [(n.encode(), v.encode()) for n, v in error.headers.items()]
            await exchange.json(error.status, orjson.dumps(error.body()), more)
        except HungUp:
            return

    def _no_route(self, method: str, path: str) -> WireError:
        if any(known == path for _, known in self._routes):
            return WireError(405, f"{method} is not allowed for {path}.")
        return WireError(404, f"Unknown request URL: {method} {path}.", code="unknown_url")

    def _authorise(self, exchange: Exchange) -> None:
        wanted = self.state.settings.require_key
        if wanted is None:
            return
        given = (exchange.header(b"authorization") or "").removeprefix("Bearer ").strip()
        given = given or exchange.header(b"api-key") or ""
        if not compare_digest(given.encode(), wanted.encode()):
            raise WireError(401, "Incorrect API key provided.", code="invalid_api_key")

    async def _open(self, exchange: Exchange) -> tuple[dict[str, Any], str, ModelSettings, Counts]:
        """The body, the model and its counts of a request that is authorised and well formed."""
        body = await exchange.body()
        self.state.received.note(exchange.path, exchange.headers, body)
        self._authorise(exchange)
        data = read_object(body)
        name = data.get("model")
        if not isinstance(name, str):
            raise malformed("you must provide a model parameter", "model")
        model = self.state.settings.models.get(name)
        if model is None:
            raise unknown_model(name)
        counts = self.state.received.counts(name)
        counts.requests += 1
        return data, name, model, counts

    async def _chat(self, exchange: Exchange) -> None:
        data, name, model, counts = await self._open(exchange)
        if self.state.always_fixed(name, model) and isinstance(data.get("messages"), list):
            await self._send_fixed(exchange, data, name, counts)
            return
        try:
            hint = exchange.header(b"x-recording")
            ask = read_chat(data, hint=hint, strict=self.state.settings.strict)
            digest = self.state.digest(ask)
            breaks = await self._weather(exchange, name, model, digest, counts, stream=ask.stream)
            reply = self.state.reply(ask, digest)
        except WireError:
            counts.refusals += 1
            raise
        writer = wire.ChatWriter(f"chatcmpl-sim{digest:016x}", name)
        await self._send_reply(exchange, writer, ask, reply, counts, breaks_off=breaks)

    async def _completions(self, exchange: Exchange) -> None:
        data, name, model, counts = await self._open(exchange)
        try:
            asks = read_completion(data)
            digest = self.state.digest(asks[0])
            breaks = await self._weather(exchange, name, model, digest, counts)
            reply = Reply([], 0)
            for ask in asks:
                part = self.state.reply(ask, self.state.digest(ask))
                reply.choices += part.choices
                reply.prompt_tokens += part.prompt_tokens
                reply.misbehaviours += part.misbehaviours
        except WireError:
            counts.refusals += 1
            raise
        writer = wire.CompletionWriter(f"cmpl-sim{digest:016x}", name)
        await self._send_reply(exchange, writer, asks[0], reply, counts, breaks_off=breaks)

    async def _embeddings(self, exchange: Exchange) -> None:
        data, name, model, counts = await self._open(exchange)
        seed = self.state.settings.seed
        body, tokens = embeddings.answer(data, model.dimensions, seed)
        digest = digest_of(seed, orjson.dumps(data["input"]).decode())
        if await self._weather(exchange, name, model, digest, counts):
            await exchange.cut()
        counts.prompt_tokens += tokens
        await exchange.json(200, body)

    async def _moderations(self, exchange: Exchange) -> None:
        data, name, model, counts = await self._open(exchange)
        digest = digest_of(self.state.settings.seed, str(data.get("input")))
        body, tokens = moderation(data, digest)
        if await self._weather(exchange, name, model, digest, counts):
            await exchange.cut()
        counts.prompt_tokens += tokens
        await exchange.json(200, body)

    async def _weather(
        self,
        exchange: Exchange,
        name: str,
        model: ModelSettings,
        digest: int,
        counts: Counts,
        *,
        stream: bool = False,
    ) -> str | None:
        """Wait as the model's latency says, and let happen what chaos has in store.

        Returns:
            What shall happen in the middle of the answer, if anything.
        """
        weather = self.state.chaos.draw(name, model, digest)
        if weather.latency_s:
            await _patiently(exchange, weather.latency_s, counts)
        if weather.fault is None:
            return None
        counts.fault(weather.fault)
        if weather.fault.isdigit():
            raise status_error(weather.fault, model)
        if weather.fault in HALVES:
            return weather.fault
        if weather.fault in NONSENSE:
            kind, whole, streamed = NONSENSE[weather.fault]
            if stream and weather.fault != "html":
                kind, whole = b"text/event-stream", streamed
            await exchange.start(200, [(b"content-type", kind), MARK])
            await exchange.write(whole)
            raise HungUp
        if weather.fault == "timeout":
            await _patiently(exchange, model.timeout_s, counts)
        await exchange.cut()
        return None

    async def _send_fixed(
        self, exchange: Exchange, data: dict[str, Any], name: str, counts: Counts
    ) -> None:
        if not data.get("stream"):
            await exchange.json(200, self.state.fixed.whole(name))
            return
        counts.streams += 1
        options = data.get("stream_options") or {}
        usage = bool(isinstance(options, dict) and options.get("include_usage"))
        await exchange.start(200, list(EVENTS))
        for event in self.state.fixed.events(name, include_usage=usage):
            await exchange.write(event, more=True)
        await exchange.write(b"")

    async def _send_reply(
        self,
        exchange: Exchange,
        writer: wire.Writer,
        ask: Ask,
        reply: Reply,
        counts: Counts,
        *,
        breaks_off: str | None,
    ) -> None:
        more = _truth(reply)
        counts.misbehaved(reply.misbehaviours)
        counts.prompt_tokens += reply.prompt_tokens
        speed = self.state.settings.models[ask.model].tokens_per_s
        if ask.stream:
            counts.streams += 1
            events = list(writer.events(reply, include_usage=ask.include_usage))
            if breaks_off:
                events = events[: max(2, len(events) // 2)]
            await exchange.start(200, [*EVENTS, *more])
            await _paced(exchange, events, speed, counts)
            if breaks_off == "error_event":
                failed = WireError(500, "The simulator is set to break.", kind="server_error")
                await exchange.write(b"data: " + orjson.dumps(failed.body()) + b"\n\n", more=True)
            elif breaks_off == "stall":
                timeout_s = self.state.settings.models[ask.model].timeout_s
                await _patiently(exchange, timeout_s, counts)
            if breaks_off in ("drop_stream", "stall"):
                await exchange.cut()
            if not breaks_off:
                counts.completed += 1
                counts.completed_tokens += reply.prompt_tokens + reply.completion_tokens
            await exchange.write(b"")
            return
        if speed:
            longest = max(choice.tokens for choice in reply.choices)
            await _patiently(exchange, longest / speed, counts)
        counts.completion_tokens += reply.completion_tokens
        body = writer.whole(reply)
        if breaks_off in ("half", "error_event"):
            await exchange.json(200, body[: len(body) // 2], more)
            return
        if breaks_off:
            await exchange.start(200, [JSON, (b"content-length", b"%d" % len(body)), MARK, *more])
            await exchange.write(body[: len(body) // 2], more=True)
            if breaks_off == "stall":
                timeout_s = self.state.settings.models[ask.model].timeout_s
                await _patiently(exchange, timeout_s, counts)
            await exchange.cut()
        counts.completed += 1
        counts.completed_tokens += reply.prompt_tokens + reply.completion_tokens
        await exchange.json(200, body, more)

    async def _models(self, exchange: Exchange) -> None:
        self._authorise(exchange)
        await exchange.json(200, wire.models(list(self.state.settings.models)))

    async def _model(self, exchange: Exchange) -> None:
        self._authorise(exchange)
        name = exchange.path.removeprefix("/v1/models/")
        if name not in self.state.settings.models:
            raise unknown_model(name)
        await exchange.json(200, orjson.dumps(wire.model(name)))

    async def _health(self, exchange: Exchange) -> None:
        await exchange.json(200, b'{"status":"ok","simulator":"freehold"}')

    async def _stats(self, exchange: Exchange) -> None:
        exchange.require_loopback()
        query = parse_qs(exchange.scope["query_string"].decode("latin-1"))
        last = query.get("last", [""])[0]
        report = self.state.received.report(int(last) if last.isdigit() else None)
        await exchange.json(200, orjson.dumps(report))

    async def _control(self, exchange: Exchange) -> None:
        exchange.require_loopback()
        try:
            self.state.control(read_object(await exchange.body()))
        except SettingsError as error:
            raise malformed(str(error)) from None
        await exchange.json(200, orjson.dumps({"ok": True}))


def _truth(reply: Reply) -> Headers:
    """Headers that tell a test what the simulator did on purpose."""
    headers: Headers = []
    if reply.misbehaviours:
        headers.append((b"x-simulator-misbehaviour", ", ".join(reply.misbehaviours).encode()))
    if reply.intent:
        headers.append((b"x-simulator-intent", reply.intent.encode()))
    return headers


async def _patiently(exchange: Exchange, seconds: float, counts: Counts) -> None:
    try:
        await exchange.wait(seconds)
    except HungUp:
        counts.hung_up += 1
        raise


async def _paced(
    exchange: Exchange, events: list[wire.Event], speed: float, counts: Counts
) -> None:
    """Write events at `speed` tokens a second (0: at once)."""
    begun, sent = time.monotonic(), 0
    for event in events:
        if speed and (ahead := begun + sent / speed - time.monotonic()) > 0.001:
            await _patiently(exchange, ahead, counts)
        await exchange.write(event.data, more=True)
        sent += event.tokens
        counts.completion_tokens += event.tokens
