"""A shadow over real sockets: asked after the answer left, governed, paid for, and never heard."""

import asyncio
import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from urllib.request import urlopen

import pytest
from click.testing import CliRunner

from freehold.cli.main import main
from freehold.stages.admit import Shedder
from freehold.storage.engine import DATABASE_FILE
from freehold.testing import Simulator
from tests.e2e.served import Served, ledger, make_key, serving
from tests.e2e.trying import asking, compared, until, write

ALWAYS = "shadow: {model: new, share: 1, money_per_day: 1}"
MAIL = "Write to jane.doe@example.com, please"


@pytest.fixture
def upstream():
    with Simulator(behaviour="echo") as running:
        yield running


def asked(upstream: Simulator, model: str) -> list[str]:
    """What a model of the simulator was sent, as text."""
    received = upstream.stats_now(last=100)["received"]
    return [json.dumps(one) for one in received if one["body"].get("model") == model]


def events(home: Path, kind: str) -> list[dict]:
    return [body for body in ledger(home) if body.get("kind") == kind]


async def test_it_gets_the_request_as_it_may_see_it_and_nobody_gets_its_answer(
    tmp_path: Path, upstream: Simulator
):
    home, folder = tmp_path / "home", write(tmp_path / "bundle", upstream.url, ALWAYS)
    key = make_key(folder, home)
    upstream.control_now(models={"simulated-small": {"answers": ["I am the shadow."]}})
    with Served(folder, home) as served:
        async with asking(served.url, key) as ask:
            status, body, trace = await ask(MAIL)
            assert status == 200
            streamed = (await ask("Say it again", stream=True))[1]["text"]
            rows = await compared(home, 2)
        spent = {row[0]: row for row in _spend(served)}
    assert "shadow" not in json.dumps(body) + streamed
    assert any("jane.doe@example.com" in sent for sent in asked(upstream, "simulated-frontier"))
    shadowed = asked(upstream, "simulated-small")
    assert len(shadowed) == 2
    assert not any("jane.doe" in sent for sent in shadowed), "it is not cleared for pii"
    row = next(row for row in rows if row.exchange_id == trace)
    assert (row.model, row.before, row.outcome, row.redacted) == ("new", "old", "allowed", 1)
    assert row.words is not None
    assert row.words < 1_000_000
    assert row.cost_nano > 0 < row.before_nano
    assert spent["shadow:main/new"][2] == sum(one.cost_nano for one in rows)
    (first, _) = events(home, "shadow.asked")
    assert (first["subject"], first["actor"], first["tenant"]) == (trace, "freehold", "main")
    (answered, _) = events(home, "shadow.answered")
    assert answered["details"]["role"] == "shadow"
    assert "I am the shadow" not in json.dumps(ledger(home))
    closed = next(b for b in ledger(home) if b.get("exchange") == trace and "closed" in b)
    assert [call["model"] for call in closed["closed"]["calls"]] == ["old"]
    told = CliRunner().invoke(main, ["route", "shadow", "--json", "--home", str(home)])
    (summed,) = json.loads(told.stdout)
    assert (summed["route"], summed["model"], summed["outcomes"]) == ("main", "new", {"allowed": 2})
    assert (
        "alike in words"
        in CliRunner().invoke(main, ["route", "shadow", "--home", str(home)]).stdout
    )


def _spend(served: Served) -> list[tuple[str, int, int]]:
    limiter = served.gateway.journey.admit._limiter
    return [("shadow:main/new", 0, limiter.used("shadow:main/new")[2])]


async def test_who_is_not_cleared_is_never_asked(tmp_path: Path, upstream: Simulator):
    home, folder = tmp_path / "home", write(tmp_path / "bundle", upstream.url, ALWAYS)
    key = make_key(folder, home)
    with Served(folder, home) as served:
        async with asking(served.url, key) as ask:
            assert (await ask("What is my salary?"))[0] == 200
            (row,) = await compared(home)
    assert (row.outcome, row.why) == ("barred", "not cleared for hr")
    assert asked(upstream, "simulated-small") == []
    assert events(home, "shadow.asked") == []
    assert len(events(home, "shadow.decided")) == 1


async def test_only_the_decision(tmp_path: Path, upstream: Simulator):
    trial = "shadow: {model: new, share: 1, decision_only: true}"
    home, folder = tmp_path / "home", write(tmp_path / "bundle", upstream.url, trial)
    key = make_key(folder, home)
    with Served(folder, home) as served:
        async with asking(served.url, key) as ask:
            await ask("Hello")
            (row,) = await compared(home)
    assert (row.outcome, row.cost_nano) == ("could", 0)
    assert row.why == "old first: less preferred", "a written order never chooses a newcomer"
    assert asked(upstream, "simulated-small") == []


async def test_a_shadow_that_hangs_delays_nobody_and_no_shutdown(
    tmp_path: Path, upstream: Simulator
):
    home, folder = tmp_path / "home", write(tmp_path / "bundle", upstream.url, ALWAYS)
    key = make_key(folder, home)
    hanging = {"error_rate": 1.0, "errors": ["timeout"], "timeout_s": 600}
    upstream.control_now(models={"simulated-small": hanging})
    with Served(folder, home) as served:
        async with asking(served.url, key) as ask:
            for number in range(100):  # more than may be asked or wait at once
                assert (await ask(f"Question {number}"))[0] == 200
            await until(lambda: events(home, "shadow.asked"), lambda found: len(found) >= 8)
        assert len(events(home, "shadow.asked")) == 8, "no more at once"
        tasks = await asyncio.to_thread(served.tasks)
        assert tasks < 60
        began = time.monotonic()
    assert time.monotonic() - began < 60, "it hangs for ten minutes"
    rows = await compared(home, 8)
    assert {(row.outcome, row.why) for row in rows} == {("error", "the gateway was stopped")}


