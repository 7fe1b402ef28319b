"""The bound on what is read before anybody is asked for a key, over a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from freehold.server.protocol import HEAD_BYTES
from freehold.server.serving import configured

CHUNK = 4096


async def size_of_body(scope: Any, receive: Any, send: Any) -> None:
    """An application that answers how long the body was."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = str(size).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def served() -> AsyncIterator[int]:
    server = uvicorn.Server(
        configured(size_of_body, host="127.0.0.1", port=0, log_level="critical")
    )
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def said(port: int, *parts: bytes) -> bytes:
    """What comes back for these bytes, sent one part after the other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = asyncio.create_task(reader.read())
    try:
        for part in parts:
            for at in range(0, len(part), CHUNK):
                writer.write(part[at : at + CHUNK])
                await writer.drain()
                await asyncio.sleep(0)
    except ConnectionError:
        pass
    try:
        return await asyncio.wait_for(answer, 10)
    except ConnectionError:
        return b""
    finally:
        writer.close()


HEAD = b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
LONG = b"a" * (4 * HEAD_BYTES)


async def test_who_never_stops_is_cut_off() -> None:
    async with served() as port:
        await said(port, HEAD + b"x-long: " + b"a" * (16 << 20))
        assert (await said(port, HEAD + b"content-length: 1\r\n\r\nx")).endswith(b"\r\n\r\n1")


@pytest.mark.parametrize(
    "parts",
    [
        (HEAD + b"x-long: " + LONG,),
        (HEAD + b"x-" + LONG,),
        (HEAD, *(b"x-%d: %b\r\n" % (i, b"v" * 100) for i in range(4000))),
        (b"GET /" + LONG,),
    ],
    ids=["value", "name", "many", "path"],
)
async def test_a_head_that_does_not_end_is_refused(parts: tuple[bytes, ...]) -> None:
    async with served() as port:
        answer = await said(port, *parts)
        assert answer.startswith(b"HTTP/1.1 431 ")
        usual = HEAD + b"content-length: 1\r\n\r\nx"
        assert (await said(port, usual)).endswith(b"\r\n\r\n1")


@pytest.mark.parametrize(
    "tail", [b"0\r\nx-trailer: " + LONG, b"1;" + LONG], ids=["trailer", "extension"]
)
async def test_what_is_no_body_is_bounded_too(tail: bytes) -> None:
    async with served() as port:
        answer = await said(port, HEAD + b"transfer-encoding: chunked\r\n\r\n1\r\nx\r\n" + tail)
        assert b"200 OK" not in answer


async def test_long_bodies_and_usual_heads_pass() -> None:
    async with served() as port:
        body = b"b" * (16 * HEAD_BYTES)
        head = HEAD + b"x-long: %b\r\ncontent-length: %d\r\n\r\n" % (b"v" * 30_000, len(body))
        assert (await said(port, head, body)).endswith(b"\r\n\r\n%d" % len(body))
        chunks = b"".join(b"400\r\n%b\r\n" % (b"c" * 1024) for _ in range(200)) + b"0\r\n\r\n"
        answer = await said(port, HEAD + b"transfer-encoding: chunked\r\n\r\n", chunks)
        assert answer.endswith(b"\r\n\r\n%d" % (200 * 1024))
