"""``freehold top``: a running gateway, live on the terminal."""

import os
import time
from datetime import UTC, datetime
from typing import Any

import click

from freehold.cli.common import json_option, print_json
from freehold.core.clock import SystemClock
from freehold.core.errors import FreeholdError

TOKEN_VARIABLE = "FREEHOLD_METRICS_TOKEN"  # noqa: S105 - where it is, not what it is
_WINDOW = 10
"""Rates and quantiles look back over so many polls."""


@click.command()
@click.option(
    "--url",
    default=lambda: os.environ.get("FREEHOLD_URL", "http://127.0.0.1:8080"),
    show_default="$FREEHOLD_URL, else http://127.0.0.1:8080",
    help="Where the gateway is.",
)
@click.option(
    "--interval",
    type=click.FloatRange(0, 3600),
    default=2.0,
    show_default=True,
    help="Seconds between two looks.",
)
@click.option("--once", is_flag=True, help="Look twice, print, and end; with 0 seconds, look once.")
@json_option
def top(url: str, interval: float, once: bool, as_json: bool) -> None:
    """A running gateway, live: requests, models, routes, alerts, drift, budgets, load by layer.

    It reads the gateway's /metrics, which answers on the machine itself, or to whoever has the
    token in FREEHOLD_METRICS_TOKEN. `q` or Ctrl-C ends it.
    """
    from rich.console import Console

    from freehold.cli.top.screen import screen

    if as_json and not once:
        raise click.UsageError("--json goes with --once")
    watcher = _Watcher(url)
    if once:
        watcher.look()
        if interval:
            time.sleep(interval)
            watcher.look()
        told = watcher.figures()
        if as_json:
            print_json(told)
        else:
            Console().print(screen(told, url, _now(), 1_000))
        return
    _live(watcher, url, max(interval, 0.2))


class _Watcher:
    """The pages of the last few looks."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._token = os.environ.get(TOKEN_VARIABLE, "")
        self._pages: list[Any] = []

    def look(self) -> None:
        """Raises: FreeholdError: nobody answers, or something else does."""
        from freehold.cli.top.page import fetch

        self._pages.append(fetch(self._url, self._token, time.monotonic()))
        del self._pages[:-_WINDOW]

    def figures(self) -> dict[str, Any]:
        from freehold.cli.top.figures import figures

        old = self._pages[0] if len(self._pages) > 1 else None
        return figures(old, self._pages[-1])


def _live(watcher: _Watcher, url: str, interval: float) -> None:
    """Until somebody quits; a gateway that is away for a while is waited for."""
    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

    from freehold.cli.top.keys import quits_within, single_keys
    from freehold.cli.top.screen import screen

    console = Console()
    watcher.look()  # the first time, whatever is wrong is said and ends it
    trouble = ""
    try:
        with single_keys() as keys, Live(console=console, screen=True, auto_refresh=False) as live:
            while True:
                shown = screen(watcher.figures(), url, _now(), console.size.height)
                if trouble:
                    shown = Group(Text(trouble, "bold red"), shown)
                live.update(shown, refresh=True)
                if quits_within(interval, keys=keys):
                    return
                try:
                    watcher.look()
                    trouble = ""
                except FreeholdError as error:
                    trouble = f"{error}; trying again"
    except KeyboardInterrupt:
        return


def _now() -> str:
    moment = datetime.fromtimestamp(SystemClock().now_ns() / 1e9, UTC).astimezone()
    return moment.strftime("%H:%M:%S")
