"""``freehold audit export``: one signed archive for whoever asks for proof."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from freehold.cli.common import (
    EXIT_PROBLEM,
    home_option,
    json_option,
    print_json,
    say,
    scope_of,
    tenant_options,
)

_FORMS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"]
moment = click.DateTime(_FORMS)


def nanoseconds(at: datetime | None) -> int | None:
    """A time that was said on the command line, in UTC, since 1970."""
    if at is None:
        return None
    return int(at.replace(tzinfo=UTC).timestamp()) * 1_000_000_000


@click.command("export")
@click.option(
    "-o",
    "--output",
    "target",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The archive to make.",
)
@click.option("--app", help="Only this application's.")
@click.option("--person", help="Only what concerns this person, by the id that records have.")
@click.option("--issuer", help="Who vouches for that id; '' for one that a header named.")
@click.option("--exchange", help="Only this one.")
@click.option("--since", type=moment, help="From this day or time (UTC) on.")
@click.option("--until", type=moment, help="Until before this day or time (UTC).")
@click.option(
    "--content", is_flag=True, help="With the texts that were kept; the ledger notes each reading."
)
@click.option("--unmask", is_flag=True, help="With --content: redacted values in their place.")
@click.option(
    "--without-bundles", is_flag=True, help="Without the rules under which it was decided."
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@tenant_options
@home_option
@json_option
def export(
    target: Path,
    app: str | None,
    person: str | None,
    issuer: str | None,
    exchange: str | None,
    since: datetime | None,
    until: datetime | None,
    content: bool,
    unmask: bool,
    without_bundles: bool,
    force: bool,
    tenant: str | None,
    only: bool,
    home: Path,
    as_json: bool,
) -> None:
    """Write records, proofs, rules, verifier and a readme into one signed archive.

    Anyone can check it with the `verify.py` in it. Exit status 1 with an archive: something in it
    does not hold, and it says so.
    """
    from freehold.app.exporting import export_audit
    from freehold.services.export_choice import Asked

    if unmask and not content:
        raise click.UsageError("--unmask goes with --content")
    if issuer is not None and person is None:
        raise click.UsageError("--issuer goes with --person")

    def scope(records: Any) -> Asked:
        tenants = scope_of(records.within, tenant, only)
        whole = records.find(exchange, tenants).exchange_id if exchange is not None else None
        return Asked(
            tenant=tenant,
            tenants=tenants,
            only=only,
            app=app,
            person=person,
            issuer=issuer,
            exchange=whole,
            since_ns=nanoseconds(since),
            until_ns=nanoseconds(until),
            content=content,
            unmask=unmask,
            bundles=not without_bundles,
        )

    made = export_audit(home, scope, target, force=force, tell=say)
    manifest = made.manifest
    told = {name: value for name, value in manifest.items() if name != "files"}
    told |= {"path": str(target), "sha256": made.sha256, "fingerprint": made.fingerprint}
    told["sound"] = made.sound
    if as_json:
        print_json(told)
    else:
        click.echo("\n".join(_lines(told)))
    if not made.sound:
        raise SystemExit(EXIT_PROBLEM)


def _lines(told: dict[str, Any]) -> list[str]:
    lines = [
        f"{told['path']}: {told['lines']:,} lines about {told['exchanges']:,} requests",
        f"  {told['claim']}: {told['why']}",
        f"  sha256 {told['sha256']}",
        f"  signed by {told['fingerprint']}: give that to whoever checks it, another way",
    ]
    for log in told["logs"]:
        if log["status"] == "unproven":
            lines.append(f"  NOT PROVEN: {log['writer']}: {log['why']}")
        if log["damaged"]:
            lines.append(f"  DAMAGED: {log['writer']}: {len(log['damaged']):,} lines, left out")
    if told["missing_bundles"]:
        lines.append(f"  rules that were not kept: {', '.join(told['missing_bundles'])}")
    return lines
