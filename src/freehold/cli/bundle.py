"""``freehold init``, ``freehold check`` and ``freehold diff``."""

import os
from pathlib import Path

import click

from freehold.cli.common import (
    EXIT_PROBLEM,
    bundle_option,
    home_option,
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
@click.option(
    "--home",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Check it with the versions of custom models that are deployed in this home.",
)
@json_option
def check(bundle: Path, home: Path | None, as_json: bool) -> None:
    """Validate a bundle as a whole: every problem with its file, line and column."""
    from freehold.services.bundles import check_bundle

    overlay = None
    if home is not None:
        from freehold.app.deployed import home_overlay

        overlay = home_overlay(home)
    report = check_bundle(bundle, lookup=os.environ.get, overlay=overlay)
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


@click.command()
@click.argument("before")
@click.argument("after", default="live")
@home_option
@json_option
def diff(before: str, after: str, home: Path, as_json: bool) -> None:
    """What changed from bundle BEFORE to bundle AFTER.

    Each is a folder, the hash of a version that was live in the home (`sha256:…`, as records name
    it), or `live`. What is left out counts as its default.
    """
    from freehold.bundle.kept import live_mark
    from freehold.services.bundles import diff_bundles

    named = [live_mark(home)[1] if one == "live" else one for one in (before, after)]
    changes = diff_bundles(*named, home=home)
    if as_json:
        print_json([change.as_dict() for change in changes])
        return
    for change in changes:
        click.echo(str(change))
    if not changes:
        say("They say the same.")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
