"""``freehold policy``: rules and decisions, tried before they bite."""

import click

from freehold.cli.decisions import score, verify
from freehold.cli.rules import prove, simulate, test


@click.group()
def policy() -> None:
    """Try rules and decisions before they bite."""


for _command in (test, simulate, prove, score, verify):
    policy.add_command(_command)
