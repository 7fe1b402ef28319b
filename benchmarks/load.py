"""The load generator: keep-alive HTTP/1.1 on asyncio, a callback a response and no task a request.

It reads just enough to know where an answer ends and that it is one: status 200, the length or
the last chunk, and something in it. Each connection sends its next request as soon as it has its
answer, or, at a fixed rate, when that request is due.
"""

import asyncio
import gc
from collections import deque
from collections.abc import Coroutine, Sequence
from time import perf_counter
from typing import Any, TypeVar, cast

from msgspec import Struct

from benchmarks import traffic

_STUCK_S = 60.0
_TOLD = 400


try:
    import uvloop
except ImportError:
    _fast = asyncio.new_event_loop
else:
    _fast = uvloop.new_event_loop

T = TypeVar("T")


class LoadError(RuntimeError):
    """A gateway refused, hung up, or answered with nothing in it."""


class Requests:
    """Prepared requests in turn, each time with a reference that never comes again."""

    def __init__(self, whole: Sequence[bytes]) -> None:
        pieces = [request.partition(traffic.MARK) for request in whole]
        self._pieces = [(before, after) for before, _, after in pieces]
        self._number = 0

    def next(self) -> bytes:
        """The next request's bytes."""
        number = self._number
        self._number = number + 1
        before, after = self._pieces[number % len(self._pieces)]
        return before + traffic.reference(number) + after


