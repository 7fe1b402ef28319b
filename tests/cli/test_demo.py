"""The demo as ``make demo`` runs it: processes, HTTP, records, one JSON object."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from freehold.cli.demo import processes
from freehold.cli.demo.report import LAYERS, load
from freehold.core.decisions import STAGES


def freehold(*arguments: str, timeout: int = 100) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "freehold", *arguments],
        capture_output=True, text=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.slow
def test_two_hundred_requests_of_the_day(tmp_path: Path) -> None:
    home = ("--home", str(tmp_path / "home"))
    done = freehold("demo", "--once", "--requests", "200", "--json", *home)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["simulated"] is True
    assert said["requests"] == 200
    assert sum(said["outcomes"].values()) == 200
    assert set(said["outcomes"]) == {"allowed", "transformed", "denied", "held"}
    assert all(said["outcomes"].values())
    assert said["errors"] == {}
    assert said["load_percent"].keys() == LAYERS.keys()
    assert abs(sum(said["load_percent"].values()) - 100) < 1
    learned = said["learned_route"]
    assert 0 < learned["answers"] == learned["told"] <= 200
    (state,) = json.loads(freehold("route", "show", "--json", *home).stdout)
    assert (state["owner"], state["route"]) == ("harbor-and-pine", "staff")
    assert state["outcomes"] == learned["told"]
    summary = json.loads(freehold("audit", "summary", "--json", *home).stdout)
    assert summary["exchanges"] == 200
    for outcome, count in said["outcomes"].items():
        assert summary["outcomes"].get(outcome, 0) == count
    told = freehold("explain", "--last", *home)
    assert told.returncode == 0
    assert "Choice of model" in told.stdout
    assert not (tmp_path / "home" / "demo" / "running.json").exists()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_goes_wrong_on_one_day_is_answered_by_own_models_on_the_next(tmp_path: Path) -> None:
    """All of the loop; on days so short, not every model has to pass its gate."""
    home = ("--home", str(tmp_path / "home"))
    words = ("--once", "--requests", "1000", "--json")
    done = freehold("demo", "--loop", *words, *home, timeout=500)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    one, two = said["day1"], said["day2"]
    assert one["requests"] == two["requests"] == 1_000
    assert one["own_share"] == 0 < two["own_share"]
    assert two["accuracy"] >= one["accuracy"]
    assert two["cost"] < one["cost"]
    assert said["cases"] >= said["labels"]["cases"] > 500
    passed = {made["model"] for made in said["versions"] if made["passed"]}
    assert "customer-answers" in passed
    assert passed == {name for name in two["models"] if name.endswith("-answers")}
    loop = ("--home", str(tmp_path / "home" / "loop"))
    live = json.loads(freehold("custom", "list", "--json", *loop).stdout)
    assert {row["model"] for row in live if row["state"] == "live"} == passed
    verified = freehold("audit", "verify", *loop)
    assert verified.returncode == 0, verified.stdout


@pytest.mark.slow
def test_it_stays_up_until_it_is_stopped(tmp_path: Path) -> None:
    home = ("--home", str(tmp_path / "home"))
    try:
        done = freehold("demo", "--requests", "60", *home)
        assert done.returncode == 0, done.stderr
        assert "curl -i http://127.0.0.1:" in done.stdout
        # what waits for a manager can be released with what was printed
        assert "freehold approval list" in done.stdout
        token = ("--identity-token", str(tmp_path / "home" / "demo" / "manager.token"))
        waits = freehold("approval", "list", "--json", *token, *home)
        assert waits.returncode == 0, waits.stderr
        for row in json.loads(waits.stdout)[:1]:
            said = ("--reason", "A good customer", "--json")
            released = freehold("approval", "approve", row["id"], *said, *token, *home)
            assert json.loads(released.stdout)["status"] == "approved", released.stderr
        running = processes.load(tmp_path / "home" / "demo" / "running.json")
        assert running is not None
        assert len(running.processes) == 3
    finally:
        stopped = freehold("stop", *home)
    assert "gateway" in stopped.stderr
    # a container without an init leaves orphans as zombies, so asking for the pid is not enough
    assert [processes.end(process) for process in running.processes] == [False] * 3


def test_only_a_process_that_we_started_is_ended() -> None:
    mine = processes.Process(role="someone else's", pid=os.getpid(), born="another time")
    assert processes.end(mine) is False


def test_every_stage_is_in_a_layer_once() -> None:
    counted = [stage for stages in LAYERS.values() for stage in stages]
    assert sorted(counted) == sorted(STAGES)
    assert load(dict.fromkeys(STAGES, 1.0))["audit"] == 11.1
    assert sum(load({}).values()) == 0
