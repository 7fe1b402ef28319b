"""Files of arrays in the safetensors form: a header in JSON, then bytes; nothing in it is run.

Eight bytes with the length of the header (little endian), the header (name → type, shape and
place of each array, `__metadata__` with strings), then the arrays
(https://github.com/huggingface/safetensors, "Format"). Read here without the library, for the few
types that heads have, and with every length checked: such files may come from anywhere.
"""

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

MAX_HEADER = 1 << 20
_TYPES = {"I8": "|i1", "I32": "<i4", "I64": "<i8", "F32": "<f4", "F64": "<f8"}
_NAMES = {np.dtype(code): name for name, code in _TYPES.items()}

Array = np.ndarray[Any, np.dtype[Any]]


def pack(arrays: Mapping[str, Array], about: Mapping[str, str]) -> bytes:
    """The bytes of a file, the same for the same content.

    Raises:
        KeyError: an array has a type that is not read here.
    """
    header: dict[str, Any] = {"__metadata__": dict(sorted(about.items()))}
    bodies: list[bytes] = []
    at = 0
    for name, array in sorted(arrays.items()):
        body = np.ascontiguousarray(array).tobytes()
        place = [at, at + len(body)]
        kind = _NAMES[array.dtype.newbyteorder("<")]
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": place}
        bodies.append(body)
        at += len(body)
    line = json.dumps(header, separators=(",", ":")).encode()
    line += b" " * (-len(line) % 8)
    return struct.pack("<Q", len(line)) + line + b"".join(bodies)


def unpack(data: bytes) -> tuple[dict[str, Array], dict[str, str]]:
    """The arrays of a file (they share its bytes, and are read-only) and what it says of itself.

    Raises:
        ValueError: it is no such file, or damaged.
    """
    if len(data) < 8:
        raise ValueError("no safetensors file: shorter than its first 8 bytes")
    (size,) = struct.unpack("<Q", data[:8])
    if size > min(MAX_HEADER, len(data) - 8):
        raise ValueError("no safetensors file: its header is longer than the file or 1 MB")
    try:
        header = json.loads(data[8 : 8 + size])
    except (ValueError, RecursionError):
        raise ValueError("no safetensors file: its header is no JSON") from None
    if not isinstance(header, dict):
        raise ValueError("no safetensors file: its header is no JSON object")
    about = header.pop("__metadata__", {})
    if not isinstance(about, dict) or not all(isinstance(said, str) for said in about.values()):
        raise ValueError("damaged safetensors file: its metadata are no strings")
    body = memoryview(data)[8 + size :]
    return {name: _array(name, place, body) for name, place in header.items()}, about


def _array(name: str, place: Any, body: memoryview) -> Array:
    try:
        kind = np.dtype(_TYPES[place["dtype"]])
        shape = tuple(int(length) for length in place["shape"])
        start, end = (int(offset) for offset in place["data_offsets"])
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"damaged safetensors file: {name!r} is described wrongly") from None
    wanted = kind.itemsize
    for length in shape:
        wanted *= length
    inside = 0 <= start <= end <= len(body) and min(shape, default=0) >= 0
    if not inside or end - start != wanted:
        raise ValueError(f"damaged safetensors file: {name!r} does not fit its place")
    return np.frombuffer(body[start:end], kind).reshape(shape)
