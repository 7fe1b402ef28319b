"""Every bundle that was ever live, as a copy under its hash: what old records replay against."""

import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from freehold.bundle.deployed import expand
from freehold.bundle.load import load
from freehold.bundle.problems import Problems
from freehold.bundle.schema import Bundle
from freehold.bundle.shape import validate
from freehold.bundle.snapshot import Snapshot, read_folder
from freehold.core.errors import BundleError, NotFound
from freehold.core.ids import prefixed

_LIVE = "live.json"
_HASH = re.compile(r"sha256:([0-9a-f]{64})")


class AlteredCopy(BundleError):
    """A kept copy is not what its hash says any more."""


def keep(snapshot: Snapshot, home: Path) -> Path:
    """Copy a bundle to ``<home>/bundles/<64 hex digits>/``, whole or not at all.

    Returns:
        The copy's folder. A copy that is there already is compared, never written again.

    Raises:
        AlteredCopy: the copy that is there was changed by somebody.
        OSError: it can't be written.
    """
    target = kept_folder(home, snapshot.hash)
    if target.is_dir():
        _verified(target, snapshot.hash)
        return target
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = target.parent / f".{prefixed('new')}"
    try:
        for name, content in snapshot.files.items():
            path = scratch / name
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, content)
        scratch.mkdir(exist_ok=True)
        scratch.rename(target)
        _sync(target.parent)
    except OSError:
        shutil.rmtree(scratch, ignore_errors=True)
        if target.is_dir():  # another process was first, with the same bytes
            _verified(target, snapshot.hash)
            return target
        raise
    return target


def load_kept(home: Path, bundle_hash: str) -> Bundle:
    """The bundle with this hash, as it was when it was live.

    Raises:
        NotFound: no such bundle was ever live here.
        BundleError: the copy was changed, or its format is no longer understood.
    """
    return load_kept_files(home, bundle_hash)[0]


def load_kept_files(home: Path, bundle_hash: str) -> tuple[Bundle, Mapping[str, bytes]]:
    """The same, with all of its files by path.

    Raises:
        NotFound, BundleError: as `load_kept`.
    """
    snapshot = kept_snapshot(home, bundle_hash)
    return understood(snapshot), snapshot.files


def kept_snapshot(home: Path, bundle_hash: str) -> Snapshot:
    """The files of the bundle with this hash.

    Raises:
        NotFound: no such bundle was ever live here.
        AlteredCopy: the copy was changed.
    """
    folder = kept_folder(home, bundle_hash)
    if not folder.is_dir():
        raise NotFound(f"no bundle {bundle_hash} is kept in {folder.parent}")
    return _verified(folder, bundle_hash)


def understood(snapshot: Snapshot) -> Bundle:
    """The bundle that was checked when these files went live, with what is deployed in it.

    Raises:
        BundleError: its format is no longer understood.
    """
    problems = Problems()
    bundle = validate(load(snapshot, problems).root, True, problems)
    if bundle is None:
        said = "; ".join(str(problem) for problem in problems.sorted()[:3])
        raise BundleError(f"the kept bundle {snapshot.hash} can't be read by this version: {said}")
    return expand(bundle)


def mark_live(home: Path, folder: Path, bundle_hash: str) -> None:
    """Note which bundle a server has made live, and where its folder is, for the terminal.

    Raises:
        OSError: it can't be written.
    """
    scratch = home / f".{prefixed('new')}"
    note = {"folder": str(folder.absolute()), "bundle": bundle_hash}
    scratch.write_text(json.dumps(note) + "\n", encoding="utf-8")
    scratch.replace(home / _LIVE)


def live_mark(home: Path) -> tuple[Path, str]:
    """The folder and hash of the bundle that a server of this home made live last.

    Raises:
        NotFound: none ever was.
    """
    try:
        note = json.loads((home / _LIVE).read_text(encoding="utf-8"))
        return Path(note["folder"]), str(note["bundle"])
    except OSError:
        why = f"no bundle was ever live in {home}: `freehold serve` makes one so"
    except (ValueError, KeyError, TypeError):
        why = f"{home / _LIVE} is damaged: `freehold serve` writes it anew"
    raise NotFound(why)


def kept_hashes(home: Path) -> list[str]:
    """The hashes of all bundles that are kept, the one that was written last first."""
    try:
        folders = [f for f in (home / "bundles").iterdir() if _HASH.fullmatch(f"sha256:{f.name}")]
        folders.sort(key=lambda folder: folder.stat().st_mtime_ns, reverse=True)
    except OSError:
        return []
    return [f"sha256:{folder.name}" for folder in folders]


def kept_folder(home: Path, bundle_hash: str) -> Path:
    """Where the bundle with this hash is kept, whether it is there or not.

    Raises:
        NotFound: this is no bundle's hash.
    """
    match = _HASH.fullmatch(bundle_hash)
    if match is None:
        raise NotFound(f"`{bundle_hash[:80]}` is no bundle's hash")
    return home / "bundles" / match.group(1)


def _verified(folder: Path, bundle_hash: str) -> Snapshot:
    problems = Problems()
    snapshot = read_folder(folder, problems)
    if snapshot.hash != bundle_hash or len(problems):
        raise AlteredCopy(
            f"the kept copy in {folder} was changed: it is not {bundle_hash} any more; restore it "
            "from a backup, or remove it and activate that bundle again"
        )
    return snapshot


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
        if hasattr(os, "fchmod"):
            os.fchmod(handle.fileno(), 0o400)


def _sync(folder: Path) -> None:
    """Make the renamed entry durable; a system that can't open folders does it by itself."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
