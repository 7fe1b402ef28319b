"""Vectors of embeddings: numbers, one list for each input, all of one length, and nothing else."""

import binascii
import math
from base64 import b64decode
from collections.abc import Sequence

import msgspec
import numpy as np
from msgspec import Struct

from freehold.providers.reading import malformed

_FLOAT = 4
Vector = list[float] | str
"""Its numbers, or base64 of them as little-endian 32-bit floats."""


class _Indexed(Struct):
    embedding: Vector
    index: int = 0


_decode = msgspec.json.Decoder(list[_Indexed]).decode


def in_order(data: bytes | msgspec.Raw, inputs: int) -> tuple[Vector, ...]:
    """The vectors of an OpenAI answer's ``data``, in the order of the inputs.

    Raises:
        ProviderUnavailable: they are no such vectors.
    """
    try:
        found = _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise malformed("a vector is neither numbers nor base64") from None
    found.sort(key=lambda one: one.index)
    if [one.index for one in found] != list(range(inputs)):
        raise malformed("it has not one vector for each input")
    return sound([one.embedding for one in found])


def sound(vectors: Sequence[Vector]) -> tuple[Vector, ...]:
    """The same vectors, when all are numbers and of one length: text does not pass for one.

    Raises:
        ProviderUnavailable: they are none.
    """
    lengths = {_length(vector) for vector in vectors}
    if len(lengths) > 1 or 0 in lengths:
        raise malformed("its vectors are empty, or not of one length")
    return tuple(vectors)


def _length(vector: Vector) -> int:
    if isinstance(vector, str):
        try:
            packed = b64decode(vector, validate=True)
        except (binascii.Error, ValueError):
            raise malformed("a vector is no base64") from None
        if len(packed) % _FLOAT:
            raise malformed("a vector's base64 holds no 32-bit floats")
        finite = bool(np.isfinite(np.frombuffer(packed, "<f4")).all())
        length = len(packed) // _FLOAT
    else:
        finite, length = all(map(math.isfinite, vector)), len(vector)
    if not finite:
        raise malformed("a vector holds what is no number")
    return length
