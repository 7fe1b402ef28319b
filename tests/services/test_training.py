"""Training: from a plan to a version, resumed where it ended, with its entries in the ledger."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.errors import NotFound, StorageError, TrainingError
from freehold.core.training import Split
from freehold.learning.datasets import FolderDataset
from freehold.learning.datasets.writing import Wanted, write
from freehold.learning.registry import Registry
from freehold.services.bundles import described_bundle
from freehold.services.training import Training, TrainingPlan, plan_of
from tests.learning.datasets.samples import Ticking, draft
from tests.services.counting import CountingTrainer

BUNDLE = """\
freehold: 1
name: shops
tenants:
  chain: {}
  north: {parent: chain}
  south: {parent: chain}
models:
  rented: {base_url: "http://127.0.0.1:1/v1"}
routes:
  customer: {candidates: [rented]}
apps:
  service: {tenant: north, purpose: Answers, route: customer}
custom_models:
  answers: {kind: responder, owner: north, learns_from: [service]}
"""


def offered(kind: str) -> CountingTrainer:
    assert kind == "responder"
    return CountingTrainer()


def quiet(stage: str, done: int, total: int, **figures: float) -> None:
    assert done <= total


class Ended(KeyboardInterrupt):
    pass


@pytest.fixture
def bundle(tmp_path: Path) -> ResolvedBundle:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "freehold.yaml").write_text(BUNDLE)
    return described_bundle(tmp_path / "bundle")


def dataset(home: Path, **more: Any) -> FolderDataset:
    wanted = Wanted(**({"name": "answers", "owner": "north"} | more))
    return write(home, wanted, [draft(n) for n in range(20)], Ticking())


class House:
    def __init__(self, home: Path) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.registry = Registry(home / "custom")
        self.training = Training(home, self.registry, self._log, offered)

    def _log(self, kind: str, actor: str, subject: str, details: Any, *, tenant: str) -> str:
        assert (actor, subject, tenant) == ("ada", "answers", "north")
        self.events.append((kind, details))
        return "evt"

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.events]


def plan(bundle: ResolvedBundle, home: Path, **more: Any) -> TrainingPlan:
    return plan_of(bundle, "answers", home, actor="ada", offered=offered, **more)


def test_a_plan_becomes_a_version(bundle: ResolvedBundle, tmp_path: Path) -> None:
    rows = dataset(tmp_path)
    house = House(tmp_path)
    wanted = plan(bundle, tmp_path, seed=7, options={"steps": 5})
    assert (wanted.digest, wanted.options) == (rows.digest, {"steps": 5})
    outcome = house.training.run(wanted, quiet)
    version = house.registry.find(f"answers@{outcome.version}")
    assert version.manifest.content.dataset.digest == rows.digest
    assert version.manifest.content.trainer.seed == 7
    assert version.manifest.by == "ada"
    assert house.kinds == ["training.started", "training.finished"]
    assert house.events[0][1]["digest"] == rows.digest
    assert house.events[0][1]["seed"] == 7
    again = house.training.run(wanted, quiet)
    assert (again.again, again.version) == (True, outcome.version)
    assert len(house.events) == 2
    anew = house.training.run(wanted, quiet, resume=False)
    assert (anew.again, anew.version) == (False, outcome.version)


def test_what_was_ended_goes_on_where_it_was(bundle: ResolvedBundle, tmp_path: Path) -> None:
    dataset(tmp_path)
    house = House(tmp_path)
    wanted = plan(bundle, tmp_path)

    def until_two(stage: str, done: int, total: int, **figures: float) -> None:
        if done == 2:
            raise Ended

    with pytest.raises(Ended):
        house.training.run(wanted, until_two)
    outcome = house.training.run(wanted, quiet)
    assert outcome.figures == {"begun_at": 2.0}
    assert house.kinds == [
        "training.started", "training.failed", "training.started", "training.finished",
    ]  # fmt: skip
    assert [told.get("resumed") for _, told in house.events] == [False, None, True, None]
    with pytest.raises(Ended):
        house.training.run(plan(bundle, tmp_path, seed=1), until_two)
    anew = house.training.run(plan(bundle, tmp_path, seed=1), quiet, resume=False)
    assert anew.figures == {"begun_at": 0.0}
    # one that was begun anew over a finished one, and ended, too
    with pytest.raises(Ended):
        house.training.run(wanted, until_two, resume=False)
    went_on = house.training.run(wanted, quiet)
    assert (went_on.again, went_on.figures) == (False, {"begun_at": 2.0})
    assert house.training.run(wanted, quiet).again


def test_a_trainer_gives_its_words(bundle: ResolvedBundle, tmp_path: Path) -> None:
    dataset(tmp_path)
    house = House(tmp_path)
    with pytest.raises(TrainingError, match="no class has two rows: label more"):
        house.training.run(
            plan(bundle, tmp_path, options={"fail": "no class has two rows: label more"}), quiet
        )
    assert house.events[-1][0] == "training.failed"
    assert house.events[-1][1]["said"] == "no class has two rows: label more"
    with pytest.raises(TrainingError, match="the trainer `responder` failed: RuntimeError: boom"):
        house.training.run(plan(bundle, tmp_path, options={"crash": "boom"}), quiet)
    assert house.registry.versions("answers") == []


def test_what_can_not_be_trained_is_told_first(bundle: ResolvedBundle, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no dataset `answers`"):
        plan(bundle, tmp_path)
    dataset(tmp_path)
    with pytest.raises(TrainingError, match="answers: `stepz` is no option"):
        plan(bundle, tmp_path, options={"stepz": 1})
    with pytest.raises(NotFound, match="no custom model `anwers`: did you mean `answers`"):
        plan_of(bundle, "anwers", tmp_path)


def test_a_dataset_of_the_wrong_kind_is_told_first(bundle: ResolvedBundle, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="freehold dataset build --model answers"):
        plan(bundle, tmp_path)
    rows = [draft(n, answer="", label="late") for n in range(9)]
    write(tmp_path, Wanted(name="answers", owner="north"), rows, Ticking())
    with pytest.raises(TrainingError, match=r"learns from rows with `answer`; none of the \d+.*"
                       "they have `label`, which a `classifier` learns from"):  # fmt: skip
        plan(bundle, tmp_path)


def test_a_dataset_of_another_tenant_teaches_only_as_far_as_it_is_shared(
    bundle: ResolvedBundle, tmp_path: Path
) -> None:
    for owner, share, may in (
        ("south", "both", False),
        ("chain", "none", False),
        ("chain", "up", False),
        ("chain", "down", True),
        ("nobody", "both", False),
    ):
        name = f"{owner}-{share}"
        dataset(tmp_path, name=name, owner=owner, share=share)
        if may:
            assert plan(bundle, tmp_path, dataset=name).dataset == name
        else:
            with pytest.raises(TrainingError, match="does not share it with north"):
                plan(bundle, tmp_path, dataset=name)


def test_a_changed_dataset_teaches_nobody(bundle: ResolvedBundle, tmp_path: Path) -> None:
    rows = dataset(tmp_path)
    wanted = plan(bundle, tmp_path)
    path = rows.folder / "rows" / "train.jsonl"
    path.chmod(0o600)
    path.write_bytes(path.read_bytes() + b"\n")
    house = House(tmp_path)
    with pytest.raises(StorageError, match="was changed"):
        house.training.run(wanted, quiet)
    assert house.kinds[-1] == "training.failed"


def test_a_recipe_is_for_those_that_others_train(bundle: ResolvedBundle, tmp_path: Path) -> None:
    dataset(tmp_path)
    house = House(tmp_path)
    wanted = plan(bundle, tmp_path)
    with pytest.raises(TrainingError, match="answers is a `responder`"):
        house.training.recipe(wanted, tmp_path / "recipe")
    large = replace(wanted, kind="causal-lm", base="org/base-1b")
    files = house.training.recipe(large, tmp_path / "recipe")
    assert {"sft_train.jsonl", "axolotl_sft.yaml", "dataset_info.json"} <= set(files)
    assert {path.name for path in (tmp_path / "recipe").iterdir()} == set(files)
    assert house.kinds == ["training.recipe"]
    assert house.events[0][1]["digest"] == wanted.digest


def test_a_version_that_lost_a_file_is_trained_again_and_made_whole(
    bundle: ResolvedBundle, tmp_path: Path
) -> None:
    dataset(tmp_path)
    house = House(tmp_path)
    wanted = plan(bundle, tmp_path)
    first = house.training.run(wanted, quiet)
    version = house.registry.verify(f"answers@{first.version}")
    (name,) = version.manifest.content.files
    (version.folder / name).unlink()
    again = house.training.run(wanted, quiet)
    assert (again.again, again.version) == (False, first.version)
    assert again.notes == (f"put back, since it was missing: {name}",)
    assert house.events[-1][1]["put_back"] == name
    house.registry.verify(version.id)
    assert house.training.run(wanted, quiet).again


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_a_dataset_that_lost_a_part_is_told_before_anything_is_trained(
    bundle: ResolvedBundle, tmp_path: Path, part: Split
) -> None:
    rows = dataset(tmp_path)
    house = House(tmp_path)
    wanted = plan(bundle, tmp_path)
    (rows.folder / rows.manifest.parts[part].file).unlink()
    with pytest.raises(StorageError, match=f"{part}.jsonl can't be read"):
        house.training.run(wanted, quiet)
    assert house.kinds == ["training.started", "training.failed"]
    assert list((house.training.folder(wanted) / "out").iterdir()) == [], "no step was taken"
