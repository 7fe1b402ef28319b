"""``freehold detector``: which there are, and heads of one's own."""

from pathlib import Path

import click

from freehold.cli.common import Share, json_option, print_json, say

_file = click.Path(exists=True, dir_okay=False, path_type=Path)
_label = click.option(
    "--label",
    metavar="NAME",
    help="The one label: then `label` is 1 or 0 (or this name, or another).",
)


@click.group()
def detector() -> None:
    """What can be found in texts, and classifiers trained on examples of yours."""


@detector.command("list")
@click.option(
    "--bundle",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Show what this bundle declares, too.",
)
@json_option
def list_detectors(bundle: Path | None, as_json: bool) -> None:
    """The detectors that a bundle can name: built-in, adapters, installed and declared ones.

    No package is imported but those that the bundle names.
    """
    from msgspec.structs import asdict

    from freehold.services.detectors import detectors

    found = detectors(bundle)
    if as_json:
        print_json([asdict(entry) for entry in found])
        return
    width = max(len(entry.id) for entry in found)
    for entry in found:
        package = f"{entry.package} {entry.version}".strip()
        said = ", ".join(filter(None, (package, entry.place, entry.note)))
        click.echo(f"{entry.id:<{width}}  {entry.origin:<9}  {said}".rstrip())


@detector.command()
@click.option("--data", type=_file, required=True, help="JSON lines with `text` and `label`.")
@_label
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The head's file, which ends with .safetensors; best within the bundle's folder.",
)
@click.option(
    "--false-alarms",
    type=Share(0.5),
    default=0.02,
    show_default=True,
    help="The share of texts without a label that may be given it.",
)
@json_option
def train(data: Path, label: str | None, out: Path, false_alarms: float, as_json: bool) -> None:
    """Train a classifier on your own examples, in seconds, on this machine.

    `label` of each text in DATA is a name, or null where it has none; with --label, 1 or 0. At
    least ten different texts with each label, and ten without it. The figures are for texts held
    back. The same data gives the same file.
    """
    from msgspec.structs import asdict

    from freehold.services.detectors import train as train_one

    trained = train_one(data, out, label, false_alarms, say)
    if as_json:
        print_json(asdict(trained))
        return
    for warning in trained.warnings:
        say(f"warning: {warning}")
    click.echo(f"{trained.file}  (version {trained.version}, {trained.seconds:.1f} s)")
    _table(trained.held_out)
    say("To use it, copy the file into the bundle's folder and add:")
    say(f"  detectors:\n    {out.stem}:\n      classifier: {{file: {out.name}}}")
    say(f"      threshold: {trained.threshold}\n      mode: observe")


@detector.command()
@click.argument("head", type=_file)
@click.option("--data", type=_file, help="JSON lines with `text` and `label`.")
@click.option("--text", help="One text to judge.")
@_label
@click.option(
    "--threshold",
    type=Share(),
    default=0.5,
    show_default=True,
    help="The score from which a text counts.",
)
@json_option
def test(
    head: Path,
    data: Path | None,
    text: str | None,
    label: str | None,
    threshold: float,
    as_json: bool,
) -> None:
    """See what a trained HEAD says of one --text, or how it does on labelled --data."""
    from msgspec.structs import asdict

    from freehold.services.detectors import judged, try_out

    if (data is None) is (text is None):
        raise click.UsageError("name either --data or --text")
    if text is not None:
        found = judged(head, text)
        if as_json:
            print_json(found)
            return
        for one in found:
            stretch = text[one["start"] : one["end"]]
            click.echo(f"{one['label']}  {one['score']:.3f}  {stretch!r}")
        return
    assert data is not None  # noqa: S101 -- one of them is there
    tried = try_out(head, data, label, threshold)
    if as_json:
        print_json(asdict(tried))
        return
    _table(tried.labels)
    click.echo(f"µs a text  {tried.us_per_text:.0f}")


def _table(figures: dict[str, dict[str, float]]) -> None:
    for name, one in figures.items():
        click.echo(
            f"{name:<20}  precision {one['precision']:.3f}  recall {one['recall']:.3f}"
            f"  F1 {one['f1']:.3f}  false alarms {one['false_positive_rate']:.4f}"
            f"  ({one['texts_with_it']:.0f} texts have it)"
        )
