"""``freehold export`` and ``freehold import``: everything that is the owner's, out and in."""

from pathlib import Path
from typing import Any

import click

from freehold.cli.common import (
    EXIT_PROBLEM,
    Group,
    bundle_option,
    home_option,
    json_option,
    print_json,
    say,
)

_PARTS = ("bundle", "models", "datasets", "labels", "deployments", "ledger")


@click.command("export")
@click.option(
    "-o",
    "--output",
    "target",
    default=Path("freehold-export.zip"),
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The archive to make.",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    help="Only this custom model (MODEL or MODEL@VERSION); may be said again.",
)
@click.option(
    "--dataset",
    "datasets",
    multiple=True,
    help="Only this dataset (NAME or NAME@DIGEST); may be said again.",
)
@click.option(
    "--without", multiple=True, type=click.Choice(_PARTS), help="Leave this out; may be said again."
)
@click.option(
    "--all-versions", is_flag=True, help="Also versions that answer nobody, and older datasets."
)
@click.option("--content", is_flag=True, help="With what people wrote beside their labels.")
@click.option("--tenant", default="", help="Only what belongs to this tenant and those below it.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@home_option
@json_option
def export(
    target: Path,
    models: tuple[str, ...],
    datasets: tuple[str, ...],
    without: tuple[str, ...],
    all_versions: bool,
    content: bool,
    tenant: str,
    force: bool,
    home: Path,
    as_json: bool,
) -> None:
    """Carry everything away: bundle, custom models, datasets, labels and proofs, in one archive.

    Custom models are those that answer somebody, live or on trial. Keys and secrets stay. The
    archive is signed, and the ledger tells of it; `freehold import` puts it to work elsewhere.
    """
    from freehold.app.ownership import export_all
    from freehold.services.ownership_pick import Wanted

    wanted = Wanted(
        models=models,
        datasets=datasets,
        without=frozenset(without),
        all_versions=all_versions,
        tenant=tenant,
        words=content,
    )
    made = export_all(home, wanted, target, force=force, tell=say)
    from msgspec import to_builtins

    told: dict[str, Any] = to_builtins(made.manifest)
    told["files"] = len(made.manifest.files)
    told |= {"path": str(target), "sha256": made.sha256, "fingerprint": made.fingerprint}
    if as_json:
        print_json(told)
        return
    bundle = made.manifest.bundle
    click.echo(f"{target}: {told['files']:,} files")
    if bundle is not None:
        click.echo(f"  bundle {bundle.name}, {bundle.live}")
    for model in made.manifest.models:
        click.echo(f"  {model.id}  {model.kind}  {model.state or 'not deployed'}")
    for dataset in made.manifest.datasets:
        click.echo(f"  dataset {dataset.name}  {dataset.digest[:23]}  {dataset.rows:,} rows")
    click.echo(f"  {made.manifest.labels:,} labels")
    click.echo(f"  content {made.manifest.digest}")
    click.echo(f"  sha256 {made.sha256}")
    click.echo(f"  signed by {made.fingerprint}: give that to whoever imports it, another way")


class _Archives(Group):
    """A group whose first word, where it is no command's, is an archive."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """``import FILE`` is ``import archive FILE``."""
        if args and args[0] not in {*self.commands, "-h", "--help"}:
            args = ["archive", *args]
        return super().parse_args(ctx, args)


@click.group("import", cls=_Archives)
def import_() -> None:
    """Put an archive of `freehold export` to work, or make a bundle of another gateway's
    configuration.

    `freehold import ARCHIVE` is short for `freehold import archive ARCHIVE`.
    """


@import_.command("archive")
@click.argument("archive", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@bundle_option
@click.option(
    "--key",
    "keys",
    multiple=True,
    help="Who may have signed it: a fingerprint, or a public key; may be said again.",
)
@click.option(
    "--as",
    "as_state",
    type=click.Choice(("stood", "shadow")),
    default="stood",
    show_default=True,
    help="Deployments as they stood, or those that answered somebody in the shadow first.",
)
@click.option(
    "--without",
    multiple=True,
    type=click.Choice(_PARTS[:-1]),
    help="Leave this where it is; may be said again.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@home_option
@json_option
def archive(
    archive: Path,
    bundle: Path,
    keys: tuple[str, ...],
    as_state: str,
    without: tuple[str, ...],
    dry_run: bool,
    home: Path,
    as_json: bool,
) -> None:
    """Put what `freehold export` carried away into a home. No network is needed.

    Signature and every byte are verified before anything changes, and nothing that differs here is
    replaced: then nothing is put in, each difference is told, and the exit status is 1.
    """
    from freehold.app.taking_over import Asked, fingerprints, import_all

    asked = Asked(
        bundle=None if "bundle" in without else bundle,
        keys=fingerprints(keys),
        as_state="" if as_state == "stood" else as_state,
        without=frozenset(without),
        dry_run=dry_run,
    )
    taken = import_all(archive, home, asked, say)
    if as_json:
        print_json(_told(taken))
    else:
        click.echo("\n".join(_lines(taken, dry_run=dry_run)))
    if taken.conflicts:
        raise SystemExit(EXIT_PROBLEM)


def _told(taken: Any) -> dict[str, Any]:
    from msgspec import to_builtins

    return {
        "base": taken.signed.manifest.base,
        "digest": taken.signed.manifest.digest,
        "signer": taken.signed.signer,
        "known": taken.signed.known,
        "done": taken.done,
        "bundle": taken.bundle,
        "as_exported": taken.as_exported,
        "brought": to_builtins(taken.brought),
        "canaries": to_builtins(taken.canaries),
        "unset": list(taken.unset),
        "items": to_builtins(taken.items),
    }


def _lines(taken: Any, *, dry_run: bool) -> list[str]:
    words = {"new": "put in" if taken.done else "new", "there": "there already"}
    lines = [
        f"{item.kind} {item.name}: {words.get(item.state) or 'DIFFERS: ' + item.why}"
        for item in taken.items
        if item.kind != "live"
    ]
    if not taken.signed.known:
        pinned = "would be" if dry_run else "is"
        base, signer = taken.signed.manifest.base, taken.signed.signer
        lines.append(
            f"{base} is seen for the first time: its key {pinned} believed from now on."
            f" Compare {signer} with what its owner says."
        )
    if taken.conflicts:
        lines.append("Nothing was put in.")
    elif not taken.done and not dry_run:
        lines.append("All of it is there already.")
    if taken.done or dry_run:
        lines += _canaries(taken)
    if taken.bundle:
        same = "as" if taken.as_exported else "otherwise than"
        lines.append(f"The bundle answers as {taken.bundle}, {same} where it comes from.")
    if taken.unset and not taken.conflicts:
        names = ", ".join(taken.unset)
        lines.append(
            f"Not set here, and the bundle names them: {names}. `freehold check` says where."
        )
    return lines


def _canaries(taken: Any) -> list[str]:
    """How far canaries are here, and what of them stayed where they come from."""
    here, lines = {one.id: one for one in taken.canaries}, []
    for there in taken.brought:
        now, was = here.get(there.id), f"{there.share / 1_000_000:.2%}"
        if now is None:
            said = f"{was} of the conversations where it comes from"
        elif now.share == there.share:
            said = f"{was} of the conversations, as where it comes from"
        else:
            said = (
                f"{now.share / 1_000_000:.2%} of the conversations, not the {was} that it had"
                " where it comes from: the bundle here has other stages"
            )
        lines.append(
            f"{there.id}: a canary with {said}. What {there.newcomers + there.others:,} exchanges"
            f" showed there at that stage ({there.newcomers:,} with it) stays there: its evidence"
            " is gathered anew."
        )
    return lines


@import_.command("litellm")
@click.argument("config", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    "folder",
    default=Path("bundle"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The bundle's folder to make.",
)
@json_option
def litellm(config: Path, folder: Path, as_json: bool) -> None:
    """Turn a LiteLLM proxy's configuration into a bundle.

    What has no counterpart is told with its line, and stands in `import-report.txt`. No secret is
    copied, not the master key either. The bundle is checked before it gets its place.
    """
    from msgspec import to_builtins

    from freehold.services.litellm_bundle import write

    made = write(config, folder)
    if as_json:
        told = to_builtins(made.remarks)
        print_json({"folder": str(folder), "models": made.models, "remarks": told})
        return
    for one in made.remarks:
        do = f" → {one.do}" if one.do else ""
        click.echo(f"{config}:{one.line}: {one.kind.replace('_', ' ')}: {one.key}: {one.said}{do}")
    click.echo(
        f"{folder}: {made.models} models under {made.groups} names; `freehold check` passes."
    )
