"""``freehold bench``: what the controls find in labelled data of yours."""

from pathlib import Path

import click

from freehold.cli.common import Group, json_option, print_json, say

FETCHED = Path(".benchmarks") / "paretobandit"
"""Where `install_option` puts the data, in the working folder."""
install_option = click.option(
    "--install",
    is_flag=True,
    help="Fetch the data inside the paretobandit package with pip, into .benchmarks.",
)


_MODULES = {
    "bandit": "bench_routing",
    "chaos": "bench_chaos",
    "injection": "bench_learned",
    "intent": "bench_intent",
    "ope": "bench_ope",
    "routing": "bench_routing",
    "scope": "bench_learned",
    "stream": "bench_stream",
}


@click.group(cls=Group, modules=_MODULES)
def bench() -> None:
    """Measure Freehold's controls on your own labelled data."""


@bench.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def pii(file: Path, as_json: bool) -> None:
    """Find the personal data in the labelled texts of FILE, and say how much was found.

    FILE is JSON in presidio-research's form: a list of texts (`full_text`) with `spans`. All
    built-in pii.* detectors run. Shares count words: precision, recall and F2, and recall by type.
    """
    from msgspec.structs import asdict

    from freehold.services.measure_pii import builtin, measure, read_samples

    samples = read_samples(file)
    say(f"{len(samples)} texts")
    measured = measure(samples, builtin())
    if as_json:
        print_json(asdict(measured))
        return
    click.echo(f"precision  {measured.precision:.3f}  ({measured.false_words} words too many)")
    click.echo(f"recall     {measured.recall:.3f}  (of {measured.words} words)")
    click.echo(f"F2         {measured.f2:.3f}")
    click.echo(f"µs a text  {measured.us_per_text:.0f}")
    for kind, found in measured.per_type.items():
        click.echo(f"  {kind:<24} {found['recall']:.3f}  of {found['words']:.0f}")
