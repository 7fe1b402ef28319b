"""Ledgers of format 2 made line by line, for tests of whoever reads or verifies them.

The form is that of ``docs/reference/record.md``; there is nothing of how the gateway's journal
comes to it: no locks, no threads, no syncs, and a checkpoint exactly when it is asked for.
"""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from freehold.core.clock import rfc3339
from freehold.ledger import notes
from freehold.ledger.canonical import encode
from freehold.ledger.checkpoints import Checkpoint
from freehold.ledger.files import segment_path
from freehold.ledger.notes import Cosigner, Signature
from freehold.ledger.signing import LedgerKeys
from freehold.ledger.tree import HASH_BYTES, TILE_HASHES, Frontier, fold_tile, leaf_hash

WRITER = "w-0123456789ab"
_START_NS = 1_790_000_000_000_000_000
_STEP_NS = 1_000_000_000


class WrittenLedger:
    """One writer's log in a home; usable several times with the same folder name for a second log.

    Args:
        home: its ``ledger`` and ``keys`` are made where they are missing.
        lines_per_segment: after so many lines a new segment is begun.
        salt: 32 hex digits for the line with this number; random unless given.
    """

    def __init__(
        self,
        home: Path,
        writer: str = WRITER,
        *,
        lines_per_segment: int = 1_000_000,
        salt: Callable[[int], str] = lambda _: os.urandom(16).hex(),
    ) -> None:
        self.home = home
        self.writer = writer
        self.keys = LedgerKeys(home)
        self.keys.prepare(rfc3339(_START_NS))
        self.folder = self.keys.folder / writer
        (self.folder / "tree").mkdir(parents=True, exist_ok=True)
        self.lines: list[bytes] = []
        self.checkpoints: list[str] = []
        self._tenants: dict[str, int] = {}
        self._per_segment = lines_per_segment
        self._salt = salt
        self._frontier = Frontier()
        self._tree: list[bytearray] = [bytearray()]

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.keys.origin(self.writer)

    def add(self, body: dict[str, Any], tenant: str = "") -> bytes:
        """A line, without its newline; not in a file before :meth:`checkpoint` or :meth:`flush`."""
        seq = len(self.lines) + 1
        at = _START_NS + seq * _STEP_NS
        told = {"at": rfc3339(at), "at_ns": at, "tenant": tenant, "v": 2} | body
        self._tenants[tenant] = self._tenants.get(tenant, 0) + 1
        line = encode(
            {
                "body": told,
                "salt": self._salt(seq),
                "seq": seq,
                "tenant_seq": self._tenants[tenant],
                "v": 2,
                "writer": self.writer,
            }
        )
        self.take(line)
        return line

    def take(self, line: bytes) -> None:
        """A line that somebody else made, as it is."""
        self.lines.append(line)
        leaf = leaf_hash(line)
        self._frontier.append(leaf)
        self._into_tree(0, leaf)

    def event(self, kind: str, details: dict[str, Any], subject: str = "ledger") -> bytes:
        """A line about the ledger itself."""
        body = {
            "id": f"evt_{len(self.lines)}",
            "kind": kind,
            "actor": "freehold",
            "subject": subject,
            "details": details,
            "type": "event",
        }
        return self.add(body)

    def fill(self, count: int, tenants: tuple[str, ...] = ("acme", "borealis")) -> Self:
        """So many short lines, tenant by tenant in turn."""
        for at in range(count):
            body = {"exchange": f"ex_{at:06d}", "text": "é" * (at % 7), "type": "opened"}
            self.add(body, tenants[at % len(tenants)])
        return self

    def checkpoint(self, *witnesses: tuple[Cosigner, int], history: bool = True) -> str:
        """Sign what is there, with the newest key, and write everything to the files."""
        return self.publish(self.signed(), *witnesses, history=history)

    def signed(self) -> str:
        """A checkpoint over what is there, by the newest key."""
        size, root = self._frontier.size, self._frontier.root()
        text = Checkpoint(self.origin, size, root).text()
        return notes.sign(text, self.keys.signer(self.origin))

    def remember(self, note: str | None = None) -> None:
        """A line in the history, with a new checkpoint unless one is given."""
        at = rfc3339(_START_NS + len(self.lines) * _STEP_NS)
        with (self.folder / "checkpoints.jsonl").open("ab") as file:
            file.write(encode({"at": at, "note": note or self.signed()}) + b"\n")

    def publish(self, note: str, *witnesses: tuple[Cosigner, int], history: bool = True) -> str:
        """Cosign a checkpoint and write it, and the lines with it."""
        read = notes.read(note)
        more: list[Signature] = [witness.signature(read.text, at) for witness, at in witnesses]
        note = str(read.adding(*more))
        self.flush()
        self.checkpoints.append(note)
        (self.folder / "checkpoint").write_text(note, encoding="utf-8")
        if history:
            self.remember(note)
        return note

    def flush(self) -> None:
        """Write segments and tree as they should be by now."""
        for first in range(0, max(len(self.lines), 1), self._per_segment):
            number = first // self._per_segment + 1
            lines = self.lines[first : first + self._per_segment]
            segment_path(self.folder, number).write_bytes(b"".join(one + b"\n" for one in lines))
        for level, hashes in enumerate(self._tree):
            (self.folder / "tree" / str(level)).write_bytes(hashes)

    def _into_tree(self, level: int, value: bytes) -> None:
        if level == len(self._tree):
            self._tree.append(bytearray())
        row = self._tree[level]
        row += value
        if len(row) % (TILE_HASHES * HASH_BYTES) == 0:
            self._into_tree(level + 1, fold_tile(bytes(row[-TILE_HASHES * HASH_BYTES :])))


def write_format_one(home: Path, count: int, writer: str = "w-00000000000a") -> bytes:
    """A log as it was before ledgers were signed; gives the Merkle root over its lines."""
    folder = home / "ledger" / writer
    folder.mkdir(parents=True)
    frontier = Frontier()
    with segment_path(folder, 1).open("wb") as file:
        for seq in range(1, count + 1):
            salt = hashlib.sha256(str(seq).encode()).hexdigest()[:32]
            body = {"at": rfc3339(_START_NS), "at_ns": _START_NS, "tenant": "acme", "v": 1}
            line = encode({"body": body, "salt": salt, "seq": seq, "v": 1, "writer": writer})
            file.write(line + b"\n")
            frontier.append(leaf_hash(line))
    return frontier.root()


def relined(line: bytes, **changes: Any) -> bytes:
    """A line with other fields; names in capitals are the body's."""
    value = json.loads(line)
    for name, new in changes.items():
        if name.isupper():
            value["body"][name.lower()] = new
        else:
            value[name] = new
    return encode(value)
