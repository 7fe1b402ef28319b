"""``freehold audit key`` and ``freehold audit checkpoint``: who signs the ledger, and for what."""

from pathlib import Path
from typing import Any

import click

from freehold.app.whoever import at_terminal
from freehold.cli.common import Group, home_option, json_option, print_json, say


@click.group(cls=Group)
def key() -> None:
    """The key that signs the ledger's checkpoints."""


@key.command("show")
@home_option
@json_option
def show(home: Path, as_json: bool) -> None:
    """Every key that ever signed, and what to verify with."""
    from freehold.services.ledger_keys import shown

    told = shown(home)
    if as_json:
        print_json(told)
        return
    click.echo(f"ledger  {told['ledger']}")
    for one in told["keys"]:
        _tell(one)
    click.echo("Give the newest fingerprint to whoever verifies, over another way than the ledger.")


@key.command("rotate")
@click.option("--reason", default="", help="Why, for the ledger.")
@click.option(
    "--lost", is_flag=True, help="The key before is gone: nothing will endorse the new one."
)
@home_option
@json_option
def rotate(reason: str, lost: bool, home: Path, as_json: bool) -> None:
    """Sign with a new key from now on; what runs adopts it within a second or two."""
    from freehold.app.ledger_keys import rotate_ledger_key

    actor = at_terminal()
    made = rotate_ledger_key(home, actor, reason, lost=lost)
    if as_json:
        print_json(made)
        return
    _tell(made)
    if lost:
        say(
            "Nothing endorses this key. Whoever verifies has to be told its fingerprint anew, and "
            "sees the break."
        )
    else:
        say("Whoever trusts the key before can follow to this one.")


@click.command("checkpoint")
@click.option("--writer", help="Only this log.")
@home_option
@json_option
def checkpoint(writer: str | None, home: Path, as_json: bool) -> None:
    """The newest signed checkpoint of each log: how many lines, under which root."""
    from freehold.services.ledger_keys import checkpoints

    found = checkpoints(home, writer)
    if as_json:
        print_json(found)
        return
    for one in found:
        signers = ", ".join(map(str, one["keys"])) or "none of this ledger"
        click.echo(f"{one['writer']}  {one['size']:,} lines  {one['at']}  key {signers}")
        click.echo(f"  root {one['root']}")
        click.echo(f"  {_cosigned(one['cosigned'])}")
    if not found:
        say("Nothing has been signed for yet.")


def _cosigned(told: dict[str, Any] | None) -> str:
    if told is None or not told["by"]:
        return "cosigned by nobody"
    names = ", ".join(f"{one['name']} at {one['at']}" for one in told["by"])
    return f"cosigned up to line {told['size']:,} by {names}"


def _tell(one: dict[str, Any]) -> None:
    how = "endorsed by the one before" if one["endorsed"] else "endorsed by none"
    click.echo(f"key {one['n']}   from {one['from']}, {how if one['n'] > 1 else 'the first'}")
    click.echo(f"  {one['fingerprint']}")
    click.echo(f"  {one['vkey']}")
