"""A learned policy as a file: arrays in the form of safetensors, the rest as JSON in its header.

Nothing in such a file is run. It says which rows and vectors it was learned on, and carries a
digest of itself; a file that is damaged, or from another version, is refused as a whole.
"""

import json
from hashlib import sha256
from typing import Any

import msgspec
import numpy as np

from freehold.stages.routing.learned.priors import Prior
from freehold.text import safetensors

FORMAT = 1
_ABOUT, _DIGEST = "policy", "sha256"

Arrays = dict[str, np.ndarray[Any, np.dtype[Any]]]


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says of itself.

    ``rows`` and ``vectors`` are versions: of the row of a request, and of a text's vector.
    ``prices`` are nano-units for each token read and written, ``versions`` those of models that run
    here, whose outcomes were learned last.
    """

    format: int
    rows: str
    vectors: str
    kept: float
    version: int
    models: tuple[str, ...]
    priors: tuple[Prior, ...]
    prices: dict[str, tuple[int, int]]
    intents: tuple[str, ...]
    versions: dict[str, str] = {}


def pack(about: About, arrays: Arrays) -> bytes:
    """The bytes of the file; the same for the same state."""
    said = {_ABOUT: msgspec.json.encode(about).decode()}
    return safetensors.pack(arrays, {**said, _DIGEST: _digest(said, arrays)})


def unpack(data: bytes, *, rows: str, vectors: str) -> tuple[About, Arrays]:
    """What `pack` packed.

    Raises:
        ValueError: it is damaged, or was learned on other rows or vectors.
    """
    arrays, said = safetensors.unpack(data)
    if said.pop(_DIGEST, "") != _digest(said, arrays):
        raise ValueError("damaged policy: its digest is not that of its content")
    try:
        about = msgspec.json.decode(said.get(_ABOUT, ""), type=About)
    except msgspec.MsgspecError as error:
        raise ValueError(f"no policy: {error}") from None
    if about.format != FORMAT:
        raise ValueError(f"a policy of format {about.format}; this version reads {FORMAT}")
    if (about.rows, about.vectors) != (rows, vectors):
        raise ValueError("this policy was learned on other features: rebuild it from the log")
    if len(about.models) != len(about.priors) or len(set(about.models)) != len(about.models):
        raise ValueError("damaged policy: its models and their priors do not match")
    return about, arrays


def checked(arrays: Arrays, shapes: dict[str, tuple[int, ...]]) -> Arrays:
    """Writable copies of the arrays named.

    Raises:
        ValueError: one is missing, has another shape, or holds what is no number.
    """
    for name, shape in shapes.items():
        array = arrays.get(name)
        if array is None or array.shape != shape or array.dtype != np.float64:
            raise ValueError(f"damaged policy: {name!r} is not there in the shape {shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"damaged policy: {name!r} holds what is no number")
    return {name: arrays[name].copy() for name in shapes}


def _digest(said: dict[str, str], arrays: Arrays) -> str:
    made = sha256(json.dumps(said, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        made.update(f"{name} {array.shape} {array.dtype}".encode())
        made.update(np.ascontiguousarray(array).tobytes())
    return made.hexdigest()
