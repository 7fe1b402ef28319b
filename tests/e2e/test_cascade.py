"""A cascade under a running gateway, as the unmodified `openai` SDK sees it: two models."""

from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from freehold.testing import Simulator
from tests.e2e.served import Served, ledger, make_key

BUNDLE = """\
freehold: 1
name: cascade
tenants: {main: {}}
models:
  simulated-small: {base_url: "URL/v1", simulated: true, price: {input: 0.1, output: 0.4},
    retries: 0}
  simulated-frontier: {base_url: "URL/v1", simulated: true, price: {input: 2, output: 8},
    retries: 0}
routes:
  main: {candidates: [simulated-small, simulated-frontier], cascade: {}}
apps:
  app: {tenant: main, purpose: Is tested, route: main}
"""
UNSURE = "I don't know. You may want to ask in the shop."
SURE = "We open at nine. On Sunday we are closed."
ASK: Any = [{"role": "user", "content": "When do you open?"}]


@pytest.mark.parametrize("stream", [False, True])
def test_the_larger_model_answers_where_the_smaller_does_not_know(
    tmp_path: Path, simulator: Simulator, stream: bool
) -> None:
    folder, home = tmp_path / "bundle", tmp_path / "home"
    folder.mkdir()
    (folder / "bundle.yaml").write_text(BUNDLE.replace("URL", simulator.url), encoding="utf-8")
    key = make_key(folder, home)
    with (
        Served(folder, home) as served,
        OpenAI(base_url=f"{served.url}/v1", api_key=key, timeout=30) as client,
    ):
        heard = []
        for small in (UNSURE, SURE):
            simulator.control_now(
                models={
                    "simulated-small": {"answers": [small]},
                    "simulated-frontier": {"answers": [SURE]},
                }
            )
            if stream:
                chunks = client.chat.completions.create(model="", messages=ASK, stream=True)
                heard.append("".join(c.choices[0].delta.content or "" for c in chunks if c.choices))
            else:
                whole = client.chat.completions.create(model="", messages=ASK)
                heard.append(whole.choices[0].message.content or "")
        simulator.control_now(
            models={"simulated-small": {"answers": []}, "simulated-frontier": {"answers": []}}
        )
    assert heard == [SURE, SURE]
    first, second = (body["closed"] for body in ledger(home) if "closed" in body)
    asked = ["simulated-small", "simulated-frontier"]
    assert [call["model"] for call in first["calls"]] == asked
    assert first["model"] == "simulated-frontier"
    assert first["cost_nano"] == sum(call["cost_nano"] for call in first["calls"])
    assert all(call["cost_nano"] > 0 for call in first["calls"])
    assert [call["model"] for call in second["calls"]] == asked[:1]
    assert second["cost_nano"] == second["calls"][0]["cost_nano"]
