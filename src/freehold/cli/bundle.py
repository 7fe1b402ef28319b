"""``freehold init`` and ``freehold check``."""

import os
from pathlib import Path

import click

from freehold.cli.common import (
    EXIT_PROBLEM,
    bundle_option,
    json_option,
    print_json,
    say,
)

PROVIDERS = ("auto", "simulator", "openai", "ollama")


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default="bundle")
@click.option(
    "--provider",
    type=click.Choice(PROVIDERS),
    default="auto",
    help="auto: OpenAI when OPENAI_API_KEY is set, else Ollama when it runs, else the simulator.",
)
def init(folder: Path, provider: str) -> None:
    """Write a commented starter bundle into FOLDER."""
    from freehold.services.bundles import choose_provider, write_starter

    chosen = provider if provider != "auto" else choose_provider(os.environ.get)
    files = write_starter(folder, chosen)
    for path in files:
        click.echo(str(path))
    say(f"A starter bundle for {chosen}. Next:")
    say(f"  freehold check --bundle {folder}")
    say(f"  freehold key create --tenant main --app assistant --bundle {folder}")
    if chosen == "simulator":
        say("  python -m freehold.testing.simulator --port 8091 &")
    say(f"  freehold serve --bundle {folder}")


@click.command()
@bundle_option
@json_option
def check(bundle: Path, as_json: bool) -> None:
    """Validate a bundle as a whole: every problem with its file, line and column."""
    from freehold.services.bundles import check_bundle

    report = check_bundle(bundle, lookup=os.environ.get)
    if as_json:
        print_json(
            {
                "ok": report.ok,
                "hash": report.hash,
                "problems": [problem.as_dict() for problem in report.problems],
            }
        )
    else:
        for problem in report.problems:
            click.echo(str(problem))
        errors = sum(problem.severity == "error" for problem in report.problems)
        warnings = len(report.problems) - errors
        if report.ok:
            say(
                f"{bundle} holds together: {report.hash}"
                + (f", {_counted(warnings, 'warning')}" if warnings else "")
            )
        else:
            say(f"{_counted(errors, 'error')}, {_counted(warnings, 'warning')}")
    if not report.ok:
        raise SystemExit(EXIT_PROBLEM)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
