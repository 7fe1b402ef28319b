"""``freehold audit verify``, ``verifier``, ``proof`` and ``consistency``."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import orjson

from freehold.cli.common import (
    EXIT_PROBLEM,
    EXIT_USAGE,
    home_option,
    json_option,
    no_more_output,
    print_json,
    say,
    scope_of,
    tenant_options,
)
from freehold.core.errors import NotFound, StorageError

_SOON = 64 * 1024 * 1024
_KEPT = click.Path(exists=True, path_type=Path)
_pins = (
    click.option(
        "--key",
        "keys",
        multiple=True,
        metavar="VKEY|FINGERPRINT",
        help="A key of the ledger that reached you another way.",
    ),
    click.option(
        "--witness", "witnesses", multiple=True, metavar="VKEY", help="Who must have cosigned."
    ),
)


def _pinned(command: Any) -> Any:
    for option in reversed(_pins):
        command = option(command)
    return command


@click.command("verify")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@_pinned
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    type=_KEPT,
    metavar="FILE",
    help="Checkpoints that were kept elsewhere: a mirror's file, a note, or a folder of them.",
)
@click.option(
    "--line",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="For a plain tlog-proof: the line that it is about.",
)
@home_option
@json_option
def verify(
    path: Path | None,
    keys: tuple[str, ...],
    witnesses: tuple[str, ...],
    checkpoints: tuple[Path, ...],
    line: Path | None,
    home: Path,
    as_json: bool,
) -> None:
    """Verify the ledger, or an archive, a writer's folder or a proof at PATH.

    Exit status 0: all right; 1: something was changed or is not vouched for; 2: nothing could be
    said.
    """
    from freehold.ledger.verifying import Unreadable
    from freehold.ledger.verifying import verify as verified

    try:
        with _progress() as tell:
            report = verified(
                path or home,
                keys=keys,
                checkpoints=checkpoints,
                witnesses=witnesses,
                line=line,
                progress=tell,
            )
    except Unreadable as error:
        say(f"Error: {error}")
        raise SystemExit(EXIT_USAGE) from None
    _print(report, as_json=as_json)


@click.command("verifier")
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def verifier(target: Path, force: bool) -> None:
    """Write the stand-alone verifier to FILE: `python FILE PATH` needs no Freehold."""
    from freehold.services.verification import write_verifier

    write_verifier(target, force=force)
    say(f"Written. Whoever uses it: python {target} --help")


_to_file = click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the JSON that `verify` reads to this file.",
)


@click.command("proof")
@click.argument("record_id", metavar="EXCHANGE_ID|EVENT_ID")
@_to_file
@tenant_options
@home_option
@json_option
def proof(
    record_id: str, output: Path | None, tenant: str | None, only: bool, home: Path, as_json: bool
) -> None:
    """Prove that a record stands in the ledger: each of its lines with a C2SP tlog-proof."""
    from freehold.app.terminal import record_service
    from freehold.services.verification import Proofs

    proofs = Proofs(home)
    if record_id.startswith("evt_") and tenant is None:
        found = proofs.of_event(record_id)
    else:
        with record_service(home) as records:
            whose = scope_of(records.within, tenant, only)
            found = proofs.of_lines(records.lines(record_id, whose))
    _deliver(found, output, as_json=as_json)
    if output is None and not as_json:
        for one in found["proofs"]:
            click.echo(one["line"])
            click.echo(one["proof"])


@click.command("consistency")
@click.argument("old", type=_KEPT, metavar="OLD_CHECKPOINT")
@click.option("--log", metavar="ORIGIN", help="Only this log, of a file with several.")
@_to_file
@_pinned
@home_option
@json_option
def consistency(
    old: Path,
    log: str | None,
    output: Path | None,
    keys: tuple[str, ...],
    witnesses: tuple[str, ...],
    home: Path,
    as_json: bool,
) -> None:
    """Prove that the logs of today go on where checkpoints ended that somebody kept.

    Each log of this ledger in the file is checked, from its largest checkpoint on. Exit status 1:
    one does not go on, or is gone; 2: the file has no checkpoint of a log of this ledger.
    """
    from freehold.ledger.verifying import Malformed, Pins, Unreadable, read_vkey
    from freehold.services.verification import Proofs, read_kept

    proofs = Proofs(home)
    try:
        pins = Pins(keys, (), [read_vkey(one) for one in witnesses])
        kept = [one for one in read_kept(old) if log in (None, one.checkpoint.origin)]
        ours = list(filter(proofs.ours, kept))
        for one in kept:
            if one not in ours:
                say(f"{one.checkpoint.origin}: not of this ledger, so not checked")
        if not ours:
            whose = f"the log {log}" if log is not None else "a log of this ledger"
            raise Unreadable(f"{old} holds no checkpoint of {whose}")
        well = [
            _goes_on(proofs, one, pins, output, last=one is ours[-1], as_json=as_json)
            for one in ours
        ]
    except (Malformed, Unreadable) as error:
        say(f"Error: {error}")
        raise SystemExit(EXIT_USAGE) from None
    if not all(well):
        raise SystemExit(EXIT_PROBLEM)


def _goes_on(
    proofs: Any, kept: Any, pins: Any, output: Path | None, *, last: bool, as_json: bool
) -> bool:
    """Whether one log does; the proof of the last one is what is written."""
    from freehold.ledger.verifying import as_text, verify_proof

    origin = kept.checkpoint.origin
    try:
        found = proofs.consistency(kept)
    except (NotFound, StorageError) as error:
        say(f"Error: {error} ({error.code})")
        return False
    report = verify_proof(orjson.dumps(found), None, pins, f"{kept.place}: {origin}")
    if output is None and not as_json:
        click.echo(as_text(report), nl=False)
        return bool(report.ok)
    say(f"{origin}: {'goes on' if report.ok else 'does NOT go on'}")
    if last:
        say(f"The proof is that of {origin}; --log names another.")
        _deliver(found, output, as_json=as_json)
    return bool(report.ok)


def _deliver(found: dict[str, Any], output: Path | None, *, as_json: bool) -> None:
    if output is not None:
        output.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2) + b"\n")
        say(f"{output}: freehold audit verify {output}")
    elif as_json:
        print_json(found)


def _print(report: Any, *, as_json: bool) -> None:
    from freehold.ledger.verifying import as_text

    try:
        if as_json:
            print_json(report.as_dict())
        else:
            click.echo(as_text(report), nl=False)
    except BrokenPipeError:  # nobody reads the words; the status says it all the same
        no_more_output()
        raise SystemExit(report.exit_status) from None
    if report.exit_status:
        raise SystemExit(report.exit_status)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr where somebody looks and it takes a while."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("verifying", total=None, visible=False)

        def tell(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, visible=total > _SOON)

        yield tell
