"""``freehold audit mirror`` and ``mirrors``: checkpoints that lie elsewhere."""

import asyncio
from pathlib import Path
from typing import Any

import click

from freehold.cli.common import home_option, json_option, print_json, say


@click.command("mirror")
@click.option("--to", default="", metavar="FILE|URL", help="A file, a witness's address, or `-`.")
@click.option("--key", default="", metavar="VKEY", help="With a witness: its verifier key.")
@home_option
@json_option
def mirror(to: str, key: str, home: Path, as_json: bool) -> None:
    """Bring the newest checkpoints to the bundle's mirrors now, or to one FILE or witness.

    `--to -` prints them, to be mailed, printed or kept on paper. Exit status 1 where one was not
    taken, or contradicts what is here.
    """
    from freehold.app.mirrors import checkpoint_notes, mirror_by_hand

    if to == "-":
        found = checkpoint_notes(home)
        if as_json:
            print_json(found)
        else:
            click.echo("\n".join(found), nl=False)
        return
    rows = asyncio.run(mirror_by_hand(home, to, key))
    _print(rows, as_json=as_json)
    if any(row["error"] or row["contradictions"] for row in rows):
        raise SystemExit(1)


@click.command("mirrors")
@click.option("--settle", nargs=2, metavar="MIRROR LOG", help="Somebody has looked into it.")
@click.option("--reason", default="", help="With --settle: what came of it, for the record.")
@home_option
@json_option
def mirrors(settle: tuple[str, str] | None, reason: str, home: Path, as_json: bool) -> None:
    """What each mirror of the bundle holds, how far it is behind, and what contradicts.

    `--settle` ends the alert about a log that a mirror contradicts: it is not offered there again.
    Exit status 1 where a mirror is late or contradicts a log.
    """
    from freehold.app.mirrors import mirror_rows, settle_mirror

    if settle is not None:
        if not reason:
            raise click.UsageError("--settle goes with --reason")
        settle_mirror(home, *settle, reason)
    rows = mirror_rows(home)
    if not rows and not as_json:
        say("The live bundle names no mirror: a cut or a rolled back ledger would not be seen.")
    _print(rows, as_json=as_json)
    if any(row["late"] or row["contradictions"] for row in rows):
        raise SystemExit(1)


def _print(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(rows)
        return
    for row in rows:
        click.echo(f"{row['mirror']}  {_state(row)}")
        for log in row["logs"]:
            if log["lines"] or log["mirrored"]:
                at = log["at"] or "never"
                click.echo(f"    {log['origin']}  {log['mirrored']:,} of {log['lines']:,}  {at}")
            found = log["contradiction"]
            if found is not None:
                settled = " (settled)" if log["settled"] else ""
                click.echo(f"    CONTRADICTION at {found['at']}: {found['said']}{settled}")


def _state(row: dict[str, Any]) -> str:
    if row["error"]:
        return f"failing since {row['failing_since']}: {row['error']}"
    if row["lag_lines"]:
        return f"{row['lag_lines']:,} lines behind, for {row['lag_s']:,} s"
    return f"in step, last {row['taken_at'] or 'never'}"
