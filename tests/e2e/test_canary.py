"""A canary over real sockets: its share of the conversations, and what takes it away again."""

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner

from freehold.app.trials import trial_service
from freehold.cli.main import main
from freehold.services.canary_trials import Report
from freehold.testing import Simulator
from tests.e2e.served import Served, ledger, make_key, serving
from tests.e2e.trying import Asking, asking, until, write

HALF = "canary: {model: new, stages: [0.5, 0.8, 1]}"


@pytest.fixture
def upstream():
    with Simulator(behaviour="echo") as running:
        yield running


def run(home: Path, *arguments: str) -> str:
    result = CliRunner().invoke(main, ["route", "canary", *arguments, "--home", str(home)])
    assert result.exit_code == 0, result.output
    return result.stdout


def report(home: Path) -> Report:
    with trial_service(home) as (canaries, _):
        (found,) = canaries.reports()
        return found


async def models(ask: Asking, names: list[str], text: str = "Hello") -> list[str]:
    found = []
    for name in names:
        status, body, _ = await ask(text, name)
        assert status == 200, body
        found.append("new" if body["model"] == "simulated-small" else "old")
    return found


def events(home: Path, kind: str) -> list[dict]:
    return [body for body in ledger(home) if body.get("kind") == kind]


async def test_shares_stickiness_and_who_moves_it(tmp_path: Path, upstream: Simulator):
    home, folder = tmp_path / "home", write(tmp_path / "bundle", upstream.url, HALF)
    key = make_key(folder, home)
    names = [f"talk-{number}" for number in range(40)]
    with Served(folder, home) as served:
        async with asking(served.url, key) as ask:
            first = await models(ask, names)
            assert 8 <= first.count("new") <= 32
            assert await models(ask, names, "And now?") == first
            told = json.loads(run(home, "status", "--json"))[0]
            assert (told["state"], told["stage"], told["share"]) == ("running", 0, 0.5)

            run(home, "promote", "main", "--reason", "looks well")
            larger = await until_moved(ask, names, first)
            assert larger.count("new") > first.count("new")
            kept = [b for a, b in zip(first, larger, strict=True) if a == "new"]
            assert set(kept) == {"new"}, "who has it keeps it"

            run(home, "rollback", "main", "--reason", "a complaint")
            assert set(await until_moved(ask, names, larger)) == {"old"}
            refused = CliRunner().invoke(
                main, ["route", "canary", "rollback", "main", "--home", str(home)]
            )
            assert (refused.exit_code, "already" in refused.stderr) == (1, True)
            run(home, "promote", "main", "--all")
            assert set(await until_moved(ask, names, ["old"] * 40)) == {"new"}
    (advanced,), (back,) = events(home, "canary.advanced"), events(home, "canary.rolled_back")
    assert advanced["details"]["reason"] == "looks well"
    assert back["actor"].startswith("terminal:")
    assert back["details"]["before"] == {"share": 800_000, "state": "running"}
    assert len(events(home, "canary.promoted")) == 1
    opened = [b["opened"] for b in ledger(home) if "opened" in b]
    for entry in opened:
        assert sum(c["propensity"] for c in entry["candidates"]) == 1_000_000
        winner = [c["model"] for c in entry["candidates"] if not c["lost"]]
        assert winner == [entry["calls"][0]["model"]]
    halves = [c["propensity"] for e in opened[:40] for c in e["candidates"]]
    assert set(halves) == {500_000}


async def until_moved(ask: Asking, names: list[str], before: list[str]) -> list[str]:
    """Who answers, once that has changed: within a second, by the store's writer."""
    for _ in range(100):
        now = await models(ask, names)
        if now != before and now == await models(ask, names):
            return now
        await asyncio.sleep(0.05)
    raise AssertionError("nothing has changed")


