"""A responder in the retail example: what was corrected for one order answers another customer of
another store, through a running gateway; where its source fails, the next model answers.
"""

import asyncio
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from openai import OpenAI

from benchmarks.responder import BUNDLE, Shop, asked, cases
from freehold.core.local import Beside, ReadsContext
from freehold.core.training import TrainingJob
from freehold.learning.datasets.memory import MemoryDataset
from freehold.learning.trainers.responder import ResponderTrainer
from freehold.testing import Simulator
from freehold.testing.identity import LocalIssuer
from freehold.testing.retail import data
from freehold.testing.retail.delivery import DeliveryService
from freehold.text.local import make
from tests.e2e.served import PATIENCE_S, Served, ledger, make_key

RETAIL = Path(__file__).resolve().parents[2] / "examples" / "retail" / "bundle"
OWN = """\
models:
  own-answers:
    provider: local
    local: {kind: responder, file: responder.jsonl, threshold: THRESHOLD}
    region: on-premises
    clearances: [pii, orders, personal, trade]
"""
FRONTIER = "I can't see that right now."
MOVING = {"order_status", "delivery_late"}


@contextmanager
def delivering(service: DeliveryService) -> Iterator[tuple[str, uvicorn.Server]]:
    """The delivery service on a socket."""
    config = uvicorn.Config(service, host="127.0.0.1", port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        waited = threading.Event()
        while not server.started and thread.is_alive():
            waited.wait(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/deliveries", server
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)


def bundled(folder: Path, trained: Any, out: Path) -> Path:
    """The example's bundle with the model before the others."""
    shutil.copytree(RETAIL, folder, ignore=shutil.ignore_patterns("jwks.json"))
    threshold = str(trained.serving["threshold"])
    (folder / "own.yaml").write_text(OWN.replace("THRESHOLD", threshold), encoding="utf-8")
    shutil.copy(out / trained.file, folder / trained.file)
    models = folder / "models.yaml"
    text = models.read_text(encoding="utf-8")
    written = "candidates: [simulated-small, simulated-frontier]"
    own = text.replace(written, "candidates: [own-answers, simulated-frontier]", 1)
    rules, after = own.index("    rules:"), own.index("    max_attempts: 2")
    models.write_text(own[:rules] + own[after:], encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def retail(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("retail") / "chain.sqlite"
    return data.build(made, stores=200, customers=600, orders=2_400)


def test_one_correction_serves_another_store(
    tmp_path: Path, retail: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    moving = [
        (call, example)
        for call, _, example in cases(Shop(BUNDLE, retail), 2_000, 3, retail)
        if call.expect.intent in MOVING and len(call.messages) == 1
    ]
    taught = [example for call, example in moving if call.store < "store-0120"]
    job = TrainingJob(model="answers", out=tmp_path, options={})
    trained = ResponderTrainer().train(MemoryDataset("retail", taught), job, lambda *_, **__: None)
    model = make("responder", (tmp_path / trained.file).read_bytes())
    assert isinstance(model, ReadsContext)
    call, wanted = next(
        (call, example)
        for call, example in moving
        if call.store >= "store-0120"
        and "The tracking number" in example.answer
        and model.answer_beside(asked(example), Beside(pieces=example.pieces)).text
    )
    assert wanted.answer not in {example.answer for example in taught}
    issuer = LocalIssuer.create(tmp_path / "issuer")
    service = DeliveryService(retail)
    with delivering(service) as (url, server):
        monkeypatch.setenv("FREEHOLD_RETAIL_DB", f"sqlite:///{retail}")
        monkeypatch.setenv("FREEHOLD_SIMULATOR_URL", f"{simulator.url}/v1")
        monkeypatch.setenv("FREEHOLD_DELIVERY_URL", url)
        folder, home = bundled(tmp_path / "bundle", trained, tmp_path), tmp_path / "home"
        issuer.write_jwks(folder / "jwks.json")
        key = make_key(folder, home, tenant=call.region, app=call.app)
        simulator.control_now(models={"simulated-frontier": {"answers": [FRONTIER]}})
        headers = {"x-freehold-identity": issuer.token(call.claims)}
        with (
            Served(folder, home) as served,
            OpenAI(base_url=f"{served.url}/v1", api_key=key, timeout=30) as client,
        ):

            def ask() -> str | None:
                messages: Any = list(call.messages)
                reply = client.chat.completions.create(
                    model="auto", messages=messages, extra_headers=headers
                )
                told.append(reply.model)
                return reply.choices[0].message.content

            told: list[str] = []
            assert ask() == wanted.answer
            server.should_exit = True
            while server.servers and server.servers[0].is_serving():
                asyncio.run(asyncio.sleep(0.01))
            assert ask() == FRONTIER
            assert told == ["own-answers", "simulated-frontier"], "by its name in the bundle"
        simulator.control_now(models={"simulated-frontier": {"answers": []}})
    own, other = (body["closed"] for body in ledger(home) if "closed" in body)
    assert [one["model"] for one in own["calls"]] == ["own-answers"]
    assert own["cost_nano"] == 0
    assert [one["model"] for one in other["calls"]] == ["own-answers", "simulated-frontier"]
