"""What every command shares: the home folder, output forms and exit codes."""

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import orjson

from freehold.core.errors import FreeholdError


class Share(click.FloatRange):
    """A number between two bounds, which no bound keeps from being none at all."""

    name = "share"

    def __init__(self, most: float = 1) -> None:
        super().__init__(0, most)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Fails where it is no number (``nan``) or lies outside."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is no number", param, ctx)
        return number


F = TypeVar("F", bound=Callable[..., Any])

EXIT_PROBLEM = 1
EXIT_USAGE = 2

home_option = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    default=lambda: Path(os.environ.get("FREEHOLD_HOME", ".freehold")),
    show_default="$FREEHOLD_HOME, else .freehold here",
    help="Folder of the store, the ledger and the keys.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object or list.")


def bundle_option(command: F) -> F:
    """``--bundle``: the folder with the YAML files."""
    return click.option(
        "--bundle",
        type=click.Path(file_okay=False, path_type=Path),
        default=lambda: Path(os.environ.get("FREEHOLD_BUNDLE", "bundle")),
        show_default="$FREEHOLD_BUNDLE, else ./bundle",
        help="Folder of the bundle.",
    )(command)


def tenant_options(command: F) -> F:
    """``--tenant`` and ``--only``: whose data a command reads."""
    command = click.option(
        "--only", is_flag=True, help="With --tenant: without the tenants below it."
    )(command)
    return click.option("--tenant", help="Only this tenant and those below it.")(command)


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode())


def say(message: str) -> None:
    """A line for people, on stderr."""
    click.echo(message, err=True)


class Failed(click.ClickException):
    """An error that Freehold understands: one line on stderr, exit code 1."""

    def __init__(self, error: FreeholdError) -> None:
        super().__init__(f"{error} ({error.code})")


class Group(click.Group):
    """Turns Freehold's own errors into one line instead of a stack trace."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except FreeholdError as error:
            raise Failed(error) from None
