"""A model becomes a quarter slower: somebody is told, traffic moves, and comes back."""

import asyncio
import base64
import hashlib
import hmac
import http.server
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, ClassVar

import aiohttp
import pytest
from click.testing import CliRunner

from freehold.cli.main import main
from freehold.testing import Simulator
from tests.e2e.served import Served, ledger, make_key

SECRET = b"a secret of the desk"
NORMAL_MS, SLOW_MS = 160, 200
MOST = 900
FRONTIER = "simulated-frontier"
BUNDLE = """\
freehold: 1
name: watched
monitoring:
  defaults: false
  webhook: {url: "http://127.0.0.1:PORT/in", secret: "env:DESK_SECRET"}
egress: {allow: ["127.0.0.1:PORT"]}
tenants: {main: {}}
models:
  simulated-frontier: {base_url: "URL/v1", simulated: true}
  simulated-small: {base_url: "URL/v1", simulated: true}
routes:
  both: {candidates: [simulated-frontier, simulated-small]}
  one: {candidates: [simulated-frontier]}
alerts:
  frontier-slower:
    watch: latency
    of: {model: simulated-frontier}
    least: 0.1
    notify: [webhook]
    reactions: [{demote: {route: both, minutes: 60}}, {open_case: {exchanges: 3}}]
apps:
  app: {tenant: main, purpose: Is tested, route: both}
  probe: {tenant: main, purpose: Is tested, route: one}
"""


class Desk(http.server.BaseHTTPRequestHandler):
    got: ClassVar[list[tuple[dict[str, str], bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def desk() -> Iterator[http.server.HTTPServer]:
    Desk.got.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Desk)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


class Driver:
    """Asks a served gateway, eight at once, until something is so."""

    def __init__(
        self, served: Served, session: aiohttp.ClientSession, keys: dict[str, str]
    ) -> None:
        self.served = served
        self.session = session
        self.keys = keys

    async def ask(self, app: str) -> tuple[str, str]:
        """The model that answered, and the exchange's id."""
        body = {"messages": [{"role": "user", "content": "Hello."}]}
        headers = {"authorization": f"Bearer {self.keys[app]}"}
        url = f"{self.served.url}/v1/chat/completions"
        async with self.session.post(url, json=body, headers=headers) as reply:
            assert reply.status == 200, await reply.text()
            told = await reply.json()
            return told["model"], reply.headers["x-freehold-trace-id"]

    async def until(self, home: Path, wanted: Any) -> list[dict[str, Any]]:
        """Go on probing until the alerts are as they should be."""
        for _ in range(MOST // 8):
            async with asyncio.TaskGroup() as group:
                for _ in range(8):
                    group.create_task(self.ask("probe"))
            rows = alerts(home)
            if wanted(rows):
                return rows
        raise AssertionError(f"after {MOST} requests: {alerts(home)}")


def alerts(home: Path, *more: str) -> list[dict[str, Any]]:
    done = CliRunner().invoke(main, ["alerts", "--home", str(home), "--json", *more])
    assert done.exit_code == 0, done.output
    return [row for row in json.loads(done.stdout) if row["name"] == "frontier-slower"]


def lost(home: Path, asked: list[tuple[str, str]]) -> list[str]:
    """Why the slow model was not chosen, by the record; empty where it was."""
    ids = {exchange for _, exchange in asked}
    opened = [r["opened"] for r in ledger(home) if r.get("exchange") in ids and "opened" in r]
    assert len(opened) == len(ids)
    return [c["lost"] for o in opened for c in o["candidates"] if c["model"] == FRONTIER]


@pytest.fixture
async def driver(
    tmp_path: Path, desk: http.server.HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Driver, Simulator, Path]]:
    secret = "whsec_" + base64.b64encode(SECRET).decode()
    monkeypatch.setenv("DESK_SECRET", secret)
    models = {"simulated-frontier": {"latency_ms": NORMAL_MS, "jitter_ms": 10}}
    folder, home = tmp_path / "bundle", tmp_path / "home"
    folder.mkdir()
    with Simulator(behaviour="fixed", models=models) as simulator:
        text = BUNDLE.replace("URL", simulator.url).replace("PORT", str(desk.server_port))
        (folder / "bundle.yaml").write_text(text, encoding="utf-8")
        keys = {app: make_key(folder, home, app=app) for app in ("app", "probe")}
        with Served(folder, home) as served:
            timeout = aiohttp.ClientTimeout(total=60)
            async with aiohttp.ClientSession(timeout=timeout) as session:
                yield Driver(served, session, keys), simulator, home


@pytest.mark.slow
async def test_a_quarter_slower_moves_traffic_and_tells_and_is_over_again(
    driver: tuple[Driver, Simulator, Path],
) -> None:
    driving, simulator, home = driver
    normal = {"simulated-frontier": {"latency_ms": NORMAL_MS, "jitter_ms": 10}}
    slow = {"simulated-frontier": {"latency_ms": SLOW_MS, "jitter_ms": 10}}
    first, _ = await driving.ask("app")
    assert first.startswith("simulated-frontier")
    for _ in range(14):
        await driving.until(home, lambda _: True)
    await simulator.control(models=slow)
    (row,) = await driving.until(home, bool)
    assert row["subject"] == {"kind": "model", "name": "simulated-frontier"}
    assert [measure["kind"] for measure in row["measures"]] == ["demote"]
    # the endpoint's health may put it back first, so that not every reason is the alert's
    asked = [await driving.ask("app") for _ in range(12)]
    assert all(model.startswith("simulated-small") for model, _ in asked)
    reasons = lost(home, asked)
    assert any("put behind the others by alert frontier-slower until" in why for why in reasons)
    await simulator.control(models=normal)
    await driving.until(home, lambda rows: not rows)
    (over,) = alerts(home, "--all")
    assert over["status"] == "resolved"
    assert over["measures"][0]["ended_by"] == "alert frontier-slower is over"
    asked = [await driving.ask("app") for _ in range(3)]
    assert not any("alert" in why for why in lost(home, asked))
    kinds = [r["kind"] for r in ledger(home) if r.get("type") == "event" and "." in r["kind"]]
    assert [k for k in kinds if k.startswith(("alert", "measure", "case"))] == [
        "alert.fired", "measure.set", "case.opened", "alert.resolved", "measure.ended",
    ]  # fmt: skip
    until = time.monotonic() + 30
    while len(Desk.got) < 2 and time.monotonic() < until:
        await asyncio.sleep(0.05)
    told = [json.loads(body) for _, body in Desk.got]
    assert [notice["type"] for notice in told] == ["alert.fired", "alert.resolved"]
    assert told[0]["data"]["id"] == row["id"]
    for headers, body in Desk.got:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        digest = hmac.new(SECRET, signed, hashlib.sha256).digest()
        assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
