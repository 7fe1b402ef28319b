"""``freehold bench ope``."""

from pathlib import Path

import click

from freehold.cli.bench import FETCHED, bench, install_option
from freehold.cli.common import Share, json_option, print_json, say


@bench.command()
@click.option(
    "--data",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON lines: `prompt` and one boolean or score from 0 to 1 per model. Without it, a "
    "made-up table is measured on, which says less.",
)
@install_option
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--runs", type=click.IntRange(2, 10_000), default=200, show_default=True, help="Logs."
)
@click.option(
    "--rows",
    type=click.IntRange(50, 1_000_000),
    default=3_000,
    show_default=True,
    help="Decisions in each log.",
)
@click.option(
    "--floor",
    type=Share(),
    default=0.1,
    show_default=True,
    help="The share of requests that the logging policy spreads over all models.",
)
@click.option(
    "--least-ess",
    type=click.FloatRange(1),
    default=200,
    show_default=True,
    help="No verdict below this effective sample size.",
)
@json_option
def ope(
    data: Path | None,
    install: bool,
    seed: int,
    runs: int,
    rows: int,
    floor: float,
    least_ess: float,
    as_json: bool,
) -> None:
    """Compare off-policy estimates with the truth, on a table that knows every model's answer.

    A policy that explores chooses a model for each prompt, and every other answer is hidden. From
    such a log each estimator says what other policies would have got; how often the 95 % interval
    holds the truth is counted over many logs. Then two equal models are watched for a month: how
    often does somebody who looks every day see a difference?
    """
    from msgspec.structs import asdict

    from freehold.services.measure_ope import measure
    from freehold.services.routing_tables import FETCHED_FILES, fetched, made_up, read_table

    if floor == 0:
        raise click.BadParameter("without exploring, no log can tell", param_hint="--floor")
    if install and data is not None:
        raise click.UsageError("one of --data and --install, not both")
    files = [fetched(FETCHED) / name for name in FETCHED_FILES] if install else [data]
    given = [file for file in files if file is not None]
    table = read_table(*given) if given else made_up(seed)
    said = "" if given else "a made-up table: "
    say(f"{said}{len(table.prompts)} prompts, {len(table.models)} models, {runs} logs of {rows}")
    measured = measure(table, seed=seed, runs=runs, rows=rows, floor=floor, least_ess=least_ess)
    if as_json:
        from msgspec import to_builtins

        print_json(to_builtins(asdict(measured)) | {"coverage": measured.coverage})
        return
    for target in measured.targets:
        click.echo(
            f"{target.target}: truth {target.truth:.4f}, ESS {target.ess:.0f}, "
            f"heaviest weight {target.max_weight:.0f}, {target.verdicts} of {runs} with a verdict"
        )
        for one in target.estimators:
            click.echo(
                f"  {one.estimator:10} bias {one.bias:+.4f}  rmse {one.rmse:.4f}  "
                f"width {one.width:.4f}  coverage {one.coverage:.1%}"
            )
    click.echo("all targets, coverage of the 95 % interval")
    for name, share in measured.coverage.items():
        click.echo(f"  {name:10} {share:.1%}")
    peeking = measured.peeking
    click.echo(
        f"two equal models, looked at on each of {peeking.days} days: in {peeking.runs} runs, "
        f"a z-test sees a difference in {peeking.z_test_false_alarms:.1%}, "
        f"the confidence sequence in {peeking.sequence_false_alarms:.1%}"
    )
