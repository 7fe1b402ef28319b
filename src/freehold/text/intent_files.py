"""Trained intents as a file, in the form of safetensors: arrays and a header, nothing that runs."""

import math

import msgspec
import numpy as np
from msgspec import Struct

from freehold.text import embedding, safetensors, vectors
from freehold.text.intents import Intents, is_name
from freehold.text.readings import Model
from freehold.text.softmax import Softmax
from freehold.text.vectors import SIZE

VERSION = "1"
_ABOUT = "intents"


class Header(Struct, frozen=True, kw_only=True):
    """What a file of trained intents says of itself."""

    version: str
    vector: str
    embedding: str
    names: tuple[str, ...]
    outside: bool
    sharpness: float
    weight: float
    line: float
    slope: float
    shift: float


def pack(trained: Intents) -> bytes:
    """A model as the bytes of its file, in the form of safetensors; the same for the same model."""
    model = trained.model
    header = Header(
        version=VERSION,
        vector=vectors.VERSION,
        embedding=embedding.VERSION,
        names=trained.names,
        outside=model.outside,
        sharpness=model.sharpness,
        weight=model.weight,
        line=trained.line,
        slope=trained.slope,
        shift=trained.shift,
    )
    columns, steps, weights = model.softmax.parts()
    arrays: dict[str, safetensors.Array] = {
        "columns": columns,
        "steps": steps,
        "weights": weights,
        "marks": model.marks,
        "kernel": model.weights,
    }
    return safetensors.pack(arrays, {_ABOUT: msgspec.json.encode(header).decode()})


def unpack(data: bytes) -> Intents:
    """The model in a file.

    Raises:
        ValueError: it is damaged, none, or was trained on other vectors than these.
    """
    arrays, about = safetensors.unpack(data)
    try:
        header = msgspec.json.decode(about.get(_ABOUT, ""), type=Header)
    except msgspec.MsgspecError as error:
        raise ValueError(f"no intents: {error}") from None
    made = (header.version, header.vector, header.embedding)
    if made != (VERSION, vectors.VERSION, embedding.VERSION):
        raise ValueError("the intents were trained on other vectors: train them again")
    count = len(header.names) + header.outside
    shapes = {name: array.shape for name, array in arrays.items()}
    marks, dims = (*shapes.get("marks", ()), 0, 0)[:2]
    size = shapes.get("columns", (0,))[0]
    wanted = {
        "columns": (size,),
        "steps": (count,),
        "weights": (size, count),
        "marks": (marks, dims),
        "kernel": (marks, count),
    }
    kinds = {name: array.dtype.str[1:] for name, array in arrays.items()}
    types = {"columns": "i4", "steps": "f4", "weights": "i1", "marks": "f4", "kernel": "f4"}
    if (
        shapes != wanted
        or kinds != types
        or not header.names
        or not marks
        or not size
        or not 0 < dims <= embedding.DIMS
    ):
        raise ValueError("damaged intents: its arrays don't fit one another")
    columns = arrays["columns"]
    numbers = (header.sharpness, header.weight, header.line, header.slope, header.shift)
    finite = all(np.isfinite(arrays[name]).all() for name in ("steps", "marks", "kernel"))
    if not finite or not all(map(math.isfinite, numbers)):
        raise ValueError("damaged intents: it has a number that is none")
    sizes = np.linalg.norm(arrays["marks"].astype(np.float64), axis=1)
    if sizes.max() > 1.01 or not 0 < header.sharpness <= 100 or abs(arrays["kernel"]).max() > 1e9:
        raise ValueError("damaged intents: its numbers are out of all bounds")
    if columns.min() < 0 or columns.max() >= SIZE or not all(map(is_name, header.names)):
        raise ValueError("damaged intents: it names columns or intents that there can't be")
    softmax = Softmax.of(columns, arrays["steps"], arrays["weights"], SIZE)
    model = Model(
        softmax,
        arrays["marks"],
        arrays["kernel"],
        sharpness=header.sharpness,
        weight=header.weight,
        outside=header.outside,
    )
    return Intents(header.names, model, header.line, header.slope, header.shift)
