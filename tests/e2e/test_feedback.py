"""Feedback over the wire: whose it may be, what is kept of it, and that routes learn from it."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import orjson
import pytest
from click.testing import CliRunner

from freehold.cli.main import main
from freehold.testing import Simulator
from tests.e2e.served import PATIENCE_S, Served, ledger, make_key

BUNDLE = """\
freehold: 1
name: feedback
metrics:
  solved: {type: boolean}
  stars: {type: float, min: 1, max: 5, days: 7}
  minutes: {type: float, min: 0, max: 60, optimize: min}
tenants:
  main: {settings: {content: redacted}}
  silent: {parent: main, settings: {content: none}}
models:
  small: {base_url: "URL/v1", simulated: true, price: {input: 0.1, output: 0.4}, retries: 0}
  large: {base_url: "URL/v1", simulated: true, price: {input: 2.5, output: 10}, retries: 0}
routes:
  main:
    candidates: [small, large]
    objective: {policy: learned, explore: 0.05}
    learn: {metric: solved}
apps:
  app: {tenant: main, purpose: Is tested, route: main}
  other: {tenant: main, purpose: Is tested, route: main}
"""
ASKED = "Where is my parcel, and who is bringing it?"


@pytest.fixture(scope="module")
def graded() -> Iterator[Simulator]:
    models = {"small": {"quality.*": 0.2}, "large": {"quality.*": 0.95}}
    with Simulator(behaviour="graded", models=models) as running:
        yield running


class Reply:
    """Status, headers and body."""

    def __init__(self, response: HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode()

    def json(self) -> Any:
        return orjson.loads(self.text)


class Asking:
    """One key of a served bundle."""

    def __init__(self, served: Served, key: str) -> None:
        self._key = key
        self._at = served.url.removeprefix("http://")

    def post(self, path: str, body: bytes, method: str = "POST", **headers: str) -> Reply:
        headers = {"authorization": f"Bearer {self._key}"} | headers
        with closing(HTTPConnection(self._at, timeout=20)) as connection:
            connection.request(method, path, body, headers)
            return Reply(connection.getresponse())

    def ask(self, text: str = ASKED, **headers: str) -> str:
        """An exchange's id."""
        reply = self.chat(text, **headers)
        assert reply.status == 200, reply.text
        return reply.headers["x-freehold-trace-id"]

    def chat(self, text: str, **headers: str) -> Reply:
        body = {"messages": [{"role": "user", "content": text}]}
        return self.post("/v1/chat/completions", orjson.dumps(body), **headers)

    def tell(self, exchange_id: str, value: Any = True, **more: Any) -> Reply:
        body = {"exchange_id": exchange_id, "metric": "solved", "value": value, **more}
        given = {name: each for name, each in body.items() if each != ""}
        return self.post("/v1/feedback", orjson.dumps(given))


def written(folder: Path, graded: Simulator) -> Path:
    folder.mkdir()
    (folder / "bundle.yaml").write_text(BUNDLE.replace("URL", graded.url))
    return folder


