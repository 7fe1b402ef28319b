"""Which folder a process writes to: one that nobody has and whose log holds, or a new one."""

import logging
import os
from pathlib import Path

from msgspec import Struct

from freehold.core.errors import StorageError
from freehold.ledger.files import LOCK, ledger_folder, sync_folder, writers
from freehold.ledger.locking import FileLock
from freehold.ledger.opening import Retired, Standing, examine, is_format_1, is_retired, is_settled
from freehold.ledger.signing import LedgerKeys

_log = logging.getLogger("freehold.ledger")
_LOCK_PATIENCE_S = 0.3


class ToTell(Struct, frozen=True):
    """A log that is not continued, kept locked until that is written down."""

    folder: Path
    found: Retired
    lock: FileLock


class Claim(Struct):
    """The folder that is taken, and what came to light on the way."""

    folder: Path
    lock: FileLock
    standing: Standing
    telling: list[ToTell]


def claim(home: Path, keys: LedgerKeys) -> Claim:
    """Take a folder, its lock with it.

    Raises:
        StorageError: none can be made, locked or read.
        OSError: likewise.
    """
    folders = [ledger_folder(home) / writer for writer in writers(home)]
    folders = [folder for folder in folders if not is_retired(folder)]
    # first those whose owner died, so that somebody signs for what it left
    folders.sort(key=is_settled)
    search = _Search(keys)
    try:
        held = [folder for folder in folders if not search.try_one(folder, 0.0)]
        for folder in held:
            if search.taken is None:  # its holder may only be looking, or be just about to die
                search.try_one(folder, _LOCK_PATIENCE_S)
        return search.taken or _new(home, keys, search.telling)
    except BaseException:
        search.give_up()
        raise


class _Search:
    """The folders that were tried so far."""

    def __init__(self, keys: LedgerKeys) -> None:
        self._keys = keys
        self.telling: list[ToTell] = []
        self.taken: Claim | None = None

    def try_one(self, folder: Path, patience_s: float) -> bool:
        """Take it, or see why it must not be; false where somebody holds it."""
        if self.taken is not None and not is_format_1(folder):
            return True
        lock = FileLock(folder / LOCK)
        if not lock.acquire(patience_s):
            return False
        found = _examined(folder, self._keys, lock)
        if isinstance(found, Retired):
            self.telling.append(ToTell(folder, found, lock))
        else:
            self.taken = Claim(folder, lock, found, self.telling)
        return True

    def give_up(self) -> None:
        """Hold nothing any more."""
        for one in self.telling:
            one.lock.release()
        if self.taken is not None:
            self.taken.standing.files.close()
            self.taken.lock.release()


def _examined(folder: Path, keys: LedgerKeys, lock: FileLock) -> Standing | Retired:
    try:
        found = examine(folder, keys.origin(folder.name), keys.vkeys(keys.origin(folder.name)))
    except BaseException:
        lock.release()
        raise
    if isinstance(found, Retired):
        _log.log(
            logging.INFO if found.routine else logging.ERROR,
            "the log in %s is not continued (%s): %s",
            folder,
            found.kind,
            found.details,
        )
    return found


def _new(home: Path, keys: LedgerKeys, telling: list[ToTell]) -> Claim:
    folder = ledger_folder(home) / f"w-{os.urandom(6).hex()}"
    folder.mkdir(mode=0o700, parents=True)
    sync_folder(folder.parent)
    lock = FileLock(folder / LOCK)
    if not lock.acquire():
        raise StorageError(f"{folder} was taken by another process while it was being made")
    found = _examined(folder, keys, lock)
    if isinstance(found, Retired):
        lock.release()
        raise StorageError(f"the new folder {folder} is not empty")
    return Claim(folder, lock, found, telling)
