"""CPU time that each outgoing HTTP client takes for one call to a model.

    python -m benchmarks.http_clients [--json] [--rounds 3]

A server in a process of its own gives fixed answers: whole (a 600-byte chat completion), `burst`
(a stream of 60 events as fast as they go) and `paced` (60 events, one every 5 ms, as models
speak). `busy` is `whole` between 0.8 ms of other work a request, as in a gateway at its limit;
that work is not counted. The client runs on one core where the system allows it. `bare` is no
client, but the least that any client on asyncio could cost: one protocol without TLS, deadlines,
limits or error handling, which reads chunks only of exactly the form that this server sends.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from freehold.providers.aiohttp_transport import AiohttpTransport
from freehold.providers.pyreqwest_transport import PyreqwestTransport
from freehold.providers.transport import HttpTransport

try:
    from uvloop import run
except ImportError:
    from asyncio import run

EVENTS = 60
PACE_S = 0.005
PAYLOAD = (
    b'{"id":"x","object":"chat.completion","model":"m","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"' + b"hello " * 60 + b'"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":200,"completion_tokens":60,"total_tokens":260}}'
)
EVENT = (
    b'data: {"id":"x","object":"chat.completion.chunk","model":"m","choices":'
    b'[{"index":0,"delta":{"content":"hello "},"finish_reason":null}]}\n\n'
)
REQUEST = b'{"model":"m","messages":[{"role":"user","content":"' + b"x" * 800 + b'"}]}'
HEADERS = {"content-type": "application/json", "authorization": "Bearer none"}
REQUESTS = {("whole", 1): 8_000, ("whole", 32): 16_000, ("burst", 1): 1_000, ("burst", 32): 2_000,
            ("paced", 1): 8, ("paced", 32): 640, ("busy", 32): 3_200}  # fmt: skip
BUSY_NS = 800_000


class Fixed(asyncio.Protocol):
    """The server: answers by path, without looking at anything else."""

    def __init__(self) -> None:
        self.received = b""
        self.tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, blank, rest = self.received.partition(b"\r\n\r\n")
        if not blank or len(rest) < len(REQUEST):
            return
        self.received = b""
        path = head.split(b" ", 2)[1]
        if path == b"/whole":
            self.transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
                % (len(PAYLOAD), PAYLOAD)
            )
            return
        task = asyncio.get_running_loop().create_task(self.stream(path == b"/paced"))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def stream(self, paced: bool) -> None:
        self.transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        for _ in range(EVENTS):
            self.transport.write(b"%x\r\n%b\r\n" % (len(EVENT), EVENT))
            await asyncio.sleep(PACE_S if paced else 0)
        self.transport.write(b"0\r\n\r\n")


async def serve() -> None:
    """Run the server, and print its port."""
    server = await asyncio.get_running_loop().create_server(Fixed, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


Call = Callable[[str], Awaitable[int]]


@asynccontextmanager
async def through(transport: HttpTransport, base: str) -> AsyncIterator[Call]:
    """Calls through an adapter, as a provider makes them."""
    async with transport:

        async def call(mode: str) -> int:
            streamed = mode != "whole"
            response = await transport.request(
                "POST", f"{base}/{mode}", HEADERS, REQUEST, 60_000, streamed=streamed
            )
            try:
                if not streamed:
                    return len(await response.read())
                return sum([len(piece) async for piece in response.stream()])
            finally:
                await response.aclose()

        yield call


class Bare(asyncio.Protocol):
    """The least that a client does: write, wait for bytes, look for the end."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.waiter: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    async def some(self) -> bytes:
        while not self.received:
            self.waiter = asyncio.get_running_loop().create_future()
            await self.waiter
        data = bytes(self.received)
        self.received.clear()
        return data


