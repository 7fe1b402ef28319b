"""Where Freehold's own time goes, in one process: the door as ASGI, no socket, a scripted model.

    python -m benchmarks --profile [--bundle on|off] [--requests 2000] [--stream] [--sort KEY]

Prints microseconds a request without the profiler, the stages' own work, and then the functions
that cProfile found most expensive. Index and server are left out: what remains is the journey
with parsing and reply. Garbage is collected as seldom as in the server.
"""

import asyncio
import cProfile
import io
import os
import pstats
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks import freehold, traffic
from benchmarks.answers import answers
from benchmarks.load import run
from freehold.app import gateway as app
from freehold.app import gateway_parts as parts
from freehold.core.clock import SystemClock
from freehold.core.handoffs import Sendable
from freehold.core.ports import Delta
from freehold.server.asgi import Door
from freehold.server.serving import collect_seldom
from freehold.services.gateway import Gateway
from freehold.testing.fakes import FakeProvider

Scope = MutableMapping[str, Any]
Messages = list[tuple[Scope, bytes]]


def profile(
    kind: str, requests: int, *, stream: bool, sort: str, top: int, data: Path, dump: Path | None
) -> str:
    """The report, as text."""
    with tempfile.TemporaryDirectory(prefix="freehold-bench-") as name:
        ready = freehold.prepare(
            kind, Path(name), upstream="http://127.0.0.1:9", database=traffic.database(data)
        )
        os.environ.update(ready.environment)
        return run(_profile(ready, requests, stream, sort, top, dump, data))


async def _profile(
    ready: freehold.Prepared, requests: int, stream: bool, sort: str, top: int,
    dump: Path | None, data: Path,
) -> str:  # fmt: skip
    async with wired(ready) as (door, gateway):
        messages = messages_for(ready, requests, stream=stream, data=data)
        await send_all(door, messages[: max(200, requests // 10)])  # warm: caches, statements, keys
        collect_seldom()  # as the server does
        before = _own(gateway)
        cpu, wall = time.process_time(), time.perf_counter()
        await send_all(door, messages)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        after = _own(gateway)
        profiler = cProfile.Profile()
        again = messages_for(ready, requests, stream=stream, data=data, start=50_000_000)
        profiler.enable()
        await send_all(door, again)
        profiler.disable()
    share = 1e6 / requests
    lines = [
        f"{ready.kind}, {'stream' if stream else 'whole'}, {requests} requests, each:",
        f"  {cpu * share:.0f} µs of CPU, {wall * share:.0f} µs of time; own work by stage",
    ]
    for stage, spent in after.items():
        lines.append(f"  {stage:<12}{(spent - before[stage]) / requests / 1e3:8.1f} µs")
    own = sum(after[stage] - before[stage] for stage in after) / requests / 1e3
    lines.append(f"  {'all stages':<12}{own:8.1f} µs (the rest: door, waits, glue)\n")
    out = io.StringIO()
    stats = pstats.Stats(profiler, stream=out)
    stats.strip_dirs().sort_stats(sort).print_stats(top)
    if dump is not None:
        profiler.dump_stats(dump)
    return "\n".join(lines) + out.getvalue()


ANSWERS = answers()
SHORTEST = min(map(len, ANSWERS))


class _Forgetful(FakeProvider):
    """Says the benchmark's answers in turn, and keeps nothing of what it was sent: thousands of
    requests would only fill the memory.
    """

    def __init__(self) -> None:
        super().__init__()
        self._answers = cycle(ANSWERS)

    async def call(self, sendable: Sendable) -> AsyncGenerator[Delta, None]:
        """Play the next script."""
        self.received.clear()
        self.then(next(self._answers))
        async for delta in super().call(sendable):
            yield delta


@asynccontextmanager
async def wired(ready: freehold.Prepared) -> AsyncIterator[tuple[Door, Gateway]]:
    """The gateway as it is wired, except that the model is scripted."""
    scripted = {"openai": _Forgetful()}
    with mock.patch.object(parts, "http_providers", return_value=scripted):
        gateway = app.make_gateway(ready.bundle, ready.home, index=False)
    await gateway.open()
    try:
        yield Door(gateway, SystemClock()), gateway
    finally:
        await gateway.close()


def _own(gateway: Gateway) -> dict[str, int]:
    return {stage: load["ns"] for stage, load in gateway.journey.monitoring.load_by_layer().items()}


def messages_for(
    ready: freehold.Prepared, count: int, *, stream: bool, data: Path, start: int = 0
) -> Messages:
    """Requests as a server would hand them on, each with a text of its own."""
    shapes = traffic.shapes(traffic.database(data))
    bodies = [shape.body(stream=stream) for shape in shapes]
    tokens = traffic.tokens(shapes, ready.issuer)
    made: Messages = []
    for number in range(count):
        place = number % len(bodies)
        headers = [
            (b"host", b"127.0.0.1"),
            (b"authorization", b"Bearer " + ready.key.encode()),
            (b"content-type", b"application/json"),
        ]
        if ready.kind == "on":
            headers.append((b"x-freehold-identity", tokens[place].encode()))
        scope: Scope = {
            "type": "http", "method": "POST", "path": "/v1/chat/completions", "headers": headers,
            "query_string": b"", "client": ("127.0.0.1", 1), "http_version": "1.1",
        }  # fmt: skip
        body = bodies[place].replace(traffic.MARK, traffic.reference(start + number))
        made.append((scope, body))
    return made


async def send_all(door: Callable[..., Awaitable[None]], messages: Messages) -> None:
    """One after the other, each until its answer is complete."""
    for scope, body in messages:
        await _one(door, scope, body)
        await asyncio.sleep(0)  # the loop gets its turn, and frees what was closed


async def _one(door: Callable[..., Awaitable[None]], scope: Scope, body: bytes) -> None:
    statuses: list[int] = []
    size = 0
    last: dict[str, Any] = {}
    asked = False

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": body, "more_body": False}
        await asyncio.get_running_loop().create_future()  # the client stays
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        nonlocal size, last
        if message["type"] == "http.response.start":
            statuses.append(message["status"])
        else:
            size += len(message.get("body", b""))
            last = message

    await door(scope, receive, send)
    if statuses != [200] or size < SHORTEST:
        raise RuntimeError(f"status {statuses}: {last.get('body', b'')[:500]!r}")
