"""``freehold bench routing`` and ``freehold bench bandit``."""

from pathlib import Path
from typing import Any

import click

from freehold.cli.bench import bench
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
    if the figures are wanted for each group too. APGR, CPT50 and CPT80 are counted as in RouteLLM's
    evaluation. Prompts that are alike in both files are not learned from.
    """
    from msgspec import to_builtins

    from freehold.services.measure_routing import Group, measure_routing, read_routing

    read = read_routing(train), read_routing(test)
    say(f"learning from {labels or len(read[0].prompts)} of {len(read[0].prompts)} prompts")
    found = measure_routing(*read, labels, seed)
    if as_json:
        print_json(to_builtins(found))
        return
    click.echo(f"{found.weak} (weak, {found.weak_quality:.3f}) and {found.strong} (strong,")
    click.echo(f"{found.strong_quality:.3f}); {found.labels} labels, seed {found.seed}")
    whole = Group(**{name: getattr(found, name) for name in Group.__struct_fields__})
    for name, group in {"all": whole, **found.groups}.items():
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
