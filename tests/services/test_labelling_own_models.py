"""A live custom model suggests; what became of labels is told from datasets and models."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from freehold.core.cases import Case, Moment
from freehold.core.deployments import Deployment
from freehold.core.labels import QueueSpec
from freehold.core.training import Trained, TrainingJob
from freehold.learning.datasets.folder import versions
from freehold.learning.registry import About, Registry, Version
from freehold.services.labelling_effect import Effects, in_words
from freehold.services.labelling_suggesting import Suggesting
from tests.learning.registry.test_registry import Rows, added

CUSTOM = SimpleNamespace(learns_from=["service"])
BUNDLE = cast(Any, SimpleNamespace(bundle=SimpleNamespace(custom_models={"answers": CUSTOM})))
CASE = Case(
    case_id="case_1", exchange_id="ex_1", conversation="con_1", owner="chain", tenant="north",
    app="service", route="main", reasons=("random",),
)  # fmt: skip


def row(version: Version, state: str = "live") -> Deployment:
    digest = version.manifest.digest
    return Deployment(
        model="answers", version=version.name, digest=digest, state=cast(Any, state), since_ns=1,
        by="ann",
    )  # fmt: skip


def asked(text: str) -> Moment:
    return Moment(asked=({"role": "user", "content": text},), released="I don't know.")


def test_the_live_version_suggests_where_it_is_sure_and_says_why(tmp_path: Path) -> None:
    version = added(tmp_path, tmp_path / "out")
    rows = [row(version)]
    suggest = Suggesting(lambda: BUNDLE, Registry(tmp_path / "custom"), lambda: rows)
    found = suggest(CASE, asked("When do you open?"))
    assert found is not None
    assert (found.answer, found.by) == ("At nine.", version.id)
    assert "% sure" in found.evidence[0]
    assert suggest(CASE, asked("May I bring my dog along to the garden centre?")) is None
    other = Case(**{name: getattr(CASE, name) for name in CASE.__struct_fields__} | {"app": "x"})
    assert suggest(other, asked("When do you open?")) is None
    rows[0] = row(version, "shadow")
    assert suggest(CASE, asked("When do you open?")) is None


def test_an_altered_version_suggests_nothing(tmp_path: Path) -> None:
    version = added(tmp_path, tmp_path / "out")
    file = version.folder / "answers.jsonl"
    file.chmod(0o600)
    file.write_text(file.read_text().replace("nine", "noon"))
    suggest = Suggesting(lambda: BUNDLE, Registry(tmp_path / "custom"), lambda: [row(version)])
    assert suggest(CASE, asked("When do you open?")) is None


def test_what_became_of_labels_names_datasets_models_and_figures(tmp_path: Path) -> None:
    digest = "sha256:" + "ab" * 32
    folder = tmp_path / "datasets" / "service" / ("ab" * 8)
    folder.mkdir(parents=True)
    parts = {
        s: {"file": f"{s}.jsonl", "sha256": "0", "rows": 1} for s in ("train", "validation", "test")
    }
    manifest = {"format": 1, "name": "service", "digest": digest, "owner": "chain",
                "created": "2026-01-01T00:00:00Z", "created_ns": 1, "parts": parts}  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    lines = [
        {"id": f"case_{n}", "split": "train", "sha256": "0", "marks": [], "source": "label",
         "queue": "answers", "by": ["ann"] if n < 2 else ["bob"]}
        for n in range(3)
    ]  # fmt: skip
    (folder / "lineage.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    assert len(versions(tmp_path, "service")) == 1
    queue, registry = QueueSpec(name="answers"), Registry(tmp_path / "custom")
    effects = Effects(tmp_path, registry, list)
    assert effects.of(QueueSpec(name="other"), "")["datasets"] == []
    assert effects.of(queue, "ann", lambda tenant: tenant == "another")["datasets"] == []
    told = effects.of(queue, "ann", lambda tenant: tenant == "chain")
    assert [(one["rows"], one["yours"]) for one in told["datasets"]] == [(3, 2)]
    assert "No model was trained on them yet." in in_words(told)
    first = _trained(registry, tmp_path / "one", digest, 0.8)
    second = _trained(registry, tmp_path / "two", digest, 0.9)
    told = Effects(tmp_path, registry, lambda: [row(second)]).of(queue, "ann")
    assert [(one["model"], one["state"]) for one in told["models"]] == [
        (first.id, "not deployed"), (second.id, "live"),
    ]  # fmt: skip
    assert told["models"][1]["before"]["figures"] == {"accuracy": 0.8}
    said = in_words(told)
    assert "2 of the 3 rows" in said[0]
    assert said[1].endswith("(live) learned from 2: accuracy 0.9 (before 0.8).")


def _trained(registry: Registry, out: Path, digest: str, accuracy: float) -> Version:
    out.mkdir()
    line = {"questions": ["When do you open?"], "answer": f"At {accuracy}."}
    (out / "a.jsonl").write_text(json.dumps(line) + "\n")
    trained = Trained(
        kind="responder", serving={"kind": "responder", "threshold": 0.6, "options": {}},
        file="a.jsonl", files=("a.jsonl",), figures={"accuracy": accuracy},
    )  # fmt: skip
    job = TrainingJob(model="answers", out=out, options={})
    return registry.add(trained, job, Rows(digest), about=About(by="ada"))
