"""One writer's log as it is signed for: its tree, its checkpoints, its state.

Leaf hashes are made of what was written, never of what is on the disk: what somebody changes there
before it is signed does not get signed.
"""

import contextlib
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from msgspec.structs import replace

from freehold.core.clock import Clock, rfc3339
from freehold.ledger import notes
from freehold.ledger.checkpoint_files import CheckpointFiles
from freehold.ledger.checkpoints import Checkpoint
from freehold.ledger.log_state import LogState, sizes_before, write_state
from freehold.ledger.notes import Signer
from freehold.ledger.opening import Standing
from freehold.ledger.signing import LedgerKey, LedgerKeys

_MINUTE_NS = 60_000_000_000
# so many leaves are hashed and taken in 0.2 ms; then whoever waits for the interpreter gets it, not
# 5 ms later
_AT_ONCE = 32
_BREATH_S = 0.0001


class Signing:
    """The key that signs now, and the one that comes after it once there is one."""

    def __init__(self, keys: LedgerKeys, writer: str) -> None:
        self._keys = keys
        self.origin = keys.origin(writer)
        self.key, seed = keys.newest()
        self.signer = Signer(self.origin, seed)
        self._seen = keys.stamp()

    def renewed(self) -> LedgerKey | None:
        """The newest key, if it is another than the one in use.

        Raises:
            StorageError: there seems to be one, and it can't be read.
        """
        stamp = self._keys.stamp()
        if stamp == self._seen:
            return None
        newest = self._keys.newest()[0]
        if newest.n != self.key.n:
            return newest
        self._seen = stamp
        return None

    def adopt(self) -> Signer:
        """Use the newest key from now on; gives the signer before.

        Raises:
            StorageError: it can't be read.
        """
        before = self.signer
        stamp = self._keys.stamp()
        self.key, seed = self._keys.newest()
        self.signer = Signer(self.origin, seed)
        self._seen = stamp
        return before


class MerkleLog:
    """Takes leaf hashes, and signs for them. Used by one thread at a time.

    Args:
        folder: the writer's.
        sync: brings the segments to the disk; nothing is signed for that is not there.
    """

    def __init__(
        self,
        folder: Path,
        standing: Standing,
        signing: Signing,
        clock: Clock,
        sync: Callable[[], None],
    ) -> None:
        self._folder = folder
        self._frontier = standing.frontier
        self._files = standing.files
        self._signing = signing
        self._clock = clock
        self._sync = sync
        self._store = CheckpointFiles(folder)
        self._unwritten = bytearray()
        self._signed_size = standing.signed.size if standing.signed is not None else -1
        self._note = ""
        self._remembered = ""
        self._remembered_ns = 0
        self._cut: LogState | None = standing.cut if standing.cut.segment > 1 else None

    @property
    def size(self) -> int:
        """How many leaves were taken."""
        return self._frontier.size

    @property
    def signed(self) -> int:
        """How many leaves the newest checkpoint covers."""
        return max(0, self._signed_size)

    def add(self, leaves: Iterable[bytes], cuts: list[LogState]) -> None:
        """Take further leaf hashes, in their order.

        Args:
            cuts: where segments began between them; what precedes them is filled in here.
        """
        frontier = self._frontier
        waiting = list(cuts)
        for leaf in leaves:
            while waiting and waiting[0].size == frontier.size:
                self._take_cut(waiting.pop(0))
            frontier.append(leaf)
            self._unwritten += leaf
            if frontier.size % _AT_ONCE == 0:
                time.sleep(_BREATH_S)
        while waiting:
            self._take_cut(waiting.pop(0))

    def sign(self, *also: Signer, keep: bool = False) -> None:
        """Write the tree, wait for the disk, and sign for all that was taken so far. Without a new
        leaf since the last time nothing is signed, unless somebody else signs, too.

        Args:
            also: who signs beside the current key.
            keep: into the history with it, even if the last one there is not a minute old.

        Raises:
            OSError: something can't be written or brought to the disk; the same may be tried again.
        """
        checkpoint = Checkpoint(self._signing.origin, self.size, self._frontier.root())
        if also or checkpoint.size != self._signed_size:
            self._sync()
            if self._unwritten:
                self._files.append(bytes(self._unwritten))
                self._unwritten.clear()
            self._files.sync()
            signers = (*also, self._signing.signer)
            note = notes.sign(checkpoint.text(), *signers)
            self._store.put(note)
            self._note, self._signed_size = note, checkpoint.size
        self._remember(keep=keep)
        self._write_state()

    def close(self) -> None:
        """Close the tree's files."""
        self._files.close()

    def _take_cut(self, cut: LogState) -> None:
        with contextlib.suppress(OSError):  # without it, opening reads more segments
            before = sizes_before(self._folder, cut.segment)
            self._cut = replace(cut, before=before, frontier=list(self._frontier.hashes))

    def _remember(self, *, keep: bool) -> None:
        now = self._clock.now_ns()
        if not self._note or self._note == self._remembered:
            return
        if keep or not 0 <= now - self._remembered_ns < _MINUTE_NS:
            self._store.remember(rfc3339(now), self._note)
            self._remembered, self._remembered_ns = self._note, now

    def _write_state(self) -> None:
        if self._cut is not None and self._cut.size <= self._signed_size:
            write_state(self._folder, self._cut, self._signing.signer)
            self._cut = None
