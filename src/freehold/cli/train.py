"""``freehold train``: custom models from datasets, here or queued for a worker."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import click
from msgspec import to_builtins

from freehold.app.whoever import at_terminal
from freehold.cli.common import (
    home_option,
    json_option,
    other_bundle_option,
    print_json,
    say,
)
from freehold.core.training import Progress


@click.command()
@click.argument("model")
@click.option("--dataset", default="", metavar="NAME[@DIGEST]", help="Else the model's own.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--resume/--again", default=True, help="Go on where a run ended, or begin anew.")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="An option of the trainer.")
@click.option("--queue", "queued", is_flag=True, help="Leave it to a worker: `freehold worker`.")
@click.option(
    "--device",
    type=click.Choice(["cpu", "cuda"]),
    default="cpu",
    show_default=True,
    help="With --queue: what the worker must have.",
)
@click.option(
    "--memory",
    type=click.IntRange(1, 1_024),
    default=1,
    show_default=True,
    help="With --queue: gigabytes that the worker must have.",
)
@other_bundle_option()
@click.option(
    "--recipe",
    type=click.Path(file_okay=False, path_type=Path),
    help="Train nothing: write the data and recipes for other trainers into this folder.",
)
@home_option
@json_option
def train(
    model: str,
    dataset: str,
    seed: int,
    resume: bool,
    sets: tuple[str, ...],
    queued: bool,
    device: str,
    memory: int,
    bundle: Path | None,
    recipe: Path | None,
    home: Path,
    as_json: bool,
) -> None:
    """Train custom model MODEL of the bundle, and keep it as its next version.

    Ended half-way, the same command goes on where it was, without --again. Nothing goes live by
    being trained: see `freehold gate` and `freehold custom`.
    """
    from freehold.app.datasets import bundle_of
    from freehold.app.training import training_service
    from freehold.services.training import plan_of

    plan = plan_of(
        bundle_of(home, bundle),
        model,
        home,
        dataset=dataset,
        seed=seed,
        options=options_of(sets),
        actor=at_terminal(),
    )
    if queued:
        _queue(plan, device, memory, home, as_json)
        return
    say(f"{plan.model}: {plan.kind}, from {plan.dataset}@{plan.digest[7:23]}")
    if recipe is not None:
        with training_service(home) as training:
            files = training.recipe(plan, recipe)
        if as_json:
            print_json({"folder": str(recipe), "files": files})
        else:
            click.echo("\n".join(str(recipe / name) for name in files))
        return
    with training_service(home) as training, bars() as progress:
        outcome = training.run(plan, progress, resume=resume)
    if as_json:
        print_json(to_builtins(outcome))
        return
    click.echo(
        f"{outcome.model}@{outcome.version}" + (" (trained before)" if outcome.again else "")
    )
    for line in told(outcome.figures):
        click.echo(f"  {line}")
    for note in outcome.notes:
        say(f"  {note}")


def told(figures: Mapping[str, float]) -> Iterator[str]:
    """A line for each figure, with its interval where ``…_low`` and ``…_high`` say it."""
    for name, value in sorted(figures.items()):
        shared = name.removesuffix("_low").removesuffix("_high")
        if shared != name and {shared, f"{shared}_low", f"{shared}_high"} <= figures.keys():
            continue
        line = f"{name:<24} {value:.4g}"
        if {f"{name}_low", f"{name}_high"} <= figures.keys():
            low, high = figures[f"{name}_low"], figures[f"{name}_high"]
            line += f"  (95 %: {low:.4g}-{high:.4g})"
        yield line


def _queue(plan: Any, device: str, memory: int, home: Path, as_json: bool) -> None:
    from freehold.app.working import job_service
    from freehold.core.jobs import Needs

    with job_service(home, plan.actor) as jobs:
        job = jobs.put(plan, Needs(device=cast("Any", device), memory_gb=memory))
        waits = jobs.waits_for(jobs.find(job.job_id))
    if as_json:
        print_json(to_builtins(job) | {"waits_for": waits})
        return
    click.echo(job.job_id)
    say("How it stands: freehold job list." + (f" It waits, as {waits}." if waits else ""))


def options_of(sets: tuple[str, ...]) -> dict[str, Any]:
    """``key=value`` each, the value as JSON where it is some; ``a.b=1`` is ``{"a": {"b": 1}}``."""
    found: dict[str, Any] = {}
    for each in sets:
        key, equals, value = each.partition("=")
        if not key or not equals:
            raise click.UsageError(f"--set {each}: write KEY=VALUE")
        *path, last = key.split(".")
        place = found
        for part in path:
            place = place.setdefault(part, {})
        try:
            place[last] = json.loads(value)
        except json.JSONDecodeError:
            place[last] = value
    return found


@contextmanager
def bars() -> Iterator[Progress]:
    """A bar for each stage, on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[figures]}"),
    )
    with Bars(*columns, console=Console(stderr=True)) as shown:
        tasks: dict[str, Any] = {}

        def tell(stage: str, done: int, total: int, **figures: float) -> None:
            if stage not in tasks:
                tasks[stage] = shown.add_task(stage, total=total or None, figures="")
            said = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
            shown.update(tasks[stage], completed=done, total=total or None, figures=said)

        yield tell
