"""Carried away and put to work elsewhere, the network off: the same answers, byte for byte."""

import zipfile
from pathlib import Path
from typing import Any

import pytest
from openai import APIStatusError, OpenAI

from freehold.app.deployments import custom_rows
from freehold.app.homes import registry_of
from freehold.app.ownership import export_all
from freehold.app.taking_over import Asked, import_all
from freehold.core.training import TrainingJob
from freehold.learning.datasets import MemoryDataset
from freehold.learning.registry import Version
from freehold.learning.trainers import trainer_of
from freehold.ledger.verifying.command import main as verify
from freehold.services.ownership_pick import Wanted
from tests.e2e.served import Served, ledger, make_key
from tests.learning.trainers.test_classifier import ELSEWHERE, THINGS, WISHES, rows
from tests.services.made_owned import ASKED, Rows, stand, train

BUNDLE = """\
freehold: 1
name: own
tenants:
  chain: {settings: {content: none}}
models:
  rented: {base_url: "http://127.0.0.1:9/v1", simulated: true, retries: 0}
routes:
  customer: {candidates: [rented]}
  triage: {candidates: [rented]}
apps:
  service: {tenant: chain, purpose: Answers, route: customer}
  sorting: {tenant: chain, purpose: Sorts, route: triage}
custom_models:
  answers: {kind: responder, owner: chain, share: down, learns_from: [service],
    routes: [customer]}
  sorter: {kind: classifier, owner: chain, share: down, learns_from: [sorting],
    routes: [triage]}
"""


def quiet(*_: Any, **__: Any) -> None:
    """Nobody listens."""


def sorter(home: Path) -> Version:
    """A classifier over static features, as the trainer makes it."""
    out = home.parent / "trained"
    job = TrainingJob(model="sorter", out=out, options={})
    made = trainer_of("classifier").train(MemoryDataset("wishes", rows()), job, quiet)
    return registry_of(home).add(made, job, Rows())


def answers(folder: Path, home: Path) -> list[tuple[str, str, Any]]:
    """What a gateway there says to a set of questions; of a refusal, its status."""
    wishes = [forms[0].format(THINGS[0]) for forms in WISHES.values()]
    asked = [("service", text) for text in (*ASKED, "Can I return it?", "Who won the match?")]
    asked += [("sorting", text) for text in (*wishes, ELSEWHERE[0])]
    keys = {app: make_key(folder, home, tenant="chain", app=app) for app in ("service", "sorting")}
    found: list[tuple[str, str, Any]] = []
    with Served(folder, home) as served:
        clients = {
            app: OpenAI(base_url=f"{served.url}/v1", api_key=key, timeout=30, max_retries=0)
            for app, key in keys.items()
        }
        for app, text in asked:
            try:
                reply = clients[app].chat.completions.create(
                    model="auto", messages=[{"role": "user", "content": text}]
                )
                said = reply.choices[0].message.content
                found.append((app, text, (said or "").encode()))
            except APIStatusError as error:
                found.append((app, text, error.status_code))
        for client in clients.values():
            client.close()
    return found


def test_another_machine_without_a_network_gives_the_same_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tests have no network but this machine (see conftest), and the rented model is nowhere."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("sklearn")
    home, folder = tmp_path / "one" / "home", tmp_path / "one" / "bundle"
    folder.mkdir(parents=True)
    (folder / "bundle.yaml").write_text(BUNDLE, encoding="utf-8")
    stand(home, train(home, "We open at nine."))
    stand(home, sorter(home))
    before = answers(folder, home)
    by_app = {
        app: [said for of, _, said in before if of == app and isinstance(said, bytes)]
        for app in ("service", "sorting")
    }
    assert b"We open at nine." in by_app["service"]
    assert len(set(by_app["sorting"])) >= 3, before
    assert any(isinstance(said, int) for _, _, said in before), (
        "where they abstain, nobody is there"
    )

    archive = tmp_path / "ours.zip"
    export_all(home, Wanted(), archive, force=False, tell=quiet)
    there, other = tmp_path / "two" / "elsewhere" / "home", tmp_path / "two" / "rules"
    taken = import_all(archive, there, Asked(bundle=other), quiet)
    assert taken.as_exported
    (tmp_path / "one").rename(tmp_path / "gone")
    assert answers(other, there) == before
    assert custom_rows(there) == custom_rows(tmp_path / "gone" / "home")

    served = [body["closed"] for body in ledger(there) if "closed" in body]
    own = {call["model"] for one in served for call in one["calls"]}
    assert {"answers", "sorter"} <= own
    with zipfile.ZipFile(archive) as found:
        found.extractall(tmp_path / "out")
    assert verify([str(tmp_path / "out" / "ledger")]) == 0, capsys.readouterr().out
