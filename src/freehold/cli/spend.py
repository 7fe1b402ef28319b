"""``freehold spend``: what was used, beside its ceilings."""

from pathlib import Path
from typing import cast, get_args

import click
from msgspec.structs import asdict
from rich.console import Console
from rich.table import Table

from freehold.cli.ceilings import money, worded
from freehold.cli.common import home_option, json_option, print_json, say
from freehold.core.decisions import MILLION
from freehold.core.limits import PERIODS, Period, ScopeKind


@click.command("spend")
@click.option(
    "--by", "kind", type=click.Choice(get_args(ScopeKind)), default="app", show_default=True
)
@click.option(
    "--period",
    type=click.Choice([p for p in PERIODS if p != "minute"]),
    default="day",
    show_default=True,
    help="This day or month (UTC), or everything.",
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@home_option
@json_option
def spend(kind: str, period: str, limit: int, home: Path, as_json: bool) -> None:
    """Requests, tokens and money by app, tenant, key or model; who used most comes first.

    What is reserved for requests under way is included. A model's requests are its calls. A tenant
    with no ceilings of its own is counted in the one above it. A running gateway's last second may
    be missing.
    """
    from freehold.app.terminal import spending_service

    with spending_service(home) as spending:
        rows = spending.used(cast(ScopeKind, kind), cast(Period, period), limit)
        currency = spending.currency
    if as_json:
        print_json(
            {
                "by": kind,
                "period": period,
                "currency": currency,
                "used": [asdict(row) for row in rows],
            }
        )
        return
    if not rows:
        say(f"Nothing was used {'yet' if period == 'total' else f'this {period}'}.")
        return
    table = Table(box=None, pad_edge=False)
    table.add_column(kind)
    for head in ("requests", "tokens", f"money {currency}".strip()):
        table.add_column(head, justify="right")
    table.add_column("fullest ceiling")
    for row in rows:
        full = "none"
        if row.share is not None:
            (ceiling,) = worded({row.fullest: row.ceilings[row.fullest]})
            full = f"{row.share * 100 // MILLION} % of {ceiling}"
        table.add_row(
            f"{row.name}  {row.title}".rstrip(),
            f"{row.requests:,}",
            f"{row.tokens:,}",
            money(row.nano),
            full,
        )
    Console(soft_wrap=True, highlight=False, markup=False).print(table)
