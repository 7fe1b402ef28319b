"""``freehold route log``, ``simulate`` and ``report``: what the log says of another route."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from freehold.cli.common import home_option, json_option, print_json, say

_last = click.option(
    "--last",
    type=click.IntRange(1, 1_000_000),
    default=10_000,
    show_default=True,
    help="So many recorded exchanges.",
)
_from = click.option(
    "--from",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What `freehold route log` printed, instead of the records of a home.",
)
_metric = click.option(
    "--metric", default="", help="Whose outcomes count; if left out, what the route learns from."
)
_least = click.option(
    "--least-ess",
    type=click.FloatRange(1),
    default=200,
    show_default=True,
    help="No verdict below this effective sample size.",
)


@click.command("log")
@_last
@home_option
def log(last: int, home: Path) -> None:
    """Print the recorded choices of routes as JSON lines, without any text of a request.

    Each line has the models that might have taken the request with their propensities and what was
    expected of them, the one that was chosen, what it cost, and the outcomes known by now.
    """
    import msgspec

    for row in _rows(home, None, last):
        click.echo(msgspec.json.encode(row).decode())


@click.command("simulate")
@click.option(
    "--bundle",
    "draft",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder of the draft.",
)
@click.option("--route", "only", help="Only this route.")
@_last
@_from
@_metric
@_least
@home_option
@json_option
def simulate(
    draft: Path,
    only: str | None,
    last: int,
    file: Path | None,
    metric: str,
    least_ess: float,
    home: Path,
    as_json: bool,
) -> None:
    """What a draft of the bundle's routes would have done with recorded requests.

    Their allowed models, propensities and estimates are those of the log; the draft's candidates,
    policy, prices, floor and exploration decide anew. What a rule, a client or a conversation
    settled stays as it was. Custom models stand on its routes as they are deployed in the home. No
    verdict where the log can't carry one.
    """
    from freehold.app.deployed import with_deployed
    from freehold.services.route_simulate import simulated

    bundle = with_deployed(home, draft)
    result = simulated(
        _rows(home, file, last), bundle, only=only, metric=metric, least_ess=least_ess
    )
    if as_json:
        print_json(result.as_dict())
        return
    for replay in result.replays:
        _tell(replay)
    for why, count in result.skipped.items():
        say(f"left out: {count}, {why}")
    if not result.replays:
        say("No recorded request that a route of the draft chooses for.")


@click.command("report")
@click.option("--route", "only", help="Only this route.")
@click.option(
    "--table",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON lines: `prompt` and one boolean or score per model, instead of the log.",
)
@click.option(
    "--price",
    "prices",
    multiple=True,
    metavar="MODEL=MONEY",
    help="With --table: what a call costs, for each model, where the file has no `cost`.",
)
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the curves as a page of their own, too.",
)
@_last
@_from
@_metric
@_least
@home_option
@json_option
def report(
    only: str | None,
    table: Path | None,
    prices: Sequence[str],
    html: Path | None,
    last: int,
    file: Path | None,
    metric: str,
    least_ess: float,
    home: Path,
    as_json: bool,
) -> None:
    """Cost against quality, beside the mix that looks at no request, the best model, the oracle.

    From the log of the live bundle's routes, by off-policy estimates, or with --table from a file
    that knows every model's answer.
    """
    from freehold.cli.curves import page, tell
    from freehold.services.route_report import from_table
    from freehold.services.route_simulate import curves
    from freehold.services.routing_tables import read_table

    if table is not None:
        found = [from_table(read_table(table), dict(_price(each) for each in prices))]
    else:
        rows = list(_rows(home, file, last))
        found = curves(rows, _live(home), only=only, metric=metric, least_ess=least_ess)
    if html is not None:
        html.write_text(page(found), encoding="utf-8")
        say(f"written: {html}")
    if as_json:
        print_json([curve.as_dict() for curve in found])
        return
    for curve in found:
        tell(curve)
    if not found:
        say("No route has two recorded outcomes yet; POST /v1/feedback tells of them.")


def _price(text: str) -> tuple[str, float]:
    model, sign, money = text.partition("=")
    try:
        price = float(money if sign else "")
    except ValueError:
        raise click.BadParameter(f"{text!r} is not MODEL=MONEY", param_hint="--price") from None
    if not 0 <= price < math.inf:
        raise click.BadParameter(f"{text!r}: no call costs that", param_hint="--price")
    return model, price


def _rows(home: Path, file: Path | None, last: int) -> Iterator[Any]:
    from freehold.services.route_log import chosen, read_rows

    if file is not None:
        yield from read_rows(file)
        return
    from freehold.app.trials import outcome_records

    with outcome_records(home) as (records, outcomes):
        found = (records.find(row.exchange_id) for row in records.recent(limit=last))
        yield from chosen(found, outcomes)


def _live(home: Path) -> Any:
    from freehold.bundle.kept import live_mark
    from freehold.services.bundles import kept_bundle

    return kept_bundle(home, live_mark(home)[1])


def _tell(replay: Any) -> None:
    click.echo(f"route {replay.route}: {replay.requests} requests, {replay.moved:.1%} would move")
    for model, (was, becomes) in replay.models.items():
        click.echo(f"  {model}: {was:.1%} → {becomes:.1%}")
    for name, one, scale in (
        ("quality", replay.quality, 1.0),
        ("cost", replay.cost_nano, 1e-9),
        ("ms", replay.took_ms, 1.0),
    ):
        if one is None:
            click.echo(f"  {name}: nothing is known of it")
            continue
        click.echo(
            f"  {name}: was {one.was * scale:.6g}, would be {one.dr.value * scale:.6g} "
            f"[{one.dr.low * scale:.6g}, {one.dr.high * scale:.6g}] (DR), "
            f"{one.snips.value * scale:.6g} (SNIPS); ESS {one.ess:.0f} of {one.rows}, "
            f"heaviest weight {one.max_weight:.0f}"
        )
        click.echo(f"    {one.verdict}")
    for model, share in replay.without_support.items():
        click.echo(f"  {model}: {share:.1%} would go to it where it was never tried")
    for model in replay.unknown:
        click.echo(f"  {model}: in no record; try it in the shadow or as a canary")
    for why, count in replay.kept.items():
        click.echo(f"  as it was: {count}, {why}")
