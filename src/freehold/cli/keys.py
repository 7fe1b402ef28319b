"""``freehold key``: create, list and revoke API keys."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from freehold.cli.ceilings import limit_option, worded
from freehold.cli.common import (
    Group,
    bundle_option,
    home_option,
    json_option,
    print_json,
    say,
    tenant_options,
)
from freehold.core.errors import NotFound
from freehold.core.limits import Limits, as_dict
from freehold.core.principal import USUAL_SCOPES
from freehold.core.priority import PRIORITIES, Priority

USUAL = tuple(sorted(USUAL_SCOPES))
SCOPES = (*USUAL, "approvals", "labelling", "learning")


@click.group(cls=Group)
def key() -> None:
    """API keys: shown once, kept only as a keyed hash."""


@key.command("create")
@click.option("--tenant", required=True, help="The tenant that uses the app.")
@click.option("--app", required=True, help="The app which the key selects.")
@click.option("--name", default="", help="What the key is for, shown in lists.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(SCOPES),
    help="Default: all that an app does; the last three are for people's own tools.",
)
@click.option(
    "--trust-header",
    "trusted",
    multiple=True,
    metavar="ATTRIBUTE",
    help="A principal's attribute (or `subject`) which the key's holder may state in a header.",
)
@click.option("--expires-days", type=click.IntRange(1, 3650), help="Default: never.")
@limit_option("A ceiling, such as money_per_month=20 or requests_per_minute=60.")
@click.option(
    "--priority",
    type=click.Choice(PRIORITIES),
    help="Who is refused first when too much comes; default, and the most: the app's.",
)
@bundle_option
@home_option
@json_option
def create(
    tenant: str,
    app: str,
    name: str,
    scopes: tuple[str, ...],
    trusted: tuple[str, ...],
    expires_days: int | None,
    limits: dict[str, int | None],
    priority: Priority | None,
    bundle: Path,
    home: Path,
    as_json: bool,
) -> None:
    """Make a key and print it, once."""
    from freehold.app.terminal import key_service

    lifetime = timedelta(days=expires_days) if expires_days else None
    with key_service(home, bundle) as keys:
        made = keys.create(
            tenant=tenant,
            app=app,
            name=name,
            scopes=frozenset(scopes or USUAL),
            trusted_headers=frozenset(trusted),
            lifetime=lifetime,
            limits=Limits(**{name: most for name, most in limits.items() if most is not None}),
            priority=priority,
        )
    if as_json:
        print_json({"id": made.key_id, "key": made.secret, "tenant": tenant, "app": app})
        return
    say(f"Key {made.key_id} for {app} of {tenant}. It is shown this once:")
    click.echo(made.secret)


@key.command("list")
@tenant_options
@home_option
@json_option
def list_keys(tenant: str | None, only: bool, home: Path, as_json: bool) -> None:
    """All keys, without their secrets: what they may do, until when, and what they may state."""
    from freehold.app.terminal import key_list

    with key_list(home) as (keys, records):
        rows = keys.list()
        if tenant is not None:
            whose = records.within(tenant, only=only, more={row["tenant"] for row in rows})
            rows = [row for row in rows if row["tenant"] in whose]
    if as_json:
        print_json(rows)
        return
    if not rows:
        say("No keys yet. Make one with: freehold key create --tenant TENANT --app APP")
    for row in rows:
        click.echo(_line(row))


def _line(row: dict[str, Any]) -> str:
    parts = [
        f"{row['key_id']}  {row['state']:8}  {row['tenant']}/{row['app']}",
        ", ".join(row["scopes"]),
        f"until {row['expires_at']}" if row["expires_at"] else "no expiry",
    ]
    if row["trusted_headers"]:
        parts.append(f"trusted to state {', '.join(row['trusted_headers'])}")
    parts.extend(worded(row["limits"]))
    if row["priority"]:
        parts.append(f"priority {row['priority']}")
    return "  ".join([*parts, row["name"]]).rstrip()


@key.command("limit")
@click.argument("key_id")
@limit_option("A ceiling, such as money_per_month=20; money_per_month=none takes it away.")
@home_option
@json_option
def limit_key(key_id: str, limits: dict[str, int | None], home: Path, as_json: bool) -> None:
    """Change a key's ceilings, or show them; what it has used already counts.

    A running gateway knows within a second.
    """
    from freehold.app.terminal import key_list, key_service

    if limits:
        with key_service(home) as keys:
            found = as_dict(keys.limit(key_id, limits))
    else:
        with key_list(home) as (keys, _):
            row = next((row for row in keys.list() if row["key_id"] == key_id), None)
        if row is None:
            raise NotFound(f"no key {key_id}")
        found = row["limits"]
    if as_json:
        print_json(found)
        return
    say(f"Key {key_id}: {', '.join(worded(found)) or 'no ceilings'}.")


@key.command("revoke")
@click.argument("key_id")
@home_option
def revoke(key_id: str, home: Path) -> None:
    """End a key; a running gateway refuses it within a second."""
    from freehold.app.terminal import key_service

    with key_service(home) as keys:
        keys.revoke(key_id)
    say(f"Key {key_id} is revoked.")
