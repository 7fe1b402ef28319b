"""Versions of custom models: added, found, signed, and every alteration named."""

import json
import pickle
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from freehold.core.errors import AlteredModel, NotFound, TrainingError
from freehold.core.training import Example, Split, Trained, TrainingJob
from freehold.learning.registry import About, Registry, Version, adopt
from freehold.ledger.signing import LedgerKeys


class Rows:
    """A dataset of a few rows."""

    name = "answers"
    owner = "chain"

    def __init__(self, digest: str = "sha256:" + "0" * 64) -> None:
        self.digest = digest

    def rows(self, split: Split) -> Sequence[Example]:
        count = {"train": 3, "validation": 1, "test": 1}[split]
        return [Example(id=f"case-{split}-{n}", messages=()) for n in range(count)]


def made(
    out: Path, text: str = "At nine.", *, model: str = "answers"
) -> tuple[Trained, TrainingJob]:
    """What a trainer would hand back."""
    out.mkdir(exist_ok=True)
    line = {"questions": ["When do you open?"], "answer": text}
    (out / "answers.jsonl").write_text(json.dumps(line) + "\n")
    trained = Trained(
        kind="responder",
        serving={"kind": "responder", "threshold": 0.6, "options": {}},
        file="answers.jsonl",
        files=("answers.jsonl",),
        figures={"accuracy": 0.93, "accuracy_low": 0.9, "accuracy_high": 0.96},
        notes=("Two questions were left out: nobody agreed on them.",),
    )
    return trained, TrainingJob(model=model, out=out, options={"k": 3})


def added(home: Path, out: Path, text: str = "At nine.") -> Version:
    trained, job = made(out, text)
    return Registry(home / "custom").add(trained, job, Rows(), about=About(by="ada"))


def test_a_version_is_named_by_its_number_and_its_content(tmp_path: Path) -> None:
    first = added(tmp_path, tmp_path / "a")
    second = added(tmp_path, tmp_path / "b", "At ten.")
    assert first.name.startswith("v1-")
    assert second.name.startswith("v2-")
    assert second.manifest.parent == first.name
    registry = Registry(tmp_path / "custom")
    assert [v.name for v in registry.versions("answers")] == [first.name, second.name]
    assert registry.models() == ["answers"]
    assert registry.find("answers").name == second.name
    assert registry.find("answers@v1").name == first.name
    assert registry.find(f"answers@{first.name}").manifest.by == "ada"
    with pytest.raises(NotFound, match="v7"):
        registry.find("answers@v7")
    with pytest.raises(NotFound, match="nothing"):
        registry.find("nothing")
    with pytest.raises(NotFound):
        registry.find("../answers")


def test_the_same_content_again_is_the_same_version(tmp_path: Path) -> None:
    first = added(tmp_path, tmp_path / "a")
    assert added(tmp_path, tmp_path / "b").name == first.name


def test_eight_at_once_get_eight_numbers(tmp_path: Path) -> None:
    failed: list[Exception] = []

    def one(number: int) -> None:
        try:
            added(tmp_path, tmp_path / f"out{number}", f"Answer {number}.")
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    registry = Registry(tmp_path / "custom")
    found = registry.versions("answers")
    assert [v.name.partition("-")[0] for v in found] == [f"v{n}" for n in range(1, 9)]
    for version in found:
        registry.verify(version.id)


def test_the_card_says_what_somebody_must_know(tmp_path: Path) -> None:
    version = added(tmp_path, tmp_path / "a")
    card = (version.folder / "card.md").read_text()
    for said in ("`chain`", "0.9 to 0.96", "nobody agreed", "not been through the gate", "3 train"):
        assert said in card
    registry = Registry(tmp_path / "custom")
    registry.attach_gate(version.id, {"verdict": "passed", "reasons": ["accuracy 0.93 of 0.9"]})
    card = (version.folder / "card.md").read_text()
    assert "**passed**" in card
    assert "accuracy 0.93 of 0.9" in card
    again = registry.verify(version.id)
    assert again.gate == {"verdict": "passed", "reasons": ["accuracy 0.93 of 0.9"]}


