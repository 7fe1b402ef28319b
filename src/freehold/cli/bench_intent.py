"""``freehold bench intent``."""

from pathlib import Path

import click

from freehold.cli.bench import bench
from freehold.cli.common import json_option, print_json, say

_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@bench.command()
@click.option("--train", type=_file, required=True, help="Labelled examples to learn from.")
@click.option("--test", type=_file, required=True, help="Labelled questions to judge.")
@click.option(
    "--per-intent",
    type=click.IntRange(1),
    help="Learn from so many examples of each intent, drawn with the seed.",
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--keep",
    type=click.FloatRange(0.5, 0.999),
    default=0.95,
    show_default=True,
    help="The share of questions with an intent that must count as such.",
)
@json_option
def intent(
    train: Path, test: Path, per_intent: int | None, seed: int, keep: float, as_json: bool
) -> None:
    """Learn intents from one file and tell those of another, beside chance and published figures.

    Files are CSV (`text`, `category`), JSON lines (`text`, `intent`) or JSON in CLINC150's form (an
    object of parts: `train`, `oos_train`; of the test file `test`, else `val`, and what is out of
    scope with it). Examples of an intent `oos` are of none of the others. Takes up to two minutes.
    """
    from msgspec import to_builtins

    from freehold.services.measure_intents import measure_intents

    say("learning from the examples")
    measured = measure_intents(train, test, per_intent=per_intent, seed=seed, keep=keep)
    if as_json:
        print_json(to_builtins(measured))
        return
    ours = measured.ours
    click.echo(
        f"{measured.intents} intents, {measured.train} examples, {measured.test} questions"
        f" and {measured.test_oos} out of scope; seed {seed}"
    )
    click.echo(f"random                 {measured.random:.3f}")
    click.echo(f"majority               {measured.majority:.3f}")
    click.echo(f"baseline               {measured.baseline.accuracy:.3f}  {measured.baseline.name}")
    for row in measured.published:
        shots = f", {row.per_intent} each" if row.per_intent else ""
        beside = f", out-of-scope recall {row.oos_recall:.3f}" if row.oos_recall else ""
        click.echo(f"published              {row.accuracy:.3f}  {row.name}{shots}{beside}")
        click.echo(f"                              {row.source}")
    click.echo(
        f"ours                   {ours.accuracy:.3f}  (95 %: {ours.low:.3f}-{ours.high:.3f})"
    )
    for each, accuracy in measured.few_shot.items():
        click.echo(f"  {each:>2} of each            {accuracy:.3f}")
    click.echo(f"  and told to have one {ours.accuracy_accepted:.3f}")
    if ours.oos_recall is not None:
        click.echo(f"out-of-scope recall    {ours.oos_recall:.3f}")
    click.echo(
        f"in scope, told out     {ours.oos_false_positive_rate:.3f}  (asked: {1 - keep:.3f})"
    )
    click.echo(f"calibration error      {ours.calibration_error:.3f}")
    click.echo(f"learned in             {ours.train_seconds:.1f} s")
    click.echo(f"µs a text              {ours.us_per_text:.0f}")
    if measured.unknown:
        say(f"{measured.unknown} questions want an intent without an example")