@asynccontextmanager
async def bare(base: str) -> AsyncIterator[Call]:
    """Calls through ``Bare``."""
    host, port = base.removeprefix("http://").split(":")
    idle: list[Bare] = []
    head = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())

    async def call(mode: str) -> int:
        if idle:
            connection = idle.pop()
        else:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(Bare, host, int(port))
        text = f"POST /{mode} HTTP/1.1\r\nhost: {host}\r\n{head}content-length: {len(REQUEST)}\r\n"
        connection.transport.write(text.encode() + b"\r\n" + REQUEST)
        data = await connection.some()
        while b"\r\n\r\n" not in data:
            data += await connection.some()
        body = data.partition(b"\r\n\r\n")[2]
        size = 0
        if mode == "whole":
            while len(body) < len(PAYLOAD):
                body += await connection.some()
            size = len(body)
        else:
            end = body[-5:]
            while True:
                size += sum(len(part) for part in body.split(b"\r\n")[1::2])
                if end == b"0\r\n\r\n":
                    break
                body = await connection.some()
                end = (end + body)[-5:]
        idle.append(connection)
        return size

    yield call
    for connection in idle:
        connection.transport.close()


async def measure(call: Call, mode: str, in_flight: int) -> tuple[float, float]:
    """CPU µs and wall µs a request."""
    busy, path = mode == "busy", "whole" if mode == "busy" else mode
    enough = len(PAYLOAD) if path == "whole" else EVENTS * len(EVENT)
    worked = 0.0

    async def worker(count: int) -> None:
        nonlocal worked
        for _ in range(count):
            if busy:
                worked += work()
            if await call(path) < enough * 0.9:
                raise SystemExit("an answer came back incomplete")

    async def workers(each: int) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(in_flight):
                group.create_task(worker(each))

    await workers(1 if mode == "paced" else 20)
    count = REQUESTS[mode, in_flight] // in_flight
    worked = 0.0
    wall, cpu = time.perf_counter(), time.process_time()
    await workers(count)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    total = count * in_flight
    return (cpu - worked) / total * 1e6, wall / total * 1e6


def work() -> float:
    """Compute for a while; the seconds of CPU that it took."""
    began = time.thread_time_ns()
    while (now := time.thread_time_ns()) < began + BUSY_NS:
        pass
    return (now - began) / 1e9


async def client(name: str, base: str) -> dict[str, float]:
    """One client's figures, in this process."""
    open_client = {
        "pyreqwest": lambda: through(PyreqwestTransport(), base),
        "aiohttp": lambda: through(AiohttpTransport(), base),
        "bare": lambda: bare(base),
    }[name]
    figures = {}
    async with open_client() as call:
        for mode, in_flight in REQUESTS:
            figures[f"{mode}_{in_flight}"] = (await measure(call, mode, in_flight))[0]
    return figures


def pinned(core: int) -> None:
    """Stay on one core, where the system knows how."""
    with contextlib.suppress(AttributeError, OSError):
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[core]})


def main() -> None:
    """Measure every client in processes of their own, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--client", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        pinned(0)
        run(serve())
        return
    if options.client:
        pinned(-1)
        print(json.dumps(run(client(*options.client))))
        return
    myself = [sys.executable, "-m", "benchmarks.http_clients"]
    results: dict[str, dict[str, float]] = {}
    with subprocess.Popen([*myself, "--serve"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        base = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        try:
            for name in ("bare", "pyreqwest", "aiohttp"):
                rounds = [
                    json.loads(subprocess.check_output([*myself, "--client", name, base]))
                    for _ in range(options.rounds)
                ]
                results[name] = {
                    key: round(statistics.median(each[key] for each in rounds), 1)
                    for key in rounds[0]
                }
        finally:
            server.terminate()
    if options.json:
        print(json.dumps(results))
        return
    columns = list(results["bare"])
    print("CPU µs a request  " + "".join(f"{column:>10}" for column in columns))
    for name, figures in results.items():
        print(f"{name:<18}" + "".join(f"{figures[column]:>10.1f}" for column in columns))


if __name__ == "__main__":
    main()
