"""The store may be away: requests go on from what is in memory and in the segments."""

import asyncio
import sqlite3
import time
from pathlib import Path
from typing import Any

import aiohttp

from freehold.testing import Simulator
from tests.e2e.served import Served, ledger, make_key, outcomes, write_bundle


async def test_requests_go_on(tmp_path: Path, simulator: Simulator):
    """Nobody waits for the store but the one whose answer it is to keep."""
    home = tmp_path / "home"
    folder = write_bundle(tmp_path / "bundle", simulator.url)
    key = make_key(folder, home)
    with Served(folder, home) as served:
        headers = {"authorization": f"Bearer {key}"}
        async with aiohttp.ClientSession(headers=headers) as session:

            async def ask(text: str) -> tuple[int, float, str]:
                began = time.monotonic()
                body: Any = {"messages": [{"role": "user", "content": text}]}
                url = f"{served.url}/v1/chat/completions"
                async with session.post(url, json=body) as reply:
                    await reply.read()
                    trace = reply.headers["x-freehold-trace-id"]
                    return reply.status, time.monotonic() - began, trace

            assert (await ask("Hello"))[0] == 200
            store = sqlite3.connect(home / "freehold.db", isolation_level=None)
            store.execute("BEGIN EXCLUSIVE")
            held = asyncio.create_task(ask("We can give you 40 % off."))  # the echo promises it
            await asyncio.sleep(0.1)
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(ask(f"Question {n}")) for n in range(100)]
            asked = [task.result() for task in tasks]
            await asyncio.sleep(0.7)  # the writer's own housekeeping meets the lock as well
            asked.append(await ask("And one more"))
            assert {status for status, _, _ in asked} == {200}
            assert max(took for _, took, _ in asked) < 1.5
            assert not held.done(), "its approval has no place yet"
            store.execute("ROLLBACK")
            store.close()
            status, _, trace = await held
            assert status == 200
    closed = {b["exchange"] for b in ledger(home) if "closed" in b}
    assert {trace for _, _, trace in asked} <= closed
    found = outcomes(home)
    assert found[trace] == "held"
    assert all(found[other] == "allowed" for _, _, other in asked)
