"""A person is erased while a gateway runs, and while it is killed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner

from freehold.app.terminal import content_service
from freehold.cli.main import main
from freehold.testing import Simulator
from tests.e2e.served import Served, ledger, make_key, serving, write_bundle

EMAIL = "jane.roe@harbor-mail.com"
HEADERS = frozenset({"subject"})


def run(*arguments: str) -> Any:
    return CliRunner().invoke(main, list(arguments))


async def ask(session: aiohttp.ClientSession, url: str, who: str, text: str) -> str:
    """One question of somebody whom a trusted header names; the id of the exchange."""
    async with session.post(
        f"{url}/v1/chat/completions",
        json={"messages": [{"role": "user", "content": text}]},
        headers={"x-freehold-subject": who} if who else {},
    ) as reply:
        assert reply.status == 200, await reply.text()
        await reply.read()
        return reply.headers["x-freehold-trace-id"]


def shown(home: Path, exchange_id: str, *more: str) -> dict[str, Any]:
    said = run("explain", exchange_id, "--content", "--json", "--home", str(home), *more)
    assert said.exit_code == 0, said.output
    return dict(json.loads(said.stdout))


@pytest.mark.parametrize("content", ["redacted", "full"])
async def test_from_asking_to_erasing(tmp_path: Path, content: str):
    home = tmp_path / "home"
    async with Simulator(behaviour="echo") as simulator:
        bundle = write_bundle(tmp_path / "bundle", simulator.url, settings=f"content: {content}")
        key = make_key(bundle, home, app="talk", trusted_headers=HEADERS)
        headers = {"authorization": f"Bearer {key}"}
        with Served(bundle, home) as served:
            async with aiohttp.ClientSession(headers=headers) as session:
                first = await ask(session, served.url, "jane", f"Hello, I am {EMAIL}")
                again = await ask(session, served.url, "jane", f"Still {EMAIL}")
                other = await ask(session, served.url, "otto", "Hello, I am otto@harbor-mail.com")
                told = shown(home, first)["content"]
                assert told["state"] == "open"
                in_clear = EMAIL in told["input"][0]["content"]
                assert in_clear is (content == "full")
                assert shown(home, first, "--unmask")["content"]["input"][0]["content"] == (
                    f"Hello, I am {EMAIL}"
                )
                said = run("explain", first, "--home", str(home)).stdout
                assert "jane.roe" not in said, "texts are shown to who asks for them"
                dry = run("erase", "--tenant", "main", "--subject", "jane", "--dry-run",
                          "--home", str(home), "--json")  # fmt: skip
                assert json.loads(dry.stdout)["exchanges"] == 2
                assert shown(home, first)["content"]["state"] == "open"
                done = run("erase", "--tenant", "main", "--subject", "jane", "--yes", "--home",
                           str(home))  # fmt: skip
                assert done.exit_code == 0, done.output
                assert "simulated-" in done.output
                for gone in (first, again):
                    told = shown(home, gone)["content"]
                    assert (told["state"], told["input"]) == ("erased", None)
                text = run("explain", first, "--content", "--home", str(home)).stdout
                assert "erased on 20" in text
                assert shown(home, other)["content"]["state"] == "open"
                await asyncio.sleep(1.5)
                back = await ask(session, served.url, "jane", "It is me again")
                assert shown(home, back)["content"]["state"] == "open", "with a new key"
    kinds = [b["kind"] for b in ledger(home) if b.get("type") == "event"]
    assert kinds.count("erased") == 1
    assert kinds.count("content.read") >= 5


def test_the_command_asks_before_it_erases(tmp_path: Path):
    common = ("erase", "--tenant", "main", "--home", str(tmp_path))
    assert run(*common).exit_code == 2
    assert run(*common, "--subject", "a", "--conversation", "b", "--yes").exit_code == 2
    assert "no way back" in run(*common, "--subject", "a").output
    assert run(*common, "--conversation", "b", "--issuer", "c", "--yes").exit_code == 2
    assert run(*common, "--subject", "a", "--yes").exit_code == 1, "no home"


async def test_requests_under_way_and_an_erasure(tmp_path: Path):
    """Whatever is written while it happens is erased, or under a new key; nothing in between."""
    home = tmp_path / "home"
    async with Simulator(behaviour="echo") as simulator:
        bundle = write_bundle(tmp_path / "bundle", simulator.url, settings="content: full")
        key = make_key(bundle, home, app="talk", trusted_headers=HEADERS)
        headers = {"authorization": f"Bearer {key}"}
        asked: list[tuple[float, str]] = []
        with Served(bundle, home) as served:
            async with aiohttp.ClientSession(headers=headers) as session:
                ended = asyncio.Event()

                async def keep_asking() -> None:
                    while not ended.is_set():
                        began = time.monotonic()
                        exchange = await ask(session, served.url, "jane", "Where is it?")
                        asked.append((began, exchange))

                async with asyncio.TaskGroup() as group:
                    for _ in range(8):
                        group.create_task(keep_asking())
                    await asyncio.sleep(0.6)
                    began = time.monotonic()
                    done = await asyncio.to_thread(
                        run, "erase", "--tenant", "main", "--subject", "jane", "--yes",
                        "--home", str(home), "--json",
                    )  # fmt: skip
                    finished = time.monotonic()
                    while not any(at > finished + 2 for at, _ in asked):
                        await asyncio.sleep(0.1)
                    ended.set()
        assert done.exit_code == 0, done.output
    with content_service(home) as (records, contents):
        edge = [pair for pair in asked if began - 0.6 < pair[0] < finished + 0.6]
        asked = sorted({*asked[::10], *edge[::3]})
        states = {exchange: contents.read(records.find(exchange)).state for _, exchange in asked}
    before = {states[exchange] for at, exchange in asked if at < began - 0.5}
    later = {states[exchange] for at, exchange in asked if at > finished + 2}
    assert before == {"erased"}
    assert later == {"open"}
    assert set(states.values()) == {"erased", "open"}


async def test_kill_9_loses_no_key_that_a_record_needs(tmp_path: Path):
    home = tmp_path / "home"
    async with Simulator(behaviour="echo") as simulator:
        bundle = write_bundle(tmp_path / "bundle", simulator.url, settings="content: full")
        key = make_key(bundle, home, app="talk", trusted_headers=HEADERS)
        headers = {"authorization": f"Bearer {key}"}
        total = 0
        for turn in range(3):
            with serving(bundle, home) as process:
                async with aiohttp.ClientSession(headers=headers) as session:

                    async def keep_asking(name: str, session: Any, url: str) -> None:
                        try:
                            for count in range(10_000):
                                await ask(session, url, f"{name}-{count}", "Where is it?")
                        except (aiohttp.ClientError, ConnectionError):
                            return

                    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
                        for number in range(8):
                            name = f"person-{turn}-{number}"
                            group.create_task(keep_asking(name, session, process.url))
                        await asyncio.sleep(0.7 + 0.13 * turn)
                        await asyncio.to_thread(process.kill)
            with content_service(home) as (records, contents):
                rows = records.recent(limit=10_000)
                states = []
                for row in [*rows[:60], *rows[60::25]]:
                    record = records.find(row.exchange_id)
                    if "missing" in record.opened["content"]:
                        continue  # a slow disk makes keys slower than new people come
                    states.append(contents.read(record).state)
                assert set(states) == {"open"}, "every sealed text can be read"
                assert len(rows) > total
                total = len(rows)
                last = rows[0].principal
        # the very last ones, of which the vault may not know whose they are, can be erased
        done = run("erase", "--tenant", "main", "--subject", str(last), "--yes", "--json",
                   "--home", str(home))  # fmt: skip
        assert json.loads(done.stdout)["keys"] == 1
        assert shown(home, rows[0].exchange_id)["content"]["state"] == "erased"


@pytest.mark.skipif(os.name != "posix", reason="signals")
async def test_an_erasure_that_is_killed_is_ended_by_the_next(tmp_path: Path):
    home = tmp_path / "home"
    async with Simulator(behaviour="echo") as simulator:
        bundle = write_bundle(tmp_path / "bundle", simulator.url, settings="content: full")
        key = make_key(bundle, home, app="talk", trusted_headers=HEADERS)
        with Served(bundle, home) as served:
            headers = {"authorization": f"Bearer {key}"}
            async with aiohttp.ClientSession(headers=headers) as session:
                mine = [await ask(session, served.url, "jane", f"No. {n}") for n in range(5)]
    command = [sys.executable, "-m", "freehold", "erase", "--tenant", "main", "--subject", "jane",
               "--yes", "--home", str(home)]  # fmt: skip
    for delay in (0.25, 0.5, 0.7, 0.9):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            await asyncio.to_thread(process.wait, delay)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        states = {shown(home, exchange)["content"]["state"] for exchange in mine}
        assert states in ({"open"}, {"erased"}), "all of them or none"
    done = run(*command[3:])
    assert done.exit_code == 0, done.output
    assert {shown(home, exchange)["content"]["state"] for exchange in mine} == {"erased"}


async def test_texts_whose_time_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    home = tmp_path / "home"
    settings = "content: full, retention_days: 1"
    async with Simulator(behaviour="echo") as simulator:
        bundle = write_bundle(tmp_path / "bundle", simulator.url, settings=settings)
        key = make_key(bundle, home, app="talk")
        with Served(bundle, home) as served:
            async with aiohttp.ClientSession(headers={"authorization": f"Bearer {key}"}) as session:
                exchange = await ask(session, served.url, "", "Hello")
    said = run("retention", "--dry-run", "--json", "--home", str(home))
    assert json.loads(said.stdout) == {"keys": 0, "held": 0, "dry_run": True}
    real = time.time_ns
    monkeypatch.setattr("freehold.core.clock.time.time_ns", lambda: real() + 2 * 86_400 * 10**9)
    assert json.loads(run("retention", "--json", "--home", str(home)).stdout)["keys"] == 1
    assert "0 keys" in run("retention", "--home", str(home)).output
    assert shown(home, exchange)["content"]["state"] == "expired"
    kinds = [b["kind"] for b in ledger(home) if b.get("type") == "event"]
    assert kinds.count("content.expired") == 1


async def test_without_keys_the_record_stands_or_the_request_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for sealing in ("normal", "strict"):
        home = tmp_path / sealing
        settings = f"content: full, sealing: {sealing}"
        async with Simulator(behaviour="echo") as simulator:
            bundle = write_bundle(home / "bundle", simulator.url, settings=settings)
            key = make_key(bundle, home, app="talk")
            with Served(bundle, home) as served, monkeypatch.context() as broken:
                keys = served.gateway._make_journey.store.subjects
                broken.setattr(keys, "refresh", lambda: None)
                # none at hand, even if the gateway is still laying in the rest of them
                broken.setattr(keys, "_stock", deque(maxlen=0))
                async with aiohttp.ClientSession(
                    headers={"authorization": f"Bearer {key}"}
                ) as session:
                    reply = await session.post(
                        f"{served.url}/v1/chat/completions",
                        json={"messages": [{"role": "user", "content": "Hello"}]},
                    )
                    text = await reply.text()
                    exchange = reply.headers["x-freehold-trace-id"]
        assert reply.status == (200 if sealing == "normal" else 503), text
        told = shown(home, exchange)["content"]
        assert (told["state"], told["input"]) == ("none", None)
        record = run("audit", "show", exchange, "--home", str(home)).stdout
        assert "no subject key is at hand" in record
        assert "Hello" not in record


async def test_the_vault_may_lie_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    home, elsewhere = tmp_path / "home", tmp_path / "apart" / "vault.db"
    monkeypatch.setenv("FREEHOLD_KEYS_URL", f"sqlite:///{elsewhere}")
    async with Simulator(behaviour="echo") as simulator:
        bundle = write_bundle(tmp_path / "bundle", simulator.url, settings="content: full")
        key = make_key(bundle, home, app="talk")
        with Served(bundle, home) as served:
            headers = {"authorization": f"Bearer {key}"}
            async with aiohttp.ClientSession(headers=headers) as session:
                exchange = await ask(session, served.url, "", "Hello, my name is Jane.")
    assert elsewhere.exists()
    assert not (home / "keys" / "subjects.db").exists()
    told = shown(home, exchange)["content"]
    assert told["input"][0]["content"] == "Hello, my name is Jane."
    record = json.loads(run("audit", "show", exchange, "--home", str(home)).stdout)
    conversation = record[0]["body"]["opened"]["request"]["conversation"]
    erase = ("erase", "--tenant", "main", "--yes", "--json", "--home", str(home))
    assert run(*erase, "--conversation", "0" * 32).exit_code == 1
    done = run(*erase, "--conversation", conversation)
    assert json.loads(done.stdout)["keys"] == 1
    assert shown(home, exchange)["content"]["state"] == "erased"
    monkeypatch.delenv("FREEHOLD_KEYS_URL")
    assert shown(home, exchange)["content"]["state"] == "lost", "another vault has no such key"
