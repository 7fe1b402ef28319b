"""PostgreSQL goes away and comes back: nothing is lost, nothing is counted twice, little stops."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import sqlalchemy as sa

from freehold.core.limits import Limits
from freehold.storage.engine import connect
from freehold.testing import Simulator
from tests.e2e.proxy import Proxy
from tests.e2e.served import PATIENCE_S, ledger, make_key, outcomes, serving, write_bundle
from tests.storage.schemas import own_schema

NANO = 1_000_000_000


@pytest.fixture
def direct_url(postgres_url: str) -> Iterator[str]:
    """A schema of the test's own, reached without the proxy."""
    with own_schema(postgres_url) as url:
        yield url


class Client:
    """Asks, and remembers what came of it."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url
        self.answered: set[str] = set()

    async def ask(self, key: str, text: str) -> tuple[int, dict[str, Any]]:
        body: Any = {"messages": [{"role": "user", "content": text}], "max_tokens": 60}
        headers = {"authorization": f"Bearer {key}"}
        address = f"{self._url}/v1/chat/completions"
        async with self._session.post(address, json=body, headers=headers) as reply:
            said = await reply.json()
            if reply.status == 200:
                self.answered.add(reply.headers["x-freehold-trace-id"])
            return reply.status, said

    async def many(self, key: str, count: int, side_by_side: int = 8) -> list[int]:
        gate = asyncio.Semaphore(side_by_side)

        async def one(number: int) -> int:
            async with gate:
                return (await self.ask(key, f"Question {number}"))[0]

        return await asyncio.gather(*(one(number) for number in range(count)))


async def until(happened: Any, what: str) -> None:
    """Wait for an event, and not for a time."""
    end = time.monotonic() + 3 * PATIENCE_S
    while not await happened():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.1)


def used(url: str) -> tuple[int, int]:
    """Requests and money of the app, as the store has them in total."""
    database = connect(url)
    query = sa.text("select requests, nano from spending where scope = :app and period = 'total'")
    try:
        with database.read() as connection:
            row = connection.execute(query, {"app": "app:main/app"}).first()
    finally:
        database.close()
    return (0, 0) if row is None else (row[0], row[1])


def closed(url: str) -> set[str]:
    """Exchanges that the index knows the end of."""
    database = connect(url)
    try:
        with database.read() as connection:
            query = sa.text("select exchange_id from exchanges where outcome is not null")
            return set(connection.execute(query).scalars())
    finally:
        database.close()


async def test_away_and_back(
    tmp_path: Path, direct_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("FREEHOLD_DATABASE_URL", direct_url)
    direct = sa.make_url(direct_url)
    with (
        Simulator(behaviour="echo") as simulator,
        Proxy(direct.host or "127.0.0.1", direct.port or 5432) as proxy,
    ):
        folder = write_bundle(tmp_path / "bundle", simulator.url)
        key = make_key(folder, home)
        few = make_key(folder, home, limits=Limits(nano_per_day=1), app="talk")
        through = direct.set(host="127.0.0.1", port=proxy.port)
        environment = {"FREEHOLD_DATABASE_URL": through.render_as_string(hide_password=False)}
        with serving(folder, home, environment=environment, index=True) as process:
            async with aiohttp.ClientSession() as session:
                client = Client(session, process.url)
                assert set(await client.many(key, 30)) == {200}
                proxy.cut()
                asked = await client.many(key, 60)
                assert await asyncio.to_thread(proxy.wait_for_refusals, 8, 3 * PATIENCE_S)
                asked += await client.many(key, 60)
                assert set(asked) == {200}, "from the snapshot, leases and segments"
                # a ceiling holds all the same
                status, said = await client.ask(few, "Hello")
                assert (status, said["error"]["code"]) == (403, "budget_exhausted"), said
                # an answer that a person must release has no place to wait in
                status, said = await client.ask(key, "We can give you 40 % off.")
                assert (status, said["error"]["code"]) == (503, "storage_unavailable"), said
                # a key that is made meanwhile is known when the store is back
                late = make_key(folder, home)
                assert (await client.ask(late, "Hello"))[0] == 401
                proxy.restore()

                async def late_key_is_known() -> bool:
                    return (await client.ask(late, "Hello"))[0] == 200

                await until(late_key_is_known, "the key that was made meanwhile")
                status, said = await client.ask(key, "We can give you 40 % off.")
                assert status == 200
                assert set(await client.many(key, 20)) == {200}

                async def indexed() -> bool:  # by the gateway's own process, not by asking
                    return client.answered <= await asyncio.to_thread(closed, direct_url)

                await until(indexed, "every answer in the index")
            assert "the store is back" in process.log
            assert "Traceback" not in process.log
        bodies = ledger(home)
        ended = [b["closed"] for b in bodies if "closed" in b and b["app"] == "app"]
        admitted = [c for c in ended if c["cost_nano"] or c["outcome"] != "denied"]
        assert used(direct_url) == (len(admitted), sum(c["cost_nano"] for c in ended)), "once each"
        opened = {b["exchange"] for b in bodies if "opened" in b}
        assert client.answered <= opened
        assert "open" not in outcomes(home).values()
