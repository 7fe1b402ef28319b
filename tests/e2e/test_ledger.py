"""The ledger of a gateway that runs, is killed and goes on, while its key is changed."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp

from freehold.app.ledger_keys import rotate_ledger_key
from freehold.ledger.checkpointer import KEY_ADOPTED
from freehold.ledger.envelope import around
from freehold.ledger.files import writers
from freehold.ledger.reading import read_all
from freehold.ledger.signing import LedgerKeys
from freehold.ledger.verifying import verify
from freehold.testing import Simulator
from tests.e2e.served import make_key, serving, write_bundle
from tests.ledger import log_checks as logs


async def ask(url: str, key: str) -> None:
    body = {"messages": [{"role": "user", "content": "Where is it?"}]}
    headers = {"authorization": f"Bearer {key}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{url}/v1/chat/completions", json=body) as reply,
    ):
        assert reply.status == 200
        await reply.json()


async def adopted(home: Path, count: int) -> list[dict[str, Any]]:
    """The events of so many logs that go over to a key; waits for them."""
    async with asyncio.timeout(60):
        while len(found := logs.events(home, KEY_ADOPTED)) < count:
            await asyncio.sleep(0.05)
    return found


async def test_a_gateway_is_killed_and_its_key_is_changed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    async with Simulator(models={"simulated-frontier": {}}) as simulator:
        bundle = write_bundle(tmp_path / "bundle", simulator.url)
        key = make_key(bundle, home)
        first = LedgerKeys(home).history()[0]
        with serving(bundle, home) as process:
            await ask(process.url, key)
            await asyncio.to_thread(rotate_ledger_key, home, "me", "a test", lost=False)
            # the command's own log, and the gateway's
            told = await adopted(home, 2)
            assert len({event["subject"] for event in told}) == 2
            await ask(process.url, key)
            await asyncio.to_thread(process.kill)
        with serving(bundle, home) as process:
            await ask(process.url, key)
    for entry in read_all(home):
        said = around(entry.line)
        body = entry.envelope()["body"]
        assert said is not None
        assert (said.tenant, said.type) == (body.get("tenant", ""), body["type"])
    assert logs.events(home, "ledger.rolled_back") == []
    assert sum(logs.check(home, writer) for writer in writers(home)) == len(list(read_all(home)))
    report = verify(home, keys=[first.fingerprint])
    assert report.ok, report
