"""The demo's loop: what it counts and prints; ``benchmarks.loop`` runs all of it."""

import io
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from rich.console import Console

from benchmarks.loop import BEGIN, END, PAGE, table
from freehold.bundle.check import check
from freehold.bundle.resolve import resolve
from freehold.cli.demo.day import example_bundle
from freehold.cli.demo.loop import MODELS, Loop, Version
from freehold.cli.demo.loop_days import Answer, DayFigures, Days
from freehold.cli.demo.loop_report import goodbye, show
from freehold.cli.demo.loop_steps import QUEUE, Labels, frontier_first
from freehold.cli.main import main
from freehold.testing.retail.expert.judging import Judged

ADDRESSES = {
    "FREEHOLD_SIMULATOR_URL": "http://127.0.0.1:1/v1",
    "FREEHOLD_RETAIL_DB": "sqlite:///nowhere.sqlite",
    "FREEHOLD_DELIVERY_URL": "http://127.0.0.1:2/deliveries",
}


def a_day(own: int, rented: int) -> DayFigures:
    answered = own + rented
    models = {"simulated-frontier": rented} | ({MODELS[0]: own} if own else {})
    return DayFigures(
        requests=answered + 10,
        answered=answered,
        own_share=round(own / answered, 4),
        accuracy=0.75,
        cost=0.5,
        cost_per_1000=1.25,
        p50_ms=100,
        p95_ms=200,
        models=models,
        outcomes={"allowed": answered, "denied": 10},
        accuracy_of=dict.fromkeys(models, 0.75),
        p50_of={model: 90.0 + place for place, model in enumerate(models)},
        p95_of=dict.fromkeys(models, 210.0),
        faults={"an insult": 1},
    )


@pytest.fixture
def loop() -> Loop:
    version = {"version": "v1-0a1b2c3d", "rows": 500}
    return Loop(
        day1=a_day(0, 90),
        thumbs=40,
        cases=70,
        labels=Labels(cases=60, verdicts={"edit": 50, "reject": 10}, agreement={}),
        versions=(
            Version(
                model=MODELS[0], figures={"coverage": 0.5, "accuracy": 0.98}, passed=True, **version
            ),
            Version(model=MODELS[1], figures={}, passed=False, why=("examples",), **version),
        ),
        day2=a_day(60, 30),
    )


def test_the_loops_bundle_asks_the_rented_model_first(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(example_bundle(), folder)
    (folder / "jwks.json").write_text('{"keys": []}')
    frontier_first(folder)
    report = check(folder)
    assert report.bundle is not None, report.errors
    bundle = resolve(report.bundle, report.hash, lookup=ADDRESSES.get)
    for app in ("customer-service", "store-assistant", "inventory"):
        route = bundle.app_for("northshore", app).route
        assert route.candidates[0] == "simulated-frontier"
        assert app == "customer-service" or not route.learn.metric
    written = report.bundle
    assert set(written.custom_models) == set(MODELS)
    assert all(model.queue == QUEUE for model in written.custom_models.values())
    assert all(model.deploy.approval for model in written.custom_models.values())


def test_json_has_both_days(loop: Loop) -> None:
    said = json.loads(json.dumps(loop.as_dict()))
    assert said["simulated"] is True
    for day in ("day1", "day2"):
        assert {"own_share", "accuracy", "cost"} <= said[day].keys()
    assert said["day2"]["own_share"] == 0.6667


def test_people_see_before_and_after(loop: Loop) -> None:
    out = io.StringIO()
    console = Console(file=out, width=120)
    show(console, loop)
    goodbye(console, "http://127.0.0.1:1", Path("home"))
    said = out.getvalue()
    assert "66.7%" in said
    assert "91, 210 ms" in said  # of the own model, apart from the rented one
    assert "refused: examples" in said
    assert "scripted experts" in said
    assert "freehold custom rollback customer-answers --home home" in said


def test_the_page_has_room_for_the_figures(loop: Loop) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.count(BEGIN) == text.count(END) == 1
    lines = table(loop.as_dict()).splitlines()
    assert "| by own custom models | 0.0% | 66.7% |" in lines
    assert "| customer-answers | 0 |  | 60 | 75.0% |" in lines


def test_a_days_latency_is_told_by_who_answered() -> None:
    days = Days.__new__(Days)
    days._own = frozenset(MODELS)
    models = {"a": MODELS[0], "b": MODELS[0], "c": "simulated-frontier", "d": ""}
    days.rows = lambda _: {n: SimpleNamespace(model=m, cost_nano=1) for n, m in models.items()}
    answers = [
        Answer(None, None, name, "allowed", "text", float(took), Judged(()))
        for name, took in (("a", 30), ("b", 10), ("c", 50), ("d", 900))
    ]
    figures = days.figures(answers)
    assert figures.p95_of == {MODELS[0]: 30.0, "simulated-frontier": 50.0}
    assert figures.p50_of[MODELS[0]] == 10.0
    assert (figures.p50_ms, figures.p95_ms) == (30.0, 50.0)  # whom no model answered is not counted


def test_labels_go_with_the_loop() -> None:
    done = CliRunner().invoke(main, ["demo", "--labels", "3"])
    assert done.exit_code == 2
    assert "--labels goes with --loop" in done.output
