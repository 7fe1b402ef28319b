"""What must hold of every log on the disk, worked out from its lines alone."""

import contextlib
import hashlib
from pathlib import Path
from typing import Any

from freehold.core.errors import StorageError
from freehold.ledger import notes, tree
from freehold.ledger.checkpoint_files import CheckpointFiles
from freehold.ledger.checkpoints import Checkpoint
from freehold.ledger.files import ledger_folder
from freehold.ledger.reading import read, read_all
from freehold.ledger.signing import LedgerKeys
from freehold.ledger.tree import Frontier
from freehold.ledger.tree_files import tile_reader


def envelopes(home: Path, writer: str) -> list[dict[str, Any]]:
    return [entry.envelope() for entry in read(home, writer)]


def events(home: Path, kind: str) -> list[dict[str, Any]]:
    """The events of a kind, of all writers; lines that can't be read are passed over."""
    found = []
    for entry in read_all(home):
        with contextlib.suppress(StorageError):
            found.append(entry.envelope()["body"])
    return [body for body in found if body.get("kind") == kind]


def roots(home: Path, writer: str) -> list[bytes]:
    """The root for each number of lines, from none on."""
    frontier = Frontier()
    found = [frontier.root()]
    for entry in read(home, writer):
        frontier.append(hashlib.sha256(b"\0" + entry.line).digest())
        found.append(frontier.root())
    return found


def newest(home: Path, writer: str) -> Checkpoint:
    """The newest checkpoint, verified."""
    note = CheckpointFiles(ledger_folder(home) / writer).newest()
    assert note is not None
    keys = LedgerKeys(home)
    assert notes.verified(note, keys.vkeys(keys.origin(writer)))
    return Checkpoint.parse(note.text)


def check(home: Path, writer: str, *, counted: bool = True) -> int:
    """Every line is in its place and under the newest checkpoint, and every other signed one goes
    before it; gives how many lines there are.
    """
    folder = ledger_folder(home) / writer
    lines = envelopes(home, writer)
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    tenants: dict[str, int] = {}
    last: dict[str, str] = {}
    for line in lines:
        tenant = line["body"].get("tenant", "")
        assert line["tenant_seq"] == tenants.get(tenant, 0) + 1
        tenants[tenant] = line["tenant_seq"]
        last[tenant] = line["body"]["type"]
    if counted:
        assert set(last.values()) == {"counted"}
    known = roots(home, writer)
    checkpoint = newest(home, writer)
    assert checkpoint.size == len(lines)
    assert checkpoint.root == known[-1]
    for one in CheckpointFiles(folder).history():
        before = Checkpoint.parse(notes.read(one.note).text)
        assert before.root == known[before.size]
    assert tree.tree_root(tile_reader(folder), len(lines)) == known[-1]
    leaves = (folder / "tree" / "0").read_bytes()
    assert len(leaves) == 32 * len(lines)
    for level in range(1, 4):
        below = (folder / "tree" / str(level - 1)).read_bytes() if level > 1 else leaves
        whole = range(0, len(below) // 8192 * 8192, 8192)
        expected = b"".join(tree.fold_tile(below[at : at + 8192]) for at in whole)
        path = folder / "tree" / str(level)
        assert (path.read_bytes() if path.exists() else b"") == expected
        if not expected:
            break
    return len(lines)
