"""``freehold feedback``: what came of an answer."""

from pathlib import Path
from typing import Any

import click

from freehold.cli.common import home_option, json_option, print_json, say


@click.command()
@click.argument("exchange_id")
@click.option("--metric", required=True, help="One of the bundle's `metrics`.")
@click.option("--value", required=True, help="true or false, or a number.")
@click.option("--comment", default="", help="Sealed with the exchange's texts, where any are kept.")
@home_option
@json_option
def feedback(
    exchange_id: str, metric: str, value: str, comment: str, home: Path, as_json: bool
) -> None:
    """Say what came of the answer of EXCHANGE_ID, as an app does by POST /v1/feedback.

    A running gateway learns from it within a second or two.
    """
    from freehold.app.learning import give_feedback

    kept = give_feedback(home, exchange_id, metric, _read(value), comment)
    if as_json:
        print_json(kept.as_dict())
        return
    how = "known already" if kept.repeated else "corrected" if kept.corrected else "kept"
    learns = "; the route learns from it" if kept.learns else ""
    click.echo(f"{metric} of {exchange_id}: {how}{learns}")
    if comment and not kept.comment_kept:
        say("The comment is not kept: this tenant keeps no texts.")


def _read(value: str) -> Any:
    lowered = value.strip().lower()
    if lowered in ("true", "false"):
        return lowered == "true"
    try:
        return float(value)
    except ValueError:
        return value
