"""Small logs on the disk, made without a journal, so that a test may also make what no journal
would: a fork, a rollback.
"""

import shutil
from pathlib import Path

from freehold.core.clock import rfc3339
from freehold.ledger import notes
from freehold.ledger.checkpoints import Checkpoint
from freehold.ledger.files import ledger_folder, replace_file, segment_path
from freehold.ledger.heads import CHECKPOINT, Heads, WriterLog
from freehold.ledger.signing import LedgerKeys
from freehold.ledger.tree import TILE_HASHES, Frontier, fold_tile, leaf_hash

AT_NS = 1_800_000_000_000_000_000


class MadeLog:
    """One writer's folder: segment, tiles, checkpoint."""

    def __init__(self, home: Path, writer: str = "w-000000000001") -> None:
        self.home = home
        self.writer = writer
        self.keys = LedgerKeys(home)
        self.keys.prepare(rfc3339(AT_NS))
        self.folder = ledger_folder(home) / writer
        (self.folder / "tree").mkdir(parents=True, exist_ok=True)
        self.lines: list[bytes] = []

    @property
    def origin(self) -> str:
        return self.keys.origin(self.writer)

    @property
    def vkey(self) -> str:
        return str(self.keys.vkeys(self.keys.base)[-1])

    def grow(self, count: int, salt: str = "a") -> "MadeLog":
        """So many further lines, and a checkpoint over all of them."""
        self.lines += [b'{"body":{"n":"%d%s"}}' % (len(self.lines) + n, salt.encode())
                       for n in range(count)]  # fmt: skip
        return self.written()

    def cut(self, size: int) -> "MadeLog":
        """As if only the first lines had ever been there."""
        self.lines = self.lines[:size]
        return self.written()

    def written(self) -> "MadeLog":
        segment_path(self.folder, 1).write_bytes(b"".join(line + b"\n" for line in self.lines))
        hashes = [leaf_hash(line) for line in self.lines]
        frontier = Frontier()
        for leaf in hashes:
            frontier.append(leaf)
        level = 0
        while hashes:
            (self.folder / "tree" / str(level)).write_bytes(b"".join(hashes))
            whole = range(0, len(hashes) - TILE_HASHES + 1, TILE_HASHES)
            hashes = [fold_tile(b"".join(hashes[at : at + TILE_HASHES])) for at in whole]
            level += 1
        text = Checkpoint(self.origin, len(self.lines), frontier.root()).text()
        note = notes.sign(text, self.keys.signer(self.origin))
        replace_file(self.folder / CHECKPOINT, note.encode())
        return self

    def note(self) -> str:
        return (self.folder / CHECKPOINT).read_text(encoding="utf-8")

    def view(self) -> WriterLog:
        (found,) = (log for log in Heads(self.home).look() if log.head.origin == self.origin)
        return found

    def gone(self) -> None:
        shutil.rmtree(self.folder)
