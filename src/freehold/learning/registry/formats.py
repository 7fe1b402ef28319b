"""Which files a custom model may consist of: open formats, told by suffix and by content.

A pickle runs code when it is opened, so none comes in under any name: every suffix that is allowed
has a form that a pickle, or an archive that holds one, does not have.
"""

import json
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from freehold.core.errors import TrainingError
from freehold.learning.registry.manifest import OWN_FILES

_MOST_JSON = 64 * 2**20
_MOST_HEADER = 100 * 2**20
_NOT_TEXT = bytes(set(range(32)) - {9, 10, 12, 13})
_ONNX_FIRST = 0x08
"""The first field of every ONNX file that a writer of today makes: ``ir_version``, a varint."""


def check_path(name: str) -> None:
    """Whether a trainer may call a file so.

    Raises:
        TrainingError: it leads elsewhere, is hidden, or is the registry's own.
    """
    path = PurePosixPath(name)
    odd = not name or "\\" in name or "\0" in name or path.as_posix() != name
    if odd or path.is_absolute() or any(p.startswith(".") for p in path.parts):
        raise TrainingError(f"the trainer names a file {name!r}: no plain path within its folder")
    if name in OWN_FILES:
        raise TrainingError(f"the trainer names a file `{name}`, which is the registry's own")


def check_file(path: Path, name: str) -> None:
    """Whether a file is what its suffix says, and that is an open format.

    Raises:
        TrainingError: it is not; says which file, and what would do.
    """
    look = _LOOKS.get(path.suffix.lower())
    if look is None:
        known = ", ".join(sorted(_LOOKS))
        raise TrainingError(f"`{name}`: models are kept in open formats only ({known})")
    if path.is_symlink() or not path.is_file():
        raise TrainingError(f"`{name}`: there is no such file in the trainer's folder")
    try:
        with path.open("rb") as file:
            wrong = look(file, path.stat().st_size)
    except (OSError, ValueError) as error:
        wrong = str(error)
    if wrong:
        raise TrainingError(f"`{name}` is no {path.suffix[1:]}: {wrong}")


def _onnx(file: BinaryIO, _size: int) -> str:
    head = file.read(2)
    return "" if len(head) > 1 and head[0] == _ONNX_FIRST else "it does not begin as ONNX does"


def _gguf(file: BinaryIO, _size: int) -> str:
    return "" if file.read(4) == b"GGUF" else "it does not begin as GGUF does"


def _safetensors(file: BinaryIO, size: int) -> str:
    length = int.from_bytes(file.read(8), "little")
    if not 2 <= length <= min(size - 8, _MOST_HEADER):
        return "its header has no length"
    header = json.loads(file.read(length))
    if not isinstance(header, dict):
        return "its header is no mapping"
    ends = [t["data_offsets"][1] for n, t in header.items() if n != "__metadata__"]
    return "" if max(ends, default=0) == size - 8 - length else "its tensors do not fill it"


def _json(file: BinaryIO, size: int) -> str:
    if size > _MOST_JSON:
        return f"it is larger than {_MOST_JSON // 2**20} MiB"
    json.loads(file.read())
    return ""


def _lines(file: BinaryIO, _size: int) -> str:
    for number, line in enumerate(file, 1):
        if len(line) > _MOST_JSON:
            return f"line {number} is too long"
        if line.strip():
            json.loads(line)
    return ""


def _text(file: BinaryIO, _size: int) -> str:
    for line in file:
        if len(line) > _MOST_JSON:
            return "a line is too long"
        line.decode()
        if line.translate(None, _NOT_TEXT) != line:
            return "it holds control characters"
    return ""


def _sentencepiece(file: BinaryIO, _size: int) -> str:
    return "" if file.read(1) == b"\x0a" else "it does not begin as a SentencePiece model does"


_LOOKS: dict[str, Callable[[BinaryIO, int], str]] = {
    ".onnx": _onnx,
    ".gguf": _gguf,
    ".safetensors": _safetensors,
    ".json": _json,
    ".jsonl": _lines,
    ".txt": _text,
    ".md": _text,
    ".jinja": _text,
    ".yaml": _text,
    ".csv": _text,
    ".model": _sentencepiece,
}
