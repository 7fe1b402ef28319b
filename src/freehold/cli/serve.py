"""``freehold serve``: the gateway as a process."""

from pathlib import Path

import click

from freehold.cli.common import bundle_option, home_option


@click.command()
@bundle_option
@home_option
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True)
@click.option("--no-index", is_flag=True, help="Leave filling the index of records to others.")
@click.option("--log-level", default="warning", type=click.Choice(["debug", "info", "warning"]))
def serve(
    bundle: Path,
    home: Path,
    host: str,
    port: int,
    no_index: bool,
    log_level: str,
) -> None:
    """Serve the wires of OpenAI and Anthropic under http://HOST:PORT/v1.

    When it listens, one JSON line with its url and pid is printed on stdout.
    """
    from freehold.app.gateway import run_server

    run_server(
        bundle,
        home,
        host=host,
        port=port,
        index=not no_index,
        log_level=log_level,
    )
