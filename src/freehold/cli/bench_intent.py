"""``freehold bench intent``."""

from pathlib import Path
from typing import Any

import click

from freehold.cli.bench import bench
from freehold.cli.common import json_option, print_json, say

_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@bench.command()
@click.option("--train", type=_file, required=True, help="Labelled examples to learn from.")
@click.option("--test", type=_file, help="Labelled questions to judge.")
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
@click.option(
    "--curve", is_flag=True, help="How accuracy grows with labels: 1, 5, 10, 50 and all of each."
)
@click.option(
    "--features",
    type=click.Choice(["auto", "static", "minilm"]),
    default="auto",
    show_default=True,
    help="What texts are read by; auto is minilm where `freehold features add` made it.",
)
@click.option(
    "--shots", default="1,5,10,50,all", show_default=True, help="With --curve: labels of each."
)
@click.option(
    "--seeds",
    type=click.IntRange(1, 20),
    default=3,
    show_default=True,
    help="With --curve: how many draws.",
)
@click.option(
    "--choose",
    is_flag=True,
    help="With --curve: also label what the queue would choose, beside labels at random.",
)
@click.option(
    "--unlabelled/--labels-only",
    default=True,
    help="With --curve or minilm: learn also from the questions not drawn, without their labels.",
)
@click.option(
    "--adapt", is_flag=True, help="With --curve: adapt the transformer to each draw; minutes each."
)
@json_option
def intent(
    train: Path,
    test: Path | None,
    per_intent: int | None,
    seed: int,
    keep: float,
    curve: bool,
    features: str,
    shots: str,
    seeds: int,
    choose: bool,
    unlabelled: bool,
    adapt: bool,
    as_json: bool,
) -> None:
    """Learn intents from one file and tell those of another, beside chance and published figures.

    Files are CSV (`text`, `category`), JSON lines (`text`, `intent`) or JSON in CLINC150's form (an
    object of parts: `train`, `oos_train`; of the test file `test`, else `val`, and what is out of
    scope with it). Examples of an intent `oos` are of none of the others. Takes up to two minutes.

    With --curve the heads that the trainer of classifiers makes are learned from ever more labels.
    Without --test, 30 questions of each intent are held out of --train for it.
    """
    from msgspec import to_builtins

    features = _chosen(features)
    if curve:
        _curve(train, test, features, shots, seeds, choose, unlabelled, adapt, as_json)
        return
    if test is None:
        raise click.UsageError("--test is needed, but for --curve")

    from freehold.services.measure_intents import measure_intents

    say("learning from the examples")
    measured = measure_intents(
        train,
        test,
        per_intent=per_intent,
        seed=seed,
        keep=keep,
        features=features,
        unlabelled=unlabelled and features == "minilm",
    )
    if as_json:
        print_json(to_builtins(measured))
        return
    _tell(measured, seed, keep)


def _chosen(features: str) -> str:
    if features != "auto":
        return features
    from freehold.services.measure_intents import features_here

    here = features_here()
    if here == "static":
        say("read by static vectors; `freehold features add` adds better ones where labels are few")
    return here


def _tell(measured: Any, seed: int, keep: float) -> None:
    ours = measured.ours
    click.echo(
        f"{measured.intents} intents, {measured.train} examples, {measured.test} questions"
        f" and {measured.test_oos} out of scope; seed {seed}; features: {measured.features}"
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


def _curve(
    train: Path,
    test: Path | None,
    features: str,
    shots: str,
    seeds: int,
    choose: bool,
    unlabelled: bool,
    adapt: bool,
    as_json: bool,
) -> None:
    from msgspec import to_builtins

    from freehold.services.measure_curve import measure_curve

    try:
        each = [None if part == "all" else int(part) for part in shots.split(",")]
    except ValueError:
        raise click.UsageError("--shots are whole numbers and `all`, with commas") from None
    if any(part is not None and part < 1 for part in each):
        raise click.UsageError("--shots begin at 1")
    say("reading the questions, then learning from more and more of them")
    found = measure_curve(
        train,
        test,
        features=features,
        shots=each,
        seeds=seeds,
        choosing=choose,
        unlabelled=unlabelled,
        adapt=adapt,
    )
    if as_json:
        print_json(to_builtins(found))
        return
    _tell_curve(found)


def _tell_curve(found: Any) -> None:
    click.echo(
        f"{found.intents} intents, {found.pool} questions to learn from, {found.test} asked;"
        f" features: {found.features}, {found.ms_per_text:.2f} ms a text"
    )
    for point in found.points:
        of_each = "all" if point.per_intent is None else str(point.per_intent)
        beside = f"; logistic regression {point.beside:.3f}" if point.beside is not None else ""
        if point.labels_only is not None:
            beside = f"; labels only {point.labels_only:.3f}{beside}"
        spread = f" ± {point.deviation:.3f}" if len(point.runs) > 1 else ""
        click.echo(
            f"{of_each:>4} of each ({point.labels:>6} labels)  {point.accuracy:.3f}{spread}"
            f"  learned in {point.seconds:.1f} s{beside}"
        )
    for row in found.published:
        of_each = f"{row.per_intent} of each" if row.per_intent else "all"
        click.echo(f"published, {of_each:<10} {row.accuracy:.3f}  {row.name} ({row.source})")
    if found.chosen is None or found.random is None:
        return
    click.echo("labels      chosen  random")
    for count, ours, theirs in zip(
        found.chosen.labels, found.chosen.accuracy, found.random.accuracy, strict=True
    ):
        click.echo(f"{count:>6}      {ours:.3f}   {theirs:.3f}")
    reached = [str(way.needed or "never") for way in (found.chosen, found.random)]
    click.echo(f"labels for 80 %: {reached[0]} chosen, {reached[1]} at random")
