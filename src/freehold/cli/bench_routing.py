"""``freehold bench routing`` and ``freehold bench bandit``."""

from pathlib import Path
from typing import Any

import click

from freehold.cli.bench import FETCHED, bench, install_option
from freehold.cli.common import json_option, print_json, say

_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@bench.command()
@click.option("--train", type=_file, required=True, help="Prompts whose scores are learned from.")
@click.option("--test", type=_file, required=True, help="Prompts to be routed.")
@click.option(
    "--labels", type=click.IntRange(min=40), help="Learn from so many prompts drawn at random."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of all that is random.")
@json_option
def routing(train: Path, test: Path, labels: int | None, seed: int, as_json: bool) -> None:
    """Learn from one file which model suits which prompt, and measure it on another.

    Both are JSON lines: `prompt`, one boolean or score from 0 to 1 for each model, and a `dataset`
    if the figures are wanted for each group too. That of the first file is learned to be told from
    the text; that of the second is never read to judge. APGR, CPT50 and CPT80 are counted as in
    RouteLLM's evaluation. Prompts that are alike in both files are not learned from.
    """
    from msgspec import to_builtins

    from freehold.services.measure_routing import Group, measure_routing
    from freehold.services.routing_tables import read_table

    read = read_table(train), read_table(test)
    say(f"learning from {labels or len(read[0].prompts)} of {len(read[0].prompts)} prompts")
    found = measure_routing(*read, labels, seed)
    if as_json:
        print_json(to_builtins(found))
        return
    click.echo(f"{found.weak} (weak, {found.weak_quality:.3f}) and {found.strong} (strong,")
    click.echo(f"{found.strong_quality:.3f}); {found.labels} labels, seed {found.seed}")
    if found.left_out:
        click.echo(f"{found.left_out} prompts not learned from: alike to one that is tested")
    whole = Group(**{name: getattr(found, name) for name in Group.__struct_fields__})
    parts = found.by_dataset if len(found.by_dataset) > 1 else {}
    for name, group in {"all": whole, **parts}.items():
        click.echo(f"\n{name}: {group.prompts} prompts          APGR    CPT50    CPT80")
        for label in ("random", "zero_router", "oracle", "published", "ours"):
            _line(label, getattr(group, label))
    click.echo(f"\nbest single model     {found.best_single_quality:.4f}  {found.best_single}")
    click.echo(f"best pick by us       {found.best_pick_quality:.4f}")
    click.echo(f"best pick by oracle   {found.oracle_quality:.4f}")
    click.echo(f"trained in {found.train_seconds} s, {found.us_per_prompt} µs a prompt")


def _line(label: str, curve: Any) -> None:
    if curve is None:
        return
    cells = [f"{curve.apgr:7.4f}", f"{curve.cpt50:8.1%}"]
    cells.append("       –" if curve.cpt80 is None else f"{curve.cpt80:8.1%}")
    within = curve.apgr_interval
    said = f"   95 %: {within[0]:.4f} to {within[1]:.4f}" if within else ""
    click.echo(f"  {label.replace('_', '-'):<16} {''.join(cells)}{said}")


@bench.command()
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with val.jsonl (to learn) and test_holdout.jsonl (measured).",
)
@install_option
@click.option("--ceiling", type=float, multiple=True, help="Money a request; may be repeated.")
@click.option("--runs", type=click.IntRange(1, 100), default=5, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Of all that is random.")
@json_option
def bandit(
    data: Path | None,
    install: bool,
    ceiling: tuple[float, ...],
    runs: int,
    seed: int,
    as_json: bool,
) -> None:
    """Learn while routing: only the chosen model's outcome is seen, and money is short.

    The files are JSON lines: `prompt` and `arms`, an object of model → `reward` (0 to 1), `cost`.
    """
    from msgspec import to_builtins

    from freehold.services.measure_bandit import CEILINGS, measure_bandit
    from freehold.services.routing_tables import FETCHED_FILES, fetched, read_table

    if (data is None) is not install:
        raise click.UsageError("one of --data and --install is needed")
    folder = data or fetched(FETCHED)
    learn, test = (read_table(folder / name) for name in FETCHED_FILES)
    say(f"{runs} runs through {len(learn.prompts)} and {len(test.prompts)} prompts")
    found = measure_bandit(learn, test, ceiling or CEILINGS, runs, seed)
    if as_json:
        print_json(to_builtins(found))
        return
    for at in found.ceilings:
        click.echo(f"\nceiling {at.ceiling:.3g} a request, seed {found.seed}, {runs} runs")
        for label in ("random", "zero_router", "best_single", "oracle", "published"):
            value = getattr(at, label)
            if value is not None:
                click.echo(f"  {label.replace('_', '-'):<14} {value:.4f}")
        low, high = at.ours_interval
        click.echo(f"  {'ours':<14} {at.ours:.4f}  95 %: {low:.4f} to {high:.4f}")
        click.echo(f"  {'':<14} spent {at.ours_spent:.3g} a request")
        click.echo(f"  {'ours, cold':<14} {at.ours_cold:.4f}  spent {at.ours_cold_spent:.3g}")