class Site:
    """A served bundle with keys that were there before it began."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.home = home
        self.keys = {
            "app": make_key(folder, home),
            "other": make_key(folder, home, app="other"),
            "chat": make_key(folder, home, scopes=frozenset({"chat"})),
            "silent": make_key(folder, home, tenant="silent"),
        }
        self.served = Served(folder, home)

    def by(self, name: str) -> Asking:
        return Asking(self.served, self.keys.get(name, name))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, graded: Simulator) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("feedback")
    made = Site(written(folder / "bundle", graded), folder / "home")
    with made.served:
        yield made


@pytest.fixture
def app(site: Site) -> Asking:
    return site.by("app")


def test_it_is_kept_once_and_may_be_corrected(site: Site, app: Asking) -> None:
    exchange = app.ask()
    first = app.tell(exchange).json()
    assert first == {
        "object": "feedback", "metric": "solved", "value": True, "exchanges": [exchange],
        "repeated": False, "corrected": False, "learns": True, "comment_kept": False,
    }  # fmt: skip
    assert app.tell(exchange).json()["repeated"] is True
    again = app.tell(exchange, value=False, comment="He said that it never came.").json()
    assert (again["corrected"], again["comment_kept"]) == (True, True)
    told = [b for b in ledger(site.home) if b.get("kind") == "outcome.told"]
    told = [b for b in told if b["subject"] == exchange]
    assert [(b["subject"], b["details"]["score"]) for b in told] == [
        (exchange, 1_000_000), (exchange, 0),
    ]  # fmt: skip
    assert "never came" not in str(told)


def test_who_says_the_same_at_the_same_time_is_heard_once(site: Site, app: Asking) -> None:
    exchange = app.ask()
    with ThreadPoolExecutor(16) as pool:
        told = [each.json() for each in pool.map(lambda _: app.tell(exchange), range(48))]
    assert [one["repeated"] for one in told].count(False) == 1
    kept = [b for b in ledger(site.home) if b.get("kind") == "outcome.told"]
    assert [b["subject"] for b in kept].count(exchange) == 1


def test_who_repeats_it_without_a_comment_takes_none_back(app: Asking) -> None:
    exchange = app.ask()
    app.tell(exchange, comment="It came a week late.")
    assert app.tell(exchange).json()["repeated"] is True
    assert app.tell(exchange, comment="It came a week late.").json()["repeated"] is True
    assert app.tell(exchange, comment="It never came.").json()["repeated"] is False


@pytest.mark.parametrize("prefix", ["chatcmpl-", "cmpl-", "resp_", "msg_"])
def test_a_replys_own_id_names_its_exchange(app: Asking, prefix: str) -> None:
    reply = app.chat(ASKED)
    exchange = reply.headers["x-freehold-trace-id"]
    assert reply.json()["id"] == f"chatcmpl-{exchange}"
    assert app.tell(prefix + exchange).json()["exchanges"] == [exchange]
    assert app.tell(f"{prefix}{prefix}{exchange}").status == 404


def test_other_metrics_have_their_own_ends(app: Asking) -> None:
    exchange = app.ask()
    assert app.tell(exchange, 4.5, metric="stars").json()["learns"] is False
    assert app.tell(exchange, 12, metric="minutes").status == 200
    for metric, value in (("stars", 0.5), ("stars", True), ("stars", "5"), ("minutes", 61)):
        refused = app.tell(exchange, value, metric=metric)
        assert refused.status == 400
        assert refused.json()["error"]["param"] == "value"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"[]", None),
        (b'{"metric": "solved"}', "metric"),
        (b'{"metric": "solved", "value": true}', None),
        (b'{"metric": "solved", "value": 1, "exchange_id": "X"}', "value"),
        (b'{"metric": "nobodys", "value": true, "exchange_id": "X"}', "metric"),
        (b'{"metric": "solved", "value": true, "exchange_id": 7}', "exchange_id"),
        (b'{"metric": "solved", "value": true, "exchange": "X"}', "exchange"),
        (b'{"metric": "solved", "value": true, "exchange_id": "X", "conversation_id": "Y"}', None),
    ],
)
def test_what_is_no_feedback_says_why(app: Asking, body: bytes, param: str | None) -> None:
    exchange = app.ask()
    refused = app.post("/v1/feedback", body.replace(b"X", exchange.encode()))
    assert refused.status == 400
    assert refused.json()["error"]["param"] == param


def test_a_comment_has_an_end(app: Asking) -> None:
    assert app.tell(app.ask(), comment="x" * 4_001).status == 400


def test_nobody_tells_of_anothers_exchange(site: Site, app: Asking) -> None:
    mine = app.ask()
    assert site.by("other").tell(mine).status == 404
    assert site.by("silent").tell(mine).status == 404
    assert app.tell("01890000-0000-7000-8000-000000000000").status == 404
    assert site.by("chat").tell(mine).status == 403
    assert site.by("fh_nobodys").tell(mine).status == 401
    assert app.post("/v1/feedback", b"", "GET").status == 405


def test_of_a_whole_conversation(app: Asking) -> None:
    talk = {"x-freehold-conversation": "talk-1"}
    asked = {app.ask(f"{ASKED} {n}", **talk) for n in range(3)}
    app.ask("Something else", **{"x-freehold-conversation": "talk-2"})
    told = app.tell("", conversation_id="talk-1").json()
    assert set(told["exchanges"]) == asked
    assert app.tell("", conversation_id="talk-9").status == 404
    app.ask("Once more", **talk)
    told = app.tell("", conversation_id="talk-1").json()
    assert (told["repeated"], told["corrected"]) == (False, False)
    assert app.tell("", conversation_id="talk-1", value=False).json()["corrected"] is True


def test_where_nothing_is_kept_no_comment_is(site: Site) -> None:
    silent = site.by("silent")
    told = silent.tell(silent.ask(), comment="It was Ann Lee.").json()
    assert (told["learns"], told["comment_kept"]) == (True, False)


def test_feedback_after_a_restart(tmp_path: Path, graded: Simulator) -> None:
    folder = written(tmp_path / "bundle", graded)
    first = Site(folder, tmp_path / "home")
    with first.served:
        app = first.by("app")
        exchange, early = app.ask(), app.ask(f"{ASKED} Please.")
        app.tell(early)
    second = Served(folder, tmp_path / "home")
    with second:
        app = Asking(second, first.keys["app"])
        told = app.tell(exchange, value=False, comment="Too late.").json()
        assert (told["learns"], told["comment_kept"]) == (True, True)
        aftermath = second.gateway.feedback._aftermath
        assert aftermath is not None
        ((place, learner),) = aftermath._learners.items()
        assert (place, learner.outcomes) == (("main", "main"), 2)
        assert app.tell(early).json()["repeated"] is True


def test_the_route_learns_whom_to_ask(app: Asking) -> None:
    """One model is right in 95 of 100 answers, the other in 20: soon most go to the better one."""
    chosen = []
    until = time.monotonic() + 120
    while sum(chosen[-20:]) < 17 and time.monotonic() < until:
        text = f"{ASKED} It has the number {len(chosen)}."
        reply = app.chat(text)
        said = reply.json()
        chosen.append(said["model"] == "large")
        right = "right" in said["choices"][0]["message"]["content"]
        app.tell(reply.headers["x-freehold-trace-id"], value=right)
        assert len(chosen) <= 300
    assert sum(chosen[-20:]) >= 17


def run(home: Path, *arguments: str, code: int = 0) -> str:
    """What a command prints."""
    done = CliRunner().invoke(main, [*arguments, "--home", str(home)])
    assert done.exit_code == code, done.output
    return done.stdout


def test_a_gateway_counts_what_is_told_at_the_terminal(site: Site, app: Asking) -> None:
    exchange = app.ask("What do you count?")

    def counted() -> float:
        page = urlopen(f"{site.served.url}/metrics", timeout=60).read().decode()
        return sum(
            float(line.rpartition(" ")[2])
            for line in page.splitlines()
            if line.startswith("freehold_feedback_total{")
        )

    before = counted()
    run(site.home, "feedback", exchange, "--metric", "solved", "--value", "true")
    ends = time.monotonic() + PATIENCE_S
    while counted() == before and time.monotonic() < ends:
        time.sleep(0.05)
    assert counted() == before + 1


def test_at_the_terminal(tmp_path: Path, graded: Simulator) -> None:
    site = Site(written(tmp_path / "bundle", graded), tmp_path / "home")
    home = site.home
    with site.served:
        app = site.by("app")
        asked = [app.ask(f"{ASKED} {n}") for n in range(3)]
        app.tell(asked[0], comment="He waited.")
    told = run(home, "explain", asked[0])
    assert "What came of it\n  solved: 1, the best, told by " in told
    assert "He waited" not in told
    assert "nano-units" not in told
    assert "What came of it" not in run(home, "explain", asked[1])
    (one,) = orjson.loads(run(home, "explain", asked[0], "--json"))["told"]
    assert (one["metric"], one["score"], one["source"]) == ("solved", 1_000_000, "feedback")
    assert "kept; the route learns" in run(
        home, "feedback", asked[1], "--metric", "solved", "--value", "false"
    )
    again = run(home, "feedback", asked[1], "--metric", "solved", "--value", "false", "--json")
    assert orjson.loads(again)["repeated"] is True
    run(home, "feedback", asked[1], "--metric", "solved", "--value", "7", code=1)
    run(home, "feedback", "01890000", "--metric", "solved", "--value", "true", code=1)

    (shown,) = orjson.loads(run(home, "route", "show", "--json"))
    assert (shown["owner"], shown["route"], shown["outcomes"]) == ("main", "main", 1)
    assert {model["model"] for model in shown["models"]} == {"small", "large"}
    assert "main of main: 1 outcomes" in run(home, "route", "show", "main")
    made = orjson.loads(run(home, "route", "rebuild", "main", "--json"))
    assert (made["outcomes"], made["unreadable"]) == (2, 0)
    file = tmp_path / "state.json"
    run(home, "route", "export", "main", "-o", str(file))
    assert "parcel" not in file.read_text()
    run(home, "route", "reset", "main", code=2)
    run(home, "route", "reset", "main", "--yes")
    assert orjson.loads(run(home, "route", "show", "main", "--json"))[0]["outcomes"] == 0
    run(home, "route", "import", str(file))
    assert orjson.loads(run(home, "route", "show", "main", "--json"))[0]["outcomes"] == 2
    run(home, "route", "import", str(site.home / "freehold.db"), code=1)
    run(home, "route", "show", "nobodys", code=1)
    told = run(home, "explain", asked[0])
    assert "expected to do well in" in told
    assert "route main, learned, version" in told
    kinds = [
        b["kind"] for b in ledger(home) if b.get("kind", "").startswith(("route.", "outcome."))
    ]
    assert kinds == [
        "outcome.told", "outcome.told", "route.rebuilt", "route.reset", "route.imported",
    ]  # fmt: skip
