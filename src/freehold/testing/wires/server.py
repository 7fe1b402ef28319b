"""A fake endpoint on 127.0.0.1: one wire, one answer for every request, one mood at a time."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

import orjson

from freehold.testing.wires.said import Asked, Mood, Said, Wire

_STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ntransfer-encoding: chunked\r\n\r\n"
_END = b"0\r\n\r\n"


class FakeWire:
    """An endpoint in this event loop.

        async with FakeWire(AnthropicWire(), Said(text="Good day.")) as endpoint:
            client = AsyncAnthropic(base_url=endpoint.url, api_key="any")

    Args:
        wire: how it talks.
        said: what it answers, or what makes the answer to a request.
        mood: how it behaves; may be changed at any time.
        key: the only key that it takes; any will do where it is empty.

    Attributes:
        asked: every request so far.
        gone: set whenever a client has closed a connection.
    """

    def __init__(
        self,
        wire: Wire,
        said: Said | Callable[[Asked], Said] | None = None,
        mood: Mood | None = None,
        *,
        key: str = "",
    ) -> None:
        self.wire = wire
        self.said: Said | Callable[[Asked], Said] = said or Said(text="Good day to you.")
        self.mood = mood or Mood()
        self.key = key
        self.asked: list[Asked] = []
        self.gone = asyncio.Event()
        self.url = ""
        self._connections = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=2**22)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        number = self._connections
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        coming = asyncio.create_task(reader.read(1))  # of a request, or none: the client left
        try:
            while not writer.is_closing():
                first = await coming
                if not first:
                    self.gone.set()
                    return
                asked = await _read(reader, first, number)
                self.asked.append(asked)
                coming = asyncio.create_task(reader.read(1))
                answering = asyncio.create_task(self._answer(asked, writer))
                try:
                    await asyncio.wait({answering, coming}, return_when="FIRST_COMPLETED")
                    if coming.done() and not coming.result():
                        continue
                    await answering
                finally:
                    answering.cancel()
                    await asyncio.wait({answering})
        except (asyncio.IncompleteReadError, ConnectionError):
            self.gone.set()
        except asyncio.CancelledError:
            return
        finally:
            coming.cancel()
            writer.close()

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        mood, wire = self.mood, self.wire
        if mood.silent:
            await asyncio.Event().wait()
        if self.key and self.key not in " ".join(asked.headers.values()):
            return _send(writer, 401, wire.error(401, "API key not valid"))
        fault = wire.fault(asked)
        if fault:
            return _send(writer, 403 if "signature" in fault else 400, wire.error(400, fault))
        if mood.status != 200:
            headers = {"retry-after": mood.retry_after} if mood.retry_after else {}
            return _send(writer, mood.status, wire.error(mood.status, "It went wrong."), headers)
        if mood.blocked:
            return _send(writer, *wire.blocked())
        if mood.garbled:
            return _send(writer, 200, b"<html>not what you expected</html>")
        if asked.path.endswith(":batchEmbedContents"):
            return _send(writer, 200, wire.vectors(len(asked.body["requests"])))  # type: ignore[attr-defined]
        said = self.said if isinstance(self.said, Said) else self.said(asked)
        if not wire.streams(asked):
            return _send(writer, 200, wire.whole(said))
        return await self._stream(wire.pieces(said), writer)

    async def _stream(self, pieces: list[bytes], writer: asyncio.StreamWriter) -> None:
        mood = self.mood
        writer.write(_STREAM % self.wire.stream_type.encode())
        stops = (mood.cut_after, mood.ends_early, mood.fails_after, mood.stalls_after)
        most = min((stop for stop in stops if stop is not None), default=len(pieces))
        for piece in pieces[:most]:
            writer.write(_chunk(piece))
            await writer.drain()
            await asyncio.sleep(0)
        if mood.stalls_after is not None:
            await asyncio.Event().wait()
        if mood.cut_after is not None:
            writer.close()
            return
        if mood.fails_after is not None:
            writer.write(_chunk(self.wire.failure()))
        writer.write(_END)
        await writer.drain()


async def _read(reader: asyncio.StreamReader, start: bytes, connection: int) -> Asked:
    head = (start + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    method, path, _ = first.split(" ")
    return Asked(
        connection=connection,
        method=method,
        path=path,
        headers=headers,
        raw=body,
        body=orjson.loads(body) if body else {},
    )


def _send(
    writer: asyncio.StreamWriter, status: int, body: bytes, headers: dict[str, str] | None = None
) -> None:
    lines = {"content-type": "application/json", "content-length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in (lines | (headers or {})).items())
    writer.write(f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode() + body)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
