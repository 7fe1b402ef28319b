"""``freehold replay``: recorded decisions, made once more."""

import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import Any

import click

from freehold.cli.common import (
    EXIT_PROBLEM,
    home_option,
    json_option,
    last_option,
    print_json,
    say,
    scope_of,
    tenant_options,
)
from freehold.core.errors import NotFound

_SHOWN = 3


@click.command()
@click.argument("exchange_id", required=False)
@last_option(10_000_000)
@click.option(
    "--bundle",
    "draft",
    type=click.Path(file_okay=False, path_type=Path),
    help="A changed bundle's folder: what would it have decided?",
)
@click.option(
    "--detectors",
    is_flag=True,
    help="Also run the detectors again over the texts that were kept.",
)
@tenant_options
@home_option
@json_option
def replay(
    exchange_id: str | None,
    last: int | str | None,
    draft: Path | None,
    detectors: bool,
    tenant: str | None,
    only: bool,
    home: Path,
    as_json: bool,
) -> None:
    """Make recorded decisions once more, and compare them byte for byte.

    EXCHANGE_ID is what a reply's x-freehold-trace-id header says, or a beginning of it that no
    other one has. The exit status is 1 where something came out otherwise, or nothing could be
    replayed.
    """
    if (exchange_id is None) is (last is None):
        raise click.UsageError("name an exchange, or say --last")
    if draft is not None and detectors:
        raise click.UsageError(
            "--detectors runs those of the bundle that decided: not with --bundle"
        )
    from freehold.app.replaying import replay_service

    began = perf_counter()
    count = last if isinstance(last, int) else 1
    with replay_service(home, count, texts=detectors) as service:
        whose = scope_of(service.records.within, tenant, only)
        if exchange_id is None:
            records = _some(service.records.latest(count, whose))
        else:
            records = iter([service.records.find(exchange_id, whose)])
        shown = _with_bar(records, count)
        if draft is not None:
            told = service.under(draft, shown)
            _tell_draft(told, as_json)
            return
        summary = service.replay(shown, detectors=detectors)
    found = summary.as_dict() | {"seconds": round(perf_counter() - began, 3)}
    if as_json:
        print_json(found)
    else:
        _tell(found)
    if summary.mismatches or not summary.replayed:
        raise SystemExit(EXIT_PROBLEM)


def _some(records: Iterator[Any]) -> Iterator[Any]:
    """The same, where there is one."""
    first = next(records, None)
    if first is None:
        raise NotFound("nothing is recorded yet")
    return chain([first], records)


def _with_bar(records: Iterator[Any], total: int) -> Iterator[Any]:
    """The records, with a bar on stderr where somebody watches."""
    from rich.console import Console
    from rich.progress import track

    quiet = not sys.stderr.isatty()
    console = Console(stderr=True)
    yield from track(records, "replaying", total=total, console=console, disable=quiet)


def _tell(found: dict[str, Any]) -> None:
    for one in found["worst"][:_SHOWN]:
        click.echo(f"mismatch  {one['exchange']}  {one['tenant']}/{one['app']}")
        for part in one["diff"]:
            click.echo(f"  {part['part']}")
            click.echo(f"    recorded  {_short(part['recorded'])}")
            click.echo(f"    replayed  {_short(part['replayed'])}")
    for why, count in found["reasons"].items():
        say(f"not replayable: {count:,}, {why}")
    for what, count in found["taken"].items():
        say(f"taken as recorded, since nobody has the words: {what} ({count:,})")
    for what, count in found["given"].items():
        say(f"given: {what} ({count:,})")
    for detector in found.get("detectors") or ():
        click.echo(
            f"detector {detector['detector']}: {detector['same']:,} of {detector['recorded']:,} "
            f"findings again, {detector['more']:,} new"
        )
    for what, count in (found.get("not_read") or {}).items():
        say(f"no detector read it again: {what} ({count:,})")
    if found["other_code"]:
        say(f"decided by another version of the code: {found['other_code']:,}")
    click.echo(
        f"{found['replayed']:,} replayed, {found['mismatches']:,} mismatches; "
        f"{found['identical']:,} identical, {found['partly']:,} partly, "
        f"{found['erased']:,} erased, {found['not_replayable']:,} not replayable "
        f"({found['seconds']:.1f} s)"
    )


def _tell_draft(told: Any, as_json: bool) -> None:
    if as_json:
        print_json(told.as_dict())
        return
    for change in told.changed:
        parts = []
        if change.was != change.becomes:
            outcome = f"{change.outcome_was} → {change.outcome_becomes}"
            parts.append(f"{change.was} → {change.becomes}, {outcome}")
        if change.model_was != change.model_becomes:
            parts.append(f"{change.model_was or 'nobody'} → {change.model_becomes or 'nobody'}")
        rules = ", ".join(change.rules_become or change.rules_were)
        click.echo(
            f"{change.exchange}  {change.tenant}/{change.app}  {'; '.join(parts)}"
            + (f"  ({rules})" if rules else "")
        )
    for rule in told.undecided:
        say(f"undecided: {rule.rule} in {rule.exchanges:,} exchanges, no record has {rule.fact}")
    for why, count in told.skipped.items():
        say(f"left out: {count:,}, {why}")
    click.echo(f"{told.compared:,} exchanges, {len(told.changed):,} would change")


def _short(value: Any, most: int = 400) -> str:
    import orjson

    text = orjson.dumps(value).decode()
    return text if len(text) <= most else f"{text[:most]} …"
