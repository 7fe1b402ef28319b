"""``freehold``: the command line."""

import click

import freehold
from freehold.cli.common import Group

COMMANDS = {
    "init": "bundle",
    "check": "bundle",
    "diff": "bundle",
    "key": "keys",
    "serve": "serve",
    "top": "top",
    "explain": "explain",
    "audit": "records",
    "replay": "replay",
    "report": "report",
    "witness": "witness",
    "spend": "spend",
    "erase": "erasure",
    "retention": "erasure",
    "approval": "approvals",
    "alerts": "alerts",
    "feedback": "feedback",
    "cases": "cases",
    "policy": "policy",
    "route": "route",
    "detector": "detectors",
    "dataset": "datasets",
    "train": "train",
    "job": "jobs",
    "worker": "jobs",
    "gguf": "gguf",
    "intents": "intents",
    "features": "features",
    "models": "models",
    "gate": "gate",
    "regressions": "gate",
    "label": "label",
    "queue": "queue_again",
    "bench": "bench",
    "custom": "custom",
    "export": "ownership",
    "import": "ownership",
    "demo": "demo",
    "stop": "demo",
}
"""Command → the module of `freehold.cli` that has it."""


@click.group(cls=Group, modules=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(freehold.__version__, prog_name="freehold")
def main() -> None:
    """Freehold: the layer between your AI apps and any model, which you own.

    Begin with `freehold init`, then `freehold check`, `freehold key create` and `freehold serve`.
    """
