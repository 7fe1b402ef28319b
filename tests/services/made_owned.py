"""A home with something to carry away: bundle, models, datasets, labels. No server runs."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from freehold.app.homes import ledger_of, registry_of, store_of
from freehold.bundle.deployed import laid_over
from freehold.bundle.kept import keep, mark_live
from freehold.bundle.problems import Problems
from freehold.bundle.snapshot import read_folder
from freehold.core.clock import SystemClock
from freehold.core.deployments import Deployment, Move, Step
from freehold.core.labels import Label, Task
from freehold.core.training import Example, Split, Trained, TrainingJob
from freehold.learning.datasets import FolderDataset
from freehold.learning.registry import About, Version
from freehold.learning.registry.overlay import overlay_files
from freehold.services.datasets import Datasets
from freehold.storage.labels import StoredLabels
from freehold.storage.models import StoredDeployments
from freehold.storage.secrets import KeyFolder

BUNDLE = """\
freehold: 1
name: own
tenants:
  chain: {settings: {content: redacted}}
  north: {parent: chain}
models:
  rented: {base_url: "http://127.0.0.1:9/v1", api_key: env:RENTED_KEY, simulated: true}
routes:
  customer: {candidates: [rented]}
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
"""
ASKED = ["When do you open?", "What are your opening hours?", "Are you open on Sunday?"]
DAY_NS = 86_400 * 1_000_000_000
AT_NS = 1_790_000_000 * 1_000_000_000


class Rows:
    """The dataset that a version says it was trained on."""

    def __init__(self, dataset: FolderDataset | None = None, owner: str = "chain") -> None:
        self.name = dataset.name if dataset else "approved"
        self.owner = dataset.owner if dataset else owner
        self.digest = dataset.digest if dataset else "sha256:" + "ab" * 32

    def rows(self, split: Split) -> Sequence[Example]:
        return [Example(id=f"case-{split}", messages=())]


def answers(answer: str) -> str:
    lines = [
        {"questions": ASKED, "answer": answer},
        {"questions": ["Can I return it?", "How do I send it back?"], "answer": "Within 30 days."},
        {"questions": ["Write me a poem", "Who won the match?"], "answer": None},
    ]
    return "".join(json.dumps(line) + "\n" for line in lines)


def train(home: Path, answer: str, *, model: str = "answers", dataset: Any = None) -> Version:
    """A version that knows when the shop opens."""
    out = home.parent / "out"
    out.mkdir(exist_ok=True)
    (out / "answers.jsonl").write_text(answers(answer))
    trained = Trained(
        kind="responder",
        serving={"kind": "responder", "threshold": 0.9, "options": {"follow_ups": True}},
        file="answers.jsonl",
        files=("answers.jsonl",),
        figures={"accuracy": 0.95, "accuracy_low": 0.9, "accuracy_high": 0.99},
        notes=("It was taught in English.",),
    )
    registry = registry_of(home)
    job = TrainingJob(model=model, out=out, options={})
    about = About(by="tess", purpose="Opening hours.", licence="in-house")
    version = registry.add(trained, job, dataset or Rows(), about=about)
    registry.attach_gate(version.id, {"verdict": "passed"})
    return version


def stand(home: Path, version: Version, state: str = "live") -> None:
    """A row that says where a version stands, and the step that took it there."""
    to = Deployment(
        model=version.model,
        version=version.name,
        digest=version.manifest.digest,
        state=state,  # type: ignore[arg-type]
        since_ns=AT_NS,
        by="olga",
    )
    step = Step(
        step_id=f"step-{version.name}",
        at_ns=AT_NS,
        model=version.model,
        version=version.name,
        digest=to.digest,
        was="",
        became=to.state,
        by="olga",
    )
    with store_of(home) as database, ledger_of(home, KeyFolder(home), SystemClock()) as audit:
        assert StoredDeployments(database).move(
            [Move(None, to)],
            step,
            lambda: audit.event("deployment.live", "olga", version.id, {}, tenant="chain"),
        )


def go_live(home: Path, folder: Path) -> str:
    """What a server does when it begins: keep the bundle with what is deployed, and mark it."""
    with store_of(home) as database:
        rows = StoredDeployments(database).all()
    snapshot = laid_over(read_folder(folder, Problems()), overlay_files(registry_of(home), rows))
    keep(snapshot, home)
    mark_live(home, folder, snapshot.hash)
    return snapshot.hash


def dataset(home: Path, name: str = "hours", owner: str = "chain", rows: int = 30) -> FolderDataset:
    """Rows brought in from a file."""
    file = home.parent / f"{name}.jsonl"
    lines = [{"text": f"When does shop {n} open?", "label": "hours"} for n in range(rows)]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with ledger_of(home, KeyFolder(home), SystemClock()) as audit:
        return Datasets(home, SystemClock(), "ann", audit.event).bring_in(file, name, owner=owner)


def label(home: Path, number: int, owner: str = "chain", **more: Any) -> Label:
    """What an expert said of a case."""
    made = Label(
        label_id=f"lab-{number:04}",
        case_id=f"case-{number:04}",
        queue="customer",
        labeler="ann",
        verdict="correct",
        intent="hours",
        at_ns=more.pop("at_ns", AT_NS + number),
        owner=owner,
        tenant=owner,
        **more,
    )
    task = Task(
        task_id=f"task-{number:04}",
        queue="customer",
        case_id=made.case_id,
        owner=owner,
        tenant=owner,
        app="service",
        given_ns=AT_NS,
        changed_ns=AT_NS,
    )
    with store_of(home) as database:
        store = StoredLabels(database)
        store.reserve(task, "ann", AT_NS, AT_NS + DAY_NS)
        assert store.put(made, AT_NS, lambda *_: "settled", lambda: f"evt-{number}") is not None
    return made


def owned(base: Path) -> tuple[Path, Path]:
    """Home and bundle's folder."""
    home, folder = base / "home", base / "bundle"
    folder.mkdir(parents=True)
    (folder / "bundle.yaml").write_text(BUNDLE)
    (folder / "notes").mkdir()
    (folder / "notes" / "about.txt").write_text("Hours are those of the shop.\n")
    rows = dataset(home)
    stand(home, train(home, "We open at nine.", dataset=Rows(rows)))
    for number in range(3):
        label(home, number)
    go_live(home, folder)
    return home, folder
