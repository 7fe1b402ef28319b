"""Money and tokens under many clients at once: whole answers, streams, hang-ups, failing models."""

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner

from freehold.app.terminal import key_service
from freehold.cli.main import main
from freehold.core.limits import Limits
from freehold.testing import Simulator
from tests.e2e.served import Served, ledger, write_bundle

NANO = 1_000_000_000


def run(*arguments: str) -> Any:
    return CliRunner().invoke(main, list(arguments))


def spent(home: Path, kind: str, name: str) -> dict[str, Any]:
    said = run("spend", "--by", kind, "--json", "--home", str(home))
    assert said.exit_code == 0, said.output
    return dict(next(row for row in json.loads(said.stdout)["used"] if row["name"] == name))


def limited_key(bundle: Path, home: Path, **limits: int) -> tuple[str, str]:
    with key_service(home, bundle) as keys:
        made = keys.create(tenant="main", app="talk", limits=Limits(**limits))
    return made.key_id, made.secret


async def ask(session: aiohttp.ClientSession, url: str, dice: random.Random) -> int:
    """One request, whole or streamed to the end or given up half-way; its status."""
    stream = dice.random() < 0.6
    words = " ".join(dice.choices(["river", "stone", "lamp", "paper"], k=dice.randint(5, 60)))
    body = {"messages": [{"role": "user", "content": words}], "stream": stream, "max_tokens": 80}
    async with session.post(f"{url}/v1/chat/completions", json=body) as reply:
        if stream and reply.status == 200 and dice.random() < 0.4:
            await reply.content.readany()
            reply.close()  # hangs up
        else:
            await reply.read()
        return reply.status


async def test_not_one_cent_passes_and_the_books_agree(tmp_path: Path):
    """The key's money lasts for some of it. What stands in the store is the sum of the records."""
    home = tmp_path / "home"
    money = 4 * NANO // 1_000
    models = {
        "simulated-frontier": {"error_rate": 0.3, "errors": "500|429|drop_stream"},
        "simulated-small": {"tokens_per_s": 2_000},
    }
    async with Simulator(behaviour="echo", models=models) as simulator:
        bundle = write_bundle(tmp_path / "bundle", simulator.url)
        key_id, secret = limited_key(bundle, home, nano_per_day=money)
        with Served(bundle, home) as served:
            headers = {"authorization": f"Bearer {secret}"}
            async with aiohttp.ClientSession(headers=headers) as session:

                async def client(seed: int) -> list[int]:
                    dice = random.Random(seed)
                    return [await ask(session, served.url, dice) for _ in range(15)]

                statuses = await asyncio.gather(*map(client, range(16)))
    came = [status for each in statuses for status in each]
    closed = [entry["closed"] for entry in ledger(home) if entry.get("type") == "closed"]
    cost = sum(entry["cost_nano"] for entry in closed)
    tokens = sum(entry["prompt_tokens"] + entry["completion_tokens"] for entry in closed)
    used = spent(home, "key", key_id)
    assert (used["nano"], used["tokens"]) == (cost, tokens)
    assert used["requests"] == len(came) == 240
    assert used["nano"] <= money
    assert used["fullest"] == "nano_per_day"
    assert came.count(200) > 20
    assert 403 in came, "the money did not last"
    by_model = [spent(home, "model", name) for name in models]
    assert sum(row["nano"] for row in by_model) == cost
    assert sum(row["tokens"] for row in by_model) == tokens
    assert spent(home, "app", "main/talk")["nano"] == cost


async def test_where_one_model_is_too_dear_the_next_one_answers(tmp_path: Path):
    home = tmp_path / "home"
    async with Simulator(behaviour="echo") as simulator:
        bundle = write_bundle(tmp_path / "bundle", simulator.url)
        _, secret = limited_key(bundle, home, nano_per_day=200_000)  # frontier: 10,000 a token
        headers = {"authorization": f"Bearer {secret}"}
        body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 50}
        with Served(bundle, home) as served:
            url = f"{served.url}/v1/chat/completions"
            async with aiohttp.request("POST", url, json=body, headers=headers) as reply:
                said = await reply.json()
                assert reply.status == 200, said
    assert said["model"] == "simulated-small"
    (opened,) = [entry for entry in ledger(home) if "opened" in entry]
    told = json.dumps(opened)
    assert "nano-units a day" in told, "the record says why"


async def test_a_key_gets_other_ceilings_while_the_gateway_runs(tmp_path: Path):
    home = tmp_path / "home"
    async with Simulator(behaviour="echo") as simulator:
        bundle = write_bundle(tmp_path / "bundle", simulator.url)
        key_id, secret = limited_key(bundle, home, requests_per_day=1)
        headers = {"authorization": f"Bearer {secret}"}
        body = {"messages": [{"role": "user", "content": "Hello"}]}
        with Served(bundle, home) as served:
            async with aiohttp.ClientSession(headers=headers) as session:

                async def status() -> tuple[int, str]:
                    url = f"{served.url}/v1/chat/completions"
                    async with session.post(url, json=body) as reply:
                        return reply.status, await reply.text()

                assert (await status())[0] == 200
                refused, said = await status()
                assert refused == 403
                assert "budget_exhausted" in said
                args = ("key", "limit", key_id, "--home", str(home))
                done = run(*args, "--limit", "requests_per_day=2")
                assert done.exit_code == 0, done.output
                async with asyncio.timeout(20):
                    while (await status())[0] != 200:
                        await asyncio.sleep(0.2)
                assert (await status())[0] == 403
                assert run(*args, "--limit", "requests_per_day=none").exit_code == 0
                async with asyncio.timeout(20):
                    while (await status())[0] != 200:
                        await asyncio.sleep(0.2)
    assert run(*args).stderr.endswith("no ceilings.\n")
    kinds = [entry["kind"] for entry in ledger(home) if entry.get("type") == "event"]
    assert kinds.count("key.limited") == 2


@pytest.mark.parametrize(
    "given",
    [
        "money_per_year=5",
        "money_per_day",
        "money_per_day=-1",
        "money_per_day=1e-10",
        "tokens_per_day=many",
    ],
)
def test_a_ceiling_that_makes_no_sense(tmp_path: Path, given: str):
    done = run("key", "limit", "1f0c", "--home", str(tmp_path), "--limit", given)
    assert done.exit_code == 2
    assert given.partition("=")[0] in done.output


def test_nothing_used_yet(tmp_path: Path):
    (tmp_path / "ledger").mkdir()
    assert (
        "Nothing was used this month"
        in run("spend", "--period", "month", "--home", str(tmp_path)).output
    )
    assert run("spend", "--home", str(tmp_path / "nowhere")).exit_code == 1
    assert run("key", "limit", "1f0c", "--home", str(tmp_path)).exit_code == 1
