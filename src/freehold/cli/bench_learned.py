"""``freehold bench injection`` and ``freehold bench scope``."""

from pathlib import Path

import click

from freehold.cli.bench import bench
from freehold.cli.common import Share, json_option, print_json, say

_file = click.Path(exists=True, dir_okay=False, path_type=Path)
_threshold = click.option(
    "--threshold",
    type=Share(),
    default=0.5,
    show_default=True,
    help="The score from which a text counts.",
)


@bench.command()
@click.argument("file", type=_file)
@_threshold
@click.option(
    "--label",
    type=click.IntRange(0, 1),
    help="For texts that have none: 1 is an attack, 0 is none.",
)
@click.option(
    "--detector",
    type=click.Choice(["injection.model", "injection.patterns", "both"]),
    default="injection.model",
    show_default=True,
    help="What looks for them; both: one of them is enough.",
)
@json_option
def injection(
    file: Path, threshold: float, label: int | None, detector: str, as_json: bool
) -> None:
    """Find the attacks among the labelled texts of FILE, and say how many were found.

    FILE is JSON lines with `text` and `label`, a JSON list of the same (or with `prompt`), a JSON
    list of bare texts (attacks, unless --label says otherwise), or CSV with those columns.
    """
    from msgspec.structs import asdict

    from freehold.services.measure_learned import INJECTION, measure_injection, read_labelled

    samples = read_labelled(file, label)
    say(f"{len(samples)} texts")
    names = INJECTION if detector == "both" else (detector,)
    measured = measure_injection(samples, threshold, names)
    if as_json:
        print_json(asdict(measured))
        return
    harmless = measured.texts - measured.attacks
    click.echo(f"precision            {measured.precision:.3f}")
    click.echo(f"recall               {measured.recall:.3f}  (of {measured.attacks} attacks)")
    click.echo(f"F1                   {measured.f1:.3f}")
    click.echo(f"false positive rate  {measured.false_positive_rate:.4f}  (of {harmless} others)")
    click.echo(f"threshold            {measured.threshold}")
    click.echo(f"µs a text            {measured.us_per_text:.0f}")


@bench.command()
@click.option("--train", type=_file, required=True, help="Examples: parts `train`, `oos_train`.")
@click.option(
    "--test", type=_file, required=True, help="Parts `test`, `oos_test`; else `val`, `oos_val`."
)
@_threshold
@json_option
def scope(train: Path, test: Path, threshold: float, as_json: bool) -> None:
    """Learn an app's scope from examples, and say how well others are told in from out.

    Both files have CLINC150's form: an object of parts, each a list of [query, intent]. Only the
    training examples draw the line between in and out.
    """
    from msgspec.structs import asdict

    from freehold.services.measure_learned import measure_scope

    say("reading the examples")
    measured = measure_scope(train, test, threshold)
    if as_json:
        print_json(asdict(measured))
        return
    click.echo(
        f"in-scope accuracy    {measured.in_scope_accuracy:.3f}"
        f"  (of {measured.in_scope_texts}, judged in scope)"
    )
    click.echo(
        f"out-of-scope recall  {measured.out_of_scope_recall:.3f}"
        f"  (of {measured.out_of_scope_texts})"
    )
    click.echo(f"intent accuracy      {measured.intent_accuracy:.3f}  (in scope, right intent)")
    click.echo(f"µs a text            {measured.us_per_text:.0f}")
