"""``freehold bench ope``, as somebody types it."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from freehold.cli.main import main


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    rows = []
    for number in range(300):
        hard = number % 2
        rows.append(
            {
                "prompt": f"{'Prove that' if hard else 'Say hello to'} number {number}",
                "small": bool(rng.random() < (0.3 if hard else 0.9)),
                "large": bool(rng.random() < 0.85),
                "dataset": "made up",
            }
        )
    path = tmp_path / "table.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["bench", "ope", *arguments])


def test_estimates_beside_the_truth(table: Path) -> None:
    asked = ("--data", str(table), "--runs", "20", "--rows", "1500", "--json", "--seed", "3")
    told = run(*asked)
    assert told.exit_code == 0, told.output
    result = json.loads(told.stdout)
    assert (result["models"], result["prompts"], result["seed"]) == (["small", "large"], 300, 3)
    targets = {target["target"]: target for target in result["targets"]}
    large = targets["always large"]
    assert large["verdicts"] == 20
    found = {one["estimator"]: one for one in large["estimators"]}
    assert found.keys() == {"ips", "snips", "dm", "dr", "dr-os", "switch-dr"}
    assert abs(found["dr"]["bias"]) < 0.05
    assert found["dr"]["width"] < found["ips"]["width"]
    assert result["coverage"]["dr"] > 0.8
    peeking = result["peeking"]
    assert peeking["z_test_false_alarms"] > 0.15 > 0.05 >= peeking["sequence_false_alarms"]
    assert large["truth"] > targets["always small"]["truth"]


def test_too_few_rows_give_no_verdict(table: Path) -> None:
    told = run("--data", str(table), "--runs", "2", "--rows", "60", "--floor", "0.02")
    assert told.exit_code == 0, told.output
    assert "0 of 2 with a verdict" in told.stdout


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("", "no rows"),
        ('{"prompt": "a", "m": true}', "no rows with scores of two models"),
        ('{"m": true, "n": false}', "has no `prompt`"),
        ('{"prompt": "a", "m": 1, "n": 2}', "not between 0 and 1"),
        ('{"prompt": "a", "m": 1, "n": 0}\n{"prompt": "a", "m": 1}', ":2 has other models"),
        ("[1]", "is no object"),
        ("{", "is no JSON"),
    ],
)
def test_a_file_that_is_no_table(tmp_path: Path, lines: str, why: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(lines, "utf-8")
    told = run("--data", str(path))
    assert told.exit_code == 1
    assert why in told.stderr


def test_without_a_table_one_is_made_up_and_named_so() -> None:
    told = run("--runs", "2", "--rows", "400", "--json")
    assert told.exit_code == 0, told.output
    assert "a made-up table" in told.stderr
    assert json.loads(told.stdout)["models"] == ["made-up-small", "made-up-middle", "made-up-large"]


def test_exploring_is_needed(table: Path) -> None:
    told = run("--data", str(table), "--floor", "0")
    assert told.exit_code == 2
    assert "without exploring" in told.stderr


def test_the_seed_makes_it_happen_again(table: Path) -> None:
    asked = ("--data", str(table), "--runs", "2", "--rows", "500", "--json", "--seed")
    one, two, other = (run(*asked, seed).stdout for seed in ("3", "3", "4"))
    assert one == two != other
