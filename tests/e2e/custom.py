"""A gateway whose route a custom model can take over, and what tests do with its versions."""

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from freehold.app.homes import registry_of
from freehold.cli.main import main
from freehold.core.training import Trained, TrainingJob
from freehold.learning.datasets.folder import latest
from freehold.learning.registry import About, Version
from freehold.testing.identity import LocalIssuer
from tests.services.made_owned import Rows

BUNDLE = """\
freehold: 1
name: own
identity:
  issuers:
    company:
      {issuer: "https://id.harbor-and-pine.example", audience: freehold, jwks: "file:jwks.json"}
tenants:
  chain: {settings: {content: redacted}}
models:
  rented: {base_url: "URL/v1", simulated: true, upstream_model: simulated-frontier, retries: 0,
    price: {input: 2.5, output: 10}}
routes:
  customer: {candidates: [rented]}
metrics:
  solved: {type: boolean}
apps:
  service: {tenant: chain, purpose: Answers, route: customer}
custom_models:
  answers:
    kind: responder
    purpose: Answers what customers ask about the shop.
    owner: chain
    share: down
    learns_from: [service]
    routes: [customer]
    deploy: DEPLOY
"""
LADDER = "{shadow: 1, stages: [0.5, 0.8], approval: model-owner}"


def write(folder: Path, url: str, deploy: str = LADDER) -> LocalIssuer:
    """The bundle, and who signs its people's tokens."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bundle.yaml").write_text(BUNDLE.replace("URL", url).replace("DEPLOY", deploy))
    issuer = LocalIssuer.create(folder.parent / "issuer")
    issuer.write_jwks(folder / "jwks.json")
    return issuer


def train(
    home: Path,
    answer: str,
    *,
    gate: str = "passed",
    by: str = "tess",
    model: str = "answers",
    head: dict[str, Any] | None = None,
) -> Version:
    """A version that knows when the shop opens, as a trainer would hand it back; ``head`` is a
    line before its others.
    """
    out = home.parent / "out"
    out.mkdir(exist_ok=True)
    asked = ["When do you open?", "What are your opening hours?", "Are you open on Sunday?"]
    lines: list[dict[str, Any]] = [
        *([] if head is None else [head]),
        {"questions": asked, "answer": answer},
        {"questions": ["Can I return it?", "How do I send it back?"], "answer": "Within 30 days."},
        {"questions": ["Write me a poem", "Who won the match?"], "answer": None},
    ]
    (out / "answers.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    trained = Trained(
        kind="responder",
        serving={"kind": "responder", "threshold": 0.9, "options": {"follow_ups": True}},
        file="answers.jsonl",
        files=("answers.jsonl",),
        figures={"accuracy": 0.95},
    )
    registry = registry_of(home)
    job = TrainingJob(model=model, out=out, options={})
    version = registry.add(trained, job, Rows(), about=About(by=by))
    if gate:
        past = latest(home, f"{model}-regressions")
        incidents = "" if past is None else past.digest
        registry.attach_gate(version.id, {"verdict": gate, "incidents": incidents})
    return version


def custom(home: Path, *arguments: str, token: str = "") -> Result:
    """``freehold custom …`` as somebody with this token."""
    environment = {"FREEHOLD_IDENTITY_TOKEN": token}
    return CliRunner().invoke(main, ["custom", *arguments, "--home", str(home)], env=environment)


def done(home: Path, *arguments: str, token: str = "") -> dict[str, Any]:
    """The same, which must succeed."""
    result = custom(home, *arguments, "--json", token=token)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found
