"""``freehold dataset hints``."""

from pathlib import Path

import click

from freehold.cli.common import home_option, json_option, print_json, say
from freehold.cli.datasets import dataset as group
from freehold.cli.plain import line


@group.command()
@click.argument("dataset", metavar="NAME[@DIGEST]")
@click.option(
    "--most", type=click.IntRange(1), default=50, show_default=True, help="So many are shown."
)
@home_option
@json_option
def hints(dataset: str, most: int, home: Path, as_json: bool) -> None:
    """Rows whose class looks wrong, the worst first, by the ids of their cases.

    A classifier that has not seen a label says what it would be (cleanlab; extra `learn`). That is
    a reason to look again, and no verdict.
    """
    from msgspec import to_builtins

    from freehold.learning.datasets import find
    from freehold.services.label_hints import hinted

    found = hinted(find(home, dataset))
    if as_json:
        print_json(to_builtins(found))
        return
    for one in found.doubted[:most]:
        who = f" by {', '.join(one.by)}" if one.by else ""
        click.echo(line(f"{one.id} {one.given} → {one.likely}? {one.quality:.2f}{who}"))
    for name, (labels, wrong) in found.labelers.items():
        say(line(f"{name}: {wrong} of {labels} look wrong"))
    say(f"{len(found.doubted)} of {found.rows} labels look wrong")
