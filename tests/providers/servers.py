"""A raw HTTP/1.1 server on 127.0.0.1 whose every byte a test decides."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import orjson
from msgspec import Struct


class Received(Struct, kw_only=True):
    connection: int
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return orjson.loads(self.body)


class Server(Struct, kw_only=True):
    url: str
    received: list[Received]
    gone: asyncio.Event
    """Set whenever a client has closed a connection."""

    @property
    def connections(self) -> int:
        return len({request.connection for request in self.received})


Handler = Callable[[Received, asyncio.StreamWriter], Awaitable[object]]


@asynccontextmanager
async def serving(
    handler: Handler, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    tasks: set[asyncio.Task] = set()
    server = Server(url="", received=[], gone=asyncio.Event())
    count = 0

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        me = count
        task = asyncio.current_task()
        tasks.add(task)
        try:
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                first, *lines = head.strip().split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
                raw = {line.split(":", 1)[0].lower(): line.split(": ", 1)[1] for line in lines}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                method, path, _ = first.split(" ")
                request = Received(connection=me, method=method, path=path, headers=raw, body=body)
                server.received.append(request)
                watch = asyncio.create_task(_end(reader, server.gone))
                try:
                    await handler(request, writer)
                finally:
                    watch.cancel()
                    await asyncio.wait([watch])
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            server.gone.set()
        except asyncio.CancelledError:
            pass
        finally:
            tasks.discard(task)
            writer.close()

    listening = await asyncio.start_server(connected, host, 0, ssl=tls, limit=2**20)
    port = listening.sockets[0].getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    server.url = f"{'https' if tls else 'http'}://{shown}:{port}/v1"
    try:
        yield server
    finally:
        listening.close()
        for task in list(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=2)
        # Half-made TLS connections belong to nobody yet; their ends need a moment to meet.
        await asyncio.sleep(0.1 if tls else 0.005)


async def _end(reader: asyncio.StreamReader, gone: asyncio.Event) -> None:
    """Notice that the client hung up while the handler is busy; clients here never pipeline."""
    while not reader.at_eof() and reader.exception() is None:
        await asyncio.sleep(0.005)
    gone.set()


def answer(body: object, *, status: int = 200, headers: dict[str, str] | None = None) -> bytes:
    payload = body if isinstance(body, bytes) else orjson.dumps(body)
    lines = {"content-type": "application/json", "content-length": str(len(payload))}
    lines |= headers or {}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Some\r\n{head}\r\n".encode() + payload


STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
STREAM_END = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(value: object) -> bytes:
    return b"data: " + (value if isinstance(value, bytes) else orjson.dumps(value)) + b"\n\n"


DONE = event(b"[DONE]")


def chat(text: str = "Hello.", **message: object) -> dict[str, object]:
    """A whole chat completion."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "upstream-2026",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, **message},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
    }


def part(text: str | None = None, *, finish: str | None = None, index: int = 0, **delta: object):
    """One event of a streamed chat completion."""
    said: dict[str, object] = dict(delta)
    if text is not None:
        said["content"] = text
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "model": "upstream-2026",
        "choices": [{"index": index, "delta": said, "finish_reason": finish}],
    }
