"""Times and lengths of time as options of reports."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any, cast

import click

from freehold.cli.common import F
from freehold.core.clock import SystemClock

_UNITS = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_LENGTH = re.compile(r"([1-9]\d{0,5})([mhdw])")
_SECOND_NS = 1_000_000_000
_LATEST_NS = 2**62


class Moment(click.ParamType[int]):
    """A date or a time; nanoseconds since 1970. Without an offset it is UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Fails where it is none."""
        if isinstance(value, int):
            return value
        try:
            moment = datetime.fromisoformat(str(value))
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            found = round(moment.timestamp()) * _SECOND_NS
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time such as 2026-11-21 or 2026-11-21T08:00Z", param, ctx)
        if not 0 <= found < _LATEST_NS:
            self.fail(f"{value!r} is no time that records can have", param, ctx)
        return found


class Length(click.ParamType[int]):
    """``90m``, ``24h``, ``7d`` or ``4w``, as nanoseconds."""

    name = "length"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Fails where it is none."""
        found = _LENGTH.fullmatch(str(value))
        if found is None:
            self.fail(f"{value!r} is no length such as 90m, 24h, 7d or 4w", param, ctx)
        return int(found[1]) * _UNITS[found[2]] * _SECOND_NS


def period_options(did: str) -> Callable[[F], F]:
    """``--since``, ``--until`` and ``--last``: of which time a report is. The command is given
    ``since`` and ``until``, nanoseconds since 1970 or ``None``.

    Args:
        did: what exchanges did in that time, such as ``ended``.
    """

    def options(command: F) -> F:
        @wraps(command)
        def checked(
            *args: Any, since: int | None, until: int | None, last: int | None, **more: Any
        ) -> Any:
            since = _begin(since, until, last)
            return command(*args, since=since, until=until, **more)

        found = click.option("--last", type=Length(), help="The time up to now: 90m, 24h, 7d, 4w.")(
            checked
        )
        found = click.option(
            "--until", type=Moment(), help=f"Exchanges that {did} before this time."
        )(found)
        found = click.option(
            "--since", type=Moment(), help=f"Exchanges that {did} at this time or later."
        )(found)
        return cast(F, found)

    return options


def _begin(since: int | None, until: int | None, last: int | None) -> int | None:
    if last is not None:
        if since is not None or until is not None:
            raise click.UsageError("--last goes with neither --since nor --until")
        return max(0, SystemClock().now_ns() - last)
    if since is not None and until is not None and since >= until:
        raise click.UsageError("--since is not before --until")
    return since
