"""A source's label stays with an answer made from it: over turns, a restart, a death."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from click.testing import CliRunner

from freehold.cli.main import main
from freehold.testing import Simulator
from tests.e2e.served import Served, make_key, serving

BUNDLE = """\
freehold: 1
name: labels
labels: {hr: {redactable: false}}
identity: {attributes: {tier: {default: guest}}}
tenants:
  main: {settings: {content: none}}
models:
  open: {base_url: "URL/v1", simulated: true, upstream_model: simulated-frontier, retries: 0}
  safe: {base_url: "URL/v1", simulated: true, upstream_model: simulated-small, retries: 0,
    clearances: [hr]}
routes:
  main: {candidates: [open, safe]}
sources:
  payroll:
    type: sql
    url: "sqlite:///PAY"
    query: SELECT amount FROM pay
    public: true
    labels: [hr]
    when: request.text.contains("salary")
apps:
  app: {tenant: main, purpose: Is tested, route: main, sources: [payroll]}
"""
SAID = "My salary is 91234 dollars, on project Nightjar, is it not"


def written(folder: Path, url: str) -> Path:
    folder.mkdir()
    pay = folder / "pay.db"
    with sqlite3.connect(pay) as connection:
        connection.execute("CREATE TABLE pay (amount INTEGER)")
        connection.execute("INSERT INTO pay VALUES (91234)")
    connection.close()
    text = BUNDLE.replace("URL", url).replace("PAY", str(pay))
    (folder / "bundle.yaml").write_text(text, encoding="utf-8")
    return folder


@asynccontextmanager
async def session(key: str) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"authorization": f"Bearer {key}", "x-freehold-subject": "jane"}
    async with aiohttp.ClientSession(headers=headers) as opened:
        yield opened


async def ask(http: aiohttp.ClientSession, url: str, *turns: str) -> tuple[str, str]:
    """The model that answered, as the record says, and the exchange."""
    roles = ("user", "assistant", "user")
    messages = [{"role": role, "content": text} for role, text in zip(roles, turns, strict=False)]
    async with http.post(f"{url}/v1/chat/completions", json={"messages": messages}) as reply:
        body = await reply.json()
        assert reply.status == 200, body
        return body["model"], reply.headers["x-freehold-trace-id"]


async def test_a_restart_and_a_second_gateway(tmp_path: Path):
    home = tmp_path / "home"
    async with Simulator(behaviour="echo") as simulator:
        bundle = written(tmp_path / "bundle", simulator.url)
        key = make_key(bundle, home, trusted_headers=frozenset({"subject"}))
        async with session(key) as http:
            with Served(bundle, home) as one, Served(bundle, home) as two:
                cleared, first = await ask(http, one.url, SAID)
                plain, _ = await ask(http, one.url, "Hello")
                assert cleared != plain
                assert (await ask(http, one.url, "Hm", SAID, "In French?"))[0] == cleared
                await asyncio.sleep(1.5)
                assert (await ask(http, two.url, "Hm", SAID, "In French?"))[0] == cleared
            with Served(bundle, home) as again:
                model, second = await ask(http, again.url, "Hm", SAID, "In French?")
                assert model == cleared
                assert (await ask(http, again.url, "Hello", "Hello", "Again"))[0] == plain
    run = CliRunner().invoke
    told = run(main, ["explain", second, "--home", str(home)]).stdout
    assert f"message:1 hr, from source payroll, answered in {first}" in told
    erased = run(
        main,
        [
            "erase",
            "--tenant",
            "main",
            "--subject",
            "jane",
            "--dry-run",
            "--json",
            "--home",
            str(home),
        ],
    )
    (reached,) = [b for b in json.loads(erased.stdout)["beyond"] if b["kind"] == "lineage"]
    assert reached["count"] >= 2
    assert "91234" not in erased.stdout
    for file in home.rglob("*.db*"):
        assert b"Nightjar" not in file.read_bytes(), "no text is stored for it"


async def test_killed_right_behind_the_answer(tmp_path: Path):
    home = tmp_path / "home"
    async with Simulator(behaviour="echo") as simulator:
        bundle = written(tmp_path / "bundle", simulator.url)
        key = make_key(bundle, home)
        async with session(key) as http:
            with serving(bundle, home) as process:
                cleared, _ = await ask(http, process.url, SAID)
                await asyncio.sleep(0.2)
                process.kill()
            with serving(bundle, home) as process:
                assert (await ask(http, process.url, "Hm", SAID, "In French?"))[0] == cleared