async def test_errors_money_and_rules(tmp_path: Path, upstream: Simulator):
    home, folder = tmp_path / "home", write(tmp_path / "bundle", upstream.url, ALWAYS)
    key = make_key(folder, home)
    discount = "You get 30 % off today."
    seen: dict[str, str] = {}
    with Served(folder, home) as served:
        async with asking(served.url, key) as ask:
            for behaviour, outcome in (
                ({"next": ["500"]}, "error"),
                ({"answers": [discount]}, "held"),
                ({"answers": ["Well, darn."]}, "denied"),
            ):
                upstream.control_now(models={"simulated-small": behaviour})
                status, body, trace = await ask("Hello there")
                assert (status, "darn" in json.dumps(body)) == (200, False)
                rows = await compared(home, len(seen) + 1)
                seen[trace] = next(row for row in rows if row.exchange_id == trace).outcome
                assert seen[trace] == outcome
    assert [r.why for r in rows if r.outcome == "held"] == ["big-discount"]
    assert [r.rules for r in rows if r.outcome == "denied"] == [("no-swearing",)]
    with closing(sqlite3.connect(home / DATABASE_FILE)) as store:
        (waiting,) = store.execute("select count(*) from holds").fetchone()
    assert waiting == 0, "what nobody gets waits for nobody"


async def test_its_own_money_is_all_it_gets(tmp_path: Path, upstream: Simulator):
    trial = "shadow: {model: new, share: 1, money_per_day: 0.00044}"
    home, folder = tmp_path / "home", write(tmp_path / "bundle", upstream.url, trial)
    key = make_key(folder, home)
    with Served(folder, home) as served:
        async with asking(served.url, key) as ask:
            for number in range(12):
                assert (await ask(f"Tell me about number {number}"))[0] == 200
                rows = await compared(home, number + 1)
        used = _spend(served)[0][2]
    outcomes = [row.outcome for row in rows]
    assert "no money" in outcomes
    assert used == sum(row.cost_nano for row in rows) <= 440_000
    assert len(asked(upstream, "simulated-small")) == outcomes.count("allowed")


async def test_killed_while_a_shadow_is_asked(tmp_path: Path, upstream: Simulator):
    home, folder = tmp_path / "home", write(tmp_path / "bundle", upstream.url, ALWAYS)
    key = make_key(folder, home)
    hanging = {"error_rate": 1.0, "errors": ["timeout"], "timeout_s": 600}
    upstream.control_now(models={"simulated-small": hanging})
    with serving(folder, home) as process:
        async with asking(process.url, key) as ask:
            assert (await ask("Hello"))[0] == 200
        await until(lambda: events(home, "shadow.asked"), bool)
        process.kill()
    assert len(events(home, "shadow.asked")) == 1, "what went to a model is in the ledger"
    assert events(home, "shadow.answered") == []
    upstream.control_now(models={"simulated-small": {"error_rate": 0.0}})
    with serving(folder, home) as process:
        async with asking(process.url, key) as ask:
            assert (await ask("Hello again"))[0] == 200
        (row,) = await compared(home)
    assert row.outcome == "allowed"


GUARD = """
models:
  judge: {base_url: "URL/v1", upstream_model: simulated-guard, simulated: true, retries: 0,
    clearances: [pii], price: {input: 1, output: 1}}
detectors:
  guard.safety:
    guard: {model: judge, style: llama-guard, deadline_ms: 20000}
    mode: observe
    phases: [answer]
"""


async def test_a_guard_that_judges_its_answer_is_paid_from_its_money(
    tmp_path: Path, upstream: Simulator
):
    home, folder = tmp_path / "home", write(tmp_path / "bundle", upstream.url, ALWAYS)
    (folder / "guard.yaml").write_text(GUARD.replace("URL", upstream.url))
    key = make_key(folder, home)
    upstream.control_now(models={"simulated-small": {"answers": ["Something else."]}})
    with Served(folder, home) as served:
        async with asking(served.url, key) as ask:
            assert (await ask("Hello"))[0] == 200
            (row,) = await compared(home)
        used = _spend(served)[0][2]
    assert len(asked(upstream, "simulated-guard")) == 2
    assert used == row.cost_nano


async def test_it_stands_back_while_requests_are_refused(
    tmp_path: Path, upstream: Simulator, monkeypatch: pytest.MonkeyPatch
):
    home, folder = tmp_path / "home", write(tmp_path / "bundle", upstream.url, ALWAYS)
    key = make_key(folder, home)
    with Served(folder, home) as served:
        async with asking(served.url, key) as ask:
            with monkeypatch.context() as busy:
                busy.setattr(Shedder, "pressed", True)
                assert (await ask("Hello"))[0] == 200
                told = await until(
                    lambda: urlopen(f"{served.url}/metrics", timeout=60).read().decode(),
                    lambda page: 'dropped_total{reason="load"} 1' in page,
                )
            assert 'freehold_shadows_dropped_total{reason="load"} 1' in told
            assert (await ask("Hello again"))[0] == 200
            rows = await compared(home)
    assert len(rows) == len(asked(upstream, "simulated-small")) == 1
