"""ONNX files, written and read without a library: a graph, its arrays, what it says of itself.

The form is Protocol Buffers (https://protobuf.dev/programming-guides/encoding/) with the
messages of ``onnx.proto`` (https://github.com/onnx/onnx, Apache-2.0), of which only those that
classifiers need are known. What reads such a file here takes its arrays and its metadata;
`onnxruntime`, or any other engine, runs the graph. Every length is checked: such files may come
from anywhere.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct

IR_VERSION, OPSET = 9, 20
_TYPES = {"<f4": 1, "|u1": 2, "|i1": 3, "<i4": 6, "<i8": 7}
_KINDS = {number: np.dtype(code) for code, number in _TYPES.items()}
_VARINT, _LENGTH = 0, 2

Array = np.ndarray[Any, np.dtype[Any]]
Shape = Sequence[int | str]


class Node(Struct, frozen=True):
    """One operator of the graph; attributes are whole numbers, fractions, texts or lists of whole
    numbers.
    """

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, int | float | str | tuple[int, ...]] = {}


class Port(Struct, frozen=True):
    """An input or output: its type (a numpy code such as ``<f4``) and its shape, with names for
    what may vary.
    """

    name: str
    kind: str
    shape: tuple[int | str, ...]


class Graph(Struct, frozen=True):
    """What runs, in order, on which arrays."""

    name: str
    nodes: tuple[Node, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    arrays: Mapping[str, Array]


def is_onnx(data: bytes) -> bool:
    """Whether it begins as ONNX does (with a version), and not as safetensors (with a length)."""
    return data[:1] == b"\x08" and data[8:9] != b"{"


def pack(graph: Graph, about: Mapping[str, str]) -> bytes:
    """The bytes of a file, the same for the same content.

    Raises:
        KeyError: an array has a type that is not written here.
    """
    body = b"".join(_field(1, _node(node)) for node in graph.nodes)
    body += _field(2, graph.name.encode())
    body += b"".join(_field(5, _tensor(n, a)) for n, a in sorted(graph.arrays.items()))
    body += b"".join(_field(11, _port(port)) for port in graph.inputs)
    body += b"".join(_field(12, _port(port)) for port in graph.outputs)
    made = _number(1, IR_VERSION) + _field(2, b"freehold") + _field(7, body)
    made += _field(8, _field(1, b"") + _number(2, OPSET))
    for key, value in sorted(about.items()):
        made += _field(14, _field(1, key.encode()) + _field(2, value.encode()))
    return made


def unpack(data: bytes) -> tuple[dict[str, Array], dict[str, str]]:
    """The arrays of a file (they share its bytes, and are read-only) and what it says of itself.

    Raises:
        ValueError: it is no such file, or damaged.
    """
    arrays: dict[str, Array] = {}
    about: dict[str, str] = {}
    try:
        for number, value in _fields(memoryview(data)):
            if number == 7:
                for inner, held in _fields(value):
                    if inner == 5:
                        name, array = _array(held)
                        arrays[name] = array
            elif number == 14:
                pair = {key: bytes(said).decode() for key, said in _fields(value)}
                about[pair[1]] = pair.get(2, "")
    except (KeyError, IndexError, TypeError, UnicodeDecodeError, OverflowError):
        raise ValueError("damaged ONNX file") from None
    if not arrays:
        raise ValueError("no ONNX file: it holds no arrays")
    return arrays, about


def _varint(value: int) -> bytes:
    made = bytearray()
    value &= (1 << 64) - 1
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    made.append(value)
    return bytes(made)


def _field(number: int, body: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH) + _varint(len(body)) + body


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3 | _VARINT) + _varint(value)


def _node(node: Node) -> bytes:
    made = b"".join(_field(1, name.encode()) for name in node.inputs)
    made += b"".join(_field(2, name.encode()) for name in node.outputs)
    made += _field(3, node.outputs[0].encode()) + _field(4, node.operator.encode())
    return made + b"".join(_field(5, _attribute(k, v)) for k, v in node.attributes.items())


def _attribute(name: str, value: float | str | tuple[int, ...]) -> bytes:
    made = _field(1, name.encode())
    if isinstance(value, int):
        return made + _number(3, value) + _number(20, 2)
    if isinstance(value, float):
        return made + _varint(2 << 3 | 5) + struct.pack("<f", value) + _number(20, 1)
    if isinstance(value, str):
        return made + _field(4, value.encode()) + _number(20, 3)
    return made + b"".join(_number(8, one) for one in value) + _number(20, 7)


def _tensor(name: str, array: Array) -> bytes:
    made = b"".join(_number(1, length) for length in array.shape)
    made += _number(2, _TYPES[array.dtype.str]) + _field(8, name.encode())
    return made + _field(9, np.ascontiguousarray(array).tobytes())


def _port(port: Port) -> bytes:
    sizes = b""
    for length in port.shape:
        size = _number(1, length) if isinstance(length, int) else _field(2, length.encode())
        sizes += _field(1, size)
    kind = _number(1, _TYPES[port.kind]) + _field(2, sizes)
    return _field(1, port.name.encode()) + _field(2, _field(1, kind))


def _fields(data: memoryview) -> Iterator[tuple[int, Any]]:
    """Each field's number and value: a whole number, or the bytes of it."""
    at, end = 0, len(data)
    while at < end:
        key, at = _read(data, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _read(data, at)
            yield key >> 3, value
            continue
        if kind == _LENGTH:
            size, at = _read(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError("damaged ONNX file: a field of no known kind")
        if size > end - at:
            raise ValueError("damaged ONNX file: it is cut off")
        yield key >> 3, data[at : at + size]
        at += size


def _read(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("damaged ONNX file: a number without an end")


def _array(data: memoryview) -> tuple[str, Array]:
    shape: list[int] = []
    kind, name, body = 0, "", memoryview(b"")
    for number, value in _fields(data):
        if number == 1:
            shape.append(int(value))
        elif number == 2:
            kind = int(value)
        elif number == 8:
            name = bytes(value).decode()
        elif number == 9:
            body = value
    held = np.frombuffer(body, _KINDS[kind])
    wanted = 1
    for length in shape:
        wanted *= length
    if wanted != len(held):
        raise ValueError(f"damaged ONNX file: {name[:40]!r} does not fit its place")
    return name, held.reshape(shape)
