"""A key of one tenant sees nothing of another one, and a key that has ended opens nothing."""

import json
import re
import sqlite3
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from freehold.app.terminal import key_service, record_service
from freehold.core.errors import FreeholdError, NotFound
from freehold.testing import Simulator
from tests.e2e.served import Served, ledger, make_key

BUNDLE = """\
freehold: 1
name: tenants
tenants:
  root: {settings: {content: redacted}}
  a: {parent: root}
  b: {parent: root}
models:
  simulated-frontier: {base_url: "URL/v1", simulated: true, retries: 0}
  simulated-small: {base_url: "URL/v1", simulated: true, clearances: [pii], retries: 0}
routes:
  main: {candidates: [simulated-frontier]}
  own: {candidates: [simulated-small]}
sources:
  notes:
    type: sql
    url: "sqlite:///NOTES"
    query: SELECT note FROM notes WHERE tenant = :tenant
    bind: {tenant: principal.tenant}
apps:
  shared: {tenant: root, purpose: x, route: main, sources: [notes]}
  only-a: {tenant: a, purpose: x, route: own}
"""
EMAIL = "jane.roe@harbor-mail.com"


class Place:
    """A server with a key of each tenant."""

    def __init__(self, served: Served, folder: Path, home: Path) -> None:
        self.served = served
        self.folder = folder
        self.home = home
        self.keys: dict[str, str] = {}

    def ask(self, key: str, text: str, **more: Any) -> tuple[int, Any, str]:
        """Status, body and trace id."""
        path = more.pop("path", "/v1/chat/completions")
        headers = {"authorization": f"Bearer {key}", **more.pop("headers", {})}
        body = json.dumps({"messages": [{"role": "user", "content": text}], **more}).encode()
        request = Request(self.served.url + path, body if "chat" in path else None, headers)
        opener = build_opener(ProxyHandler({}))
        try:
            with opener.open(request, timeout=20) as reply:
                return reply.status, json.loads(reply.read()), reply.headers["x-freehold-trace-id"]
        except HTTPError as error:
            with error:
                return error.code, json.loads(error.read()), error.headers["x-freehold-trace-id"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, simulator: Simulator) -> Iterator[Place]:
    base = tmp_path_factory.mktemp("tenants")
    notes = base / "notes.db"
    with sqlite3.connect(notes) as database:
        database.execute("CREATE TABLE notes (tenant TEXT, note TEXT)")
        database.executemany(
            "INSERT INTO notes VALUES (?, ?)", [("a", "alpha's plan"), ("b", "beta's plan")]
        )
    database.close()
    folder, home = base / "bundle", base / "home"
    folder.mkdir()
    text = BUNDLE.replace("URL", simulator.url).replace("NOTES", str(notes))
    (folder / "b.yaml").write_text(text)
    keys = {
        "a": make_key(folder, home, tenant="a", app="shared"),
        "b": make_key(folder, home, tenant="b", app="shared"),
        "only a": make_key(folder, home, tenant="a", app="only-a"),
    }
    with Served(folder, home) as served:
        made = Place(served, folder, home)
        made.keys = keys
        yield made


def upstream(simulator: Simulator) -> str:
    """The last request that a model got."""
    return json.dumps(simulator.stats_now(last=1)["received"][-1]["body"])


def test_records(place: Place):
    _, _, trace = place.ask(place.keys["a"], "Good morning")
    with record_service(place.home) as records:
        assert records.find(trace, "a").tenant == "a"
        assert records.find(trace[:20], "a").exchange_id == trace
        for tenant in ("b", "root", ""):
            for question in (records.find, records.explain):
                with pytest.raises(NotFound):
                    question(trace, tenant)
            with pytest.raises(NotFound):
                records.find(trace[:30], tenant)
            assert trace not in {row.exchange_id for row in records.recent(tenant=tenant)}
        assert records.summary(tenant="nobody").exchanges == 0


def test_sources(place: Place, simulator: Simulator):
    place.ask(place.keys["a"], "What is the plan?")
    assert "alpha's plan" in upstream(simulator)
    assert "beta" not in upstream(simulator)
    place.ask(place.keys["b"], "What is the plan? I am tenant a.", user="a")
    assert "beta's plan" in upstream(simulator)
    assert "alpha" not in upstream(simulator)


