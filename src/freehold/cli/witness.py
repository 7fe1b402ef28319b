"""``freehold witness``: see that another party's ledger only ever grows, and sign so."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from freehold.cli.common import Group, json_option, print_json, say

_COUNTS = ("forked", "unproven", "behind")
witness_home = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    default=lambda: Path(os.environ.get("FREEHOLD_WITNESS_HOME", ".freehold-witness")),
    show_default="$FREEHOLD_WITNESS_HOME, else .freehold-witness here",
    help="Folder of the witness: its key, and what it has seen.",
)


@click.group(cls=Group)
def witness() -> None:
    """A second party's look at ledgers: each only ever grows, or somebody is told."""


@witness.command("init")
@click.option("--name", default="", help="As verifiers see it: witness.example.com, say.")
@witness_home
@json_option
def init(name: str, home: Path, as_json: bool) -> None:
    """Make a witness's folder with a key of its own, and print its verifier key."""
    from freehold.app.witness import witness_desk

    _print_key(witness_desk(home).make(name), as_json=as_json)


@witness.command("serve")
@click.option(
    "--listen",
    default="127.0.0.1:8090",
    show_default=True,
    metavar="HOST:PORT",
    help="Plain HTTP; put your own proxy with TLS before it where others are to reach it.",
)
@click.option("--log-level", default="warning", type=click.Choice(["debug", "info", "warning"]))
@witness_home
def serve(listen: str, log_level: str, home: Path) -> None:
    """Take checkpoints of the ledgers that are trusted, and cosign those that fit.

    When it listens, one JSON line with its url and pid is printed on stdout.
    """
    from freehold.app.witness import run_witness

    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65_535:
        raise click.UsageError("--listen takes HOST:PORT, such as 127.0.0.1:8090")
    run_witness(home, host=host.strip("[]"), port=int(port), log_level=log_level)


@witness.command("trust")
@click.argument("key", metavar="VKEY|FILE")
@click.option("--name", default="", help="Of the ledger, where the file does not say it.")
@click.option("--only", is_flag=True, help="Keys of this name trusted so far count no more.")
@witness_home
@json_option
def trust(key: str, name: str, only: bool, home: Path, as_json: bool) -> None:
    """Trust the key of a ledger: for all its logs, also those of later.

    VKEY is what `freehold audit key show` prints; FILE has one, or is the ledger's key history
    (keys.jsonl), which is followed from a key that is trusted to the newest. `-` reads stdin.
    """
    from freehold.app.witness import witness_desk

    path = Path(key)
    if key == "-":
        text = sys.stdin.read()
    elif "+" not in key or path.is_file():
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise click.UsageError(f"{key} is no verifier key, and no file: {error}") from None
    else:
        text = key
    done = witness_desk(home).trust(text, name, only=only)
    if as_json:
        print_json({"name": done.name, "added": done.added, "retired": done.retired})
        return
    for one in done.added:
        say(f"Trusted for {done.name} and its logs: {one}")
    for one in done.retired:
        say(f"Counts no more: {one}")
    if not done.added and not done.retired:
        say(f"Trusted already for {done.name}.")


@witness.command("list")
@witness_home
@json_option
def list_logs(home: Path, as_json: bool) -> None:
    """Every log that was cosigned, and what was refused. Exit status 1 if a log is not `ok`."""
    from freehold.app.witness import witness_desk

    rows = witness_desk(home).logs()
    if as_json:
        print_json(rows)
    elif not rows:
        say("No log was cosigned yet.")
    else:
        for row in rows:
            click.echo(_line(row))
    if any(row["state"] != "ok" for row in rows):
        raise SystemExit(1)


@witness.command("show")
@click.argument("origin", required=False)
@witness_home
@json_option
def show(origin: str | None, home: Path, as_json: bool) -> None:
    """The witness's verifier key and whom it trusts; or one log, with the evidence against it."""
    from freehold.app.witness import witness_desk

    desk = witness_desk(home)
    if origin is None:
        about = desk.about()
        trusted = desk.trusted()
        _print_key(about | {"trusted": trusted}, as_json=as_json)
        if not as_json:
            for row in trusted:
                say(f"trusts {row['key']}" + (f" until {row['until']}" if row["until"] else ""))
        return
    found = desk.log(origin)
    if as_json:
        print_json(found)
        return
    click.echo(found["note"], nl=False)
    say(_line(found))
    for one in found["evidence"]:
        say(f"\n{one['kind']} at {one['at']}; cosigned before:\n{one['seen']}")
        say(f"refused:\n{one['offered']}")


def _print_key(about: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(about)
    else:
        click.echo(about["key"])


def _line(row: dict[str, Any]) -> str:
    counts = ", ".join(f"{row['refused'][k]} {k}" for k in _COUNTS if row["refused"][k])
    more = f"  refused: {counts}, last {row['refused_at']}" if counts else ""
    return f"{row['state']:7}  {row['origin']}  {row['size']:,} lines  {row['at']}{more}"
