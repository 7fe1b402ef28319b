"""What every command shares: the home folder, output forms and exit codes."""

import math
import os
import select
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import wraps
from importlib import import_module
from keyword import iskeyword
from pathlib import Path
from traceback import walk_tb
from typing import Any, TextIO, TypeVar, cast

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
EXIT_UNWRITTEN = 3
"""What a command has to say can't be written: a full disk."""

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


def other_bundle_option(help: str = "Instead of the live one.") -> Callable[[F], F]:
    """``--bundle`` of a command that goes by the live bundle where none is named: a folder, or
    ``None``.
    """
    return click.option("--bundle", type=click.Path(file_okay=False, path_type=Path), help=help)


def tenant_options(command: F) -> F:
    """``--tenant`` and ``--only``: whose data a command reads; `scope_of` says whose that is."""

    @wraps(command)
    def checked(*args: Any, tenant: str | None, only: bool, **more: Any) -> Any:
        if only and tenant is None:
            raise click.UsageError("--only goes with --tenant")
        return command(*args, tenant=tenant, only=only, **more)

    options = click.option(
        "--only", is_flag=True, help="With --tenant: without the tenants below it."
    )(checked)
    return cast(F, click.option("--tenant", help="Only this tenant and those below it.")(options))


NEWEST = "newest"
"""What `last_option` gives where no number is said."""


def last_option(most: int) -> Callable[[F], F]:
    """``--last [N]``: the newest exchange, or the newest N; ``None`` where it is not said."""
    numbers = click.IntRange(1, most)

    def counted(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        return value if value in (None, NEWEST) else numbers.convert(value, param, ctx)

    return click.option(
        "--last",
        is_flag=False,
        flag_value=NEWEST,
        callback=counted,
        metavar="[N]",
        help="The newest exchange, or the newest N.",
    )


def scope_of(
    within: Callable[..., frozenset[str]], tenant: str | None, only: bool
) -> frozenset[str] | None:
    """The tenants that `tenant_options` mean; ``None`` for all.

    Args:
        within: gives a tenant with those below it, or ``only`` itself.
    """
    return within(tenant, only=only) if tenant is not None else None


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    click.echo(printed(value), nl=False)


def printed(value: Any) -> str:
    """What `print_json` prints."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode() + "\n"


def say(message: str) -> None:
    """A line for people, on stderr."""
    click.echo(message, err=True)


class Failed(click.ClickException):
    """An error that Freehold understands: one line on stderr, exit code 1."""

    def __init__(self, error: FreeholdError) -> None:
        super().__init__(f"{error} ({error.code})")


class Group(click.Group):
    """Turns Freehold's own errors into one line instead of a stack trace, and imports a command's
    module only when that command is asked for.

    Args:
        modules: command → the module of `freehold.cli` that has it, besides commands that are added
            in the usual way.
    """

    def __init__(self, *args: Any, modules: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        self._modules = modules or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All of them."""
        return sorted({*self._modules, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One of them."""
        name = self._modules.get(cmd_name)
        if name is None:
            return super().get_command(ctx, cmd_name)
        module = import_module(f"freehold.cli.{name}")
        command: click.Command = getattr(
            module, f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        )
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Note whether anything was typed that is no text: only the outermost group sees it all."""
        ctx.meta.setdefault(_TYPED, tuple(args))
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            found = super().invoke(ctx)
            sys.stdout.flush()
            return found
        except FreeholdError as error:
            raise Failed(error) from None
        except BrokenPipeError:
            if not _unread(sys.stdout):
                raise
            # whoever read has what they wanted (`| head`): nothing failed; what is still buffered,
            # or is written while the interpreter ends, goes nowhere
            no_more_output()
            raise click.exceptions.Exit(0) from None
        except OSError as error:
            if ctx.parent is not None or not _printing(error):
                raise
            no_more_output()
            say(f"Error: the output can't be written: {error.strerror}")
            raise SystemExit(EXIT_UNWRITTEN) from None
        except (UnicodeEncodeError, TypeError) as error:
            typed = [arg for arg in ctx.meta[_TYPED] if not _is_text(arg)]
            if not typed or _SURROGATES not in str(error):
                raise
            raise click.UsageError(f"{typed[0]!a} holds bytes that are no UTF-8") from None


def _unread(stream: TextIO) -> bool:
    """Whether a stream is a pipe that nobody reads any more. Any other broken pipe, as to a
    server, is a failure.
    """
    try:
        watched = select.poll()
        watched.register(stream.fileno(), 0)
        return any(event & select.POLLERR for _, event in watched.poll(0))
    except (OSError, ValueError):  # no file at all, as in tests
        return False


_TYPED = "freehold.typed"
_SURROGATES = "surrogates not allowed"
"""What Python and orjson say of text with bytes in it that are no UTF-8."""


def _is_text(typed: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in typed)


def _printing(error: OSError) -> bool:
    """Whether it came from printing, and not from a command's own work."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    return frames[-1].f_code is Group.invoke.__code__ or any(  # its flush
        frame.f_code is click.echo.__code__ or frame.f_globals.get("__name__") == _RICH
        for frame in frames
    )


_RICH = "rich.console"


def no_more_output() -> None:
    """What is still to be printed goes nowhere. Else Python tries once more to write it
    when it ends, and takes 120 for the exit status.
    """
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
