"""SIGKILL in the middle: every answer of which a client has received a character has its record."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from freehold.ledger.reading import read_all
from freehold.testing import Simulator
from tests.e2e.served import Process, Served, ledger, make_key, outcomes, serving, write_bundle

CLIENTS = 24
ANSWER = "It is here. " * 40


async def keep_asking(
    url: str, key: str, stream: bool, received: dict[str, str], seen: asyncio.Event
) -> None:
    """Ask until the server is gone; note what came of each answer: ``some`` or ``all`` of it."""
    headers = {"authorization": f"Bearer {key}"}
    body = {"messages": [{"role": "user", "content": "Where is it?"}], "stream": stream}
    try:
        async with aiohttp.ClientSession(headers=headers) as session:
            while True:
                async with session.post(f"{url}/v1/chat/completions", json=body) as response:
                    trace = response.headers["x-freehold-trace-id"]
                    assert response.status == 200
                    if stream:
                        async for line in response.content:
                            if line.startswith(b"data: {"):
                                (choice,) = json.loads(line[6:])["choices"]
                                if choice["delta"].get("content"):
                                    received[trace] = "some"
                            elif line.startswith(b"data: [DONE]"):
                                received[trace] = "all"
                                seen.set()
                    else:
                        answer = await response.json()
                        assert answer["choices"][0]["message"]["content"]
                        received[trace] = "all"
                        seen.set()
    except (aiohttp.ClientError, ConnectionError):
        return


async def ask_and_kill(process: Process, key: str, delay: float) -> dict[str, str]:
    """Many clients at once; the server is killed in mid-stream, ``delay`` seconds after the first
    answer or a little later.
    """
    received: dict[str, str] = {}
    seen = asyncio.Event()
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for number in range(CLIENTS):
            group.create_task(keep_asking(process.url, key, number % 2 == 0, received, seen))
            await asyncio.sleep(0.02)  # so that they are never all at the same place
        await seen.wait()
        await asyncio.sleep(delay)
        while sum(how == "some" for how in received.values()) < 3:
            await asyncio.sleep(0.001)
        await asyncio.to_thread(process.kill)
    return received


@pytest.mark.parametrize("strict", [False, True])
async def test_kill_9(tmp_path: Path, strict: bool):
    home = tmp_path / "home"
    settings = "content: none, audit: strict" if strict else "content: none"
    fast = {"tokens_per_s": 300, "latency_ms": 20, "behaviour": "echo"}
    async with Simulator(models={"simulated-frontier": fast}) as simulator:
        bundle = write_bundle(tmp_path / "bundle", simulator.url, settings=settings)
        key = make_key(bundle, home, app="talk")
        await simulator.control(models={"simulated-frontier": {"answers": [ANSWER] * 3000}})
        with serving(bundle, home) as process:
            received = await ask_and_kill(process, key, 0.5)
        opened = {b["exchange"]: b for b in ledger(home) if "opened" in b}
        closed = {b["exchange"] for b in ledger(home) if "closed" in b}
        assert "all" in received.values()
        assert "some" in received.values(), "the kill was to cut some streams"
        assert set(received) <= set(opened)
        assert {t for t, how in received.items() if how == "all"} <= closed
        unfinished = set(opened) - closed
        assert unfinished
        # a server starts again on the same home, goes on with the ledger, and answers
        with serving(bundle, home) as again:
            found = outcomes(home)
            for trace in unfinished:
                assert found[trace] == "interrupted"
            for trace, how in received.items():
                assert found[trace] == ("allowed" if how == "all" else found[trace])
            async with aiohttp.ClientSession() as session:
                reply = await session.post(
                    f"{again.url}/v1/chat/completions",
                    json={"messages": [{"role": "user", "content": "Hello again"}]},
                    headers={"authorization": f"Bearer {key}"},
                )
                assert reply.status == 200
                assert reply.headers["x-freehold-trace-id"] not in found
            numbers = [b["seq"] for b in envelopes(home)]
            assert numbers == list(range(1, len(numbers) + 1)), "no gap and no number twice"


def envelopes(home: Path) -> list[dict[str, Any]]:
    return [entry.envelope() for entry in read_all(home)]


async def test_a_server_told_to_stop_writes_every_record(tmp_path: Path, capfd):
    """SIGTERM with requests under way: short ones end, long ones are recorded as interrupted."""
    home = tmp_path / "home"
    slow = {"latency_ms": 60_000}
    async with Simulator(models={"simulated-frontier": slow}, behaviour="echo") as simulator:
        bundle = write_bundle(tmp_path / "bundle", simulator.url)
        key = make_key(bundle, home)
        with Served(bundle, home, graceful_s=1, keep_alive_s=0.1) as served:
            headers = {"authorization": f"Bearer {key}"}
            async with aiohttp.ClientSession(headers=headers) as session:
                body = {"messages": [{"role": "user", "content": "Hello"}]}
                asked = [
                    asyncio.create_task(
                        session.post(
                            f"{served.url}/v1/chat/completions",
                            json={**body, "stream": number % 2 == 1},
                        )
                    )
                    for number in range(5)
                ]
                await asyncio.sleep(0.2)
                await asyncio.to_thread(served.stop)
                for number, task in enumerate(asked):
                    reply = await task
                    text = await reply.text()
                    assert "The gateway is stopping" in text
                    if number % 2:
                        assert text.startswith(": keep-alive")
                    else:
                        assert reply.status == 503, "to be sent again, to another replica"
        assert "Traceback" not in capfd.readouterr().err
        ends = [b for b in ledger(home) if "closed" in b]
        assert [b["closed"]["outcome"] for b in ends] == ["interrupted"] * 5
        assert await hung_up(simulator, 5)


async def hung_up(simulator: Simulator, count: int) -> bool:
    """Whether the simulator sees in time that so many callers have gone."""
    for _ in range(200):
        stats = await simulator.stats()
        if stats["models"]["simulated-frontier"]["hung_up"] >= count:
            return True
        await asyncio.sleep(0.01)
    return False


def test_sigterm_ends_the_process_at_once(tmp_path: Path, simulator: Simulator):
    bundle = write_bundle(tmp_path / "bundle", simulator.url)
    with serving(bundle, tmp_path / "home") as process:
        assert process.end() in (0, -signal.SIGTERM)
        assert "Traceback" not in process.log
