"""``freehold``: the command line."""

import click

import freehold
import freehold.cli.bench_intent
import freehold.cli.bench_learned
import freehold.cli.bench_ope
import freehold.cli.bench_routing
from freehold.cli.alerts import alerts
from freehold.cli.approvals import approval
from freehold.cli.bench import bench
from freehold.cli.bundle import check, init
from freehold.cli.common import Group
from freehold.cli.demo import demo, stop
from freehold.cli.detectors import detector
from freehold.cli.erasure import erase, retention
from freehold.cli.feedback import feedback
from freehold.cli.intents import intents
from freehold.cli.keys import key
from freehold.cli.models import models
from freehold.cli.policy import policy
from freehold.cli.records import audit, explain
from freehold.cli.route import route
from freehold.cli.serve import serve
from freehold.cli.spend import spend
from freehold.cli.top import top


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(freehold.__version__, prog_name="freehold")
def main() -> None:
    """Freehold: the layer between your AI apps and any model, which you own.

    Begin with `freehold init`, then `freehold check`, `freehold key create` and `freehold serve`.
    """


for _command in (
    init,
    check,
    key,
    serve,
    top,
    explain,
    audit,
    spend,
    erase,
    retention,
    approval,
    alerts,
    feedback,
    policy,
    route,
    detector,
    intents,
    models,
    bench,
    demo,
    stop,
):
    main.add_command(_command)
