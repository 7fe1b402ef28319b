"""Strict mode: no answer leaves before the disk has its record; the disk is watched, no clock."""

import asyncio
import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from freehold.ledger import flush
from freehold.ledger.files import ledger_folder
from freehold.ledger.reading import read_all
from freehold.testing import Simulator
from tests.e2e.served import Served, make_key, write_bundle

CLIENTS = 12
PATIENCE_S = 60.0


class Disk:
    """Syncs as the real one does, remembers how much of each file it has brought to the disk, and
    can be made to wait or to fail.
    """

    def __init__(self) -> None:
        self._real = flush._sync
        self._go = threading.Event()
        self._go.set()
        self.synced: dict[int, int] = {}
        self.count = 0
        self.failing = False

    def __call__(self, descriptor: int) -> None:
        if self.failing:
            raise OSError(errno.EIO, "Input/output error")
        seen = os.fstat(descriptor)
        assert self._go.wait(PATIENCE_S)
        self._real(descriptor)
        self.synced[seen.st_ino] = max(seen.st_size, self.synced.get(seen.st_ino, 0))
        self.count += 1

    def hold(self) -> None:
        self._go.clear()

    def release(self) -> None:
        self._go.set()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    made = Disk()
    monkeypatch.setattr(flush, "_sync", made)
    yield made
    made.release()


def places(home: Path) -> dict[str, tuple[int, int]]:
    """Of each exchange, the file of its first record, by inode, and where the record ends."""
    found = {}
    for entry in read_all(home):
        body = entry.envelope()["body"]
        if body.get("type") in {"opened", "closed"} and body["exchange"] not in found:
            path = ledger_folder(home) / entry.writer / f"segment-{entry.segment:08}.log"
            found[body["exchange"]] = path.stat().st_ino, entry.offset + len(entry.line) + 1
    return found


async def ask(
    session: aiohttp.ClientSession, url: str, *, stream: bool, say: str = "Where is it?"
) -> tuple[int, str]:
    """Status and trace, as soon as the first character of the answer is there."""
    body: Any = {"messages": [{"role": "user", "content": say}], "stream": stream}
    async with session.post(f"{url}/v1/chat/completions", json=body) as reply:
        async for line in reply.content:
            if reply.status != 200 or not stream or b'"content":"' in line:
                return reply.status, reply.headers["x-freehold-trace-id"]
    raise AssertionError("no answer")


async def everybody_waits(home: Path, count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while len(places(home)) < count:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("strict", [True, False])
async def test_answers_wait_for_the_disk_together(
    tmp_path: Path, simulator: Simulator, disk: Disk, strict: bool
) -> None:
    home = tmp_path / "home"
    settings = "content: none, audit: strict" if strict else "content: none"
    folder = write_bundle(tmp_path / "bundle", simulator.url, settings=settings)
    key = make_key(folder, home, app="talk")
    # a keep-alive is no part of an answer
    with Served(folder, home, keep_alive_s=3600) as served:
        headers = {"authorization": f"Bearer {key}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            disk.hold()
            before = disk.count
            asked = [
                asyncio.create_task(ask(session, served.url, stream=number % 2 == 0))
                for number in range(CLIENTS)
            ]
            await everybody_waits(home, CLIENTS)
            if strict:
                await asyncio.sleep(0.2)  # a moment in which a wrong answer could come
                assert not any(task.done() for task in asked), "the disk has nothing yet"
            else:
                await asyncio.gather(*asked)  # nobody waits for it
            disk.release()
            for status, _ in await asyncio.gather(*asked):
                assert status == 200
            if strict:
                # one sync that was under way, one for all the rest; a checkpoint has its own
                assert disk.count - before < CLIENTS / 2


async def test_whatever_leaves_is_on_the_disk_when_it_does(
    tmp_path: Path, simulator: Simulator, disk: Disk
) -> None:
    home = tmp_path / "home"
    folder = write_bundle(
        tmp_path / "bundle", simulator.url, settings="content: none, audit: strict"
    )
    key = make_key(folder, home, app="talk")
    received: list[tuple[str, dict[int, int]]] = []
    with Served(folder, home) as served:
        headers = {"authorization": f"Bearer {key}"}
        async with aiohttp.ClientSession(headers=headers) as session:

            async def one(number: int) -> None:
                for turn in range(5):
                    refused = turn % 2 == 1
                    say = "A bazooka?" if refused else "Where is it?"
                    status, trace = await ask(session, served.url, stream=number % 2 == 0, say=say)
                    assert status == (403 if refused else 200)
                    received.append((trace, dict(disk.synced)))

            await asyncio.gather(*(one(number) for number in range(CLIENTS)))
    where = places(home)
    for trace, synced in received:
        file, end = where[trace]
        assert synced.get(file, 0) >= end, trace


async def test_a_disk_that_refuses_lets_nothing_leave(
    tmp_path: Path, simulator: Simulator, disk: Disk
) -> None:
    home = tmp_path / "home"
    folder = write_bundle(
        tmp_path / "bundle", simulator.url, settings="content: none, audit: strict"
    )
    key = make_key(folder, home, app="talk")
    with Served(folder, home) as served:
        headers = {"authorization": f"Bearer {key}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            assert (await ask(session, served.url, stream=False))[0] == 200
            disk.failing = True
            for number in range(4):
                status, _ = await ask(session, served.url, stream=number % 2 == 0)
                assert status == 503
            disk.failing = False
            async with asyncio.timeout(PATIENCE_S):
                while (await ask(session, served.url, stream=False))[0] != 200:
                    await asyncio.sleep(0.1)
