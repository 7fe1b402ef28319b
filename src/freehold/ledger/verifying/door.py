"""The door: whatever lies at a path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from freehold.ledger.verifying.archive import ArchiveCheck
from freehold.ledger.verifying.basics import (
    JSON_LIMIT,
    ZIP_ENTRIES,
    Malformed,
    Progress,
    Unreadable,
    read_json,
)
from freehold.ledger.verifying.checks import Check
from freehold.ledger.verifying.files import Files, Folder, Zip, lines_of, small
from freehold.ledger.verifying.findings import Report
from freehold.ledger.verifying.ledger import LedgerCheck
from freehold.ledger.verifying.log_files import cut_short
from freehold.ledger.verifying.meant import meant
from freehold.ledger.verifying.notes import Checkpoint, Note, read_checkpoint, read_note, read_vkey
from freehold.ledger.verifying.proofs import verify_proof
from freehold.ledger.verifying.trust import Pins, read_pin


def read_checkpoints(path: Path) -> list[tuple[str, Note, Checkpoint]]:
    """Checkpoints that were kept elsewhere: a note, lines of ``{"at", "note"}``, a folder of such.

    Raises:
        Unreadable: there is none.
    """
    if path.is_dir():
        files = sorted(one for one in path.rglob("*") if one.is_file())[:ZIP_ENTRIES]
        return [found for one in files for found in read_checkpoints(one)]
    try:
        read = [read_note(one)._replace(at=at) for at, one in _notes_in(path)]
        found = [(str(path), note, read_checkpoint(note.text)) for note in read]
        if not found:
            raise Malformed("it is empty")
        return found
    except (LookupError, TypeError, AttributeError, UnicodeError, OSError, Malformed) as error:
        raise Unreadable(f"{path} holds no checkpoint: {error}") from error


def _notes_in(path: Path) -> Iterator[tuple[str, bytes]]:
    """One or several notes below each other, or one in each line of JSON, with its time."""
    with path.open("rb") as file:
        lines_of_json = file.read(1) == b"{"
    files = Folder(path.parent)
    if lines_of_json:
        for _, line, whole in lines_of(files, path.name):
            if whole or not cut_short(line):
                told = read_json(line)
                yield str(told.get("at", "")), str(told["note"]).encode()
        return
    parts = (small(files, path.name, JSON_LIMIT) or b"").rstrip(b"\n").split(b"\n\n")
    if len(parts) % 2:
        raise Malformed("no signed note")
    for at in range(0, len(parts), 2):
        yield "", parts[at].lstrip(b"\n") + b"\n\n" + parts[at + 1] + b"\n"


def verify(
    path: Path,
    *,
    keys: Sequence[str] = (),
    checkpoints: Sequence[Path] = (),
    witnesses: Sequence[str] = (),
    line: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Verify whatever lies at `path`.

    Args:
        keys: vkeys, or fingerprints of the ledger's keys, that reached the caller another way.
        checkpoints: files (or folders of files) with checkpoints that were kept elsewhere.
        witnesses: vkeys of witnesses that must have cosigned.
        line: for a plain tlog-proof, the file with the record's line.
        progress: told bytes done and bytes in all.

    Raises:
        Unreadable: nothing can be said.
    """
    try:
        pins = Pins(
            [read_pin(key)[0] for key in keys],
            [one for file in checkpoints for one in read_checkpoints(file)],
            [read_vkey(key) for key in witnesses],
        )
        if path.is_dir():
            return _verify_folder(path, pins, progress)
        if not path.is_file():
            raise Unreadable(f"there is no {path}")
        with path.open("rb") as file:
            begin = file.read(4)
        if begin.startswith(b"PK"):
            return _verify_archive(Zip(path), path, pins, progress)
        proof = small(Folder(path.parent), path.name, JSON_LIMIT) or b""
        return verify_proof(proof, line.read_bytes() if line else None, pins, str(path))
    except Malformed as error:
        raise Unreadable(str(error)) from error
    except (OSError, ValueError) as error:
        raise Unreadable(f"{path} can't be read: {error}") from error


def _verify_folder(path: Path, pins: Pins, progress: Progress | None) -> Report:
    what, path = meant(path)
    if what == "archive":
        return _verify_archive(Folder(path), path, pins, progress)
    history = path / "keys.jsonl"
    before = history.read_bytes() if history.is_file() else b""
    check = LedgerCheck(path, pins, progress)
    unknown = any(one.code == "key-unknown" for one in check.run().problems)
    if unknown and history.is_file() and history.read_bytes() != before:
        check = LedgerCheck(path, pins, progress)  # a key was changed while we read
        check.run()
    return _vouching(check, pins, lambda more: LedgerCheck(path, more, progress))


def _verify_archive(files: Files, path: Path, pins: Pins, progress: Progress | None) -> Report:
    check = ArchiveCheck(files, str(path), pins, progress)
    check.run()
    return _vouching(check, pins, lambda more: ArchiveCheck(files, str(path), more, progress))


def _vouching(check: Check, pins: Pins, again: Callable[[Pins], Check]) -> Report:
    """Once more, as long as a log of a pinned key names a key before it that is not yet known."""
    vouched: set[str] = set()
    while pins.keys and check.vouched - vouched:
        vouched |= check.vouched
        check = again(Pins(pins.keys, pins.checkpoints, pins.witnesses, sorted(vouched)))
        check.run()
    return check.report
