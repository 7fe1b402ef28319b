"""The ledger's disk is full: nothing leaves, nothing is half written, and it goes on by itself."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from freehold.ledger.reading import read_all
from freehold.ledger.verifying import verify
from freehold.testing import Simulator
from tests.e2e.served import Served, ledger, make_key, write_bundle

PATIENCE_S = 60.0
_MIB = 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A home whose ledger lies on a disk of eight mebibytes."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("a full disk needs a file system of its own, and root to mount it")
    home = tmp_path / "home"
    place = home / "ledger"
    place.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield home
    finally:
        subprocess.run(["umount", str(place)], check=True)


def fill_up(place: Path) -> Path:
    """Not one byte is left."""
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (64 * 1024, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return ballast


class Client:
    """Asks, streams and whole answers in turn."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url
        self.answered: set[str] = set()

    async def ask(self, *, stream: bool, say: str = "Where is it?") -> tuple[int, str]:
        body: Any = {"messages": [{"role": "user", "content": say}], "stream": stream}
        async with self._session.post(f"{self._url}/v1/chat/completions", json=body) as reply:
            said = await reply.text()
            if reply.status == 200:
                self.answered.add(reply.headers["x-freehold-trace-id"])
            return reply.status, said

    async def ready(self) -> bool:
        async with self._session.get(f"{self._url}/readyz") as reply:
            return reply.status == 200


@pytest.mark.parametrize("strict", [False, True])
async def test_full_and_not_full_any_more(
    small_disk: Path, tmp_path: Path, simulator: Simulator, strict: bool
) -> None:
    settings = "content: redacted, audit: strict" if strict else "content: redacted"
    folder = write_bundle(tmp_path / "bundle", simulator.url, settings=settings)
    key = make_key(folder, small_disk, app="talk")
    with Served(folder, small_disk) as served:
        headers = {"authorization": f"Bearer {key}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            client = Client(session, served.url)
            for _ in range(2):
                for number in range(6):
                    assert (await client.ask(stream=number % 2 == 0))[0] == 200
                ballast = fill_up(small_disk / "ledger")
                # what is free in the segment's last page goes first
                async with asyncio.timeout(PATIENCE_S):
                    while (await client.ask(stream=False))[0] == 200:
                        pass
                for number in range(6):
                    status, said = await client.ask(stream=number % 2 == 0)
                    assert (status, "FH-AUD-001" in said) == (503, True), said
                    assert "Where is it?" not in said, "the echo"
                    status, said = await client.ask(stream=number % 2 == 0, say="A bazooka?")
                    assert (status, "FH-AUD-001" in said) == (503, True), "no refusal untold"
                    assert "weapons" not in said
                assert not await client.ready()
                ballast.unlink()
                async with asyncio.timeout(PATIENCE_S):
                    while not await client.ready():
                        await asyncio.sleep(0.1)
                for number in range(6):
                    assert (await client.ask(stream=number % 2 == 0))[0] == 200
    for entry in read_all(small_disk):
        entry.envelope()  # whole, every one
    bodies = ledger(small_disk)
    opened = {b["exchange"] for b in bodies if "opened" in b}
    assert client.answered <= opened
    resumed = [b["details"] for b in bodies if b.get("kind") == "audit.resumed"]
    assert [each["failed"] >= 12 for each in resumed] == [True, True]
    report = verify(small_disk)
    assert report.ok, [str(one) for one in report.problems]
