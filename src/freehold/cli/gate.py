"""``freehold gate`` and ``freehold regressions``: what a trained model must show."""

from pathlib import Path

import click

from freehold.app.whoever import at_terminal
from freehold.cli.common import (
    EXIT_PROBLEM,
    home_option,
    json_option,
    other_bundle_option,
    print_json,
    say,
)
from freehold.cli.plain import line


@click.command()
@click.argument("version")
@click.option("--dataset", default="", help="Whose test part is asked: NAME or NAME@DIGEST.")
@click.option("--against", default="", help="A version to compare with; default: the live one.")
@other_bundle_option("A folder whose criteria and controls count instead of the live bundle's.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the report as a page, too.",
)
@home_option
@json_option
def gate(
    version: str,
    dataset: str,
    against: str,
    bundle: Path | None,
    html: Path | None,
    home: Path,
    as_json: bool,
) -> None:
    """Judge a version of a custom model by the bundle's criteria for it.

    VERSION is MODEL@VERSION, or MODEL for its newest. The report is kept beside the version, its
    verdict in the ledger. The exit status is 1 where the version is refused.
    """
    import asyncio

    from freehold.app.gating import gate_service
    from freehold.services.explaining import formats
    from freehold.services.gate_report import document

    def tell(stage: str, done: int, total: int) -> None:
        if done == total or done % 100 == 0:
            say(f"{stage}: {done} of {total}")

    with gate_service(home, bundle) as gates:
        gated = asyncio.run(
            gates.judge(version, at_terminal(), dataset=dataset, against=against, tell=tell)
        )
    told = document(gated)
    if html is not None:
        html.write_text(formats.html(told), encoding="utf-8")
        say(f"wrote {html}")
    if as_json:
        print_json(gated.as_dict())
    else:
        click.echo(formats.text(told), nl=False)
    if not gated.report.passed:
        raise SystemExit(EXIT_PROBLEM)


@click.command()
@click.argument("model")
@click.option("--dataset", default="", help="Add rows of it: NAME or NAME@DIGEST.")
@click.option("--case", "cases", multiple=True, help="The case whose row is added; repeatable.")
@click.option("--worse-in", default="", help="Add what this version got worse at the gate.")
@click.option("--incidents", is_flag=True, help="Add adjudicated and taken-over cases.")
@click.option("--drop", "dropped", multiple=True, help="Take the row of a case out; repeatable.")
@other_bundle_option("With --incidents: a folder instead of the live bundle.")
@home_option
@json_option
def regressions(
    model: str,
    dataset: str,
    cases: tuple[str, ...],
    worse_in: str,
    incidents: bool,
    dropped: tuple[str, ...],
    bundle: Path | None,
    home: Path,
    as_json: bool,
) -> None:
    """What MODEL must never get wrong again: show the set, add to it, or take rows out.

    Rows are added by their cases, from a dataset that has them with their right answers; all that a
    version got worse at the gate, or broke a rule with; or with --incidents those of the dataset
    (MODEL, if left out) where somebody decided between experts, or a person had taken over.
    """
    from freehold.app.gating import regression_service, remember_incidents

    ways = bool(cases) + bool(worse_in) + incidents + bool(dropped)
    if ways > 1 or (cases and not dataset) or (dataset and not cases and not incidents):
        raise click.UsageError(
            "add with --dataset and --case, with --worse-in, or with --incidents; or --drop"
        )
    if incidents:
        remember_incidents(home, model, dataset, bundle, at_terminal())
    with regression_service(home) as service:
        if dropped:
            service.drop(model, dropped, at_terminal())
        elif cases:
            service.remember(model, dataset, cases, at_terminal())
        elif worse_in:
            which = worse_in if "@" in worse_in else f"{model}@{worse_in}"
            service.remember_worse(which, at_terminal())
        found = service.of(model)
        rows = [] if found is None else [row.id for row in found.rows("test")]
    if as_json:
        digest = None if found is None else found.digest
        print_json({"model": model, "digest": digest, "cases": rows})
        return
    for row in rows:
        click.echo(line(row))
    say(f"{len(rows)} past incidents of {model}")