def http_request(path: str, headers: dict[str, str], body: bytes) -> bytes:
    """One POST with JSON in it."""
    lines = [f"POST {path} HTTP/1.1", "host: 127.0.0.1", "content-type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Sample(Struct):
    """What one measurement saw. Times are seconds, sorted; ``first`` is until an answer began.

    ``in_time`` counts the answers that were whole before ``seconds`` were over, ``latencies`` all.
    """

    seconds: float
    in_time: int
    latencies: list[float]
    first: list[float]
    events: int = 0

    @property
    def rps(self) -> float:
        """Answers a second."""
        return self.in_time / self.seconds

    def quantile(self, share: float) -> float:
        """Latency in seconds below which ``share`` of the answers came; nearest rank."""
        return quantile(self.latencies, share)


def quantile(values: Sequence[float], share: float) -> float:
    """Nearest rank in sorted ``values``; 0 when there are none."""
    if not values:
        return 0.0
    return values[min(len(values) - 1, max(0, -int(-share * len(values) // 1) - 1))]


class Plan(Struct, frozen=True, kw_only=True):
    """One measurement: how many connections, for how long or how many requests, how fast.

    ``rate`` in requests a second spaces requests evenly and counts each one's latency from when
    it was due; without it, every connection asks again as soon as it was answered.
    """

    connections: int
    seconds: float
    requests: int | None = None
    rate: float | None = None
    stream: bool = False


async def drive(host: str, port: int, requests: Requests, plan: Plan) -> Sample:
    """Send until the time is over or the requests are done, then wait for what is under way.

    Raises:
        LoadError: the first thing that was no proper answer.
    """
    run = _Run(requests, plan)
    loop = asyncio.get_running_loop()
    idle = gc.isenabled()
    gc.collect()
    gc.disable()  # a collection here would look like a slow gateway
    try:
        for _ in range(plan.connections):
            await loop.create_connection(lambda: _Connection(run), host, port)
        run.start(loop)
        async with asyncio.timeout(plan.seconds + _STUCK_S):
            await run.done
    except TimeoutError:
        raise LoadError("no answer for a minute") from None
    finally:
        run.close()
        if idle:
            gc.enable()
    return run.sample()


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run on the fastest event loop there is."""
    with asyncio.Runner(loop_factory=_fast) as runner:
        return runner.run(work)


class _Run:
    """What the connections of one measurement share."""

    def __init__(self, requests: Requests, plan: Plan) -> None:
        self.plan = plan
        self.requests = requests
        self.connections: list[_Connection] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.latencies: list[float] = []
        self.first: list[float] = []
        self.events = 0
        self.in_time = 0
        self.left = plan.requests if plan.requests is not None else -1
        self.busy = 0
        self.began = self.ends = self.last = 0.0
        self._due: deque[float] = deque()
        self._idle: list[_Connection] = []

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self.began = self.last = perf_counter()
        self.ends = self.began + self.plan.seconds
        if self.plan.rate is not None:
            self._idle = list(self.connections)
            self._pace(loop, self.plan.rate)
            return
        for connection in self.connections:
            self.more(connection)

    def more(self, connection: "_Connection") -> None:
        """Give a free connection its next request, or none if the measurement is over."""
        now = perf_counter()
        if self.plan.rate is not None:
            if self._due:
                self._give(connection, self._due.popleft())
            else:
                self._idle.append(connection)
                self._end(now)
        elif self.left == 0 or now >= self.ends:
            self._end(now)
        else:
            self._give(connection, now)

    def answered(self, connection: "_Connection", due: float, first: float, now: float) -> None:
        self.latencies.append(now - due)
        if first:
            self.first.append(first - due)
        self.in_time += now <= self.ends
        self.last = now
        self.busy -= 1
        self.more(connection)

    def fail(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(LoadError(why))

    def close(self) -> None:
        for connection in self.connections:
            connection.end()

    def sample(self) -> Sample:
        seconds = self.plan.seconds
        in_time = self.in_time
        if self.left == 0:  # a number of requests was asked for, and came sooner than the end
            seconds, in_time = self.last - self.began, len(self.latencies)
        return Sample(seconds, in_time, sorted(self.latencies), sorted(self.first), self.events)

    def _give(self, connection: "_Connection", due: float) -> None:
        self.left -= self.left > 0
        self.busy += 1
        connection.ask(due, self.requests.next())

    def _pace(self, loop: asyncio.AbstractEventLoop, rate: float) -> None:
        """Let everything start that is due, and come back for the next."""
        sent = 0
        step = 1 / rate

        def tick() -> None:
            nonlocal sent
            now = perf_counter()
            while (due := self.began + sent * step) <= now and due < self.ends and self.left:
                sent += 1
                if self._idle:
                    self._give(self._idle.pop(), due)
                else:
                    self._due.append(due)
            if now >= self.ends or not self.left:
                self._end(now)
            elif not self.done.done():
                loop.call_later(max(0.0, min(due, self.ends) - perf_counter()), tick)

        tick()

    def _end(self, now: float) -> None:
        over = self.left == 0 or now >= self.ends
        if over and not self.busy and not self._due and not self.done.done():
            self.done.set_result(None)


class _Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._stream = run.plan.stream
        self._received = b""
        self._need = 0  # bytes of head and body together; -1: chunks, until the last one
        self._due = 0.0
        self._first = 0.0
        self._asked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self._run.connections.append(self)

    def ask(self, due: float, request: bytes) -> None:
        self._asked = True
        self._due = due
        self._transport.write(request)

    def end(self) -> None:
        self._asked = False
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        received = self._received
        received = received + data if received else data
        if not self._need and not self._begin(received):
            self._received = received
            return
        if self._need > 0:
            if len(received) < self._need:
                self._received = received
                return
        elif received[-7:] != b"\r\n0\r\n\r\n":
            self._received = received
            return
        self._finish(received)

    def _begin(self, received: bytes) -> bool:
        """Read the head; false while it is not whole."""
        end = received.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = received[:end].lower()
        if head[9:12] != b"200":
            self._run.fail(f"{received[:_TOLD]!r}")
        at = head.find(b"\r\ncontent-length:")
        if at >= 0:
            self._need = end + 4 + int(head[at + 17 :].split(b"\r\n", 1)[0])
        elif b"\r\ntransfer-encoding: chunked" in head:
            self._need = -1
        else:
            self._run.fail(f"an answer without length: {received[:_TOLD]!r}")
            return False
        if self._stream:
            self._first = perf_counter()
        return True

    def _finish(self, received: bytes) -> None:
        now = perf_counter()
        run = self._run
        if self._stream:
            run.events += received.count(b"data: {")
            proper = b"data: [DONE]" in received[-40:]
        else:
            proper = len(received) > _TOLD and b'"content"' in received
        if not proper:
            run.fail(f"not the answer that was expected: {received[:_TOLD]!r}")
            return
        self._received = b""
        self._need = 0
        self._asked = False
        first, self._first = self._first, 0.0
        run.answered(self, self._due, first, now)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._asked:
            self._run.fail(f"the connection was closed in the middle of an answer ({exc})")
