"""``freehold alerts``: what is printed, and what is taken back."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from freehold.app.whoever import at_terminal
from freehold.cli.main import main
from freehold.core.alerts import AlertRow, CaseRow, Happened, MeasureRow
from freehold.core.clock import SystemClock
from freehold.core.standing import Measure
from freehold.storage.alerts import StoredAlerts
from freehold.storage.migrate import open_database
from tests.e2e.served import ledger

Run = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    clock = SystemClock()
    database = open_database(tmp_path / "home")
    now = clock.now_ns()
    alert = AlertRow(
        alert_id="alr_1", name="slow", watch="latency", subject_kind="model", subject="m",
        severity="warning", state="open", why="latency of model m: 26% above", fired_ns=now,
    )  # fmt: skip
    measure = Measure(
        id="mea_1", kind="stop", model="m", intent="refund", by="alert slow", since_ns=now
    )
    case = CaseRow(
        case_id="cas_1", alert_id="alr_1", subject_kind="model", subject="m", why="w",
        exchanges=("x1",), created_ns=now,
    )  # fmt: skip
    store = StoredAlerts(database, clock)
    kept = MeasureRow(measure=measure, alert_id="alr_1")
    store.keep(Happened(alert=alert, measures=(kept,), case=case))
    database.close()
    return tmp_path / "home"


@pytest.fixture
def run(home: Path) -> Run:
    return lambda *words: CliRunner().invoke(main, ["alerts", *words, "--home", str(home)])


def said(done: Result) -> Any:
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_open_ones_with_what_they_did(run: Run) -> None:
    (row,) = said(run("--json"))
    assert (row["id"], row["status"], row["measures"][0]["kind"]) == ("alr_1", "open", "stop")
    text = run().stdout
    assert "26% above" in text
    assert "stop model m intent refund, until somebody clears it (alert slow)" in text
    assert "freehold explain x1" in run("cases").stdout
    assert said(run("cases", "--json"))[0]["exchanges"] == ["x1"]
    assert said(run("measures", "--json"))[0]["id"] == "mea_1"


def test_clearing_ends_it_and_is_in_the_ledger(run: Run, home: Path) -> None:
    done = run("clear", "alr_1", "--reason", "planned")
    assert done.exit_code == 0
    assert "slow is over; 1 measure was taken back" in done.stderr
    assert said(run("--json")) == []
    assert said(run("--all", "--json"))[0]["resolved"] == "cleared: planned"
    assert said(run("measures", "--json")) == []
    events = [(r["kind"], r["actor"]) for r in ledger(home) if r.get("type") == "event"]
    assert events == [("alert.cleared", at_terminal()), ("measure.ended", at_terminal())]
    again = run("clear", "alr_1", "--reason", "twice")
    assert again.exit_code == 1
    assert "no open alert alr_1" in again.stderr


def test_one_measure_is_taken_back(run: Run) -> None:
    assert run("react", "mea_1", "--reason", "x").exit_code == 2  # --undo is all there is
    assert (
        said(run("react", "mea_1", "--undo", "--reason", "x", "--json"))["ended_by"]
        == at_terminal()
    )
    assert len(said(run("--json"))) == 1
    assert "No measure stands." in run("measures").stderr
    assert run("react", "mea_1", "--undo", "--reason", "x").exit_code == 1


def test_without_a_home_it_says_so(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["alerts", "--home", str(tmp_path / "nowhere")])
    assert done.exit_code == 1
    assert "no Freehold data" in done.stderr
