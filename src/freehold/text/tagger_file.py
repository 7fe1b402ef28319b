"""The tagger's model file, in the format of safetensors.

Eight bytes with the length of a JSON header (little endian), the header, then the tensors' bytes:
`weights` (2^18, labels) int8, `costs` (labels) int32, `known`, a bit for each word of training.
"""

import json
import struct
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from freehold.text.tagger import COUNT, LABELS, Array, Tagger
from freehold.text.tagger_words import BITS, KNOWN_BITS

MODEL = "tagger.safetensors"
FORM = "2"
"""Which features the weights belong to: another number, another model."""

_SHAPES: dict[str, tuple[str, Any, tuple[int, ...]]] = {
    "weights": ("I8", np.int8, (1 << BITS, COUNT)),
    "costs": ("I32", np.dtype("<i4"), (COUNT,)),
    "known": ("U8", np.uint8, (1 << KNOWN_BITS - 3,)),
}


def dump(model: Tagger) -> bytes:
    """The bytes of a model file: the same model always gives the same bytes."""
    about = {
        "form": FORM,
        "gate": str(model.gate),
        "labels": " ".join(LABELS),
        "scale": repr(model.scale),
        "version": model.version,
    }
    header: dict[str, object] = {"__metadata__": about}
    body = b""
    tensors = {"weights": model.weights, "costs": np.array(model.costs), "known": model.known}
    for name, (kind, dtype, shape) in _SHAPES.items():
        data = tensors[name].astype(dtype).tobytes()
        place = [len(body), len(body) + len(data)]
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": place}
        body += data
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    return struct.pack("<Q", len(head)) + head + body


def load(data: bytes) -> Tagger:
    """A tagger from a model file's bytes.

    Raises:
        ValueError: the file is no model of this version of the code.
    """
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    about = header["__metadata__"]
    fits = about.get("form") == FORM and about["labels"].split() == list(LABELS)
    if not fits or any(
        tuple(header.get(name, {}).get("shape", ())) != shape
        for name, (_, _, shape) in _SHAPES.items()
    ):
        raise ValueError("the tagger's model file does not fit this version")
    body = memoryview(data)[8 + size :]
    tensors: dict[str, Array] = {}
    for name, (_, dtype, shape) in _SHAPES.items():
        low, high = header[name]["data_offsets"]
        tensors[name] = np.frombuffer(body[low:high], dtype).reshape(shape)
    return Tagger(
        tensors["weights"],
        tensors["costs"].tolist(),
        tensors["known"],
        gate=int(about["gate"]),
        scale=float(about["scale"]),
        version=about["version"],
    )


@cache
def shipped() -> Tagger:
    """The tagger that Freehold ships, read when it is first needed."""
    return load((files("freehold.text") / MODEL).read_bytes())
