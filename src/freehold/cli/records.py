"""``freehold explain`` and ``freehold audit``: what was decided, and why."""

from collections.abc import Sequence
from pathlib import Path

import click
from msgspec import to_builtins

from freehold.cli.common import Group, home_option, json_option, print_json, say
from freehold.core.clock import rfc3339
from freehold.core.errors import NotFound

_NAMED = 5


def _tell_unreadable(damaged: Sequence[object]) -> None:
    """Whoever reads the record must know of what is missing from it."""
    if not damaged:
        return
    count = "1 record" if len(damaged) == 1 else f"{len(damaged):,} records"
    places = ", ".join(map(str, damaged[:_NAMED]))
    more = f", and {len(damaged) - _NAMED:,} more" if len(damaged) > _NAMED else ""
    say(f"Warning: {count} in the ledger can't be read: {places}{more}.")


@click.command()
@click.argument("exchange_id", required=False)
@click.option("--last", is_flag=True, help="The newest exchange.")
@click.option("--tenant", help="Look only among this tenant's exchanges.")
@home_option
@json_option
def explain(
    exchange_id: str | None, last: bool, tenant: str | None, home: Path, as_json: bool
) -> None:
    """Explain one exchange, decision by decision.

    EXCHANGE_ID is what a reply's x-freehold-trace-id header says.
    """
    from freehold.app import record_service
    from freehold.services.explain import as_dict, as_text
    from freehold.services.explain import explain as tell

    if exchange_id is None and not last:
        raise click.UsageError("name an exchange, or say --last")
    with record_service(home) as records:
        _tell_unreadable(records.unreadable())
        if exchange_id is None:
            newest = records.recent(tenant=tenant, limit=1)
            if not newest:
                raise NotFound("nothing is recorded yet")
            exchange_id = newest[0].exchange_id
        told = tell(records.find(exchange_id, tenant))
    if as_json:
        print_json(as_dict(told))
    else:
        click.echo(as_text(told), nl=False)


@click.group(cls=Group)
def audit() -> None:
    """The record of what was decided."""


@audit.command("list")
@click.option("--tenant", help="Only this tenant.")
@click.option(
    "--outcome",
    type=click.Choice(["allowed", "transformed", "denied", "held", "error", "interrupted"]),
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True)
@home_option
@json_option
def list_exchanges(
    tenant: str | None,
    outcome: str | None,
    limit: int,
    home: Path,
    as_json: bool,
) -> None:
    """The newest exchanges."""
    from freehold.app import record_service

    with record_service(home) as records:
        _tell_unreadable(records.unreadable())
        rows = records.recent(tenant=tenant, outcome=outcome, limit=limit)
    if as_json:
        print_json([to_builtins(row) for row in rows])
        return
    if not rows:
        say("Nothing recorded yet.")
    for row in rows:
        when = rfc3339(row.opened_ns) if row.opened_ns else "-"
        who = f"{row.tenant}/{row.app}" if row.app else "nobody known"
        click.echo(
            f"{row.exchange_id}  {when}  {row.outcome or 'open':11}  {who}  {row.model or '-'}"
        )


@audit.command("show")
@click.argument("exchange_id")
@click.option("--tenant", help="Look only among this tenant's exchanges.")
@home_option
def show(exchange_id: str, tenant: str | None, home: Path) -> None:
    """The record itself, as JSON."""
    from freehold.app import record_service

    with record_service(home) as records:
        _tell_unreadable(records.unreadable())
        print_json(list(records.find(exchange_id, tenant).lines))


@audit.command("summary")
@home_option
@json_option
def summary(home: Path, as_json: bool) -> None:
    """Counts by outcome, rule and model."""
    from freehold.app import record_service

    with record_service(home) as records:
        _tell_unreadable(records.unreadable())
        totals = records.summary()
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
