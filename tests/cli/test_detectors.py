"""``freehold detector`` as a user types it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from freehold.bundle.names import DETECTORS
from freehold.cli.main import main
from tests.stages.governance.installed.packages import install


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["detector", *arguments])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [(f"order {n} never came, I want my money back", 1) for n in range(40)]
    rows += [(f"where do I find item {n} in blue", 0) for n in range(40)]
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps({"text": t, "label": y}) + "\n" for t, y in rows))
    return path


def test_train_and_test(tmp_path: Path, data: Path) -> None:
    out = tmp_path / "c.safetensors"
    made = run("train", "--data", str(data), "--label", "complaint", "--out", str(out))
    assert made.exit_code == 0, made.output
    assert "precision 1.000  recall 1.000  F1 1.000" in made.stdout
    assert "80 texts" in made.stderr
    assert "classifier: {file: c.safetensors}" in made.stderr
    tried = run("test", str(out), "--data", str(data), "--json")
    assert json.loads(tried.stdout)["labels"]["complaint"]["f1"] == 1.0
    said = run("test", str(out), "--text", "my order never came, money back", "--json")
    assert json.loads(said.stdout)[0]["score"] > 0.5


def test_train_gives_json(tmp_path: Path, data: Path) -> None:
    out = tmp_path / "c.safetensors"
    made = run("train", "--data", str(data), "--label", "x", "--out", str(out), "--json")
    body = json.loads(made.stdout)
    assert body["labels"] == ["x"]
    assert body["held_out"]["x"]["f1"] == 1.0
    assert body["threshold"] == 0.5


def test_what_is_wrong_is_one_line(tmp_path: Path, data: Path) -> None:
    out = tmp_path / "c.safetensors"
    failed = run("train", "--data", str(data), "--out", str(out))
    assert failed.exit_code == 1
    assert "--label NAME" in failed.stderr
    assert not out.exists()
    assert run("test", str(data), "--text", "x").exit_code == 1
    assert run("test", str(data)).exit_code == 2


def test_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, tmp_path / "site", "acme_listed", "raise RuntimeError\n",
            {"acme.badge": "acme_listed:Badge"})  # fmt: skip
    found = json.loads(run("list", "--json").stdout)
    assert {one["id"] for one in found if one["origin"] == "built-in"} == set(DETECTORS)
    (mine,) = [one for one in found if one["id"] == "acme.badge"]
    assert (mine["origin"], mine["named"]) == ("installed", False)
    assert "acme-detectors 0.3" in run("list").stdout


def test_list_with_a_bundle(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    assert CliRunner().invoke(main, ["init", str(folder), "--provider", "simulator"]).exit_code == 0
    text = "models: {judge: {base_url: 'http://127.0.0.1:9/v1'}}\n"
    text += "detectors: {guard.one: {guard: {model: judge}}}\n"
    (folder / "guard.yaml").write_text(text)
    found = {
        one["id"]: one for one in json.loads(run("list", "--bundle", str(folder), "--json").stdout)
    }
    assert found["guard.one"] == {
        "id": "guard.one", "origin": "bundle", "package": "", "version": "", "place": "model judge",
        "named": True, "note": "guard",
    }  # fmt: skip
    (folder / "guard.yaml").write_text("detectors: {guard.one: {}}\n")
    failed = run("list", "--bundle", str(folder))
    assert failed.exit_code == 1
    assert "detector.kind" in failed.stderr


@pytest.mark.parametrize("option", ["--false-alarms", "--threshold"])
def test_a_share_that_is_no_number(tmp_path: Path, data: Path, option: str) -> None:
    commands = {
        "--false-alarms": [
            "detector",
            "train",
            "--data",
            data,
            "--out",
            tmp_path / "x.safetensors",
        ],
        "--threshold": ["bench", "injection", data],
    }
    result = CliRunner().invoke(main, [*map(str, commands[option]), option, "nan"])
    assert result.exit_code == 2
    assert "is no number" in result.output
