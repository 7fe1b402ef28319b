"""``freehold demo`` and ``freehold stop``."""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from freehold.cli.common import EXIT_PROBLEM, home_option, json_option, print_json, say

LOOP = "loop"
"""The folder of the home where the loop's two days lie."""


@click.command()
@click.option("--requests", type=click.IntRange(1, 1_000_000), default=2_000, show_default=True)
@click.option("--concurrency", type=click.IntRange(1, 512), default=16, show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Default: a free one.")
@click.option("--once", is_flag=True, help="End everything afterwards instead of leaving it up.")
@click.option("--loop", is_flag=True, help="Two days, and what is learned between them.")
@click.option(
    "--labels",
    type=click.IntRange(1, 100_000),
    help="With --loop: how many cases the scripted experts label at most; default: all.",
)
@home_option
@json_option
def demo(
    requests: int,
    concurrency: int,
    port: int,
    once: bool,
    loop: bool,
    labels: int | None,
    home: Path,
    as_json: bool,
) -> None:
    """A slice of a 1,600-store chain's day, through a real gateway and a simulated model.

    With --loop: day 1 goes to the simulated models; what went wrong is captured; scripted experts
    label it; custom models are trained, gated, tried in the shadow and as a canary, and go live;
    day 2 goes through them. Everything of it lies in the folder `loop` of the home, anew each time.
    """
    if loop:
        _loop(home, port, requests, labels or requests, once, as_json)
        return
    if labels is not None:
        raise click.UsageError("--labels goes with --loop")
    _slice(requests, concurrency, port, once, home, as_json)


def _slice(
    requests: int, concurrency: int, port: int, once: bool, home: Path, as_json: bool
) -> None:
    from rich.console import Console

    from freehold.cli.demo.day import Demo
    from freehold.cli.demo.report import as_json as summarise
    from freehold.cli.demo.report import goodbye, show

    with _bars() as progress:
        run = Demo(home, progress)
        if run.stop():
            say("An earlier demo was still running; it has been ended.")
        say("Preparing stores, customers and orders (all invented) …")
        run.prepare()
        say("Starting the simulated model, a delivery service and the gateway …")
        kept = False
        try:
            url = run.start(port, [])
            say(f"Driving {requests:,} requests through {url} …")
            summary = run.drive(requests, concurrency)
            opinions = run.opinions()
            recorded = run.recorded()
            own_work = run.own_work()
            explained = run.explained("held", "transformed", "denied", "allowed")
            kept = not once
        finally:
            if not kept:
                run.stop()
    if as_json:
        print_json(summarise(summary, recorded, own_work, opinions, url if kept else None))
    else:
        out = Console()
        show(out, summary, recorded, own_work, opinions)
        if explained is not None:
            out.rule("One exchange, decision by decision")
            out.print(explained, soft_wrap=True, highlight=False, markup=False)
        if kept:
            where = "" if str(home) == ".freehold" else f" --home {home}"
            goodbye(out, url, run.customer(), run.manager(), where)
    if summary.errors:
        say(f"{sum(summary.errors.values())} requests failed: {summary.errors}")
        raise SystemExit(EXIT_PROBLEM)


def _loop(home: Path, port: int, requests: int, labels: int, once: bool, as_json: bool) -> None:
    from rich.console import Console

    from freehold.cli.demo.day import Demo
    from freehold.cli.demo.loop import run
    from freehold.cli.demo.loop_report import goodbye, show

    folder = home / LOOP
    with _bars() as progress:
        demo = Demo(folder, progress)
        if demo.stop():
            say("An earlier demo was still running; it has been ended.")
        shutil.rmtree(folder, ignore_errors=True)
        kept = False
        try:
            found = run(demo, port, requests, labels, progress, say)
            kept = not once
        finally:
            if not kept:
                demo.stop()
    if as_json:
        print_json(found.as_dict())
        return
    out = Console()
    show(out, found)
    if kept:
        goodbye(out, demo.running.url, folder)


@contextmanager
def _bars() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each thing that takes a while, on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    terminal = Console(stderr=True)
    with Progress(*columns, console=terminal, disable=not sys.stderr.isatty()) as bars:
        tasks = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield progress


@click.command()
@home_option
def stop(home: Path) -> None:
    """End what `freehold demo` left running."""
    from freehold.cli.demo.day import Demo

    ended = [role for each in (home, home / LOOP) for role in Demo(each, lambda *_: None).stop()]
    say(f"Ended: {', '.join(ended)}." if ended else "Nothing was running.")
