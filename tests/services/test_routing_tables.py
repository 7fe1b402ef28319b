"""One form of file for every measurement of routing."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from freehold.cli.main import main
from freehold.core.errors import FreeholdError
from freehold.services.measure_bandit import measure_bandit
from freehold.services.measure_routing import measure_routing
from freehold.services.routing_tables import FETCHED_FILES, read_table


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def arms(count: int, *, swapped: bool = False) -> list[dict[str, object]]:
    """Sums need the dear model; ``swapped`` names the models in the other order."""
    rng = np.random.default_rng(1)
    rows: list[dict[str, object]] = []
    for number in range(count):
        sums = bool(rng.integers(2))
        said = "".join("abcdefghij"[int(figure)] for figure in str(number))
        prompt = f"what is {said} times 3" if sums else f"a play about {said}"
        each = {
            "cheap": {"reward": 0.2 if sums else 0.9, "cost": 1e-5},
            "dear": {"reward": 0.9, "cost": 1e-3},
        }
        named = dict(reversed(each.items())) if swapped else each
        rows.append({"prompt": prompt, "arms": named, "source": "made/up"})
    return rows


def test_both_forms_say_the_same(tmp_path: Path) -> None:
    plain = write(
        tmp_path / "a.jsonl",
        [{"prompt": "x", "b": True, "a": 0.5, "difficulty": 3, "id": 7, "dataset": "d/1"}],
    )
    with_arms = write(
        tmp_path / "b.jsonl",
        [{"text": "x", "arms": {"b": {"reward": 1}, "a": {"score": 0.5}}, "source": "d"}],
    )
    for path in (plain, with_arms):
        read = read_table(path)
        assert (read.models, read.prompts, read.groups) == (("b", "a"), ("x",), ("d",))
        assert read.scores.tolist() == [[1.0, 0.5]]
        assert read.costs is None
    both = read_table(plain, with_arms)
    assert both.prompts == ("x", "x")
    assert both.by_name().scores.tolist() == [[0.5, 1.0]] * 2
    assert both.only(np.array([1])).prompts == ("x",)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("[]", ":1 is no object"),
        ("{", ":1 is no JSON"),
        ("", "no rows with scores of two models"),
        ('{"a": true, "b": true}', "no `prompt`"),
        ('{"prompt": "x", "a": true}', "two models or more"),
        ('{"prompt": "x", "a": 3, "b": 0}', "not between 0 and 1"),
        ('{"prompt": "x", "a": 1, "b": 0}\n\n{"prompt": "x", "a": 1, "c": 0}', ":3 has other mod"),
        ('{"prompt": "x", "a": 1, "b": 0, "cost": {"a": -1}}', ":1: a cost is below 0"),
    ],
)
def test_files_of_another_form_are_refused(tmp_path: Path, lines: str, why: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(lines, encoding="utf-8")
    with pytest.raises(FreeholdError, match=why):
        read_table(path)


def test_money_is_needed_where_money_is_short(tmp_path: Path) -> None:
    rows = [{"prompt": "x", "arms": {"a": {"reward": 1, "cost": 1}, "b": {"reward": 1}}}]
    table = read_table(write(tmp_path / "a.jsonl", rows))
    with pytest.raises(FreeholdError, match="costs"):
        measure_bandit(table, table)


def test_no_figure_hangs_on_the_order_in_which_a_file_names_its_models(tmp_path: Path) -> None:
    one = read_table(write(tmp_path / "a.jsonl", arms(120)))
    two = read_table(write(tmp_path / "b.jsonl", arms(120, swapped=True)))
    assert one.models != two.models
    found = [measure_bandit(table, table, (4e-4,), runs=1).ceilings for table in (one, two)]
    assert found[0] == found[1]
    half = np.arange(60)
    routed = [measure_routing(t.only(half), t.only(half + 60)).ours for t in (one, two)]
    assert routed[0] == routed[1]


def test_what_was_fetched_serves_both_measurements(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in FETCHED_FILES:
        write(tmp_path / ".benchmarks" / "paretobandit" / name, arms(80))
    monkeypatch.chdir(tmp_path)
    ope = ["bench", "ope", "--install", "--runs", "2", "--rows", "200", "--json"]
    told = CliRunner().invoke(main, ope, catch_exceptions=False)
    assert json.loads(told.stdout)["prompts"] == 160
    bandit = ["bench", "bandit", "--install", "--runs", "1", "--ceiling", "4e-4", "--json"]
    told = CliRunner().invoke(main, bandit, catch_exceptions=False)
    assert json.loads(told.stdout)["measured_on"] == 80
    both = CliRunner().invoke(main, [*ope, "--data", str(tmp_path / ".benchmarks")])
    assert both.exit_code == 2
