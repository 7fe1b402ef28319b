"""``freehold audit``: what was decided."""

from collections.abc import Sequence
from pathlib import Path

import click
from msgspec import to_builtins

from freehold.cli.audit_export import export
from freehold.cli.audit_holds import hold
from freehold.cli.audit_keys import checkpoint, key
from freehold.cli.audit_mirror import mirror, mirrors
from freehold.cli.audit_verify import consistency, proof, verifier, verify
from freehold.cli.common import (
    Group,
    home_option,
    json_option,
    print_json,
    say,
    scope_of,
    tenant_options,
)
from freehold.core.clock import rfc3339

_NAMED = 5


def tell_unreadable(damaged: Sequence[object]) -> None:
    """Whoever reads the record must know of what is missing from it."""
    if not damaged:
        return
    count = "1 record" if len(damaged) == 1 else f"{len(damaged):,} records"
    places = ", ".join(map(str, damaged[:_NAMED]))
    more = f", and {len(damaged) - _NAMED:,} more" if len(damaged) > _NAMED else ""
    say(f"Warning: {count} in the ledger can't be read: {places}{more}.")


@click.group(cls=Group)
def audit() -> None:
    """The record of what was decided."""


for _command in (
    export,
    hold,
    key,
    checkpoint,
    verify,
    verifier,
    proof,
    consistency,
    mirror,
    mirrors,
):
    audit.add_command(_command)


@audit.command("list")
@tenant_options
@click.option(
    "--outcome",
    type=click.Choice(["allowed", "transformed", "denied", "held", "error", "interrupted"]),
)
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=20,
    show_default=True,
    help="At most so many; --before goes on.",
)
@click.option(
    "--before",
    metavar="EXCHANGE_ID",
    help="Only what comes after this exchange in the list: the next page, with the last one's id.",
)
@home_option
@json_option
def list_exchanges(
    tenant: str | None,
    only: bool,
    outcome: str | None,
    limit: int,
    before: str | None,
    home: Path,
    as_json: bool,
) -> None:
    """The newest exchanges, the newest first."""
    from freehold.app.terminal import record_service

    with record_service(home) as records:
        tell_unreadable(records.unreadable())
        whose = scope_of(records.within, tenant, only)
        rows = records.recent(tenant=whose, outcome=outcome, before=before, limit=limit)
    if as_json:
        print_json([to_builtins(row) for row in rows])
        return
    if not rows:
        narrowed = tenant or outcome or before
        say("Nothing of that kind is recorded." if narrowed else "Nothing recorded yet.")
    for row in rows:
        when = rfc3339(row.opened_ns) if row.opened_ns else "-"
        who = f"{row.tenant}/{row.app}" if row.app else "nobody known"
        click.echo(
            f"{row.exchange_id}  {when}  {row.outcome or 'open':11}  {who}  {row.model or '-'}"
        )
    if len(rows) == limit:
        say(f"There may be older ones: --before {rows[-1].exchange_id}")


@audit.command("show")
@click.argument("exchange_id")
@tenant_options
@home_option
def show(exchange_id: str, tenant: str | None, only: bool, home: Path) -> None:
    """The record itself, as JSON."""
    from freehold.app.terminal import record_service

    with record_service(home) as records:
        tell_unreadable(records.unreadable())
        print_json(list(records.find(exchange_id, scope_of(records.within, tenant, only)).lines))


@audit.command("summary")
@tenant_options
@home_option
@json_option
def summary(tenant: str | None, only: bool, home: Path, as_json: bool) -> None:
    """Counts by outcome, rule and model."""
    from freehold.app.terminal import record_service

    with record_service(home) as records:
        tell_unreadable(records.unreadable())
        totals = records.summary(tenant=scope_of(records.within, tenant, only))
    if as_json:
        print_json(to_builtins(totals))
        return
    click.echo(f"exchanges  {totals.exchanges:,}")
    for outcome, count in totals.outcomes.items():
        click.echo(f"  {outcome:12} {count:,}")
    for rule, count in totals.rules.items():
        click.echo(f"rule {rule}: {count:,}")
    for model, use in totals.models.items():
        tokens = use.prompt_tokens + use.completion_tokens
        click.echo(f"model {model}: {use.exchanges:,} exchanges, {tokens:,} tokens")
