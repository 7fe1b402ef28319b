"""``freehold models``: what models cost, as far as it is publicly known."""

from datetime import UTC, datetime
from pathlib import Path

import click
from msgspec.structs import asdict
from rich.console import Console
from rich.table import Table

from freehold.cli.common import json_option, print_json, say
from freehold.core.clock import SystemClock


@click.group()
def models() -> None:
    """Models: prices and windows."""


@models.command()
@click.option(
    "--bundle",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Show the rows of this bundle's own catalogue, too.",
)
@click.option(
    "--older-than",
    "old_days",
    type=click.IntRange(0, 10_000),
    default=90,
    show_default=True,
    help="Warn of rows that were seen so many days ago.",
)
@click.option("--yaml", "as_yaml", is_flag=True, help="Print the shipped rows for a bundle.")
@json_option
def prices(bundle: Path | None, old_days: int, *, as_yaml: bool, as_json: bool) -> None:
    """The catalogue: prices per million tokens, windows, and where and when they were seen.

    A model in a bundle takes a row with `catalogue: ID`; what the model says itself goes first.
    Nothing is ever fetched: correct a row by one of the same name in the bundle's `catalogue:`
    section, which `--yaml` is the beginning of.
    """
    from freehold.services.bundles import open_bundle
    from freehold.services.prices import doubted, listed, shipped_yaml

    if as_yaml:
        click.echo(shipped_yaml(), nl=False)
        return
    own = open_bundle(bundle).bundle.catalogue if bundle is not None else {}
    today = datetime.fromtimestamp(SystemClock().now_ns() // 10**9, UTC).date()
    rows = listed(own, today, old_days=old_days)
    if as_json:
        print_json([asdict(row) for row in rows])
    else:
        table = Table(box=None, pad_edge=False)
        for name in ("model", "input", "cached", "output", "window", "longest", "seen"):
            table.add_column(name, justify="left" if name in {"model", "seen"} else "right")
        for row in rows:
            cached = "" if row.cached_input is None else f"{row.cached_input:g}"
            table.add_row(
                row.id,
                f"{row.input:g}",
                cached,
                f"{row.output:g}",
                f"{row.context_window:,}",
                f"{row.max_output_tokens:,}",
                row.seen + (f" ({row.doubt})" if row.doubt else ""),
            )
        Console(width=None if Console().is_terminal else 200).print(table)
    old = len(doubted(rows))
    if old:
        said = "One row" if old == 1 else f"{old} rows"
        say(f"{said} should be looked up again at the source, which --json names.")
