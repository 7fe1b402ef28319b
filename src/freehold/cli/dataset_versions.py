"""``freehold dataset``: one version, looked at, compared, verified and handed out."""

from pathlib import Path
from typing import Any, cast

import click
from msgspec import to_builtins

from freehold.cli.common import EXIT_PROBLEM, home_option, json_option, print_json, say
from freehold.cli.datasets import SPLITS, tell
from freehold.cli.datasets import dataset as group
from freehold.cli.plain import line

_VIEWS = ("rows", "chat", "completion", "preference", "thumbs", "csv", "parquet")
_folder = click.Path(file_okay=False, path_type=Path)
_which = click.argument("dataset", metavar="NAME[@DIGEST]")


@group.command()
@_which
@home_option
@json_option
def show(dataset: str, home: Path, as_json: bool) -> None:
    """What is in a version, how it was made, and what whoever trains on it should know."""
    from freehold.app.datasets import dataset_list

    datasets = dataset_list(home)
    found = datasets.find(dataset)
    if as_json:
        others = [each.digest for each in datasets.versions(found.name)]
        print_json({**to_builtins(found.manifest), "versions": others, "folder": str(found.folder)})
        return
    tell(found, as_json=False)
    manifest = found.manifest
    for kind, values in sorted(manifest.counts.items()):
        if set(values) != {""}:
            click.echo(f"  by {kind}")
            for value, by in sorted(values.items(), key=lambda v: -sum(v[1].values()))[:20]:
                click.echo(f"    {line(value) or '(none)':<30} {sum(by.values()):>7,}")
    for reason, count in sorted(manifest.left_out.items()):
        click.echo(f"  left out: {count:,}, {reason}")
    for key, value in sorted(manifest.recipe.items()):
        click.echo(f"  {key}: {value}")


@group.command()
@click.argument("old")
@click.argument("new")
@home_option
@json_option
def diff(old: str, new: str, home: Path, as_json: bool) -> None:
    """What came and went from OLD to NEW, each a NAME[@DIGEST]."""
    from freehold.app.datasets import dataset_list

    found = dataset_list(home).diff(old, new)
    if as_json:
        print_json(to_builtins(found))
        return
    click.echo(f"same: {found.same:,}")
    for what in ("added", "removed", "changed", "moved"):
        rows = getattr(found, what)
        named = ", ".join(rows[:5]) + (", …" if len(rows) > 5 else "")
        click.echo(f"{what}: {len(rows):,}" + (f"  {named}" if rows else ""))


@group.command()
@_which
@home_option
@json_option
def verify(dataset: str, home: Path, as_json: bool) -> None:
    """Whether a version is, byte for byte, what was written and what the ledger tells of."""
    from freehold.app.datasets import dataset_list, recorded_manifest

    datasets = dataset_list(home)
    found = datasets.find(dataset)
    recorded = recorded_manifest(home, found.name, found.digest)
    problems = datasets.verify(dataset, recorded)
    if as_json:
        told = {"name": found.name, "digest": found.digest, "recorded": bool(recorded)}
        print_json({**told, "ok": not problems, "problems": problems})
    else:
        for problem in problems:
            click.echo(problem)
        if not recorded:
            say("The ledger does not tell of this version: it may have been made elsewhere.")
        if not problems:
            click.echo(f"{found.name}@{found.folder.name} is as it was written")
    if problems:
        raise SystemExit(EXIT_PROBLEM)


@group.command()
@_which
@click.option("--view", type=click.Choice(_VIEWS), required=True, help="The form.")
@click.option("--out", type=_folder, required=True, help="An empty folder, or none yet.")
@home_option
@json_option
def export(dataset: str, view: str, out: Path, home: Path, as_json: bool) -> None:
    """Write a version for another trainer, one file for each part. An entry in the ledger says so.

    `chat` is OpenAI's form, `preference` and `thumbs` are those of TRL's DPO and KTO.
    """
    from freehold.app.datasets import dataset_service

    with dataset_service(home) as datasets:
        counts = datasets.export(dataset, view, out)
    if as_json:
        print_json({"folder": str(out), "view": view, "rows": counts})
        return
    for name, rows in counts.items():
        click.echo(f"{out / name}  {rows:,} rows")


@group.command()
@_which
@click.option("--count", type=click.IntRange(1, 1_000), default=5, show_default=True)
@click.option(
    "--split",
    type=click.Choice(SPLITS),
    default="train",
    show_default=True,
)
@click.option("--seed", type=int, default=0, show_default=True)
@home_option
@json_option
def sample(dataset: str, count: int, split: str, seed: int, home: Path, as_json: bool) -> None:
    """Some rows, drawn by chance, to read."""
    from freehold.app.datasets import dataset_list

    rows = dataset_list(home).sample(dataset, count, cast("Any", split), seed)
    if as_json:
        print_json([to_builtins(row) for row in rows])
        return
    for row in rows:
        click.echo(line(f"{row.id}  {row.tenant} {row.app} {row.language}"))
        for what, text in (
            ("asked", row.question),
            ("class", row.label),
            ("right", row.answer),
            ("wrong", row.rejected),
        ):
            if text:
                click.echo(f"  {what}: {line(text, 300)}")
