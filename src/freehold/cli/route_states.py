"""``freehold route show``, ``export``, ``import``, ``rebuild``, ``reset``: what routes learned."""

import sys
from pathlib import Path

import click

from freehold.cli.common import home_option, json_option, print_json, say

_FILE = click.Path(dir_okay=False, path_type=Path)
_owner = click.option(
    "--tenant", "owner", default="", help="Whose state; needed where several tenants have one."
)
_yes = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command()
@click.argument("name", required=False, default="")
@_owner
@home_option
@json_option
def show(name: str, owner: str, home: Path, as_json: bool) -> None:
    """What is known of each model, on route NAME or on every route.

    It is what was kept last: a running gateway keeps its own every ten seconds.
    """
    from freehold.app.learning import route_service

    with route_service(home) as states:
        shown = states.show(name, owner)
    if as_json:
        print_json([one.as_dict() for one in shown])
        return
    if not shown:
        say("No route has learned anything yet.")
    for one in shown:
        click.echo(
            f"{one.route} of {one.owner}: {one.outcomes:,} outcomes, version {one.version:,},"
            f" kept {one.saved_at or 'never'}"
        )
        for model in one.models:
            click.echo(
                f"  {model.model}: {model.success / 10_000:.1f} % ± {model.doubt / 10_000:.1f},"
                f" from {model.outcomes:,} outcomes not faded yet"
            )


@click.command("export")
@click.argument("name")
@_owner
@click.option("-o", "--output", type=_FILE, help="A file; stdout if left out.")
@home_option
def export(name: str, owner: str, output: Path | None, home: Path) -> None:
    """Write what route NAME has learned as a file that another gateway can take."""
    from freehold.app.learning import route_service

    with route_service(home) as states:
        data = states.export(name, owner)
    if output is None:
        click.echo(data.decode())
        return
    try:
        output.write_bytes(data)
    except OSError as error:
        raise click.ClickException(f"{output} can't be written: {error.strerror}") from None
    say(f"{output}: {len(data):,} bytes")


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--route", "name", default="", help="Another route than the file says.")
@click.option("--tenant", "owner", default="", help="Another owner than the file says.")
@home_option
@json_option
def bring(file: Path, name: str, owner: str, home: Path, as_json: bool) -> None:
    """Take what FILE has learned in the place of what is there. It goes on learning."""
    from freehold.app.learning import route_service

    with route_service(home) as states:
        shown = states.bring(file.read_bytes(), route=name, owner=owner)
    if as_json:
        print_json(shown.as_dict())
    else:
        click.echo(f"{shown.route} of {shown.owner}: {shown.outcomes:,} outcomes taken over")


@click.command()
@click.argument("name")
@_owner
@home_option
@json_option
def rebuild(name: str, owner: str, home: Path, as_json: bool) -> None:
    """Make what route NAME has learned again from its outcomes alone.

    What was erased since is not in it any more.
    """
    from freehold.app.learning import route_service

    with route_service(home) as states:
        made = states.rebuild(name, owner)
    if as_json:
        print_json({name: getattr(made, name) for name in made.__struct_fields__})
        return
    lost = f"; {made.unreadable:,} can't be read any more" if made.unreadable else ""
    click.echo(f"{made.route} of {made.owner}: made of {made.outcomes:,} outcomes{lost}")


@click.command()
@click.argument("name")
@_owner
@_yes
@home_option
@json_option
def reset(name: str, owner: str, yes: bool, home: Path, as_json: bool) -> None:
    """Forget what route NAME has learned. Its outcomes stay: `rebuild` brings it back."""
    from freehold.app.learning import route_service

    if not yes:
        if as_json or not sys.stdin.isatty():
            raise click.UsageError("say --yes to forget what was learned")
        click.confirm(f"Forget what route {name} has learned?", abort=True, err=True)
    with route_service(home) as states:
        shown = states.reset(name, owner)
    if as_json:
        print_json(shown.as_dict())
    else:
        click.echo(f"{shown.route} of {shown.owner}: begins anew")
