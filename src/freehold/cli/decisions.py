"""``freehold policy score`` and ``freehold policy check``, for policies as decision tables."""

from pathlib import Path

import click

from freehold.cli.common import EXIT_PROBLEM, json_option, print_json, say
from freehold.services.decisions import Disagreement, check_policy, score_policy

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_LIMIT = 20
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("check")
@click.argument("folder", type=_FOLDER)
@json_option
def verify(folder: Path, as_json: bool) -> None:
    """Check the decision policy in FOLDER: every mistake with its file, line and column."""
    report = check_policy(folder)
    if as_json:
        problems = [problem.as_dict() for problem in report.problems]
        print_json({"ok": report.ok, "problems": problems})
    else:
        for problem in report.problems:
            click.echo(str(problem))
        say(f"{folder} {'holds together' if report.ok else 'has errors'}")
    if not report.ok:
        raise SystemExit(EXIT_PROBLEM)


@click.command()
@click.argument("folder", type=_FOLDER)
@click.argument("decisions", type=_FILE)
@click.option(
    "--limit-disagreements",
    type=click.IntRange(min=0),
    show_default="20, with --json all",
    help="How many disagreements to print; all are counted.",
)
@json_option
def score(folder: Path, decisions: Path, limit_disagreements: int | None, as_json: bool) -> None:
    """Score the decision policy in FOLDER on the labelled rows of DECISIONS (a CSV file).

    A row matches when every compared column agrees. Exit status 0 when all match.
    """
    result = score_policy(folder, decisions)
    limit = None if as_json else _LIMIT
    shown = result.disagreements[: limit if limit_disagreements is None else limit_disagreements]
    if as_json:
        print_json(
            {
                "policy": result.policy,
                "matched": result.matched,
                "total": result.total,
                "columns": result.columns,
                "disagreements": [each.as_dict() for each in shown],
                "disagreements_found": len(result.disagreements),
                "problems": [problem.as_dict() for problem in result.problems],
            }
        )
    else:
        for problem in result.problems:
            say(str(problem))
        if result.scored:
            click.echo(f"{result.policy}: {result.matched} / {result.total} match")
            for each in shown:
                _print(each, decisions.name)
            left = len(result.disagreements) - len(shown)
            if left:
                say(f"{left} more disagreements; raise --limit-disagreements to see them")
        else:
            say("nothing was scored")
    if not result.scored or result.disagreements:
        raise SystemExit(EXIT_PROBLEM)


def _print(each: Disagreement, file: str) -> None:
    got = f"no value: {each.error}" if each.error else f"got {each.got!r}"
    click.echo(f"{file}:{each.line}: {each.column}: expected {each.expected!r}, {got}")
    for reason in each.because:
        click.echo(f"    {reason}")
