"""``freehold gate`` and ``freehold regressions``, as somebody types them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from freehold.cli.main import main
from freehold.core.clock import SystemClock
from freehold.core.training import Example
from freehold.learning.datasets.lineage import Draft
from freehold.learning.datasets.writing import Wanted, write
from tests.services.test_gate import ASKS, TRUTH, Home, row


def run(*arguments: str, fails: bool = False) -> str:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == int(fails), result.output + str(result.exception)
    return result.stdout


def test_from_a_refusal_to_a_pass(tmp_path: Path) -> None:
    home = Home(tmp_path, [])
    (tmp_path / "ledger").mkdir()
    drafts = [Draft(row=row(n, rejected=""), source="label", wanted="test") for n in range(16)]
    dataset = write(tmp_path, Wanted(name="answers", owner="chain"), drafts, SystemClock())
    place = ("--home", str(tmp_path))
    under = ("--bundle", str(tmp_path / "bundle"), "--dataset", "answers")

    none = run("regressions", "answers", "--incidents", "--json", *under[:2], *place)
    assert json.loads(none) == {"model": "answers", "digest": None, "cases": []}

    home.add({**TRUTH, ASKS[3]: "You get a refund."})
    page = tmp_path / "gate.html"
    told = run("gate", "answers", *under, "--html", str(page), *place, fails=True)
    assert told.startswith("answers@v1-")
    assert "break what today's keep: no-refund (2)" in told
    assert "answers@v1-" in page.read_text("utf-8")

    shown = json.loads(run("regressions", "answers", "--worse-in", "v1", "--json", *place))
    assert sorted(shown["cases"]) == ["case_north_11", "case_north_3"]

    # a row that should not be there goes, and the ledger has it
    left = json.loads(run("regressions", "answers", "--drop", "case_north_11", "--json", *place))
    assert left["cases"] == ["case_north_3"]
    run("regressions", "answers", "--drop", "case_north_11", *place, fails=True)
    run("regressions", "nothing", "--drop", "case_north_11", *place, fails=True)
    none = json.loads(run("regressions", "answers", "--drop", "case_north_3", "--json", *place))
    assert none["cases"] == []
    again = json.loads(run("regressions", "answers", "--worse-in", "v1", "--json", *place))
    assert again == shown

    home.add(TRUTH)
    report = json.loads(run("gate", "answers@v2", *under, "--json", *place))
    assert report["verdict"] == "passed"
    assert report["regressions"]["value"] == 1.0
    assert report["dataset"]["digest"] == dataset.digest
    assert home.registry.find("answers@v2").gate == report

    assert "case_north_3" in run("regressions", "answers", *place)
    entries = b"".join(p.read_bytes() for p in (tmp_path / "ledger").rglob("*") if p.is_file())
    for kind in ("gate.refused", "gate.passed", "regressions.grown", "regressions.dropped"):
        assert f'"{kind}"'.encode() in entries


def test_how_not_to_ask(tmp_path: Path) -> None:
    missing = CliRunner().invoke(main, ["gate", "answers", "--home", str(tmp_path / "none")])
    assert missing.exit_code == 1
    assert "no Freehold data" in missing.output
    half = CliRunner().invoke(main, ["regressions", "answers", "--case", "x"])
    assert half.exit_code == 2


def test_rows_that_look_wrongly_labelled(tmp_path: Path) -> None:
    pytest.importorskip("cleanlab", reason="hints want the extra `learn`")
    asks = {"track": "where is my {}", "return": "send the {} back", "pay": "pay the {} by card"}
    things = "kettle lamp sofa tent bike jacket phone drill desk toaster".split()
    drafts = [
        Draft(
            row=Example(
                id=f"case_{label}_{thing}",
                messages=({"role": "user", "content": ask.format(thing)},),
                label="pay" if (label, thing) == ("track", "sofa") else label,
            ),
            source="label",
            by=("mal",) if thing == "sofa" else ("ada",),
        )
        for label, ask in asks.items()
        for thing in things
    ]
    write(tmp_path, Wanted(name="triage", owner="chain"), drafts, SystemClock())
    found = json.loads(run("dataset", "hints", "triage", "--json", "--home", str(tmp_path)))
    (one,) = found["doubted"]
    assert (one["id"], one["given"], one["likely"]) == ("case_track_sofa", "pay", "track")
    assert found["labelers"] == {"ada": [27, 0], "mal": [3, 1]}
    told = run("dataset", "hints", "triage", "--home", str(tmp_path))
    assert "case_track_sofa pay → track?" in told