async def test_a_canary_that_fails_is_rolled_back_by_itself_and_nobody_notices(
    tmp_path: Path, upstream: Simulator
):
    home, folder = tmp_path / "home", write(tmp_path / "bundle", upstream.url, HALF)
    key = make_key(folder, home)
    upstream.control_now(models={"simulated-small": {"error_rate": 0.5, "errors": ["500"]}})
    with Served(folder, home) as served:
        async with asking(served.url, key) as ask:
            for number in range(600):
                status, _, _ = await ask("Hello", f"talk-{number}")
                assert status == 200, "another model takes over"
                if number % 50 == 49 and events(home, "canary.rolled_back"):
                    break
            (event,) = await until(lambda: events(home, "canary.rolled_back"), bool)
            assert set(await until_moved_to_old(ask)) == {"old"}
    assert event["actor"] == "freehold"
    assert event["details"]["reason"].startswith("errors:")
    standing = report(home).standing
    assert (standing.state, standing.by) == ("rolled_back", "freehold")


async def until_moved_to_old(ask: Asking) -> list[str]:
    names = [f"later-{number}" for number in range(20)]
    found: list[str] = []
    for _ in range(100):
        found = await models(ask, names)
        if set(found) == {"old"}:
            break
        await asyncio.sleep(0.05)
    return found


async def test_hard_filters_come_first(tmp_path: Path, upstream: Simulator):
    all_of_it = "canary: {model: new, stages: [0.99, 1]}"
    home, folder = tmp_path / "home", write(tmp_path / "bundle", upstream.url, all_of_it)
    key = make_key(folder, home)
    names = [f"talk-{number}" for number in range(20)]
    with Served(folder, home) as served:
        async with asking(served.url, key) as ask:
            assert "new" in await models(ask, names)
            upstream.control_now(reset_stats=True)
            assert set(await models(ask, names, "What is my salary?")) == {"old"}
            assert "simulated-small" not in upstream.stats_now()["models"]
            status, body, _ = await ask_for(served.url, key, "old")
            assert (status, body["model"]) == (200, "simulated-frontier"), "the client named it"
    barred = [
        candidate
        for body in ledger(home)
        if "opened" in body
        for candidate in body["opened"]["candidates"]
        if candidate["filtered"]
    ]
    assert {(c["model"], c["lost"], c["propensity"]) for c in barred} == {
        ("new", "not cleared for hr", 0)
    }


async def ask_for(url: str, key: str, model: str) -> tuple[int, dict, str]:
    headers = {"authorization": f"Bearer {key}"}
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.post(f"{url}/v1/chat/completions", json=body) as reply,
    ):
        return reply.status, await reply.json(), ""


async def test_where_it_stands_outlives_a_kill(tmp_path: Path, upstream: Simulator):
    home, folder = tmp_path / "home", write(tmp_path / "bundle", upstream.url, HALF)
    key = make_key(folder, home)
    names = [f"talk-{number}" for number in range(30)]
    with serving(folder, home) as process:
        async with asking(process.url, key) as ask:
            first = await models(ask, names)
            assert set(first) == {"old", "new"}
        run(home, "rollback", "main")
        process.kill()
    with serving(folder, home) as process:
        async with asking(process.url, key) as ask:
            assert set(await models(ask, names)) == {"old"}


def test_no_canary_and_no_home(tmp_path: Path, upstream: Simulator):
    told = CliRunner().invoke(main, ["route", "canary", "status", "--home", str(tmp_path / "no")])
    assert told.exit_code == 1
    home, folder = tmp_path / "home", write(tmp_path / "bundle", upstream.url, "max_attempts: 2")
    make_key(folder, home)
    with Served(folder, home):
        pass
    told = CliRunner().invoke(main, ["route", "canary", "promote", "main", "--home", str(home)])
    assert (told.exit_code, "no canary on route main" in told.stderr) == (1, True)
    assert (
        "No route"
        in CliRunner().invoke(main, ["route", "canary", "status", "--home", str(home)]).stderr
    )
    assert not (tmp_path / "no").exists(), "whoever looks makes no home"
