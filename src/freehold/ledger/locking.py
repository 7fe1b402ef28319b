"""An exclusive lock between processes that the operating system releases when its holder dies."""

import os
import sys
import time
from pathlib import Path
from typing import Self

if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_PAUSE_S = 0.02


class FileLock:
    """One file, one holder. Closing the file releases it, and so does any kind of death."""

    __slots__ = ("_descriptor", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self, patience_s: float = 0.0) -> bool:
        """Take the lock, trying for at most ``patience_s``; false while someone else has it."""
        deadline = time.monotonic() + patience_s
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        while True:
            try:
                _take(descriptor)
            except OSError:
                if time.monotonic() >= deadline:
                    os.close(descriptor)
                    return False
                time.sleep(_PAUSE_S)
            else:
                self._descriptor = descriptor
                return True

    def release(self) -> None:
        """Let go; harmless when it was never held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        """Wait up to a minute for the lock.

        Raises:
            TimeoutError: someone else kept it for all that time.
        """
        if not self.acquire(patience_s=60.0):
            raise TimeoutError(f"{self.path} has been locked by another process for a minute")
        return self

    def __exit__(self, *exc: object) -> None:
        """Release."""
        self.release()
