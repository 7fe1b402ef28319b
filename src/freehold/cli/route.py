"""``freehold route``: what happens to a routing change before it goes live."""

import click

from freehold.cli.canary import canary, shadow
from freehold.cli.common import Group


@click.group(cls=Group)
def route() -> None:
    """Try a routing change: in the shadow, as a canary, on recorded requests."""


for _command in (canary, shadow):
    route.add_command(_command)
