"""Recipes for other tools: plain YAML and JSON lines, with the options of the bundle."""

import json
from pathlib import Path

import pytest
import yaml

from freehold.core.errors import TrainingError
from freehold.core.training import Example, TrainingJob
from freehold.learning.datasets.memory import MemoryDataset
from freehold.learning.trainers.causal_recipes import write
from tests.learning.trainers import tiny_base


def job(tmp_path: Path, **options) -> TrainingJob:
    return TrainingJob(
        model="shop", out=tmp_path / "out", options=options, seed=4, base="org/base-1b"
    )


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_data_and_recipes_are_written(tmp_path: Path) -> None:
    folder = tmp_path / "recipe"
    data = MemoryDataset("shop", tiny_base.examples())
    made = write(data, job(tmp_path, rank=8, beta=0.3, targets=["q_proj", "v_proj"]), folder)
    assert set(made) == {path.name for path in folder.iterdir()}
    first = lines(folder / "sft_train.jsonl")[0]
    assert [turn["role"] for turn in first["messages"]] == ["system", "user", "assistant"]
    assert [turn["train"] for turn in first["messages"]] == [False, False, True]
    assert len(lines(folder / "sft_train.jsonl")) == 48
    pair = lines(folder / "dpo_validation.jsonl")[-1]
    assert pair["chosen"] == {
        "role": "assistant",
        "content": "Yes, a café table within 30 days in Exeter.",
    }
    assert pair["rejected"]["content"].startswith("Sorry, Exeter")

    axolotl = yaml.safe_load((folder / "axolotl_dpo.yaml").read_text("utf-8"))
    assert (axolotl["rl"], axolotl["dpo_beta"], axolotl["lora_r"]) == ("dpo", 0.3, 8)
    assert axolotl["lora_target_modules"] == ["q_proj", "v_proj"]
    factory = yaml.safe_load((folder / "llamafactory_sft.yaml").read_text("utf-8"))
    known = json.loads((folder / "dataset_info.json").read_text("utf-8"))
    assert factory["seed"] == 4
    assert known[factory["dataset"]]["file_name"] == "sft_train.jsonl"
    assert known[factory["eval_dataset"]]["file_name"] == "sft_validation.jsonl"
    for recipe in folder.glob("*.yaml"):
        assert "org/base-1b" in recipe.read_text("utf-8")
        assert data.digest in recipe.read_text("utf-8").splitlines()[0]


def test_turns_alternate_as_these_tools_want_it(tmp_path: Path) -> None:
    said = ("system", "assistant", "user", "system", "user", "tool")
    row = Example(
        id="a",
        messages=tuple({"role": role, "content": f"{n}"} for n, role in enumerate(said)),
        answer="yes",
    )
    write(MemoryDataset("d", [row]), job(tmp_path), tmp_path / "r")
    messages = lines(tmp_path / "r/sft_train.jsonl")[0]["messages"]
    assert [m["role"] for m in messages] == ["system", "user", "assistant"]
    assert messages[1]["content"] == "2\n\n3\n\n4\n\n5"


def test_without_pairs_there_is_no_recipe_for_them(tmp_path: Path) -> None:
    made = write(MemoryDataset("d", tiny_base.examples(pairs=False)), job(tmp_path), tmp_path / "r")
    assert not [name for name in made if "dpo" in name]


def test_nothing_to_learn(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no option `ranks`"):
        write(MemoryDataset("d", tiny_base.examples()), job(tmp_path, ranks=1), tmp_path / "r")
    with pytest.raises(TrainingError, match="the training part has none"):
        write(MemoryDataset("d", []), job(tmp_path), tmp_path / "r")
