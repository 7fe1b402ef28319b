"""The figures of routing benchmarks, and what a file of labelled prompts must look like."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from freehold.cli.main import main
from freehold.core.errors import FreeholdError
from freehold.services.measure_routing import alike, curve, measure_routing
from freehold.services.routing_tables import read_table

WORDS = "apple river stone cloud garden letter window market silver harbour".split()


def write(path: Path, count: int, seed: int, datasets: tuple[str, ...] = ("sums", "plays")) -> Path:
    """The strong model helps with sums only."""
    rng = np.random.default_rng(seed)
    lines = []
    for number in range(count):
        sums = bool(rng.integers(2))
        said = " ".join(rng.choice(WORDS, 4).tolist())
        prompt = f"what is {said} times {said} plus {said}" if sums else f"a play about {said}"
        row = {
            "dataset": f"{datasets[0 if sums else 1]}/{number % 3}",
            "prompt": prompt,
            "small": bool(rng.random() < (0.3 if sums else 0.85)),
            "large": bool(rng.random() < (0.9 if sums else 0.85)),
        }
        lines.append(json.dumps(row))
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_the_curve_of_a_router_that_knows() -> None:
    weak = np.array([1.0] * 50 + [0.0] * 50)
    strong = np.ones(100)
    scores = np.arange(100.0)  # the second half needs the strong model, and is asked for first
    apgr, cpt50, cpt80 = curve(scores, weak, strong)
    assert apgr == pytest.approx(0.75, abs=0.01)
    assert (cpt50, cpt80) == pytest.approx((0.25, 0.4), abs=0.01)
    assert curve(-scores, weak, strong)[0] == pytest.approx(0.25, abs=0.02)


def test_a_router_that_says_the_same_of_all_has_two_points() -> None:
    assert all(np.isfinite(curve(np.zeros(40), np.zeros(40), np.ones(40))))


def test_prompts_that_differ_in_figures_only_are_alike() -> None:
    assert alike("Add 3 and 4!") == alike("add 31 and\n 5")
    assert alike("Add 3 and 4") != alike("Add three and 4")


def test_it_beats_chance_where_there_is_something_to_find(tmp_path: Path) -> None:
    train, test = write(tmp_path / "a.jsonl", 300, 1), write(tmp_path / "b.jsonl", 400, 2)
    found = measure_routing(read_table(train), read_table(test), seed=3)
    assert (found.weak, found.strong) == ("small", "large")
    assert found.ours.apgr > 0.68
    assert found.ours.apgr_interval is not None
    assert found.ours.apgr_interval[0] > max(0.6, found.zero_router.apgr)
    assert found.oracle.apgr > found.ours.apgr
    assert found.ours.cpt50 < 0.35
    assert found.published is None
    assert sorted(found.by_dataset) == ["plays", "sums"]
    assert found.best_pick_quality <= found.oracle_quality


def test_the_command_prints_json_and_the_same_for_the_same_seed(tmp_path: Path) -> None:
    train, test = write(tmp_path / "a.jsonl", 120, 1), write(tmp_path / "b.jsonl", 60, 2)
    command = ["bench", "routing", "--train", str(train), "--test", str(test), "--labels", "80"]
    found = [
        json.loads(CliRunner().invoke(main, [*command, "--json"], catch_exceptions=False).stdout)
        for _ in range(2)
    ]
    assert found[0]["ours"] == found[1]["ours"]
    assert {"apgr", "cpt50", "cpt80"} <= found[0]["ours"].keys()
    assert (found[0]["labels"], found[0]["seed"]) == (80, 0)
    told = CliRunner().invoke(main, command, catch_exceptions=False).stdout
    for name in ("random", "zero-router", "oracle", "ours", "best single model"):
        assert name in told


def test_what_is_tested_is_never_learned_from(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", 200, 1)
    read = read_table(path)
    with pytest.raises(FreeholdError, match="0 prompts to train on"):
        measure_routing(read, read)
