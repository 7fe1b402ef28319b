"""``freehold gguf``: a trained model's folder as one file for llama.cpp and Ollama."""

import os
from pathlib import Path

import click

from freehold.cli.common import json_option, print_json, say

_NUMBERS = ("f32", "f16", "bf16", "q8_0")


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The file to write.")
@click.option("--numbers", type=click.Choice(_NUMBERS), default="q8_0", show_default=True)
@click.option("--name", default="", help="What the file calls the model; else the folder's name.")
@click.option(
    "--fetch",
    is_flag=True,
    help="Download llama.cpp's converter with pip first, for what is not known here.",
)
@json_option
def gguf(
    folder: Path, out: Path | None, numbers: str, name: str, fetch: bool, as_json: bool
) -> None:
    """Write a GGUF of the model in FOLDER: Llama, Mistral, Qwen 2 and Qwen 3.

    What is of another architecture goes to llama.cpp's own converter, where $FREEHOLD_LLAMA_CPP
    names a folder of llama.cpp, or --fetch has brought it.
    """
    from freehold.core.errors import TrainingError
    from freehold.learning.trainers import causal_base, causal_convert, causal_files

    causal_base.libraries()
    if not (folder / "config.json").is_file():
        raise TrainingError(f"{folder} holds no model: it has no config.json")
    path = out or folder / causal_files.GGUF
    if path.exists():
        raise TrainingError(f"{path} is there already")
    if fetch and causal_convert.converter(os.environ) is None:
        say(f"fetching llama.cpp's converter (llama-cpp-python {causal_convert.VERSION}, 77 MB)")
        say(f"it lies in {causal_convert.fetch(os.environ)}")
    half = path.with_name(f".{path.name}.half")
    try:
        said = causal_files.gguf(folder, name or folder.resolve().name, numbers, half)
        if said:
            raise TrainingError(said)
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)
    size = path.stat().st_size
    if as_json:
        print_json({"file": str(path), "numbers": numbers, "bytes": size})
    else:
        click.echo(f"{path}  ({numbers}, {size / 2**20:.1f} MiB)")