def test_a_case_leads_to_the_versions_that_it_taught(tmp_path: Path) -> None:
    version = added(tmp_path, tmp_path / "a")
    registry = Registry(tmp_path / "custom")
    assert registry.taught_by(version.model, {"case-train-2", "case-test-0", "case-9"}) == [
        (version, 2)
    ]
    assert registry.taught_by(version.model, {"case-train-9"}) == []
    assert registry.lineage(version)["test"] == ["case-test-0"]


@pytest.mark.parametrize("name", ["answers.jsonl", "card.md", "lineage.json"])
def test_an_altered_file_is_named(tmp_path: Path, name: str) -> None:
    version = added(tmp_path, tmp_path / "a")
    path = version.folder / name
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"a", b"b", 1))
    with pytest.raises(AlteredModel, match=name):
        Registry(tmp_path / "custom").verify(version.id)


def test_a_missing_and_a_further_file_are_named(tmp_path: Path) -> None:
    version = added(tmp_path, tmp_path / "a")
    registry = Registry(tmp_path / "custom")
    (version.folder / "more.json").write_text("{}")
    with pytest.raises(AlteredModel, match=r"more\.json"):
        registry.verify(version.id)
    (version.folder / "more.json").unlink()
    (version.folder / "answers.jsonl").unlink()
    with pytest.raises(AlteredModel, match=r"answers\.jsonl. is missing"):
        registry.verify(version.id)


def test_an_altered_manifest_has_another_digest(tmp_path: Path) -> None:
    version = added(tmp_path, tmp_path / "a")
    path = version.folder / "model.json"
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b'"threshold":0.6', b'"threshold":0.1'))
    with pytest.raises(AlteredModel, match=r"model\.json"):
        Registry(tmp_path / "custom").find("answers")


def test_a_manifest_with_its_digest_made_anew_has_no_signature(tmp_path: Path) -> None:
    """Whoever alters everything but has no key is found out."""
    version = added(tmp_path, tmp_path / "a")
    other = added(tmp_path / "elsewhere", tmp_path / "b", "At eleven.")
    target = version.folder.parent / other.name
    other.folder.rename(target)
    with pytest.raises(AlteredModel, match="none of the 1 keys"):
        Registry(tmp_path / "custom").verify(f"answers@{other.name}")
    (target / "signature").write_bytes((version.folder / "signature").read_bytes())
    with pytest.raises(AlteredModel, match="is that of"):
        Registry(tmp_path / "custom").verify(f"answers@{other.name}")


@pytest.mark.parametrize("suffix", [".pkl", ".pt", ".bin", ".joblib", ".npz", ""])
def test_only_open_formats_come_in(tmp_path: Path, suffix: str) -> None:
    trained, job = made(tmp_path / "a")
    (tmp_path / "a" / f"weights{suffix}").write_bytes(pickle.dumps({"a": 1}))
    trained = replace(trained, files=(*trained.files, f"weights{suffix}"))
    with pytest.raises(TrainingError, match="open formats"):
        Registry(tmp_path / "custom").add(trained, job, Rows())


@pytest.mark.parametrize(
    "suffix", [".onnx", ".gguf", ".safetensors", ".json", ".jsonl", ".txt", ".csv", ".model"]
)
def test_a_pickle_under_an_open_formats_name_stays_out(tmp_path: Path, suffix: str) -> None:
    trained, job = made(tmp_path / "a")
    (tmp_path / "a" / f"weights{suffix}").write_bytes(pickle.dumps({"a": [1, 2, 3]}))
    trained = replace(trained, files=(*trained.files, f"weights{suffix}"))
    with pytest.raises(TrainingError, match=f"weights{suffix}. is no"):
        Registry(tmp_path / "custom").add(trained, job, Rows())
    assert Registry(tmp_path / "custom").models() == []


