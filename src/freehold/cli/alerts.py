"""``freehold alerts``: what went wrong, what was done about it, and taking that back."""

from pathlib import Path
from typing import Any

import click

from freehold.cli.common import Group, home_option, json_option, print_json, say

reason_option = click.option("--reason", required=True, help="Why, for the record.")


@click.group(cls=Group, invoke_without_command=True)
@click.option("--all", "every", is_flag=True, help="Also those that are over.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@home_option
@json_option
@click.pass_context
def alerts(ctx: click.Context, every: bool, limit: int, home: Path, as_json: bool) -> None:
    """Alerts that are open, the newest first.

    An alert is something watched that went wrong: a model got slower, an app is asked other
    things, a bill grows. The bundle declares them and what follows; some come along.
    """
    if ctx.invoked_subcommand is not None:
        return
    from freehold.app.terminal import alert_desk

    with alert_desk(home) as desk:
        rows = desk.alerts(every=every, limit=limit)
    if as_json:
        print_json(rows)
        return
    if not rows:
        say("No alert has fired." if every else "No alert is open.")
    for row in rows:
        subject = f"{row['subject']['kind']} {row['subject']['name']}"
        click.echo(
            f"{row['id']}  {row['fired_at']}  {row['status']:8}  {row['severity']:8}  "
            f"{row['name']}  {subject}"
        )
        click.echo(f"    {row['why']}")
        if row["resolved"]:
            click.echo(f"    {row['resolved_at']}: {row['resolved']}")
        for measure in row["measures"]:
            click.echo(f"    {_measure_line(measure)}")


@alerts.command("measures")
@home_option
@json_option
def list_measures(home: Path, as_json: bool) -> None:
    """What alerts have put out of the running, or behind the others, and still stands."""
    from freehold.app.terminal import alert_desk

    with alert_desk(home) as desk:
        rows = desk.measures()
    if as_json:
        print_json(rows)
        return
    if not rows:
        say("No measure stands.")
    for row in rows:
        click.echo(_measure_line(row))


@alerts.command("cases")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@home_option
@json_option
def list_cases(limit: int, home: Path, as_json: bool) -> None:
    """Exchanges that alerts have put aside for somebody to look at."""
    from freehold.app.terminal import alert_desk

    with alert_desk(home) as desk:
        rows = desk.cases(limit)
    if as_json:
        print_json(rows)
        return
    if not rows:
        say("No case is open.")
    for row in rows:
        count = len(row["exchanges"])
        click.echo(f"{row['id']}  {row['created_at']}  {row['status']}  {count} exchanges")
        click.echo(f"    {row['why']}")
        for exchange in row["exchanges"]:
            click.echo(f"    freehold explain {exchange}")


@alerts.command("clear")
@click.argument("alert_id")
@reason_option
@home_option
@json_option
def clear(alert_id: str, reason: str, home: Path, as_json: bool) -> None:
    """End an alert and what it did: how things are is the new normal."""
    from freehold.app.terminal import alert_desk

    with alert_desk(home) as desk:
        done = desk.clear(alert_id, reason)
    if as_json:
        print_json(done)
        return
    count = len(done["measures"])
    taken = "1 measure was" if count == 1 else f"{count} measures were"
    say(f"{done['name']} is over; {taken} taken back.")


@alerts.command("react")
@click.argument("measure_id")
@click.option("--undo", is_flag=True, required=True, help="Take it back.")
@reason_option
@home_option
@json_option
def react(measure_id: str, undo: bool, reason: str, home: Path, as_json: bool) -> None:  # noqa: ARG001
    """Take one measure back; its alert stays open."""
    from freehold.app.terminal import alert_desk

    with alert_desk(home) as desk:
        done = desk.undo(measure_id, reason)
    if as_json:
        print_json(done)
        return
    say(f"Taken back: {_measure_line(done)}")


def _measure_line(row: dict[str, Any]) -> str:
    who = " ".join(f"{name} {row[name]}" for name in ("model", "route", "intent") if row[name])
    floor = f" to {row['floor'] / 1_000_000:g}" if row["kind"] == "raise_floor" else ""
    if row["ended_at"]:
        until = f"ended {row['ended_at']} by {row['ended_by']}"
    else:
        until = f"until {row['until']}" if row["until"] else "until somebody clears it"
    return f"{row['id']}  {row['kind']}{floor} {who}, {until} ({row['by']})"
