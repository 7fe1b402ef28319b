"""``freehold bench chaos``."""

import sys
import tempfile
from pathlib import Path

import click

from freehold.cli.common import json_option, print_json, say


@click.command()
@click.option(
    "--requests",
    type=click.IntRange(2, 1_000_000),
    default=2_000,
    show_default=True,
    help="In all.",
)
@click.option("--seed", type=int, default=1, show_default=True)
@json_option
def chaos(requests: int, seed: int, as_json: bool) -> None:
    """Send requests through a gateway whose endpoints hang, refuse, stop halfway, talk nonsense or
    become slow, and see whether any is lost, paid twice, or switched without a reason.

    All endpoints are simulated, on this machine. Exits with 1 where something does not hold.
    """
    from msgspec.structs import asdict

    from freehold.testing.chaos import run

    def progress(done: int, total: int) -> None:
        if done % 200 == 0:
            say(f"{done} of {total}")

    with tempfile.TemporaryDirectory(prefix="freehold-chaos-") as home:
        verdict = run(Path(home), requests=requests, seed=seed, progress=progress)
    if as_json:
        print_json(asdict(verdict))
    else:
        _show(asdict(verdict))
    sys.exit(0 if verdict.ok else 1)


def _show(verdict: dict[str, object]) -> None:
    calls = verdict.pop("calls")
    for name, value in verdict.items():
        if isinstance(value, dict):
            click.echo(name)
            for key, count in value.items():
                click.echo(f"  {count:>7}  {key}")
        else:
            click.echo(f"{name:<14} {value if value != [] else 'none'}")
    if isinstance(calls, dict) and calls:
        columns = list(next(iter(calls.values())))
        click.echo("".join([f"{'model':<12}", *(f"{column:>15}" for column in columns)]))
        for model, row in calls.items():
            click.echo("".join([f"{model:<12}", *(f"{row[column]:>15}" for column in columns)]))
