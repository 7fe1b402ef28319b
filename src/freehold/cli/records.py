"""``freehold explain`` and ``freehold audit``: what was decided, and why."""

from pathlib import Path

import click

from freehold.cli.common import Group, home_option, json_option, print_json, say


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

    EXCHANGE_ID is what a reply's x-freehold-trace-id header says; its beginning is enough.
    """
    from freehold.app import record_service

    if exchange_id is None and not last:
        raise click.UsageError("name an exchange, or say --last")
    with record_service(home) as records:
        found = records.explain(None if last else exchange_id, tenant)
    if as_json:
        print_json(found.as_dict())
    else:
        click.echo(found.as_text())


@click.group(cls=Group)
def audit() -> None:
    """The record of what was decided."""


@audit.command("list")
@click.option("--tenant", help="Only this tenant.")
@click.option("--app", help="Only this app.")
@click.option(
    "--outcome",
    type=click.Choice(["allowed", "transformed", "denied", "held", "error", "interrupted"]),
)
@click.option("--rule", help="Only where this rule fired.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True)
@home_option
@json_option
def list_exchanges(
    tenant: str | None,
    app: str | None,
    outcome: str | None,
    rule: str | None,
    limit: int,
    home: Path,
    as_json: bool,
) -> None:
    """The newest exchanges."""
    from freehold.app import record_service

    with record_service(home) as records:
        rows = records.recent(tenant=tenant, app=app, outcome=outcome, rule=rule, limit=limit)
    if as_json:
        print_json(rows)
        return
    if not rows:
        say("Nothing recorded yet.")
    for row in rows:
        click.echo(
            f"{row['exchange_id']}  {row['opened_at']}  {row['outcome']:11}  "
            f"{row['tenant']}/{row['app']}  {row['model'] or '-'}"
        )


@audit.command("show")
@click.argument("exchange_id")
@click.option("--tenant", help="Look only among this tenant's exchanges.")
@home_option
def show(exchange_id: str, tenant: str | None, home: Path) -> None:
    """The record itself, as JSON."""
    from freehold.app import record_service

    with record_service(home) as records:
        print_json(records.find(exchange_id, tenant))


@audit.command("summary")
@home_option
@json_option
def summary(home: Path, as_json: bool) -> None:
    """Counts by outcome, rule and model, and Freehold's own load by layer."""
    from freehold.app import record_service

    with record_service(home) as records:
        totals = records.summary()
    if as_json:
        print_json(totals)
        return
    for name, value in totals.items():
        click.echo(f"{name}: {value}")
