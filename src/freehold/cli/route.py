"""``freehold route``: what routes learned, and what happens to a change before it goes live."""

import click

from freehold.cli.canary import canary, shadow
from freehold.cli.common import Group
from freehold.cli.route_replay import log, report, simulate
from freehold.cli.route_states import bring, export, rebuild, reset, show


@click.group(cls=Group)
def route() -> None:
    """What routes have learned, and changes tried: in the shadow, as a canary, on records."""


for _command in (
    show, export, bring, rebuild, reset, canary, shadow, log, simulate, report
):  # fmt: skip
    route.add_command(_command)
