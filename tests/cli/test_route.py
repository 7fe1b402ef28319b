"""``freehold route simulate`` and ``report``, as somebody types them."""

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from freehold.cli.main import main
from tests.services.made_choices import World

BUNDLE = """\
freehold: 1
name: draft
metrics: {solved: {type: boolean}}
tenants: {main: {}}
models:
  small: {base_url: "http://127.0.0.1:1/v1"}
  large: {base_url: "http://127.0.0.1:1/v1"}
routes:
  main:
    candidates: [small, large]
    objective: {policy: learned, price_of_quality: 0.00005, explore: 0}
apps:
  app: {tenant: main, purpose: Is tested, route: main}
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["route", *arguments])


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n".join(msgspec.json.encode(row) for row in World().rows))
    return path


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    (tmp_path / "draft").mkdir()
    (tmp_path / "draft" / "bundle.yaml").write_text(BUNDLE, "utf-8")
    return tmp_path / "draft"


def test_a_draft_against_a_log(log: Path, draft: Path) -> None:
    asked = ("simulate", "--bundle", str(draft), "--from", str(log))
    told = json.loads(run(*asked, "--json").stdout)
    (route,) = told["routes"]
    assert (route["route"], route["requests"]) == ("main", 2_000)
    assert route["quality"]["verdict"] == "better"
    assert route["quality"]["dr"]["low"] < route["quality"]["dr"]["value"]
    text = run(*asked).stdout
    assert "would move" in text
    assert "ESS" in text
    assert run(*asked, "--route", "nobody").exit_code == 1
    few = run(*asked, "--least-ess", "5000").stdout
    assert "no verdict" in few


def test_a_metric_that_nobody_told_of_is_an_error(log: Path, draft: Path) -> None:
    asked = ("simulate", "--bundle", str(draft), "--from", str(log), "--metric")
    assert run(*asked, "solved").exit_code == 0
    typed = run(*asked, "sovled")
    assert (typed.exit_code, "did you mean `solved`?" in typed.stderr) == (1, True)
    bundle = draft / "bundle.yaml"
    bundle.write_text(BUNDLE.replace("solved", "settled"), "utf-8")
    assert run(*asked, "solved").exit_code == 0, "told under an earlier bundle"


def test_what_the_draft_does_not_have_is_left_out(log: Path, draft: Path) -> None:
    bundle = draft / "bundle.yaml"
    bundle.write_text(BUNDLE.replace("  app: {", "  other: {"), "utf-8")
    told = json.loads(run("simulate", "--bundle", str(draft), "--from", str(log), "--json").stdout)
    assert told == {"routes": [], "skipped": {"the bundle has no such tenant or app": 2_000}}


def test_no_log_and_a_broken_one(tmp_path: Path, draft: Path) -> None:
    asked = ("simulate", "--bundle", str(draft))
    missing = run(*asked, "--home", str(tmp_path / "none"))
    assert (missing.exit_code, (tmp_path / "none").exists()) == (1, False)
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"exchange": "x"}\n', "utf-8")
    told = run(*asked, "--from", str(broken))
    assert (told.exit_code, "broken.jsonl:1" in told.stderr) == (1, True)
    broken.write_text("", "utf-8")
    assert "No recorded request" in run(*asked, "--from", str(broken)).stderr


def test_a_table_with_everybody_in_it(tmp_path: Path) -> None:
    rows = [
        {"prompt": f"{'Prove' if n % 2 else 'Greet'} number {n}", "small": n % 2 == 0 or n % 7 == 0,
         "large": n % 9 != 0}
        for n in range(400)
    ]  # fmt: skip
    table = tmp_path / "table.jsonl"
    table.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    asked = ("report", "--table", str(table), "--price", "small=0.1", "--price", "large=1")
    (curve,) = json.loads(run(*asked, "--json").stdout)
    assert curve["best"]["name"] == "large"
    assert curve["oracle"]["quality"] >= curve["best"]["quality"]
    assert curve["oracle"]["cost"] < 1
    assert [point["name"] for point in curve["zero_router"]] == ["small", "large"]
    middle = [p for p in curve["router"] if 0.4 < p["cost"] < 0.7]
    assert max(p["quality"] for p in middle) > 0.8, "the vectors tell which is hard"
    page = tmp_path / "page.html"
    shown = run(*asked, "--html", str(page))
    assert "best single model: large" in shown.stdout
    assert page.read_text("utf-8").startswith("<!doctype html>")
    for nonsense in ("nonsense", "small=-1", "small=nan", "small=inf"):
        assert run(*asked[:3], "--price", nonsense).exit_code == 2
    unknown = run(*asked, "--price", "smal=1")
    assert (unknown.exit_code, "did you mean `small`?" in unknown.stderr) == (1, True)
    lone = run(*asked[:3], "--price", "small=0.1")  # money beside ranks would say nothing
    assert (lone.exit_code, "`large` has none" in lone.stderr) == (1, True)


def test_a_table_with_arms(tmp_path: Path) -> None:
    arms = {"a": {"reward": 0.5, "cost": 0.1}, "b": {"reward": 1, "cost": 2}}
    rows = [{"prompt": f"Number {n}", "best_reward": 1, "arms": arms} for n in range(30)]
    table = tmp_path / "table.jsonl"
    table.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    (curve,) = json.loads(run("report", "--table", str(table), "--json").stdout)
    assert [(p["name"], p["cost"], p["quality"]) for p in curve["models"]] == [
        ("a", pytest.approx(0.1), 0.5),
        ("b", 2.0, 1.0),
    ]
    assert curve["cost_in"] == "money"