@pytest.mark.parametrize(
    "name", ["../a.json", "/etc/a.json", ".a.json", "b/../a.json", "model.json"]
)
def test_a_trainer_names_files_within_its_folder(tmp_path: Path, name: str) -> None:
    trained, job = made(tmp_path / "a")
    with pytest.raises(TrainingError, match="the trainer names"):
        Registry(tmp_path / "custom").add(replace(trained, files=(name,), file=""), job, Rows())


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    trained, job = made(tmp_path / "a")
    (tmp_path / "secret.json").write_text("{}")
    (tmp_path / "a" / "linked.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(TrainingError, match="no such file"):
        Registry(tmp_path / "custom").add(
            replace(trained, files=(*trained.files, "linked.json")), job, Rows()
        )


def test_a_real_safetensors_file_comes_in(tmp_path: Path) -> None:
    trained, job = made(tmp_path / "a")
    header = json.dumps({"w": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}).encode()
    (tmp_path / "a" / "w.safetensors").write_bytes(
        len(header).to_bytes(8, "little") + header + b"1234"
    )
    trained = replace(trained, files=(*trained.files, "w.safetensors"))
    version = Registry(tmp_path / "custom").add(trained, job, Rows())
    assert Registry(tmp_path / "custom").read(version, "w.safetensors").endswith(b"1234")


def test_a_gate_that_died_before_it_signed_is_run_again(tmp_path: Path) -> None:
    version = added(tmp_path, tmp_path / "a")
    registry = Registry(tmp_path / "custom")
    (version.folder / "gate.json").write_text('{"verdict": "passed"}')
    with pytest.raises(AlteredModel, match=r"gate\.json"):
        registry.verify(version.id)
    registry.attach_gate(version.id, {"verdict": "failed"})
    assert registry.verify(version.id).gate == {"verdict": "failed"}


def test_a_version_from_elsewhere_is_taken_over_with_both_signatures(tmp_path: Path) -> None:
    there = added(tmp_path / "there", tmp_path / "a")
    theirs = [key.public_bytes for key in LedgerKeys(tmp_path / "there").history()]
    here = Registry(tmp_path / "here" / "custom")
    adopted = adopt(here, there.folder, theirs)
    assert adopted.id == there.id
    assert here.verify(there.id).manifest == there.manifest
    assert (adopted.folder / "origin.signature.json").read_bytes() == (
        there.folder / "signature"
    ).read_bytes()
    assert adopt(here, there.folder, theirs).id == there.id, "again changes nothing"
    with pytest.raises(AlteredModel, match="none of the 1 keys"):
        adopt(Registry(tmp_path / "other" / "custom"), there.folder, [bytes(32)])
    path = there.folder / "answers.jsonl"
    path.chmod(0o600)
    path.write_bytes(b"{}")
    with pytest.raises(AlteredModel, match=r"answers\.jsonl"):
        adopt(Registry(tmp_path / "third" / "custom"), there.folder, theirs)
    assert Registry(tmp_path / "third" / "custom").models() == []


def test_what_is_trained_again_puts_a_lost_file_back(tmp_path: Path) -> None:
    version = added(tmp_path, tmp_path / "a")
    registry = Registry(tmp_path / "custom")
    lost = version.folder / "answers.jsonl"
    whole = lost.read_bytes()
    lost.unlink()
    assert registry.lacking(version.id) == ["answers.jsonl"]
    assert added(tmp_path, tmp_path / "b").name == version.name
    assert lost.read_bytes() == whole
    assert registry.lacking(version.id) == []
    registry.verify(version.id)
    # one that was altered is evidence, and stays as it is
    lost.chmod(0o600)
    lost.write_bytes(b"{}\n")
    with pytest.raises(AlteredModel, match="was altered"):
        added(tmp_path, tmp_path / "c")
    assert lost.read_bytes() == b"{}\n"
