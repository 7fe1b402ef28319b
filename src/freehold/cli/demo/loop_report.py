"""What the demo prints when both days of the loop are over."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from freehold.cli.demo.loop import Loop
from freehold.cli.demo.loop_days import DayFigures


def show(console: Console, loop: Loop) -> None:
    """Both days side by side, and what lies between them."""
    one, two = loop.day1, loop.day2
    days = Table(
        title="Before and after (simulated models, scripted experts)", title_justify="left"
    )
    for column in ("", "day 1", "day 2"):
        days.add_column(column, justify="right" if column else "left")
    for name, first, second in (
        ("requests", f"{one.requests:,}", f"{two.requests:,}"),
        ("answered by a model", f"{one.answered:,}", f"{two.answered:,}"),
        ("by own custom models", f"{one.own_share:.1%}", f"{two.own_share:.1%}"),
        ("answers right", f"{one.accuracy:.1%}", f"{two.accuracy:.1%}"),
        ("money for 1,000 requests", f"${one.cost_per_1000:.4f}", f"${two.cost_per_1000:.4f}"),
        ("latency p50, p95, one request at a time", f"{one.p50_ms:.0f}, {one.p95_ms:.0f} ms",
         f"{two.p50_ms:.0f}, {two.p95_ms:.0f} ms"),
    ):  # fmt: skip
        days.add_row(name, first, second)
    console.print(days)
    models = Table(title="Who answered, how right and how fast", title_justify="left")
    for column in ("model", *("day 1", "right", "p50, p95"), *("day 2", "right", "p50, p95")):
        models.add_column(column, justify="left" if column == "model" else "right")
    for name in dict.fromkeys([*two.models, *one.models]):
        models.add_row(
            name,
            *(
                shown
                for day in (one, two)
                for shown in (
                    f"{day.models.get(name, 0):,}",
                    f"{day.accuracy_of[name]:.1%}" if name in day.models else "",
                    _times(day, name) if name in day.models else "",
                )
            ),
        )
    console.print(models)
    console.print(
        "Simulated models answer at once, a rented one takes its time: that comes on top, of day 1"
        " for every request, of day 2 where an own model abstained and the next one was asked.",
        soft_wrap=True,
    )
    versions = Table(title="Trained between the days", title_justify="left")
    for column in ("version", "rows", "coverage", "accuracy", "gate"):
        versions.add_column(column, justify="left" if column in ("version", "gate") else "right")
    for made in loop.versions:
        versions.add_row(
            f"{made.model}@{made.version}",
            f"{made.rows:,}",
            *(f"{made.figures.get(figure, 0):.1%}" for figure in ("coverage", "accuracy")),
            "passed" if made.passed else f"refused: {', '.join(made.why)}",
        )
    console.print(versions)
    verdicts = ", ".join(f"{count:,} {verdict}" for verdict, count in loop.labels.verdicts.items())
    console.print(
        f"{loop.thumbs:,} thumbs were drawn, {loop.cases:,} cases captured,"
        f" {loop.labels.cases:,} labels given by scripted experts: {verdicts}.",
        soft_wrap=True,
    )


def _times(day: DayFigures, model: str) -> str:
    return f"{day.p50_of[model]:.0f}, {day.p95_of[model]:.0f} ms"


def goodbye(console: Console, url: str, home: Path) -> None:
    """Where it runs, and what to look at next."""
    console.rule("The gateway is still up")
    where = f"--home {home}"
    for line in (
        f"url  {url}/v1",
        "",
        f".venv/bin/freehold custom list {where}",
        f".venv/bin/freehold custom card customer-answers {where}",
        f".venv/bin/freehold cases list --limit 5 {where}",
        f".venv/bin/freehold label --queue answers --as me {where}",
        f".venv/bin/freehold report own {where}",
        f".venv/bin/freehold custom rollback customer-answers {where}",
        f".venv/bin/freehold audit verify {where}",
        "",
        "End it with: make stop",
    ):
        console.print(line, soft_wrap=True, highlight=False, markup=False)
