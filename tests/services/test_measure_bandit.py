"""A route that learns while it works, on a table with every model's outcome."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from freehold.cli.main import main
from freehold.services.measure_bandit import measure_bandit, mix
from freehold.services.routing_tables import read_table

WORDS = "apple river stone cloud garden letter window market silver harbour".split()


def write(path: Path, count: int, seed: int) -> Path:
    """The dear model is worth its money for sums only."""
    rng = np.random.default_rng(seed)
    lines = []
    for _ in range(count):
        sums = bool(rng.integers(2))
        said = " ".join(rng.choice(WORDS, 4).tolist())
        arms = {
            "cheap": {"reward": 0.2 if sums else 0.9, "cost": 1e-5},
            "dear": {"reward": 0.9, "cost": 1e-3},
        }
        prompt = f"what is {said} times 3 plus 4" if sums else f"a play about {said}"
        lines.append(json.dumps({"prompt": prompt, "arms": arms, "source": "made"}))
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_it_beats_the_mix_that_looks_at_no_prompt_and_keeps_the_ceiling(tmp_path: Path) -> None:
    learn, test = write(tmp_path / "val.jsonl", 400, 1), write(tmp_path / "t.jsonl", 400, 2)
    found = measure_bandit(read_table(learn), read_table(test), (4e-4,), runs=2)
    (at,) = found.ceilings
    assert at.ours > at.zero_router + 0.05
    assert at.zero_router < at.oracle
    assert at.ours_spent < 4.6e-4
    assert at.published is None


def test_the_command_prints_json_and_the_same_for_the_same_seed(tmp_path: Path) -> None:
    write(tmp_path / "val.jsonl", 60, 1)
    write(tmp_path / "test_holdout.jsonl", 60, 2)
    command = ["bench", "bandit", "--data", str(tmp_path), "--runs", "1", "--ceiling", "5e-4"]
    first, again = (
        json.loads(CliRunner().invoke(main, [*command, "--json"], catch_exceptions=False).stdout)
        for _ in range(2)
    )
    assert first["ceilings"] == again["ceilings"]
    told = CliRunner().invoke(main, command, catch_exceptions=False).stdout
    for name in ("random", "zero-router", "best-single", "oracle", "ours"):
        assert name in told
    assert CliRunner().invoke(main, ["bench", "bandit"]).exit_code == 2


def test_the_best_mix_of_fixed_models() -> None:
    rewards, costs = np.array([0.2, 0.6, 0.9]), np.array([0.0, 10.0, 100.0])
    assert mix(rewards, costs, 10) == pytest.approx(0.6)
    assert mix(rewards, costs, 5) == pytest.approx(0.4)
    assert mix(rewards, costs, 55) == pytest.approx(0.75)
