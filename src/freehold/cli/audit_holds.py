"""``freehold audit hold``: texts that must not become unreadable while a case is open."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from freehold.cli.audit_export import moment, nanoseconds
from freehold.cli.common import Group, home_option, json_option, print_json, say

_FORM = "{id}  {state:8}  {kind} {subject}{tenant}{whose}  since {placed_at}{until}  {reason}"


@click.group("hold", cls=Group)
def hold() -> None:
    """Legal holds: what must not be erased or expire while a case is open."""


@hold.command("place")
@click.option("--tenant", help="All of this tenant's; with the other options: only in it.")
@click.option("--only", is_flag=True, help="With --tenant: without the tenants below it.")
@click.option("--person", help="All of this person's, by the id that records have.")
@click.option("--issuer", help="Who vouches for that id; '' for one that a header named.")
@click.option("--conversation", help="All of this conversation.")
@click.option("--exchange", help="This one exchange.")
@click.option("--reason", required=True, help="Why; it stands in the ledger.")
@click.option("--until", type=moment, help="It ends by itself then (UTC).")
@home_option
@json_option
def place(
    tenant: str | None,
    only: bool,
    person: str | None,
    issuer: str | None,
    conversation: str | None,
    exchange: str | None,
    reason: str,
    until: datetime | None,
    home: Path,
    as_json: bool,
) -> None:
    """Keep texts: no sweep and no erasure destroys them until it is lifted."""
    from freehold.app.holding import hold_service
    from freehold.app.whoever import at_terminal
    from freehold.core.legal_holds import HoldKind

    kinds: tuple[tuple[HoldKind, str | None], ...] = (
        ("person", person),
        ("conversation", conversation),
        ("exchange", exchange),
    )
    named = [(kind, subject) for kind, subject in kinds if subject]
    if len(named) > 1 or not (named or tenant):
        raise click.UsageError(
            "say --tenant, or one of --person, --conversation and --exchange (and --tenant, too)"
        )
    if issuer is not None and person is None:
        raise click.UsageError("--issuer goes with --person")
    if only and tenant is None:
        raise click.UsageError("--only goes with --tenant")
    kind, subject = named[0] if named else ("tenant", tenant or "")
    with hold_service(home, at_terminal()) as holds:
        placed = holds.place(
            kind,
            subject,
            reason,
            tenant=tenant or "",
            only=only,
            issuer=issuer,
            until_ns=nanoseconds(until),
        ).as_dict()
    if as_json:
        print_json(placed)
    else:
        click.echo(placed["id"])
        say(f"Kept from now on: {placed['kind']} {placed['subject']}.")


@hold.command("list")
@click.option("--all", "ended", is_flag=True, help="With those that were lifted or are over.")
@home_option
@json_option
def list_holds(ended: bool, home: Path, as_json: bool) -> None:
    """The holds that stand."""
    from freehold.app.holding import held_list

    with held_list(home) as (holds, now_ns, why):
        rows = [
            {"state": _state(each, now_ns)} | each.as_dict()
            for each in holds
            if ended or each.stands(now_ns)
        ]
    if why:
        say(f"There may be more of them: {why}")
    if as_json:
        print_json(rows)
        return
    if not rows and not why:
        say("No legal hold stands.")
    for row in rows:
        tenant = f" in {row['tenant']}" if row["tenant"] and row["kind"] != "tenant" else ""
        until = f" until {row['until']}" if row["until"] else ""
        whose = {"tenant": tenant, "until": until, "whose": _whose(row)}
        click.echo(_FORM.format(**row | whose))
        click.echo(f"  placed by {row['placed_by']}")
        if row["lifted_at"]:
            click.echo(f"  lifted {row['lifted_at']} by {row['lifted_by']}: {row['lifted_why']}")


@hold.command("lift")
@click.argument("hold_id")
@click.option("--reason", required=True, help="Why; it stands in the ledger.")
@home_option
@json_option
def lift(hold_id: str, reason: str, home: Path, as_json: bool) -> None:
    """End a hold. What is due goes with the next sweep."""
    from freehold.app.holding import hold_service
    from freehold.app.whoever import at_terminal

    with hold_service(home, at_terminal()) as holds:
        lifted = holds.lift(hold_id, reason).as_dict()
    if as_json:
        print_json(lifted)
    else:
        say(f"Lifted: {lifted['id']}.")


@hold.command("accept-damage")
@click.option("--reason", required=True, help="Why; it stands in the ledger.")
@home_option
@json_option
def accept_damage(reason: str, home: Path, as_json: bool) -> None:
    """Answer for it that no hold stood where the ledger can't be read.

    While a part of the ledger can't be read, nothing is destroyed, since a hold may stand in it.
    Put the file back from a copy if there is one: then there is nothing to accept.
    """
    from freehold.app.holding import hold_service
    from freehold.app.whoever import at_terminal

    with hold_service(home, at_terminal()) as holds:
        places = holds.accept_damage(reason)
    if as_json:
        print_json(places)
        return
    for one in places:
        click.echo("accepted: {writer} segment {segment} at byte {offset}".format(**one))


def _whose(row: dict[str, Any]) -> str:
    """Who vouches for a person, and whether the tenants below are meant."""
    parts = []
    if row["issuer"] is not None:
        parts.append(f"of {row['issuer'] or 'no issuer'}")
    if row["only"]:
        parts.append("without the tenants below")
    return f" ({', '.join(parts)})" if parts else ""


def _state(hold: Any, now_ns: int) -> str:
    if hold.lifted_ns is not None:
        return "lifted"
    return "stands" if hold.stands(now_ns) else "over"
