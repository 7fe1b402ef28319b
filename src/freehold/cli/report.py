"""``freehold report``: what the records add up to."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import click
from msgspec import to_builtins

from freehold.cli.common import (
    Group,
    home_option,
    json_option,
    print_json,
    say,
    scope_of,
    tenant_options,
)
from freehold.cli.report_own import own
from freehold.cli.report_times import period_options

_BAR = 24


@click.group(cls=Group)
def report() -> None:
    """What the records add up to."""


report.add_command(own)


@report.command("load")
@tenant_options
@click.option("--app", help="Only this app.")
@period_options("ended")
@click.option("--by", type=click.Choice(["app", "tenant", "hour"]), help="Each one's own, too.")
@home_option
@json_option
def load(
    tenant: str | None,
    only: bool,
    app: str | None,
    since: int | None,
    until: int | None,
    by: str | None,
    home: Path,
    as_json: bool,
) -> None:
    """Each layer's share of Freehold's own work, beside a published case.

    Periods are whole minutes; without one, everything recorded. Waiting is no work. CPU time is
    measured of one exchange in sixteen.
    """
    from freehold.app.terminal import load_service
    from freehold.ledger.load import By

    with load_service(home) as (records, loads):
        whose = scope_of(records.within, tenant, only)
        grouping = cast(By, by or "")
        found = loads.report(tenant=whose, app=app, since_ns=since, until_ns=until, by=grouping)
    if as_json:
        print_json(to_builtins(found.as_dict()))
        return
    if found.total is None:
        narrowed = tenant or app or since is not None or until is not None
        say("Nothing of that kind is recorded." if narrowed else "Nothing recorded yet.")
        return
    _show(found.total)
    if found.parts:
        click.echo()
        _columns(_parts(found.parts))
    _notes(found.total)


def _show(total: Any) -> None:
    click.echo(
        f"{total.exchanges:,} exchanges from {_minute(total.since)} until {_minute(total.until)}\n"
    )
    head = ("", "published", "own work", "", "CPU", "µs each", "CPU µs each", "waited µs")
    layers = [_row(total, layer) for layer in total.layers]
    _columns([head, *layers, _row(total, total.wire)], left=(0, 3))
    wire = total.wire
    click.echo(
        f"\n{wire.layer.capitalize()} (reading and writing HTTP, keys, limits, our part of calls)"
        f" is {_percent(wire.wall_share_of_all)} of all\nown work and"
        f" {_percent(wire.cpu_share_of_all)} of its CPU time; the shares above are of the seven"
        " layers."
    )


def _row(total: Any, layer: Any) -> tuple[str, ...]:
    wall, published = layer.wall_share, layer.published_percent
    if published is None:
        shares = ("", "", "", "")
    else:
        bar = "█" * round((wall or 0) * _BAR)
        more = "▒" * max(0, round(published / 100 * _BAR) - len(bar))
        shares = (f"{published} %", _percent(wall), bar + more, _percent(layer.cpu_share))
    times = (layer.wall_ns, layer.cpu_ns, layer.waited_ns)
    return (layer.layer, *shares, *(_each(time, total) for time in times))


def _parts(parts: list[Any]) -> list[tuple[str, ...]]:
    rows = [("own work", "exchanges", "µs each", *(layer.layer for layer in parts[0].layers))]
    for part in parts:
        name = _minute(part.hour) if part.hour is not None else _owner(part)
        shares = (_percent(layer.wall_share) for layer in part.layers)
        rows.append((name, f"{part.exchanges:,}", _each(part.wall_ns, part), *shares))
    return rows


def _columns(rows: Sequence[Sequence[str]], left: tuple[int, ...] = (0,)) -> None:
    """Print a table whose columns are as wide as they must be, however wide the terminal is."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell.ljust(width) if at in left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        click.echo("  ".join(cells).rstrip())


def _notes(total: Any) -> None:
    from freehold.core.sampling import SAMPLED_OF
    from freehold.services.load import NOT_COUNTED, PUBLISHED

    click.echo(
        f"CPU time is estimated from {total.cpu_sampled:,} of {total.exchanges:,} exchanges: it is"
        f" measured of one in {SAMPLED_OF}.\nPublished: {PUBLISHED['what']},"
        f" {PUBLISHED['stores']:,}+ stores, {PUBLISHED['requests_a_day']:,} requests a day;"
        f" ▒ is where it goes beyond.\n{NOT_COUNTED}"
    )


def _owner(part: Any) -> str:
    if part.app:
        return f"{part.tenant}/{part.app}"
    return part.tenant or "nobody known"


def _each(nanoseconds: int | None, total: Any) -> str:
    if nanoseconds is None or not total.exchanges:
        return "-"
    return f"{nanoseconds / total.exchanges / 1_000:,.1f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}".replace("%", " %")


def _minute(moment: str) -> str:
    return f"{moment[:16].replace('T', ' ')} UTC"
