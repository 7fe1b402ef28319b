"""The load generator against servers that answer as gateways do, and as they should not."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from benchmarks import traffic
from benchmarks.load import LoadError, Plan, Requests, Sample, drive, http_request, quantile

BODY = b'{"choices":[{"message":{"content":"' + b"words " * 100 + b'"}}]}'
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (
    len(BODY),
    BODY,
)
EVENTS = (b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n',) * 3 + (b"data: [DONE]\n\n",)
STREAM = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    + b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in EVENTS)
    + b"0\r\n\r\n"
)


class Server:
    """Answers each request with the same bytes, in pieces; remembers the bodies."""

    def __init__(self, pieces: Sequence[bytes], delay: float = 0.0, close: bool = False) -> None:
        self.pieces = pieces
        self.delay = delay
        self.close = close
        self.bodies: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                self.bodies.append(await reader.readexactly(length))
                await asyncio.sleep(self.delay)
                for piece in self.pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                if self.close:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def listening(server: Server) -> AsyncIterator[int]:
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()


def requests() -> Requests:
    body = b'{"messages":"' + traffic.MARK + b'"}'
    return Requests([http_request("/v1/chat/completions", {"authorization": "Bearer k"}, body)])


async def sent(server: Server, plan: Plan) -> Sample:
    async with listening(server) as port:
        return await drive("127.0.0.1", port, requests(), plan)


def in_pieces(answer: bytes, size: int) -> list[bytes]:
    return [answer[at : at + size] for at in range(0, len(answer), size)]


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
@pytest.mark.parametrize("answer", [WHOLE, CHUNKED], ids=["length", "chunks"])
async def test_an_answer_is_whole_however_it_is_cut(answer: bytes, size: int) -> None:
    server = Server(in_pieces(answer, size))
    sample = await sent(server, Plan(connections=2, seconds=10, requests=6))
    assert len(sample.latencies) == len(server.bodies) == 6


async def test_no_request_is_sent_twice() -> None:
    server = Server([WHOLE])
    await sent(server, Plan(connections=3, seconds=10, requests=50))
    assert len(set(server.bodies)) == 50
    assert len({len(body) for body in server.bodies}) == 1


@pytest.mark.parametrize("size", [1, 9, 10_000])
async def test_a_stream_ends_with_its_last_chunk(size: int) -> None:
    plan = Plan(connections=1, seconds=10, requests=4, stream=True)
    sample = await sent(Server(in_pieces(STREAM, size)), plan)
    assert sample.events == 4 * 3
    assert len(sample.first) == 4
    assert all(first <= whole for first, whole in zip(sample.first, sample.latencies, strict=True))


@pytest.mark.parametrize(
    ("answer", "close", "why"),
    [
        (b"HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\noops", False, "500"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", False, "not the answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", True, "closed"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}", False, "without length"),
    ],
)
async def test_what_is_no_answer_ends_the_run(answer: bytes, close: bool, why: str) -> None:
    with pytest.raises(LoadError, match=why):
        await sent(Server([answer], close=close), Plan(connections=1, seconds=10, requests=3))


async def test_latency_is_what_the_server_took() -> None:
    sample = await sent(Server([WHOLE], delay=0.03), Plan(connections=2, seconds=10, requests=8))
    assert 0.03 <= sample.quantile(0.5) < 0.5
    assert sample.rps < 2 / 0.03


async def test_time_ends_a_run() -> None:
    sample = await sent(Server([WHOLE], delay=0.01), Plan(connections=2, seconds=0.2))
    assert 1 <= sample.in_time <= 40
    assert sample.in_time <= len(sample.latencies) <= sample.in_time + 2


async def test_a_fixed_rate_counts_from_when_a_request_was_due() -> None:
    # One connection, 50 requests a second, 40 ms each: each waits longer than the one before it.
    plan = Plan(connections=1, seconds=0.3, rate=50)
    sample = await sent(Server([WHOLE], delay=0.04), plan)
    assert len(sample.latencies) == 15
    assert sample.latencies[-1] > 0.2


async def test_a_fixed_rate_ends_when_nothing_is_left_to_do() -> None:
    sample = await sent(Server([WHOLE]), Plan(connections=4, seconds=0.3, rate=9))
    assert len(sample.latencies) == 3


def test_quantiles_are_nearest_ranks() -> None:
    values = [float(value) for value in range(1, 101)]
    assert quantile(values, 0.5) == 50
    assert quantile(values, 0.99) == 99
    assert quantile(values, 1.0) == 100
    assert quantile([7.0], 0.5) == 7
    assert quantile([], 0.5) == 0
