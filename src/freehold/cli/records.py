"""``freehold explain`` and ``freehold audit``: what was decided, and why."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from msgspec import to_builtins
from msgspec.structs import replace

from freehold.cli.common import Group, home_option, json_option, print_json, say, tenant_options
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


def _scope(
    within: Callable[..., frozenset[str]], tenant: str | None, only: bool
) -> frozenset[str] | None:
    """Whose exchanges a command may see; ``None`` for everyone's."""
    if only and tenant is None:
        raise click.UsageError("--only goes with --tenant")
    return within(tenant, only=only) if tenant is not None else None


@click.command()
@click.argument("exchange_id", required=False)
@click.option("--last", is_flag=True, help="The newest exchange.")
@click.option(
    "--content", is_flag=True, help="With the texts that were kept; the ledger notes the reading."
)
@click.option(
    "--unmask", is_flag=True, help="With --content: redacted values in their place, where kept."
)
@tenant_options
@home_option
@json_option
def explain(
    exchange_id: str | None,
    last: bool,
    content: bool,
    unmask: bool,
    tenant: str | None,
    only: bool,
    home: Path,
    as_json: bool,
) -> None:
    """Explain one exchange, decision by decision.

    EXCHANGE_ID is what a reply's x-freehold-trace-id header says.
    """
    from freehold.services.explain import as_dict, as_text
    from freehold.services.explain import explain as tell

    if exchange_id is None and not last:
        raise click.UsageError("name an exchange, or say --last")
    if unmask and not content:
        raise click.UsageError("--unmask goes with --content")
    texts: dict[str, Any] = {}
    with _reading(home, content=content) as (records, contents):
        _tell_unreadable(records.unreadable())
        whose = _scope(records.within, tenant, only)
        if exchange_id is None:
            newest = records.recent(tenant=whose, limit=1)
            if not newest:
                raise NotFound("nothing is recorded yet")
            exchange_id = newest[0].exchange_id
        record = records.find(exchange_id, whose)
        told = tell(record)
        if contents is not None:
            from freehold.services import contents as shown

            found = contents.read(record, unmask=unmask)
            texts = {"content": shown.as_dict(found, unmask=unmask)}
            more = shown.sections(found, unmask=unmask)
            told = replace(told, sections=(*told.sections, *more))
    if as_json:
        print_json(as_dict(told) | texts)
    else:
        click.echo(as_text(told), nl=False)


@contextmanager
def _reading(home: Path, *, content: bool) -> Iterator[tuple[Any, Any]]:
    """The records, and what opens their texts if they are asked for."""
    from freehold.app import content_service, record_service

    if content:
        with content_service(home) as both:
            yield both
        return
    with record_service(home) as records:
        yield records, None


@click.group(cls=Group)
def audit() -> None:
    """The record of what was decided."""


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
    from freehold.app import record_service

    with record_service(home) as records:
        _tell_unreadable(records.unreadable())
        whose = _scope(records.within, tenant, only)
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
    from freehold.app import record_service

    with record_service(home) as records:
        _tell_unreadable(records.unreadable())
        print_json(list(records.find(exchange_id, _scope(records.within, tenant, only)).lines))


@audit.command("summary")
@tenant_options
@home_option
@json_option
def summary(tenant: str | None, only: bool, home: Path, as_json: bool) -> None:
    """Counts by outcome, rule and model."""
    from freehold.app import record_service

    with record_service(home) as records:
        _tell_unreadable(records.unreadable())
        totals = records.summary(tenant=_scope(records.within, tenant, only))
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