@pytest.mark.parametrize(
    "headers",
    [{"x-freehold-tenant": "a"}, {"x-freehold-attribute-tenant": "a"}, {"x-tenant": "a"},
     {"x-freehold-subject": "a"}, {"x-freehold-principal": '{"tenant": "a"}'}],
)  # fmt: skip
def test_no_header_says_which_tenant(place: Place, simulator: Simulator, headers: dict[str, str]):
    _, _, trace = place.ask(place.keys["b"], "What is the plan?", headers=headers)
    assert "alpha" not in upstream(simulator)
    (opened,) = [
        b["opened"] for b in ledger(place.home) if b.get("exchange") == trace and "opened" in b
    ]
    assert opened["principal"]["roles"] == []
    assert opened["principal"]["id"] == ""


def test_conversations_and_placeholders(place: Place, simulator: Simulator):
    """The same conversation id of two tenants is two conversations, with placeholders apart."""
    same = {"x-freehold-conversation": "the-same"}
    traces, placeholders = [], []
    for tenant in ("a", "b"):
        _, body, trace = place.ask(place.keys[tenant], f"Write to {EMAIL}", headers=same)
        assert EMAIL in body["choices"][0]["message"]["content"]  # put back for its owner
        traces.append(trace)
        placeholders.append(re.search(r"\[EMAIL_[0-9A-F]{8}\]", upstream(simulator))[0])
    assert placeholders[0] != placeholders[1]
    opened = {b["exchange"]: b["opened"] for b in ledger(place.home) if "opened" in b}
    conversations = [opened[trace]["request"]["conversation"] for trace in traces]
    assert conversations[0] != conversations[1]
    # another tenant's placeholder stands for nothing here
    _, body, _ = place.ask(place.keys["b"], f"Who is {placeholders[0]}?", headers=same)
    assert "jane" not in json.dumps(body)
    assert "jane" not in upstream(simulator)


def test_models(place: Place):
    for which, models in (
        ("a", ["auto", "simulated-frontier"]), ("only a", ["auto", "simulated-small"]),
    ):  # fmt: skip
        status, body, _ = place.ask(place.keys[which], "", path="/v1/models")
        assert status == 200
        assert [model["id"] for model in body["data"]] == models
    assert place.ask(place.keys["b"], "", path="/v1/models/simulated-small")[0] == 404


def test_no_key_for_another_tenants_app(place: Place):
    with pytest.raises(FreeholdError):
        make_key(place.folder, place.home, tenant="b", app="only-a")
    with pytest.raises(FreeholdError):
        make_key(place.folder, place.home, tenant="root", app="only-a")


def test_a_revoked_key_is_refused_within_a_second(place: Place):
    key = make_key(place.folder, place.home, tenant="a", app="shared")
    until = time.monotonic() + 1.5
    while place.ask(key, "Hello")[0] != 200:
        assert time.monotonic() < until, "a new key is known within a second"
        time.sleep(0.02)
    with key_service(place.home) as keys:
        keys.revoke(key.split("_")[1])
    revoked = time.monotonic()
    while place.ask(key, "Hello")[0] == 200:
        assert time.monotonic() < revoked + 1.0
        time.sleep(0.02)
    status, body, _ = place.ask(key, "Hello")
    assert status == 401
    assert body["error"]["code"] == "invalid_api_key"
    assert place.ask(key, "", path="/v1/models")[0] == 401


def test_a_key_that_expires(place: Place):
    key = make_key(
        place.folder, place.home, tenant="a", app="shared", lifetime=timedelta(seconds=2)
    )
    made = time.monotonic()  # it may take a while to make one
    statuses = set()
    while time.monotonic() < made + 2.6:
        statuses.add(place.ask(key, "Hello")[0])
        time.sleep(0.05)
    assert statuses == {200, 401}
    assert place.ask(key, "Hello")[0] == 401


def test_keys_are_nowhere(place: Place, capfd):
    """Neither whole nor their secret halves, in no file of the home and in no log."""
    for key in place.keys.values():
        place.ask(key, "Hello")
    assert place.ask(place.keys["a"] + "x", "Hello")[0] == 401
    logs = "".join(capfd.readouterr())
    for file in place.home.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            for key in place.keys.values():
                assert key.split("_", 2)[2].encode() not in content, file
                assert key.split("_", 2)[2] not in logs
