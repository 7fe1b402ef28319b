"""``freehold report own``: what own models answered, and what that saved."""

from pathlib import Path
from typing import Any

import click

from freehold.cli.common import home_option, json_option, print_json, say, tenant_options
from freehold.cli.report_times import period_options


@click.command("own")
@tenant_options
@click.option("--app", help="Only this app.")
@period_options("arrived")
@click.option("--by", type=click.Choice(["app", "tenant", "model"]), help="Each one's own, too.")
@home_option
@json_option
def own(
    tenant: str | None,
    only: bool,
    app: str | None,
    since: int | None,
    until: int | None,
    by: str | None,
    home: Path,
    as_json: bool,
) -> None:
    """The share of the answers that custom models gave, and the money that this saved.

    What such an answer would have cost is estimated: the mean of the other models' answers in the
    same app, tenant and period.
    """
    from freehold.app.deployments import own_reports

    found = own_reports(
        home, tenant=tenant, only=only, app=app, since_ns=since, until_ns=until, by=by or ""
    )
    if as_json:
        print_json(found)
        return
    if not found["answered"]:
        say("Nothing of that kind was answered.")
        return
    _tell(found)
    for part in found["parts"]:
        _tell(part)


def _tell(part: dict[str, Any]) -> None:
    saved = part["saved_nano"]
    told = "what it saved can't be told" if saved is None else f"saved {saved / 1e9:.4f}"
    name = f"{part['name']}: " if part["name"] else ""
    share = part["own_share"] or 0.0
    times = ", ".join(
        f"{who} {part[key]:.1f} ms"
        for who, key in (("own", "own_ms"), ("others", "other_ms"))
        if part[key] is not None
    )
    click.echo(
        f"{name}{part['own']:,} of {part['answered']:,} answers by own models ({share:.1%}); "
        f"cost {part['cost_nano'] / 1e9:.4f}, {told}; {times}"
    )
