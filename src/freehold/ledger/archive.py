"""A zip whose bytes depend on nothing but what is put in: no clock, no user, no order of chance."""

import hashlib
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import IO

_TIME = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_LEVEL = 1
_READABLE = 0o100644 << 16
_CHUNK = 256 * 1024


class Archive:
    """Writes entries one after the other, in sorted order, without holding them in memory.

    Attributes:
        files: each entry so far with ``sha256`` (hex) and ``bytes``.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)
        self._last = ""
        self.files: dict[str, dict[str, str | int]] = {}

    def add(self, name: str, data: bytes) -> None:
        """One entry that is at hand."""
        with self.stream(name) as write:
            write(data)

    def add_all(self, name: str, pieces: Iterable[bytes]) -> None:
        """One entry, piece by piece."""
        with self.stream(name) as write:
            kept: list[bytes] = []
            size = 0
            for piece in pieces:
                kept.append(piece)
                size += len(piece)
                if size >= _CHUNK:
                    write(b"".join(kept))
                    kept, size = [], 0
            write(b"".join(kept))

    @contextmanager
    def stream(self, name: str, *, last: bool = False) -> Iterator[Callable[[bytes], None]]:
        """Give what writes into one entry.

        Args:
            last: it tells of all before it, and stands behind them whatever its name.

        Raises:
            ValueError: it does not come after the one before in order of name.
        """
        if not last and name <= self._last:
            raise ValueError(f"{name} comes before {self._last}")
        self._last = "\U0010ffff" if last else name
        info = zipfile.ZipInfo(name, _TIME)
        info.compress_type = zipfile.ZIP_DEFLATED
        # three times as fast as the default, for 4 % more bytes; a parameter only of other calls
        info._compresslevel = _LEVEL  # type: ignore[attr-defined]
        info.create_system = _UNIX
        info.external_attr = _READABLE
        digest, size = hashlib.sha256(), 0
        with self._zip.open(info, "w", force_zip64=True) as entry:

            def write(data: bytes) -> None:
                nonlocal size
                digest.update(data)
                size += len(data)
                entry.write(data)

            yield write
        self.files[name] = {"sha256": digest.hexdigest(), "bytes": size}

    def drop(self) -> None:
        """Forget it: what was written so far is no zip, and the file is somebody else's."""
        self._zip.fp = None

    def close(self) -> None:
        """Write the zip's directory."""
        self._zip.close()
