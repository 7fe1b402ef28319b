"""``freehold demo --loop``: a day, what was learned from it, and the day after."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct, to_builtins

from freehold.cli.demo.day import SEED, Demo
from freehold.cli.demo.loop_days import DayFigures, Days
from freehold.cli.demo.loop_steps import (
    Labels,
    Ladder,
    captured,
    frontier_first,
    gate,
    label,
    train,
)
from freehold.testing.retail.traffic import day

MODELS = ("customer-answers", "staff-answers", "planning-answers")
_TRIAL = 5
"""A trial's requests: one for so many of a day."""
_TRIAL_AT_ONCE = 16
"""Of these nobody reads the time."""


class Version(Struct, frozen=True, kw_only=True):
    """A version that was trained: on how many rows, with which figures, and whether it passed."""

    model: str
    version: str
    rows: int
    figures: dict[str, float]
    passed: bool
    why: tuple[str, ...] = ()


class Loop(Struct, frozen=True, kw_only=True):
    """All of it. Who labels is scripted, who asks and who answers on day 1 are simulated."""

    day1: DayFigures
    thumbs: int
    cases: int
    labels: Labels
    versions: tuple[Version, ...]
    day2: DayFigures

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        found: dict[str, Any] = to_builtins(self)
        return {"simulated": True, "labels_by": "scripted experts", **found}


def run(
    demo: Demo,
    port: int,
    requests: int,
    labels: int,
    tell: Callable[..., None],
    say: Callable[[str], None],
) -> Loop:
    """Live through both days, with the gateway left running.

    Args:
        requests: in each of the days.
        labels: that the experts give, at most.
        tell: what is done, of how much.
    """
    demo.prepare()
    frontier_first(demo.bundle)
    say("Starting the simulated models, a delivery service and the gateway …")
    url = demo.start(port, [])
    days = Days(demo, MODELS, tell)
    say(f"Day 1: {requests:,} requests through {url}, most to the simulated frontier model …")
    first = days.drive(day(requests, SEED, demo.database), requests, "day 1")
    thumbs = days.thumbs(first)
    cases = captured(demo.home)
    say(f"{cases:,} cases were captured; the scripted experts label up to {labels:,} of them …")
    labelled = label(demo.home, first, labels, tell)
    versions = tuple(_version(demo.home, model, tell, say) for model in MODELS)
    passed = [f"{v.model}@{v.version}" for v in versions if v.passed]
    if passed:
        trials = iter((SEED + 10, SEED + 11))

        def seen(what: str) -> None:
            many = max(1, requests // _TRIAL)
            say(f"Custom models {what}: {many:,} requests …")
            days.drive(day(many, next(trials), demo.database), many, what, _TRIAL_AT_ONCE)

        Ladder(demo.home, demo.issuer.token, seen).climb(passed)
    say(f"Day 2: {requests:,} requests, with {len(passed)} custom models live …")
    second = days.drive(day(requests, SEED + 1, demo.database), requests, "day 2")
    return Loop(
        day1=days.figures(first),
        thumbs=thumbs,
        cases=cases,
        labels=labelled,
        versions=versions,
        day2=days.figures(second),
    )


def _version(
    home: Path, model: str, tell: Callable[..., None], say: Callable[[str], None]
) -> Version:
    """One custom model, trained and judged."""

    def progress(stage: str, done: int, total: int, **_: float) -> None:
        tell(f"{model}: {stage}", done, total)

    outcome, rows = train(home, model, progress)
    gated = gate(home, f"{model}@{outcome.version}")
    missed = tuple(c.name for c in gated.report.criteria if not c.met)
    passed = gated.report.passed
    say(f"{model}@{outcome.version}: {rows} rows, gate {'passed' if passed else 'refused'}")
    return Version(
        model=model,
        version=outcome.version,
        rows=rows,
        figures=outcome.figures,
        passed=passed,
        why=missed,
    )
