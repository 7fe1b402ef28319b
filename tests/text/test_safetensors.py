"""The file form of heads, with files that lie about themselves."""

import json
import struct
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.text import safetensors


def made(header: object, body: bytes = b"") -> bytes:
    line = json.dumps(header).encode()
    return struct.pack("<Q", len(line)) + line + body


def test_arrays_and_strings_come_back() -> None:
    arrays = {"b": np.arange(6, dtype=np.int8).reshape(2, 3), "a": np.array([1.5], np.float32)}
    data = safetensors.pack(arrays, {"name": "é"})
    found, about = safetensors.unpack(data)
    assert about == {"name": "é"}
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert found[name].tolist() == array.tolist()
    assert struct.unpack("<Q", data[:8])[0] % 8 == 0


@pytest.mark.parametrize(
    "data",
    [
        b"",
        struct.pack("<Q", 1 << 60),
        struct.pack("<Q", 9) + b"{",
        made([1]),
        made({"__metadata__": {"a": 1}}),
        made({"a": 1}),
        made({"a": {"dtype": "I8", "shape": [2], "data_offsets": [0, 3]}}, b"abc"),
        made({"a": {"dtype": "I8", "shape": [3], "data_offsets": [0, 3]}}, b"ab"),
        made({"a": {"dtype": "I8", "shape": [-1, -3], "data_offsets": [0, 3]}}, b"abc"),
        made({"a": {"dtype": "I8", "shape": [3], "data_offsets": [-3, 0]}}, b"abc"),
        made({"a": {"dtype": "Q4", "shape": [3], "data_offsets": [0, 3]}}, b"abc"),
        made({"a": {"dtype": "I8", "shape": "x", "data_offsets": [0, 3]}}, b"abc"),
    ],
)
def test_files_that_lie_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="safetensors"):
        safetensors.unpack(data)


@given(st.binary(max_size=80), st.integers(0, 90), st.integers(0, 255))
def test_no_bytes_make_it_fail_otherwise(noise: bytes, at: int, byte: int) -> None:
    good = bytearray(safetensors.pack({"a": np.zeros(2, np.int8)}, {"k": "v"}))
    good[at % len(good)] = byte
    for data in (noise, bytes(good)):
        with suppress(ValueError):
            safetensors.unpack(data)
