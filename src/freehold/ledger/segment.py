"""The append-only segment file: the truth from which every database is filled.

A line is ``{"body":…,"salt":…,"seq":…,"v":1,"writer":…}`` in canonical form. The salt makes a
later leaf hash of the line reveal nothing about a body that could be guessed.
"""

import asyncio
import contextlib
import logging
import os
import threading
from pathlib import Path
from typing import Self

from freehold.core.clock import Clock, SystemClock, rfc3339
from freehold.core.errors import AuditError, StorageError
from freehold.ledger.canonical import encode
from freehold.ledger.files import (
    LOCK,
    last_sequence,
    ledger_folder,
    repair,
    segment_numbers,
    segment_path,
    sync_folder,
    writers,
)
from freehold.ledger.flush import Flusher
from freehold.ledger.locking import FileLock

_log = logging.getLogger("freehold.ledger")
ENVELOPE_VERSION = 1
SALT_BYTES = 16
_ROTATE_BYTES = 64 * 1024 * 1024
_SALTS_AT_ONCE = 256
_PROBE = "room.probe"
_ROOM_BYTES = 1024 * 1024
_LOCK_PATIENCE_S = 0.3
_FLAGS = os.O_WRONLY | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class SegmentJournal:
    """Writes records for one process; a second process on the same home gets its own writer id.

    ``append`` returns when the operating system has the record, so it outlives this process;
    ``durable`` returns when the disk has it, so it outlives a power cut.

    Args:
        home: Freehold's data folder; segments lie in ``<home>/ledger/<writer>/``.
        rotate_bytes: size from which a new segment is begun.
    """

    def __init__(
        self, home: Path, *, rotate_bytes: int = _ROTATE_BYTES, clock: Clock | None = None
    ) -> None:
        self._home = home
        self._rotate_bytes = rotate_bytes
        self._clock = clock or SystemClock()
        self._guard = threading.Lock()
        self._file = -1
        self._size = 0
        self._broken = False
        self._salts = b""
        self._salt_at = 0
        self._tail = b""
        self.folder = home
        self.writer = ""
        self.segment = 0
        self.sequence = 0
        self._lock: FileLock | None = None
        self._flusher: Flusher | None = None

    def open(self) -> Self:
        """Take a writer folder, repair its last segment and go on where it ends.

        Raises:
            StorageError: the folder can't be made, locked or written.
        """
        try:
            self._lock = self._take_folder()
            self.folder = self._lock.path.parent
            self.writer = self.folder.name
            self._tail = f',"v":{ENVELOPE_VERSION},"writer":"{self.writer}"}}\n'.encode()
            self._flusher = Flusher()
            self._continue()
            self._start_record()
        except OSError as error:
            self.close()
            raise StorageError(f"the ledger in {self._home} can't be opened: {error}") from error
        return self

    def close(self) -> None:
        """Bring everything to the disk and give the writer folder back; twice does no harm."""
        with self._guard:
            self._file = -1
        if self._flusher is not None:
            self._flusher.close()
            self._flusher = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    async def __aenter__(self) -> Self:
        """Open."""
        return await asyncio.to_thread(self.open)

    async def __aexit__(self, *exc: object) -> None:
        """Close."""
        await asyncio.to_thread(self.close)

    def append(self, record: bytes) -> None:
        """Hand one canonical JSON value to the operating system, in one write.

        Raises:
            AuditError: it can't be written; nothing of it stays in the file.
        """
        with self._guard:
            if self._file < 0:
                raise AuditError("the ledger is closed")
            if self._size >= self._rotate_bytes or self._broken:
                self._renew()
            sequence = self.sequence + 1
            line = b'{"body":%b,"salt":"%b","seq":%d%b' % (
                record,
                self._salt().hex().encode(),
                sequence,
                self._tail,
            )
            self._write(line)
            self.sequence = sequence

    async def durable(self) -> None:
        """Return when everything appended so far is on the disk; concurrent callers share a sync.

        Raises:
            AuditError: the disk refused; later records go to a new segment.
        """
        flusher = self._flusher
        if flusher is None:
            raise AuditError("the ledger is closed")
        try:
            await flusher.wait()
        except OSError as error:
            self._broken = True
            raise AuditError(f"the ledger could not be brought to the disk: {error}") from error

    def room(self) -> bool:
        """Whether the disk takes another mebibyte. It is written beside the segments, brought to
        the disk and removed again, so quotas count too; this may take a while.
        """
        if self._file < 0:
            return False
        path = self.folder / _PROBE
        try:
            with path.open("wb") as file:
                # random bytes, since a file system may store others in no space
                file.write(os.urandom(_ROOM_BYTES))
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            return False
        finally:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        return True

    def _write(self, line: bytes) -> None:
        try:
            written = os.write(self._file, line)
            while written < len(line):
                written += os.write(self._file, line[written:])
        except OSError as error:
            self._cut_back()
            raise AuditError(f"the ledger can't be written: {error}") from error
        self._size += len(line)

    def _cut_back(self) -> None:
        """Take away what a failed write left. If even that fails, nothing is appended until a
        repaired file and a new segment are there.
        """
        try:
            os.ftruncate(self._file, self._size)
        except OSError:
            self._broken = True

    def _renew(self) -> None:
        try:
            if self._broken:
                repair(segment_path(self.folder, self.segment))
            self._begin_segment()
        except (OSError, StorageError) as error:
            raise AuditError(f"no new ledger segment can be begun: {error}") from error
        self._broken = False

    def _begin_segment(self) -> None:
        path = segment_path(self.folder, self.segment + 1)
        descriptor = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
        sync_folder(self.folder)
        self.segment += 1
        self._use(descriptor, 0)

    def _use(self, descriptor: int, size: int) -> None:
        self._file = descriptor
        self._size = size
        if self._flusher is not None:
            self._flusher.switch(descriptor)

    def _continue(self) -> None:
        """Find where the last owner of this folder stopped."""
        numbers = segment_numbers(self.folder)
        if not numbers:
            self._begin_segment()
            return
        path = segment_path(self.folder, numbers[-1])
        torn = repair(path)
        for number in reversed(numbers):
            last = last_sequence(segment_path(self.folder, number))
            if last is not None:
                self.sequence = last
                break
        self.segment = numbers[-1]
        if torn:
            _log.warning("%s ended in %d bytes that are no record: see %s.torn", path, torn, path)
            # readers may have gone past these bytes, so nothing is written where they were
            self._begin_segment()
            return
        self._use(os.open(path, _FLAGS), path.stat().st_size)

    def _start_record(self) -> None:
        """The first line of a run: whatever the run before left open has been interrupted."""
        now = self._clock.now_ns()
        self.append(encode({"at": rfc3339(now), "at_ns": now, "type": "started"}))

    def _take_folder(self) -> FileLock:
        for writer in writers(self._home):
            lock = FileLock(ledger_folder(self._home) / writer / LOCK)
            if lock.acquire(_LOCK_PATIENCE_S):
                return lock
        folder = ledger_folder(self._home) / f"w-{os.urandom(6).hex()}"
        folder.mkdir(mode=0o700, parents=True)
        sync_folder(folder.parent)
        lock = FileLock(folder / LOCK)
        if not lock.acquire():
            raise StorageError(f"{folder} was taken by another process while it was being made")
        return lock

    def _salt(self) -> bytes:
        at = self._salt_at
        if at >= len(self._salts):
            self._salts = os.urandom(SALT_BYTES * _SALTS_AT_ONCE)
            at = 0
        self._salt_at = at + SALT_BYTES
        return self._salts[at : at + SALT_BYTES]
