"""A trained classifier through registry and deployment: it answers what it knows, and what it does
not know falls through to the rented model.
"""

import asyncio
import json
from pathlib import Path

import pytest

from freehold.app.homes import registry_of
from freehold.core.training import TrainingJob
from freehold.learning.datasets import MemoryDataset
from freehold.learning.registry import About
from freehold.learning.trainers.classifier import ClassifierTrainer
from freehold.testing import Simulator
from tests.e2e.custom import done, write
from tests.e2e.served import Served, ledger, make_key
from tests.e2e.trying import asking, until
from tests.learning.trainers.test_classifier import quiet, rows

TRACK, POEM = "where is my kettle", "compose a sonnet about the moon"


@pytest.fixture
def upstream():
    with Simulator(behaviour="echo") as running:
        yield running


async def test_a_classifier_is_deployed_answers_and_abstains_to_the_next(
    tmp_path: Path, upstream: Simulator
):
    home, folder, out = tmp_path / "home", tmp_path / "bundle", tmp_path / "out"
    write(folder, upstream.url, "{shadow: 0, stages: []}")
    bundle = folder / "bundle.yaml"
    bundle.write_text(bundle.read_text().replace("kind: responder", "kind: classifier"))
    key = make_key(folder, home, app="service", tenant="chain")
    dataset = MemoryDataset("wishes", rows(40), owner="chain")
    job = TrainingJob(model="answers", out=out, options={"answers": {"track": "It is on its way."}})
    trained = ClassifierTrainer().train(dataset, job, quiet)
    registry = registry_of(home)
    version = registry.add(trained, job, dataset, about=About(by="tess"))
    registry.attach_gate(version.id, {"verdict": "passed"})
    with Served(folder, home) as served:
        async with asking(served.url, key) as ask:

            async def said(text: str, talk: str) -> str:
                status, body, _ = await ask(text, talk)
                assert status == 200, body
                return str(body["choices"][0]["message"]["content"])

            assert TRACK in await said(TRACK, "before"), "the simulator echoes"
            row = await asyncio.to_thread(done, home, "promote", "answers")
            assert (row["state"], row["version"]) == ("live", version.name)

            def live() -> bool:
                standing = served.gateway.bundle.bundle.deployments.get("answers")
                return standing is not None and standing.live is not None

            assert await until(live, bool)
            assert await said(TRACK, "known") == "It is on its way."
            assert POEM in await said(POEM, "unknown"), "it abstains, and the rented one echoes"
            # a class that it knows and has no text for: nothing is made up
            assert "return" in await said("how do I return a sofa", "wordless")
    calls = [body["closed"]["calls"] for body in ledger(home) if "closed" in body]
    asked = [[call["model"] for call in each] for each in calls]
    assert asked == [["rented"], ["answers"], ["answers", "rented"], ["answers", "rented"]]
    assert calls[1][0]["cost_nano"] == 0
    about = json.loads((version.folder / "labels.json").read_text())
    assert about["labels"] == ["pay", "return", "stock", "track"]
