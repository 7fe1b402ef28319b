"""``freehold erase`` and ``freehold retention``: what is stored of people becomes unreadable."""

import sys
from pathlib import Path
from typing import Any

import click

from freehold.cli.common import EXIT_PROBLEM, home_option, json_option, print_json, say


@click.command()
@click.option("--tenant", required=True, help="In this tenant and those below it.")
@click.option("--only", is_flag=True, help="Without the tenants below it.")
@click.option("--subject", default="", help="The person's id, as records name the principal.")
@click.option(
    "--issuer",
    help="Who vouches for that id; '' for one that a header named. Needed only if several do.",
)
@click.option(
    "--conversation", default="", help="Instead of --subject: a conversation of nobody known."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be erased.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@home_option
@json_option
def erase(
    tenant: str,
    only: bool,
    subject: str,
    issuer: str | None,
    conversation: str,
    dry_run: bool,
    yes: bool,
    home: Path,
    as_json: bool,
) -> None:
    """Erase what is stored of a person: destroy their keys, and say what that does not reach.

    A running gateway stops using the keys within a second or two; begun again, it ends what was
    begun. There is no way back.
    """
    from freehold.app.terminal import erasing_service
    from freehold.services.erasure import Whom

    if bool(subject) == bool(conversation):
        raise click.UsageError("say either --subject or --conversation")
    if issuer is not None and conversation:
        raise click.UsageError("--issuer goes with --subject")
    asks = not (dry_run or yes)
    if asks and (as_json or not sys.stdin.isatty()):
        raise click.UsageError("there is no way back: say --yes, or --dry-run to look first")
    with erasing_service(home) as (records, erasing):
        whom = Whom(
            tenants=records.within(tenant, only=only),
            person=subject,
            issuer=issuer,
            conversation=conversation,
        )
        if asks:
            say("\n".join(_lines(erasing.plan(whom).as_dict())))
            click.confirm("Erase it, for good?", abort=True, err=True)
        done = (erasing.plan if dry_run else erasing.run)(whom).as_dict()
    if as_json:
        print_json(done)
    else:
        click.echo("\n".join(_lines(done)))
    if done["unfinished"]:
        raise SystemExit(EXIT_PROBLEM)


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say how many.")
@home_option
@json_option
def retention(dry_run: bool, home: Path, as_json: bool) -> None:
    """Destroy the keys of texts whose time (`retention_days`) is over. A gateway does it hourly."""
    from freehold.app.terminal import retention_service

    with retention_service(home) as sweeping:
        keys = sweeping.overdue() if dry_run else sweeping.run()
        held = sweeping.held()
    if as_json:
        print_json({"keys": keys, "held": held, "dry_run": dry_run})
        return
    would = "would be " if dry_run else ""
    click.echo(f"{keys:,} keys of texts whose time is over {would}destroyed")
    if held:
        click.echo(f"{held:,} more are kept by legal holds: freehold audit hold list")


def _lines(done: dict[str, Any]) -> list[str]:
    dry = done["dry_run"]
    lines = ["What would be erased" if dry else "Erased"]
    lines += [f"  REFUSED while this legal hold stands: {each}" for each in done["holds"]]
    names = sorted({f"{s['tenant']} ({s['issuer'] or 'no issuer'})" for s in done["subjects"]})
    lines.append(f"  in {', '.join(names)}")
    before = f"; {done['keys_before']:,} before, the last on {done['erased_before']}"
    lines.append(f"  keys: {done['keys']:,}" + (before if done["keys_before"] else ""))
    span = f", from {done['first_at']} to {done['last_at']}" if done["exchanges"] else ""
    lines.append(f"  exchanges: {done['exchanges']:,}{span}; with texts kept: {done['sealed']:,}")
    lines.append(f"  held answers and requests: {done['held']:,}, waiting {done['held_waiting']:,}")
    lines.append(f"  cases to learn from: {done['cases']:,}")
    lines += [f"  NOT DONE, run it again: {each}" for each in done["unfinished"]]
    lines += ["", "Not reached"]
    for each in done["beyond"]:
        count = "" if each["count"] is None else f", {each['count']:,} times"
        when = f", {each['first_at']} to {each['last_at']}" if each["first_at"] else ""
        lines += [f"  {each['what']}{count}{when}", f"    {each['do']}"]
        if each["kind"] == "provider":
            told = each["details"]
            lines.append(
                f"    values redacted in {told['with_values_redacted']:,} of them, nothing in"
                f" {told['with_nothing_redacted']:,}; may train on it:"
                f" {'yes' if told['trains_on_data'] else 'no'}"
            )
    return lines
