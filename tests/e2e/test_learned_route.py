"""A route that learns, under a running gateway: two simulated models of known quality by topic."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from typing import Any

import orjson

from freehold.testing import Simulator
from tests.e2e.served import Served, ledger, make_key
from tests.stages.routing.simulated import TOPICS, question

BUNDLE = """\
freehold: 1
name: learned-route
metrics: {solved: {type: boolean}}
tenants:
  main: {}
models:
  one: {base_url: "URL/v1", simulated: true, retries: 0}
  two: {base_url: "URL/v1", simulated: true, retries: 0}
routes:
  main:
    candidates: [one, two]
    objective: {policy: learned, explore: 0.04}
    learn: {metric: solved}
apps:
  app:
    tenant: main
    purpose: Is tested
    route: main
    intents:
      billing: {examples: ["Why was my card charged?", "I need the invoice", "Where is my refund?"]}
      travel: {examples: ["When is my flight?", "Which hotel do I have?", "Is my luggage there?"]}
"""
GOOD, BAD = 0.95, 0.35
FIRST = {"one": {"billing": GOOD, "travel": BAD}, "two": {"billing": BAD, "travel": GOOD}}
SECOND = {"one": FIRST["two"], "two": FIRST["one"]}


def settings(quality: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    return {
        model: {f"quality.{topic}": share for topic, share in by_topic.items()}
        for model, by_topic in quality.items()
    }


class Asking:
    """Asks, looks whether the simulator says that its answer is right, and tells."""

    def __init__(self, connection: HTTPConnection, key: str) -> None:
        self._connection = connection
        self._headers = {"authorization": f"Bearer {key}"}
        self._dice = Random(11)

    def post(self, path: str, body: Any) -> tuple[dict[str, Any], str]:
        self._connection.request("POST", path, orjson.dumps(body), self._headers)
        reply = self._connection.getresponse()
        told = orjson.loads(reply.read())
        assert reply.status == 200, told
        return told, reply.headers["x-freehold-trace-id"]

    def run(self, turns: int, quality: dict[str, dict[str, float]]) -> float:
        """The share of questions that went to the better model."""
        better = 0
        for _ in range(turns):
            topic = self._dice.choice(list(TOPICS))
            body = {"messages": [{"role": "user", "content": question(self._dice, topic)}]}
            said, exchange = self.post("/v1/chat/completions", body)
            better += quality[said["model"]][topic] == GOOD
            right = "right" in said["choices"][0]["message"]["content"]
            self.post("/v1/feedback", {"exchange_id": exchange, "metric": "solved", "value": right})
        return better / turns


@contextmanager
def asking(tmp_path: Path, simulator: Simulator) -> Iterator[Asking]:
    folder, home = tmp_path / "bundle", tmp_path / "home"
    folder.mkdir()
    (folder / "bundle.yaml").write_text(BUNDLE.replace("URL", simulator.url))
    key = make_key(folder, home)
    with Served(folder, home) as served:
        at = served.url.removeprefix("http://")
        with closing(HTTPConnection(at, timeout=30)) as connection:
            yield Asking(connection, key)


def test_it_finds_the_split_and_follows(tmp_path: Path) -> None:
    """Within 400 requests most go to the model that is good at their topic; when the two change
    places, again within 700.
    """
    simulator = Simulator(behaviour="graded", models=settings(FIRST), topics=TOPICS)
    with simulator, asking(tmp_path, simulator) as app:
        app.run(300, FIRST)
        assert app.run(100, FIRST) > 0.8
        simulator.control_now(models=settings(SECOND))
        app.run(600, SECOND)
        assert app.run(100, SECOND) > 0.8
    opened = [body["opened"] for body in ledger(tmp_path / "home") if "opened" in body]
    assert len(opened) == 1_100
    for one in opened:
        assert sum(candidate["propensity"] for candidate in one["candidates"]) == 1_000_000
        assert one["routing"]["policy"] == "learned"
    assert 10 < sum(one["routing"]["explored"] for one in opened) < 500
