"""``freehold dataset``: what models are trained on; making versions, and taking them away."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import click
from msgspec import to_builtins

from freehold.cli.common import (
    Group,
    Share,
    home_option,
    json_option,
    other_bundle_option,
    print_json,
    say,
)
from freehold.cli.plain import plain
from freehold.cli.report_times import Moment
from freehold.core.decisions import MILLION

_SOURCES = ("label", "correction", "approval", "success")
SPLITS = ("train", "validation", "test")
_Option = Callable[[Any], Any]


def _split_options(command: Any) -> Any:
    options: list[_Option] = [
        click.option("--seed", type=int, default=0, show_default=True, help="Draws who validates."),
        click.option(
            "--validation", type=Share(0.5), default=0.1, show_default=True, help="Of new rows."
        ),
        click.option(
            "--test", type=Share(0.5), default=0.2, show_default=True, help="Of new rows."
        ),
        click.option(
            "--group",
            type=click.Choice(["question", "input"]),
            help="What never stands in two parts: the same question, or the same question about the"
            " same context. By default as the model's kind wants it, or `question`.",
        ),
        click.option(
            "--share",
            type=click.Choice(["none", "up", "down", "both"]),
            help="To whom in the tree of tenants it may go.",
        ),
    ]
    for option in options:
        command = option(command)
    return command


_ELSEWHERE = {
    "hints": "dataset_hints",
    **dict.fromkeys(("diff", "export", "sample", "show", "verify"), "dataset_versions"),
}


@click.group(cls=Group, modules=_ELSEWHERE)
def dataset() -> None:
    """What models are trained on: immutable versions, split so that nothing leaks, verified."""


@dataset.command()
@click.argument("name", required=False, default="")
@click.option("--model", default="", help="A custom model of the bundle, which says the rest.")
@click.option("--owner", help="Without --model: the tenant that it belongs to.")
@click.option("--app", "apps", multiple=True, help="Whose cases. May be given again.")
@click.option(
    "--queue",
    "queues",
    multiple=True,
    help="Whose labels; all queues of the apps, if left out. May be given again.",
)
@click.option("--intent", "intents", multiple=True, help="Only these. May be given again.")
@click.option(
    "--source",
    "sources",
    multiple=True,
    type=click.Choice(_SOURCES),
    help="What may settle a case; all of them, if left out.",
)
@click.option("--since", type=Moment(), help="Exchanges of this time or later.")
@click.option("--until", type=Moment(), help="Exchanges before this time.")
@click.option(
    "--success-weight",
    type=Share(),
    default=0.5,
    show_default=True,
    help="Of answers that nobody objected to.",
)
@_split_options
@other_bundle_option()
@home_option
@json_option
def build(
    name: str,
    model: str,
    owner: str | None,
    apps: tuple[str, ...],
    queues: tuple[str, ...],
    intents: tuple[str, ...],
    sources: tuple[str, ...],
    since: int | None,
    until: int | None,
    success_weight: float,
    share: str | None,
    group: str | None,
    test: float,
    validation: float,
    seed: int,
    bundle: Path | None,
    home: Path,
    as_json: bool,
) -> None:
    """Make a version of dataset NAME from cases: labelled, corrected, approved, or gone well.

    What was imported before stays in it, and every row stays in its part.
    """
    from freehold.app.datasets import bundle_of, learning_service
    from freehold.learning.datasets.splitting import Shares
    from freehold.services.dataset_plans import plan_from, plan_of

    if bool(model) == bool(owner):
        raise click.UsageError("say either --model or --owner")
    if not (name or model):
        raise click.UsageError("say what to call it: NAME")
    live = bundle_of(home, bundle)
    wanted: dict[str, Any] = {
        "apps": apps,
        "queues": queues,
        "intents": intents,
        "sources": sources,
        "since_ns": since,
        "until_ns": until,
        "success_weight": round(success_weight * MILLION),
        "share": share,
        "grouping": group,
        "shares": Shares(test=test, validation=validation, seed=seed),
    }
    if model:
        plan = plan_of(live, model, name, **wanted)
    else:
        wanted["grouping"] = group or "question"
        plan = plan_from(live, name, owner or "", **wanted)
    with learning_service(home, live, plan.owner, f"dataset {plan.name}") as (datasets, learnable):
        made = datasets.build(plan, learnable)
    tell(made, as_json)


@dataset.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", required=True, help="Of the dataset.")
@click.option("--owner", required=True, help="The tenant that it belongs to.")
@click.option("--app", default="", help="Of rows that name none.")
@click.option("--replace", "replaces", is_flag=True, help="In place of what was imported before.")
@_split_options
@home_option
@json_option
def bring_in(
    file: Path,
    name: str,
    owner: str,
    app: str,
    replaces: bool,
    share: str | None,
    group: str | None,
    test: float,
    validation: float,
    seed: int,
    home: Path,
    as_json: bool,
) -> None:
    """Make a version with the rows of FILE added: JSON lines, CSV or Parquet.

    A row has `messages` (or `prompt`, `question`, `text`), and `answer` (or `completion`,
    `chosen`), `rejected` or `label`. One mistake, and nothing is taken; each is told by its line.
    """
    from freehold.app.datasets import check_owner, dataset_service
    from freehold.learning.datasets.splitting import Shares

    check_owner(home, owner)
    with dataset_service(home) as datasets:
        made = datasets.bring_in(
            file,
            name,
            owner=owner,
            share=cast("Any", share or "none"),
            app=app,
            replaces=replaces,
            grouping=cast("Any", group or "question"),
            shares=Shares(test=test, validation=validation, seed=seed),
        )
    tell(made, as_json)


@dataset.command("list")
@home_option
@json_option
def list_datasets(home: Path, as_json: bool) -> None:
    """The datasets of this home, each with its newest version."""
    from freehold.app.datasets import dataset_list

    datasets = dataset_list(home)
    found = datasets.newest()
    if as_json:
        print_json([_summary(each, len(datasets.versions(each.name))) for each in found])
        return
    if not found:
        say("There is no dataset yet: freehold dataset build, or freehold dataset import.")
    for each in found:
        one = _summary(each, len(datasets.versions(each.name)))
        parts = ", ".join(f"{rows:,} {split}" for split, rows in one["rows"].items())
        click.echo(f"{one['name']}@{one['version']}  of {one['owner']}  {parts}  {one['created']}")


@dataset.command()
@click.argument("name", required=False, default="")
@click.option("--dry-run", is_flag=True, help="Only say which.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@home_option
@json_option
def purge(name: str, dry_run: bool, yes: bool, home: Path, as_json: bool) -> None:
    """Remove versions with rows of people who were erased, or whose time is over.

    The newest one is written anew without them first. Run it after `freehold erase`. What was
    exported, and models trained on it, are not reached: the answer names the versions, by which
    they are found.
    """
    from freehold.app.datasets import learning_service

    asks = not (dry_run or yes)
    if asks and (as_json or not sys.stdin.isatty()):
        raise click.UsageError("there is no way back: say --yes, or --dry-run to look first")
    with learning_service(home, None, "", "purge") as (datasets, learnable):
        if asks:
            found = datasets.purge(learnable, name, dry_run=True)
            say("\n".join(f"{each.name}@{each.digest[7:23]}" for each in found) or "none")
            if found:
                click.confirm("Remove these versions, for good?", abort=True, err=True)
        found = datasets.purge(learnable, name, dry_run=dry_run)
    if as_json:
        print_json({"dry_run": dry_run, "versions": to_builtins(found)})
        return
    for each in found:
        done = "would be removed" if dry_run else "removed"
        click.echo(f"{each.name}@{each.digest[7:23]} {done}: {each.rows:,} of its rows must go")
    if not found:
        say("No version holds anything that must go.")


def _summary(found: Any, versions: int) -> dict[str, Any]:
    manifest = found.manifest
    return {
        "name": found.name,
        "version": found.folder.name,
        "digest": found.digest,
        "owner": found.owner,
        "share": found.share,
        "rows": {split: manifest.parts[split].rows for split in SPLITS},
        "warnings": len(manifest.warnings),
        "created": manifest.created,
        "versions": versions,
    }


def tell(made: Any, as_json: bool) -> None:
    """A version that was made, or is there."""
    manifest = made.manifest
    if as_json:
        print_json({**to_builtins(manifest), "folder": str(made.folder)})
        return
    parts = ", ".join(f"{manifest.parts[split].rows:,} {split}" for split in SPLITS)
    click.echo(f"{made.name}@{made.folder.name}  {parts}")
    for reason, count in sorted(manifest.left_out.items()):
        say(f"left out: {count:,}, {plain(reason)}")
    for warning in manifest.warnings:
        say(f"warning: {plain(warning)}")
