"""A changed bundle goes live under traffic; those under way keep theirs."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from freehold.testing import Simulator
from tests.e2e.served import Served, ledger, make_key, serving, write_bundle


class Running:
    """A served bundle that a test may change."""

    def __init__(self, served: Served, session: aiohttp.ClientSession, folder: Path) -> None:
        self.served = served
        self.session = session
        self.file = folder / "bundle.yaml"
        self.text = self.file.read_text()

    def change(self, old: str, new: str) -> None:
        """Replace the file, as editors do."""
        assert old in self.text
        self.text = self.text.replace(old, new)
        aside = self.file.with_suffix(".new")
        aside.write_text(self.text)
        aside.replace(self.file)

    @property
    def live(self) -> str:
        return self.served.gateway.journey.bundle_hash

    async def ask(self, text: str, *, stream: bool = False) -> tuple[int, str, str]:
        """Status, trace id, body."""
        body: Any = {"messages": [{"role": "user", "content": text}], "stream": stream}
        url = f"{self.served.url}/v1/chat/completions"
        async with self.session.post(url, json=body) as reply:
            return reply.status, reply.headers["x-freehold-trace-id"], await reply.text()

    async def until(self, before: str) -> float:
        """Seconds until another version is live."""
        began = time.monotonic()
        while self.live == before:
            assert time.monotonic() < began + 5
            await asyncio.sleep(0.01)
        return time.monotonic() - began


@pytest.fixture
async def running(tmp_path: Path, simulator: Simulator) -> AsyncIterator[Running]:
    folder = write_bundle(tmp_path / "bundle", simulator.url)
    key = make_key(folder, tmp_path / "home", app="talk")
    with Served(folder, tmp_path / "home") as served:
        headers = {"authorization": f"Bearer {key}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            yield Running(served, session, folder)


def bundles_of(home: Path) -> dict[str, str]:
    """The version that decided each exchange."""
    return {b["exchange"]: b["opened"]["app"]["bundle"] for b in ledger(home) if "opened" in b}


async def test_under_traffic(running: Running, simulator: Simulator, tmp_path: Path):
    """No request fails, none is decided by a mixture, and the new rule holds within two seconds."""
    first = running.live
    replies: list[tuple[float, float, int, str]] = []
    stop = asyncio.Event()

    async def keep_asking() -> None:
        while not stop.is_set():
            asked = time.monotonic()
            status, trace, _ = await running.ask("Do you sell catapults?")
            replies.append((asked, time.monotonic(), status, trace))
            await asyncio.sleep(0.005)

    slow = {"latency_ms": 2500}
    await simulator.control(models={"simulated-frontier": slow})
    under_way = asyncio.create_task(running.ask("A slow one about catapults", stream=True))
    await asyncio.sleep(0.3)
    await simulator.control(models={"simulated-frontier": {"latency_ms": 0}})
    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(keep_asking())
        await asyncio.sleep(0.2)
        running.change('contains("bazooka")', 'contains("catapult")')
        changed = time.monotonic()
        took = await running.until(first)
        live = time.monotonic()
        async with asyncio.timeout(20):
            while not any(asked > live for asked, *_ in replies):
                await asyncio.sleep(0.05)
        stop.set()
    assert took < 2.0
    second = running.live
    assert {s for _, at, s, _ in replies if at < changed} == {200}
    assert {s for asked, _, s, _ in replies if asked > live} == {403}
    status, trace, body = await under_way
    decided_by = bundles_of(tmp_path / "home")
    for *_, code, other in replies:
        assert decided_by[other] == (first if code == 200 else second)
    assert status == 200
    assert "[DONE]" in body
    assert decided_by[trace] == first
    events = [b for b in ledger(tmp_path / "home") if b["type"] == "event"]
    assert [b["subject"] for b in events if b["kind"] == "bundle.activated"] == [first, second]


async def test_an_invalid_one_is_refused_aloud(running: Running, tmp_path: Path):
    first = running.live
    running.change("candidates: [simulated-frontier, simulated-small]", "candidates: [gpt-17]")
    began = time.monotonic()
    while not (rejected := [
        b for b in ledger(tmp_path / "home") if b.get("kind") == "bundle.rejected"
    ]):  # fmt: skip
        assert time.monotonic() < began + 5
        await asyncio.sleep(0.05)
    assert "gpt-17" in rejected[0]["details"]["why"]
    assert running.live == first
    assert (await running.ask("Hello"))[0] == 200
    async with running.session.get(f"{running.served.url}/readyz") as reply:
        assert reply.status == 200
        assert "a newer version was rejected" in await reply.text()
    # mended, it goes live
    running.change("candidates: [gpt-17]", "candidates: [simulated-small]")
    await running.until(first)
    async with running.session.get(f"{running.served.url}/readyz") as reply:
        assert "rejected" not in await reply.text()


async def test_an_app_that_is_gone_is_refused(running: Running):
    first = running.live
    running.change("  talk: {", "  chatter: {")
    await running.until(first)
    status, _, body = await running.ask("Hello")
    assert status == 403
    assert "does not exist in the bundle that is live" in body


def test_a_version_that_went_live_is_told_in_one_line(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle", "http://127.0.0.1:9")
    with serving(bundle, tmp_path / "home") as process:
        path = bundle / "bundle.yaml"
        path.write_text(path.read_text().replace("name: ", "name: again-", 1))
        until = time.monotonic() + 15
        while "is live" not in process.log and time.monotonic() < until:
            time.sleep(0.05)
        (line,) = [line for line in process.log.splitlines() if "is live" in line]
    told = (
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ INFO freehold\.bundle: bundle again-\S+ \(\w+\) is live"
    )
    assert re.fullmatch(told, line), line
