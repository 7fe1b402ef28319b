"""One slice of the chain's day: prepare, start, drive, sum up."""

import asyncio
import json
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from typing import NamedTuple
from urllib.parse import urlsplit

from freehold.app.terminal import key_service, record_service
from freehold.cli.demo import processes
from freehold.core.clock import SystemClock
from freehold.core.errors import BundleError
from freehold.ledger.index import Summary
from freehold.services.explaining import as_text, explain
from freehold.testing import retail
from freehold.testing.identity import LocalIssuer
from freehold.testing.retail.data import build
from freehold.testing.retail.drive import Summary as Sent
from freehold.testing.retail.drive import drive
from freehold.testing.retail.traffic import Call, day

LEARNS = "store-assistant"
APPS = ("customer-service", LEARNS, "inventory")
_USEFUL = {"simulated-small": 0.8, "simulated-frontier": 0.9}
"""How often a simulated opinion of a simulated model's answer is good."""
SEED = 2026
KEY_NAME = "demo"
_LATEST = 200
_START_S = 60.0

Progress = Callable[[str, int, int], None]


class Customer(NamedTuple):
    """An invented customer: a key and a token to ask with, an order of theirs and a stranger's."""

    key: str
    token: str
    order: str
    strangers_order: str


class Demo:
    """The demo's folder, its processes and its keys. Everything lies under ``<home>``."""

    def __init__(self, home: Path, progress: Progress) -> None:
        self.home = home.resolve()
        self._folder = self.home / "demo"
        self._progress = progress
        self.state = self._folder / "running.json"
        self.bundle = self._folder / "bundle"
        self.database = self._folder / "harbor-and-pine.sqlite"
        self.running = processes.Running()
        self.keys: dict[str, str] = {}
        self._since_ns = SystemClock().now_ns()

    def prepare(self) -> None:
        """Database, token issuer and bundle, made where they are missing."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self.database.is_file():
            build(self.database, seed=SEED, progress=self._built)
        shutil.rmtree(self.bundle, ignore_errors=True)
        shutil.copytree(example_bundle(), self.bundle)
        self.issuer = LocalIssuer.ensure(self._folder / "issuer")
        self.issuer.write_jwks(self.bundle / "jwks.json")

    def _built(self, done: int, total: int, *_: object) -> None:
        self._progress("stores, customers, orders", done, total)

    def start(self, port: int, simulator_arguments: list[str]) -> str:
        """Start simulator, delivery service and gateway; the gateway's URL."""
        env = {"FREEHOLD_RETAIL_DB": f"sqlite:///{self.database}"}
        env["FREEHOLD_SIMULATOR_URL"] = (
            self._spawn("simulator", "freehold.testing.simulator", [
                "--behaviour", "retail", "--seed", str(SEED), "--port", "0", *simulator_arguments,
            ], env)
            + "/v1"
        )  # fmt: skip
        env["FREEHOLD_DELIVERY_URL"] = self._spawn(
            "delivery service", "freehold.testing.retail.delivery",
            ["--db", str(self.database), "--port", "0"], env,
        )  # fmt: skip
        self._make_keys(env)
        self.running.url = self._spawn("gateway", "freehold", [
            "serve", "--bundle", str(self.bundle), "--home", str(self.home), "--port", str(port),
        ], env)  # fmt: skip
        self.running.save(self.state)
        return self.running.url

    def _spawn(self, role: str, module: str, arguments: list[str], env: Mapping[str, str]) -> str:
        log = self._folder / f"{role.replace(' ', '-')}.log"
        log.unlink(missing_ok=True)
        process, child = processes.start(role, module, arguments, env=env, log=log)
        self.running.processes.append(process)
        self.running.save(self.state)
        return processes.wait_for_url(child, log, _START_S)

    def _make_keys(self, env: Mapping[str, str]) -> None:
        """A key for each region's use of each app."""
        os.environ.update(env)  # the bundle names its addresses by these variables
        with key_service(self.home, self.bundle) as keys:
            for row in keys.list():
                if row["name"] == KEY_NAME and row["state"] == "live":
                    keys.revoke(row["key_id"])
            for region in retail_regions(self.database):
                for app in APPS:
                    made = keys.create(tenant=region, app=app, name=KEY_NAME)
                    self.keys[f"{app}@{region}"] = made.secret

    def drive(self, requests: int, concurrency: int) -> Sent:
        """Send the day's slice to the gateway over HTTP."""
        calls = day(requests, SEED, self.database)

        def on_progress(done: int, _: Mapping[str, int]) -> None:
            self._progress("requests", done, requests)

        return asyncio.run(
            drive(
                calls,
                self.running.url,
                self.key_of,
                self.issuer.token,
                concurrency,
                on_progress,
            )
        )

    def key_of(self, call: Call) -> str:
        """The key that a store's region uses for an app."""
        return self.keys[f"{call.app}@{call.region}"]

    def customer(self) -> Customer:
        """Somebody to try things as."""
        calls = (call for call in day(1_000, SEED, self.database) if call.app == APPS[0])
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as db:
            for call in calls:
                me = call.claims.get("customer_id", "")
                own, other = db.execute(
                    "SELECT max(id) FILTER (WHERE customer_id = :me),"
                    " min(id) FILTER (WHERE customer_id <> :me) FROM orders",
                    {"me": me},
                ).fetchone()
                if own:
                    token = self.issuer.token(call.claims)
                    return Customer(self.key_of(call), token, own, other)
        raise LookupError("the example has no customer with an order")

    def manager(self) -> Path:
        """A file with the token of an (invented) manager, who may release what is held."""
        claims = {"sub": "E-demo-manager", "roles": ["manager"], "tenant": "harbor-and-pine"}
        file = self._folder / "manager.token"
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as writing:
            writing.write(self.issuer.token(claims) + "\n")
        return file

    def recorded(self) -> Summary:
        """What the records of this run add up to."""
        with record_service(self.home) as records:
            return records.summary(since_ns=self._since_ns)

    def opinions(self) -> dict[str, int]:
        """Tell of the newest answers of the route that learns whether they were useful.

        Nobody read them: the opinions are drawn, with another chance for each model, so that there
        is something to learn from.

        Returns:
            How many answers that route gave, how many of these to learn of a model, and how many
            opinions were told.
        """
        found = {"answers": 0, "tried": 0, "told": 0}
        with record_service(self.home) as records:
            rows = records.recent(app=LEARNS, limit=_LATEST)
            answers = [records.find(row.exchange_id) for row in rows if row.model]
        with closing(HTTPConnection(urlsplit(self.running.url).netloc, timeout=10)) as gateway:
            for record in answers:
                routed = record.opened.get("routing")
                model = (record.closed or {}).get("model", "")
                if routed is None or record.outcome not in ("allowed", "transformed"):
                    continue
                useful = Random(record.exchange_id).random() < _USEFUL.get(model, 0.5)
                said = {"exchange_id": record.exchange_id, "metric": "useful", "value": useful}
                key = {"Authorization": f"Bearer {self.keys[f'{LEARNS}@{record.tenant}']}"}
                gateway.request("POST", "/v1/feedback", json.dumps(said), key)
                reply = gateway.getresponse()
                reply.read()
                found["answers"] += 1
                found["tried"] += routed["explored"]
                found["told"] += reply.status == 200
        return found

    def own_work(self) -> dict[str, float]:
        """Seconds of Freehold's own work by stage, as the running gateway counts them."""
        with closing(HTTPConnection(urlsplit(self.running.url).netloc, timeout=10)) as gateway:
            gateway.request("GET", "/metrics")
            text = gateway.getresponse().read().decode()
        found = re.finditer(
            r'^freehold_own_work_seconds_total\{layer="(\w+)"\} (\S+)$', text, re.MULTILINE
        )
        return {match.group(1): float(match.group(2)) for match in found}

    def explained(self, *outcomes: str) -> str | None:
        """The newest exchange of the first of these outcomes that occurred, explained."""
        with record_service(self.home) as records:
            for outcome in outcomes:
                rows = records.recent(outcome=outcome, limit=1)
                if rows:
                    return as_text(explain(records.find(rows[0].exchange_id)))
        return None

    def stop(self) -> list[str]:
        """End what this demo, or an earlier one in the same home, left running."""
        running = processes.load(self.state)
        if running is None:
            return []
        ended = [process.role for process in reversed(running.processes) if processes.end(process)]
        self.state.unlink(missing_ok=True)
        return ended


def retail_regions(database: Path) -> list[str]:
    """The regions' tenant ids."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        return [row[0] for row in db.execute("SELECT id FROM regions ORDER BY id")]


def example_bundle() -> Path:
    """The retail bundle: shipped inside the package, or the checkout's own."""
    package = Path(retail.__file__).parent
    for folder in (package / "bundle", package.parents[3] / "examples" / "retail" / "bundle"):
        if (folder / "freehold.yaml").is_file():
            return folder
    raise BundleError("the retail example's bundle is missing from this installation")
