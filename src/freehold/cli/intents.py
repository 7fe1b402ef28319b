"""``freehold intents``: what questions want, tried out and trained."""

from pathlib import Path
from typing import Any

import click

from freehold.cli.common import bundle_option, json_option, print_json, say

_file = click.Path(exists=True, dir_okay=False, path_type=Path)
_app = click.option("--app", metavar="ID", help="The app whose intents count.")
_trained = click.option("--file", "trained", type=_file, help="A file that `train` made, instead.")


@click.group()
def intents() -> None:
    """What users want, learned from examples in the bundle: tried out, told, trained."""


@intents.command("try")
@click.argument("texts", nargs=-1, required=True, metavar="TEXT...")
@_app
@_trained
@bundle_option
@json_option
def try_texts(
    texts: tuple[str, ...], app: str | None, trained: Path | None, bundle: Path, as_json: bool
) -> None:
    """Say which intent each TEXT has, as rules and routes would see it."""
    from freehold.services.intents import tried

    found = tried(_model(app, trained, bundle), texts)
    if as_json:
        print_json(found)
        return
    for one in found:
        named = one["intent"] or f"none (nearest: {one['nearest'] or 'nothing'})"
        second = f", then {one['second']}" if one["second"] else ""
        click.echo(f"{one['score']:.3f}  {named}{second}  {one['text'][:60]!r}")


@intents.command()
@click.argument("data", type=_file)
@_app
@_trained
@bundle_option
@json_option
def test(data: Path, app: str | None, trained: Path | None, bundle: Path, as_json: bool) -> None:
    """Judge the labelled questions of DATA: how many are told right, and what is taken for what.

    DATA is CSV (`text`, `category`), JSON lines (`text`, `intent`) or JSON in CLINC150's form.
    Questions of an intent `oos` want none of the others.
    """
    from msgspec import to_builtins

    from freehold.services.intents import told

    result = told(_model(app, trained, bundle), data)
    if as_json:
        print_json(to_builtins(result))
        return
    click.echo(f"right                {result.accuracy:.3f}  (of {result.questions})")
    click.echo(f"told to have one     {result.accepted:.3f}")
    if result.oos_recall is not None:
        click.echo(f"out-of-scope recall  {result.oos_recall:.3f}  (of {result.oos})")
    if result.unknown:
        click.echo(f"intent not there     {result.unknown}")
    for one in result.confusions:
        click.echo(f"  {one['times']:>4} x  {one['wanted']} taken for {one['said'] or 'none'}")


@intents.command()
@click.option("--data", type=_file, required=True, help="Labelled examples, as for `test`.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The file, which ends with .safetensors; best within the bundle's folder.",
)
@click.option(
    "--keep",
    type=click.FloatRange(0.5, 0.999),
    default=0.95,
    show_default=True,
    help="The share of questions with an intent that must count as such.",
)
@json_option
def train(data: Path, out: Path, keep: float, as_json: bool) -> None:
    """Learn the examples of a file once, so that starting a gateway does not.

    Examples in the bundle are learned when it goes live: 10,000 take some seconds, a few hundred
    none. The same examples give the same file.
    """
    from msgspec.structs import asdict

    from freehold.services.intents import train as train_one

    made = train_one(data, out, keep)
    if as_json:
        print_json(asdict(made))
        return
    click.echo(
        f"{made.file}  ({made.intents} intents from {made.examples} examples and"
        f" {made.outside} out of scope, {made.bytes:,} bytes, {made.seconds:.1f} s)"
    )
    if made.accuracy is not None:
        click.echo(f"right, of {made.held_out} held back: {made.accuracy:.3f}")
    say("To use it, copy the file into the bundle's folder and add to the app:")
    say(f"  intent_file: {out.name}")


def _model(app: str | None, trained: Path | None, bundle: Path) -> Any:
    from freehold.services.bundles import described_bundle
    from freehold.services.intents import of_app, of_file

    if (app is None) is (trained is None):
        raise click.UsageError("name either --app or --file")
    return of_file(trained) if trained is not None else of_app(described_bundle(bundle), app or "")
