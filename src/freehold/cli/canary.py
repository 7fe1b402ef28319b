"""``freehold route canary`` and ``freehold route shadow``: models on trial."""

from pathlib import Path
from typing import Any

import click

from freehold.app.whoever import at_terminal
from freehold.cli.common import Group, home_option, json_option, print_json, say
from freehold.core.clock import rfc3339

_reason = click.option("--reason", default="", help="Why, for the ledger.")
_route = click.argument("route")


@click.group(cls=Group)
def canary() -> None:
    """A model that gets a share of the conversations on trial."""


@canary.command("status")
@click.argument("route", required=False)
@home_option
@json_option
def status(route: str | None, home: Path, as_json: bool) -> None:
    """Where the canaries of the live bundle stand, and what their exchanges say.

    A bound is written as how much more of it there is with the newcomer, and the confidence
    sequence, which is true however often it is looked at.
    """
    from freehold.app.trials import trial_service

    with trial_service(home) as (canaries, _):
        reports = [report.as_dict() for report in canaries.reports(route)]
    if as_json:
        print_json(reports)
        return
    if not reports:
        say("No route of the live bundle has a canary.")
    for report in reports:
        _tell(report)


@canary.command("promote")
@_route
@click.option("--all", "all_the_way", is_flag=True, help="At once to every conversation.")
@_reason
@home_option
@json_option
def promote(route: str, all_the_way: bool, reason: str, home: Path, as_json: bool) -> None:
    """Give the canary of ROUTE its next, larger share; after the last one it is promoted.

    One that was rolled back begins at its first stage again. The ledger has who did it.
    """
    _move(home, route, reason, as_json, all_the_way)


@canary.command("rollback")
@_route
@_reason
@home_option
@json_option
def rollback(route: str, reason: str, home: Path, as_json: bool) -> None:
    """Take every conversation of ROUTE from its canary, within a second."""
    _move(home, route, reason, as_json, None)


def _move(home: Path, route: str, reason: str, as_json: bool, all_the_way: bool | None) -> None:
    from freehold.app.trials import trial_service

    actor = at_terminal()
    with trial_service(home) as (canaries, _):
        if all_the_way is None:
            report = canaries.roll_back(route, actor, reason=reason)
        else:
            report = canaries.advance(route, actor, reason=reason, all_the_way=all_the_way)
    if as_json:
        print_json(report.as_dict())
        return
    standing = report.standing
    state = standing.state.replace("_", " ")
    click.echo(f"{standing.model} on route {standing.route}: {state}, {report.share:.2%}")


def _tell(report: dict[str, Any]) -> None:
    from freehold.services.canary_trials import called

    state = report["state"].replace("_", " ")
    click.echo(
        f"{report['model']} on route {report['route']}: {state}, stage {report['stage'] + 1}, "
        f"{report['share']:.2%} of the conversations"
        + (f", by {report['by']} at {report['since']}" if report["by"] else "")
    )
    click.echo(f"  {report['newcomers']} exchanges with it, {report['others']} without")
    for measure in report["measures"]:
        figures = f"{measure['newcomer']:.4f} with, {measure['before']:.4f} without"
        click.echo(
            f"  {called(measure['name']):12} {figures}; "
            f"{measure['worse_by']:+.4f} [{measure['low']:+.4f}, {measure['high']:+.4f}], "
            f"{measure['margin']:+.4f} is too much ({measure['seen']} exchanges)"
        )
    click.echo(f"  {report['verdict'].replace('_', ' ')}: {report['why']}")


@click.command()
@click.argument("route", required=False)
@click.option(
    "--last",
    type=click.IntRange(1, 100_000),
    default=10_000,
    show_default=True,
    help="At most so many comparisons.",
)
@click.option("--each", is_flag=True, help="Comparison by comparison.")
@home_option
@json_option
def shadow(route: str | None, last: int, each: bool, home: Path, as_json: bool) -> None:
    """How the models in the shadow of routes compare with those that answered.

    Alike in words is the F1 score over the words of both answers, alike in sense the cosine of
    their vectors.
    """
    from msgspec import to_builtins

    from freehold.app.trials import trial_service
    from freehold.services.shadow_report import summed

    with trial_service(home) as (_, book):
        seen = book.shadows(route, last)
    if each:
        rows = [to_builtins(one) for one in seen]
        if as_json:
            print_json(rows)
            return
        for one in seen:
            alike = "-" if one.words is None else f"{one.words / 10_000:.0f} %"
            click.echo(
                f"{one.exchange_id}  {rfc3339(one.at_ns)}  {one.route}: {one.before} → {one.model}"
                f"  {one.outcome}  alike {alike}  {one.took_ms} ms  {one.why}"
            )
        return
    sums = [to_builtins(one) for one in summed(seen)]
    if as_json:
        print_json(sums)
        return
    if not sums:
        say("No shadow has been asked yet.")
    for one in sums:
        _tell_shadow(one)


def _tell_shadow(one: dict[str, Any]) -> None:
    outcomes = ", ".join(f"{count} {name}" for name, count in one["outcomes"].items())
    click.echo(f"{one['model']} in the shadow of route {one['route']}: {outcomes}")
    if one["answered"]:
        click.echo(
            f"  alike in words {one['words']:.1%}, in sense {one['sense']:.1%}, over "
            f"{one['answered']} answers"
        )
        click.echo(
            f"  median {one['took_ms']} ms, was {one['before_ms']} ms; "
            f"cost {one['cost_nano'] / 1e9:.6f}, was {one['before_nano'] / 1e9:.6f}"
        )
    for rule, count in one["rules"].items():
        click.echo(f"  rule {rule} fired {count} times, {one['before_rules'].get(rule, 0)} before")
