"""The append-only segment file: the truth from which every database is filled.

Each line is a leaf of a Merkle tree. Once a second :mod:`freehold.ledger.checkpointer` hashes what
was written, from memory and never from the disk, and signs for it.
"""

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from freehold.core.clock import Clock, SystemClock, rfc3339
from freehold.core.errors import AuditError, StorageError
from freehold.ledger.checkpointer import PERIOD_S, Checkpointer
from freehold.ledger.claiming import Claim, claim
from freehold.ledger.envelope import ENVELOPE_VERSION, counted, event, started
from freehold.ledger.files import repair, segment_path, sync_folder
from freehold.ledger.flush import Flusher
from freehold.ledger.locking import FileLock
from freehold.ledger.log_state import LogState
from freehold.ledger.merkle_log import MerkleLog, Signing
from freehold.ledger.opening import retire
from freehold.ledger.signing import LedgerKeys
from freehold.ledger.unhashed import Unhashed

_log = logging.getLogger("freehold.ledger")
SALT_BYTES = 16
_ROTATE_BYTES = 64 * 1024 * 1024
_SALTS_AT_ONCE = 256
_PROBE = "room.probe"
_ROOM_BYTES = 1024 * 1024
_FLAGS = os.O_WRONLY | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class SegmentJournal:
    """Writes records for one process; a second process on the same home gets its own writer id.

    ``append`` returns when the operating system has the record, so it outlives this process;
    ``durable`` returns when the disk has it, so it outlives a power cut. Within a second of it, and
    at the close, a signed checkpoint covers the record.

    Args:
        home: Freehold's data folder; segments lie in ``<home>/ledger/<writer>/``.
        rotate_bytes: size from which a new segment is begun.
        sign_every_s: how often checkpoints are signed.
    """

    def __init__(
        self,
        home: Path,
        *,
        rotate_bytes: int = _ROTATE_BYTES,
        clock: Clock | None = None,
        sign_every_s: float = PERIOD_S,
    ) -> None:
        self._home = home
        self._rotate_bytes = rotate_bytes
        self._sign_every_s = sign_every_s
        self._clock = clock or SystemClock()
        self._guard = threading.Lock()
        self._closing = False
        self._unhashed = Unhashed()
        self._cuts: list[LogState] = []
        self._tenants: dict[str, int] = {}
        self._counted: dict[str, int] = {}
        self._file = -1
        self._size = 0
        self._broken = False
        self._salts = b""
        self._salt_at = 0
        self._tail = b""
        self._origin = ""
        self.folder = home
        self.writer = ""
        self.segment = 0
        self.sequence = 0
        self._lock: FileLock | None = None
        self._flusher: Flusher | None = None
        self._checkpointer: Checkpointer | None = None

    def open(self) -> Self:
        """Take a writer folder, repair its last segment and go on where it ends, if that is what
        was signed for; else in a new folder.

        Raises:
            StorageError: the folder can't be made, locked or written, or nothing can be signed.
        """
        try:
            keys = LedgerKeys(self._home)
            keys.prepare(rfc3339(self._clock.now_ns()))
            claimed = claim(self._home, keys)
            self._lock = claimed.lock
            self.folder = claimed.folder
            self.writer = self.folder.name
            self._tail = f',"v":{ENVELOPE_VERSION},"writer":"{self.writer}"}}'.encode()
            self._flusher = Flusher()
            try:
                self._checkpointer = self._continue(claimed, keys)
                self._start_records(claimed, self._checkpointer)
            finally:
                for one in claimed.telling:
                    one.lock.release()
        except (OSError, AuditError) as error:
            self.close()
            raise StorageError(f"the ledger in {self._home} can't be opened: {error}") from error
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """Count and sign for the last time, bring everything to the disk and give the writer folder
        back; twice does no harm.
        """
        with self._guard:
            self._closing = True
        if self._checkpointer is not None:
            self._checkpointer.close()
            self._checkpointer = None
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

    def append(self, record: bytes, tenant: str = "") -> None:
        """Hand one canonical JSON value to the operating system, in one write.

        Args:
            tenant: whose it is, as it says itself.

        Raises:
            AuditError: it can't be written; nothing of it stays in the file.
        """
        with self._guard:
            if self._file < 0 or self._closing:
                raise AuditError("the ledger is closed")
            self._add(record, tenant)

    def add(self, record: bytes) -> None:
        """Write a record of the ledger's own, while it is being closed, too.

        Raises:
            AuditError: it can't be written.
        """
        with self._guard:
            self._add(record, "")

    def count(self) -> None:
        """Write a ``counted`` line for each tenant with lines since its last one.

        Raises:
            AuditError: not all could be written.
        """
        with self._guard:
            due = [t for t, last in self._tenants.items() if last > self._counted.get(t, 0)]
        for tenant in sorted(due):
            with self._guard:  # for each, since requests wait for it
                self._add(counted(tenant, self._clock.now_ns()), tenant)
                self._counted[tenant] = self._tenants[tenant]

    def take(self) -> tuple[Iterable[bytes], list[LogState]]:
        """The leaf hashes since the last time, made as they are read, and where segments began
        between them.
        """
        with self._guard:
            unhashed, self._unhashed = self._unhashed, Unhashed()
            cuts, self._cuts = self._cuts, []
        return unhashed.leaves(), cuts

    def checkpoint(self) -> None:
        """Sign for everything appended so far, without waiting for the next second.

        Raises:
            AuditError: it is closed, or something can't be written or brought to the disk.
        """
        if self._checkpointer is None:
            raise AuditError("the ledger is closed")
        try:
            self._checkpointer.now()
        except OSError as error:
            raise AuditError(f"the ledger can't be signed for: {error}") from error

    @property
    def unsigned_lines(self) -> int:
        """How many lines no signed checkpoint covers yet; usually those of the last second."""
        checkpointer = self._checkpointer
        return max(0, self.sequence - checkpointer.signed) if checkpointer is not None else 0

    @property
    def unsigned(self) -> str:
        """Why the last attempt to sign failed; empty where it did not."""
        return self._checkpointer.failing if self._checkpointer is not None else ""

    @property
    def syncs(self) -> int:
        """How often this process brought records to the disk."""
        return 0 if self._flusher is None else self._flusher.syncs

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

    def _add(self, record: bytes, tenant: str) -> None:
        if self._size >= self._rotate_bytes or self._broken:
            self._renew()
        sequence = self.sequence + 1
        of_tenant = self._tenants.get(tenant, 0) + 1
        line = b'{"body":%b,"salt":"%b","seq":%d,"tenant_seq":%d%b' % (
            record,
            self._salt().hex().encode(),
            sequence,
            of_tenant,
            self._tail,
        )
        self._write(line + b"\n")
        self.sequence = sequence
        self._tenants[tenant] = of_tenant
        self._unhashed.add(line)

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
        self._cuts.append(
            LogState(
                origin=self._origin,
                segment=self.segment,
                size=self.sequence,
                tenants=self._tenants.copy(),
                counted=self._counted.copy(),
            )
        )

    def _use(self, descriptor: int, size: int) -> None:
        self._file = descriptor
        self._size = size
        if self._flusher is not None:
            self._flusher.switch(descriptor)

    def _continue(self, claimed: Claim, keys: LedgerKeys) -> Checkpointer:
        """Go on where the last owner of this folder stopped."""
        standing = claimed.standing
        try:
            signing = Signing(keys, self.writer)
            self._origin = signing.origin
            log = MerkleLog(self.folder, standing, signing, self._clock, self._sync)
        except BaseException:
            standing.files.close()
            raise
        self.sequence = standing.frontier.size
        self.segment = standing.segment
        self._tenants = standing.tenants
        self._counted = standing.counted
        path = segment_path(self.folder, self.segment)
        if standing.torn:
            _log.warning(
                "%s ended in %d bytes that are no record: see %s.torn", path, standing.torn, path
            )
        if standing.torn or self.segment == 0:
            # readers may have gone past torn bytes, so nothing is written where they were
            self._begin_segment()
        else:
            self._use(os.open(path, _FLAGS), path.stat().st_size)
        return Checkpointer(self, log, signing, self._clock, period_s=self._sign_every_s)

    def _start_records(self, claimed: Claim, checkpointer: Checkpointer) -> None:
        """The first lines of a run, and the beginning of signing."""
        self.count()  # what a run left that died
        self.add(started(self._clock.now_ns()))
        for one in claimed.telling:
            now = self._clock.now_ns()
            self.add(event(one.found.kind, one.folder.name, one.found.details, now))
        if claimed.telling:
            checkpointer.now()
            for one in claimed.telling:
                retire(one.folder, one.found, self.writer, rfc3339(self._clock.now_ns()))
        checkpointer.start()

    def _sync(self) -> None:
        if self._flusher is None:
            raise OSError("the ledger is closed")
        try:
            self._flusher.sync()
        except OSError:
            self._broken = True
            raise

    def _salt(self) -> bytes:
        at = self._salt_at
        if at >= len(self._salts):
            self._salts = os.urandom(SALT_BYTES * _SALTS_AT_ONCE)
            at = 0
        self._salt_at = at + SALT_BYTES
        return self._salts[at : at + SALT_BYTES]
