"""A language model of one's own, from its rows to its answers: imported, trained, gated, deployed,
served by the gateway from its whole folder; where it is not sure, the route's next model answers.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec.structs import replace
from openai import OpenAI

pytest.importorskip(
    "trl", reason="the extra `train` is not installed: no causal-lm is trained or served here"
)

from freehold.cli.main import main
from freehold.core.training import Example
from freehold.testing import Simulator
from tests.e2e.custom import done
from tests.e2e.served import Served, ledger, make_key
from tests.e2e.trying import until
from tests.learning.trainers import tiny_base

BUNDLE = """\
freehold: 1
name: own
tenants:
  chain: {settings: {content: redacted}}
models:
  rented: {base_url: "URL/v1", simulated: true, upstream_model: simulated-frontier, retries: 0,
    price: {input: 2.5, output: 10}}
routes:
  customer: {candidates: [rented]}
apps:
  service: {tenant: chain, purpose: Answers, route: customer}
custom_models:
  speaker:
    kind: causal-lm
    purpose: Says what can be returned.
    owner: chain
    learns_from: [service]
    routes: [customer]
    base: BASE
    options: {epochs: 8, learning_rate: 1.0e-2, batch: 4, accumulate: 1, rank: 8, dpo: false,
      max_tokens: 32, max_length: 96, device: cpu, gguf: none, precision: 0.7}
    gate: {accuracy: 0.7, coverage: 0.3, examples: 5, answers: 2, p95_ms: 60000}
    deploy: {shadow: 0, stages: []}
"""


def asking_for(number: int) -> dict[str, Any]:
    store = tiny_base.STORES[number // len(tiny_base.THINGS)]
    return {"role": "user", "content": f"Is {store} open?"}


ROWS = [
    replace(row, answer="Yes, within 30 days.")
    if number % 2
    else replace(row, answer="Sorry, no.", messages=(row.messages[0], asking_for(number)))
    for number, row in enumerate(tiny_base.examples(pairs=False))
]
LONG = "Tell me more about it than you have room for. " * 8


def said(client: OpenAI, messages: Any) -> str:
    reply = client.chat.completions.create(model="auto", messages=messages)
    return str(reply.choices[0].message.content)


def run(home: Path, *arguments: str) -> Any:
    result = CliRunner().invoke(main, [*arguments, "--home", str(home), "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def is_test(row: Example) -> bool:
    number = int(row.id.removeprefix("case_"))
    return row.split == "validation" and number % 20 < 10


def rows(path: Path) -> Path:
    """Half of the held-out rows are the trainer's, the others the gate's."""
    lines = []
    for one in ROWS:
        held = "test" if is_test(one) else "validation"
        lines.append(
            {
                "messages": list(one.messages),
                "answer": one.answer,
                "conversation": one.conversation,
                "split": "train" if one.split == "train" else held,
            }
        )
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_a_language_model_of_ones_own_answers_and_leaves_the_rest(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "bundle"
    folder.mkdir()
    base = tiny_base.build(tmp_path / "base", steps=40)
    with Simulator(behaviour="echo") as upstream:
        text = BUNDLE.replace("URL", upstream.url).replace("BASE", str(base))
        (folder / "bundle.yaml").write_text(text)
        key = make_key(folder, home, app="service", tenant="chain")
        file = rows(tmp_path / "rows.jsonl")
        owned = ("--name", "speaker", "--owner", "chain")
        made = run(home, "dataset", "import", str(file), *owned)
        trained = run(home, "train", "speaker", "--bundle", str(folder))
        assert trained["figures"]["loss_after"] < trained["figures"]["loss_before"] / 2
        gated = run(home, "gate", "speaker", "--bundle", str(folder))
        assert (gated["verdict"], gated["dataset"]["digest"]) == ("passed", made["digest"])
        with (
            Served(folder, home) as served,
            OpenAI(base_url=f"{served.url}/v1", api_key=key, timeout=60) as client,
        ):
            assert done(home, "promote", "speaker")["state"] == "live"
            assert asyncio.run(until(lambda: dict(served.gateway.bundle.bundle.deployments), bool))
            told = [(said(client, list(row.messages)), row) for row in ROWS if is_test(row)]
            long = said(client, [{"role": "user", "content": LONG}])
            assert LONG.strip() in long, "longer than its window: the next model answers"
    closed = [body["closed"] for body in ledger(home) if "closed" in body]
    asked = [[call["model"] for call in one["calls"]] for one in closed]
    assert asked[-1] == ["speaker", "rented"]
    own = [i for i, models in enumerate(asked) if models == ["speaker"]]
    assert len(own) >= 2, "what it is sure of, nobody else is asked"
    assert all(told[i][0] == told[i][1].answer for i in own)
    assert all(closed[i]["cost_nano"] == 0 for i in own)
    replayed = run(home, "replay", "--last", "10")
    assert (replayed["mismatches"], replayed["replayed"]) == (0, len(asked))
