"""``freehold bench stream``: what streams hold back, and that cutting them changes nothing."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from freehold.bundle.resolve import ResolvedBundle
from freehold.cli.common import EXIT_PROBLEM, json_option, print_json, say
from freehold.core.errors import FreeholdError

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SOME = 100


@click.command()
@click.argument("file", type=_FILE)
@click.option("--bundle", type=_FOLDER, help="Whose controls judge; default: a starter bundle's.")
@click.option("--app", default="", help="The app whose controls judge; default: the only one.")
@click.option("--without-rules", is_flag=True, help="Detectors alone: no rule holds anything back.")
@click.option("--limit", type=click.IntRange(min=1), help="Take the first so many texts.")
@click.option(
    "--every",
    type=click.IntRange(min=1),
    default=300,
    show_default=True,
    help="Cut texts of up to so many characters at each position.",
)
@click.option(
    "--times",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Cut longer ones so many times, at up to twelve random positions.",
)
@click.option("--seed", default=0, show_default=True, help="Of those positions.")
@json_option
def stream(
    file: Path,
    bundle: Path | None,
    app: str,
    without_rules: bool,
    limit: int | None,
    every: int,
    times: int,
    seed: int,
    as_json: bool,
) -> None:
    """Send the texts of FILE as answers through the controls, cut in many ways.

    FILE has a text on each line; or, as .jsonl or .json, objects with `text` or `full_text`
    (presidio-research's form), or conversations with `messages`. No model is called and nothing
    is recorded. Exit status 1 when a cut changes the verdict or what leaves.
    """
    from freehold.app.rehearsal import rehearsal
    from freehold.services.measure_streams import Cutting, measure_streams
    from freehold.services.stream_kinds import without_rules as stripped
    from freehold.services.stream_texts import read_texts

    texts = read_texts(file)[:limit]
    cutting = Cutting(every=every, times=times, seed=seed)
    with _opened(bundle) as opened:
        name = app or _only(opened)
        resolved = stripped(opened) if without_rules else opened
        result = asyncio.run(
            measure_streams(
                rehearsal,
                resolved,
                name,
                texts,
                cutting,
                lambda n: _progress(n, len(texts)),
                by_kind=True,
            )
        )
    if as_json:
        print_json(result.as_dict())
    else:
        click.echo(
            f"{result.texts} texts, {result.cuts} streams besides the whole answers\n"
            f"held back: p50 {result.hold_back_p50}, p99 {result.hold_back_p99} characters\n"
            f"{result.us_per_chunk} µs for a word\n"
            f"{result.differences} differences, {result.leaked} protected characters leaked"
        )
        for pace in result.kinds:
            click.echo(
                f"  {pace.kind} ({pace.controls}): held back p50 {pace.hold_back_p50}, "
                f"p99 {pace.hold_back_p99} characters; {pace.us_per_chunk} µs"
            )
        for example in result.examples:
            cuts = ", ".join(map(str, example.cuts[:12])) or "nowhere"
            click.echo(
                f"text {example.text} cut at {cuts}: expected {example.expected}; "
                f"got {example.got}; {example.leaked} leaked"
            )
    if not result.sound:
        raise SystemExit(EXIT_PROBLEM)


@contextmanager
def _opened(folder: Path | None) -> Iterator[ResolvedBundle]:
    from freehold.services.bundles import described_bundle, write_starter

    if folder is not None:
        yield described_bundle(folder)
        return
    with tempfile.TemporaryDirectory() as scratch:
        write_starter(Path(scratch), "simulator")
        yield described_bundle(Path(scratch))


def _only(bundle: ResolvedBundle) -> str:
    apps = sorted(bundle.apps)
    if len(apps) > 1:
        raise FreeholdError(f"name an app with --app: {', '.join(apps)}")
    return apps[0]


def _progress(done: int, of: int) -> None:
    if done % _SOME == 0:
        say(f"{done} of {of} texts")
