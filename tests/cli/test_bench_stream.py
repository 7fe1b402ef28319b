"""``freehold bench stream``, as somebody types it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from freehold.cli.main import main
from freehold.services import stream_verdicts
from freehold.services.bundles import write_starter


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "texts.txt"
    path.write_text("Hello there.\nCall (212) 555-0187 now.\nHalf price!\n", "utf-8")
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["bench", "stream", *arguments])


def test_the_starters_controls_are_sound(file: Path) -> None:
    told = run(str(file), "--json")
    assert told.exit_code == 0, told.output
    result = json.loads(told.stdout)
    assert {"hold_back_p50", "hold_back_p99", "us_per_chunk", "texts", "cuts", "differences",
            "leaked"} <= result.keys()  # fmt: skip
    kinds = {pace["kind"]: pace for pace in result["kinds"]}
    assert kinds.keys() == {"no control", "span detectors", "whole rules"}
    assert kinds["whole rules"]["hold_back_p99"] > kinds["span detectors"]["hold_back_p99"]
    assert {"controls", "hold_back_p50", "us_per_chunk"} <= kinds["no control"].keys()
    assert (result["texts"], result["differences"], result["leaked"]) == (3, 0, 0)
    assert result["outcomes"] == {"allowed": 1, "held": 1, "transformed": 1}
    alone = run(str(file), "--without-rules", "--limit", "2")
    assert alone.exit_code == 0
    assert "2 texts" in alone.stdout
    assert "0 differences, 0 protected characters leaked" in alone.stdout


def test_a_bundle_of_ones_own(file: Path, tmp_path: Path) -> None:
    write_starter(tmp_path / "b", "simulator")
    told = run(str(file), "--bundle", str(tmp_path / "b"), "--app", "assistant", "--json")
    assert json.loads(told.stdout)["texts"] == 3
    assert run(str(file), "--app", "nobody").exit_code == 1
    apps = tmp_path / "b" / "apps.yaml"
    apps.write_text(
        apps.read_text("utf-8") + "  other: {tenant: main, purpose: Other., route: default}\n",
        "utf-8",
    )
    told = run(str(file), "--bundle", str(tmp_path / "b"))
    assert (told.exit_code, "name an app with --app: assistant, other" in told.stderr) == (1, True)


def test_a_difference_ends_with_one(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_verdicts, "leaked", lambda *_: 1)
    told = run(str(file), "--limit", "1")
    assert told.exit_code == 1
    assert "text 1 cut at" in told.stdout
    assert "1 leaked" in told.stdout


def test_wrong_usage_is_two(tmp_path: Path) -> None:
    assert run(str(tmp_path / "none.txt")).exit_code == 2
    (tmp_path / "empty.txt").write_text("", "utf-8")
    assert run(str(tmp_path / "empty.txt")).exit_code == 1
