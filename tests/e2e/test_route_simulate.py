"""From a running gateway's own log to what a changed route would have done with it."""

import json
from pathlib import Path

import aiohttp
from click.testing import CliRunner

from freehold.cli.main import main
from freehold.services.route_log import KEPT_CLIENT, Chosen, chosen
from freehold.testing import Simulator
from tests.e2e.served import Served, make_key

BUNDLE = """\
freehold: 1
name: simulate
metrics: {solved: {type: boolean}}
tenants: {main: {settings: {content: none}}}
models:
  small: {base_url: "URL/v1", simulated: true, upstream_model: simulated-small, retries: 0,
    price: {input: 0.1, output: 0.4}}
  large: {base_url: "URL/v1", simulated: true, upstream_model: simulated-frontier, retries: 0,
    price: {input: 2.5, output: 10}}
routes:
  main:
    candidates: [small, large]
    objective: {policy: learned, explore: 0.5}
apps:
  app: {tenant: main, purpose: Is tested, route: main}
"""
ASKED = 60


async def traffic(url: str, key: str) -> None:
    """Requests, all by small where it may choose, and what came of each."""
    headers = {"authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        for number in range(ASKED):
            body = {"messages": [{"role": "user", "content": f"Question number {number}?"}]}
            if not number:
                body["model"] = "large"
            async with http.post(f"{url}/v1/chat/completions", json=body) as reply:
                assert reply.status == 200, await reply.text()
                trace = reply.headers["x-freehold-trace-id"]
                large = (await reply.json())["model"] == "simulated-frontier"
            told = {"exchange_id": trace, "metric": "solved", "value": large or number % 2 == 0}
            async with http.post(f"{url}/v1/feedback", json=told) as reply:
                assert reply.status == 200, await reply.text()


async def test_from_the_log_to_a_draft(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "bundle"
    folder.mkdir()
    async with Simulator(behaviour="echo") as simulator:
        text = BUNDLE.replace("URL", simulator.url)
        (folder / "bundle.yaml").write_text(text, "utf-8")
        key = make_key(folder, home, scopes=frozenset({"chat", "feedback"}))
        with Served(folder, home) as served:
            await traffic(served.url, key)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(main, ["route", *arguments, "--home", str(home)])
        assert result.exit_code == 0, result.output
        return result.stdout

    lines = [json.loads(line) for line in run("log").splitlines()]
    assert len(lines) == ASKED
    assert [line for line in lines if "Question" in json.dumps(line)] == []
    assert all(sum(arm["propensity"] for arm in line["allowed"]) == 1_000_000 for line in lines)
    assert all("solved" in line["scores"] for line in lines)
    assert lines[0]["kept"] == KEPT_CLIENT

    draft = tmp_path / "draft"
    draft.mkdir()
    static = text.replace("{policy: learned, explore: 0.5}", "{policy: static}")
    (draft / "bundle.yaml").write_text(static.replace("[small, large]", "[large, small]"), "utf-8")
    told = json.loads(run("simulate", "--bundle", str(draft), "--least-ess", "10", "--json"))[
        "routes"
    ][0]
    assert told["requests"] == ASKED - 1
    assert told["models"]["large"]["becomes"] == 1.0
    assert told["quality"]["dr"]["value"] > told["quality"]["was"]
    assert told["cost_nano"]["dr"]["value"] > told["cost_nano"]["was"]
    strict = json.loads(run("simulate", "--bundle", str(draft), "--json"))["routes"][0]
    assert strict["quality"]["verdict"].startswith("no verdict")
    saved = tmp_path / "log.jsonl"
    saved.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    again = run(
        "simulate", "--bundle", str(draft), "--from", str(saved), "--least-ess", "10", "--json"
    )
    assert json.loads(again)["routes"][0] == told
    (curve,) = json.loads(run("report", "--json"))
    assert {point["name"] for point in curve["models"]} == {"small", "large"}
    assert (curve["oracle"], curve["rows"]) == (None, ASKED - 1)


async def test_a_learned_route_with_a_canary(tmp_path: Path) -> None:
    """The newcomer's outcomes are told and kept, and its trial is judged by them."""
    home, folder = tmp_path / "home", tmp_path / "bundle"
    folder.mkdir()
    async with Simulator(behaviour="echo") as simulator:
        text = BUNDLE.replace("URL", simulator.url).replace(
            "candidates: [small, large]",
            "candidates: [small]\n    canary: {model: large, stages: [0.5, 1]}",
        )
        (folder / "bundle.yaml").write_text(text, "utf-8")
        key = make_key(folder, home, scopes=frozenset({"chat", "feedback"}))
        with Served(folder, home) as served:
            await traffic(served.url, key)
    told = CliRunner().invoke(main, ["route", "canary", "status", "--json", "--home", str(home)])
    (report,) = json.loads(told.stdout)
    assert report["newcomers"] + report["others"] >= ASKED - 1
    (quality,) = [m for m in report["measures"] if m["name"] == "quality"]
    assert quality["newcomer"] < quality["before"], "shortfalls: large always solves it"
    log = CliRunner().invoke(main, ["route", "log", "--home", str(home)]).stdout
    models = {json.loads(line)["model"] for line in log.splitlines()}
    assert models == {"small", "large"}


def test_records_that_chose_nobody_are_left_out() -> None:
    from freehold.ledger.record import Record

    def record(opened: dict, closed: dict | None = None) -> Record:
        return Record(
            exchange_id="x",
            tenant="t",
            app="a",
            outcome="denied",
            opened=opened,
            closed=closed,
            lines=(),
        )

    filtered = {"model": "m", "score": 0, "propensity": 0, "lost": "no", "filtered": True}
    found: list[Chosen] = chosen(
        [record({}), record({"candidates": []}, {}), record({"candidates": [filtered]}, {})],
        lambda _: [],
    )
    assert found == []
