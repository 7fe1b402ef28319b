"""The bundle's folder, read once: checking, hashing and keeping all see the same bytes."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from freehold.bundle.problems import Problems, Spot

MAX_FILES = 4_096
MAX_FILE_BYTES = 16 * 2**20
MAX_TOTAL_BYTES = 64 * 2**20
MAX_DEPLOYED_BYTES = 512 * 2**20
"""Of all files of deployed custom models together, which only Freehold itself puts there."""

DEPLOYED_FILE = "deployments.yaml"
DEPLOYED_FOLDER = "deployed/"

_SHORT_HASH = 12
_SCRATCH_SUFFIXES = ("~", ".swp", ".swo", ".swx", ".tmp", ".part", ".crdownload")


class Snapshot(Struct, frozen=True):
    """The files of a folder at one moment, by relative path with forward slashes."""

    folder: str
    files: dict[str, bytes]
    whole: bool = True
    """False if something in the folder could not be read, or is no part of a bundle."""
    deployed: bool = False
    """True if what is deployed was laid over the folder's own files."""

    @property
    def hash(self) -> str:
        """``sha256:`` and 64 hex digits over every path and every byte, in order of path."""
        digest = hashlib.sha256(b"freehold.bundle/1\n")
        for path in sorted(self.files):
            name, content = path.encode(), self.files[path]
            digest.update(b"%d:%s%d:" % (len(name), name, len(content)))
            digest.update(content)
        return f"sha256:{digest.hexdigest()}"


class Entry(Struct, frozen=True):
    """One file of the folder, as a scan sees it. Two equal scans mean that nobody is writing."""

    path: str
    mtime_ns: int
    ctime_ns: int
    size: int
    inode: int


def scan(folder: Path, problems: Problems | None = None) -> tuple[Entry, ...]:
    """The bundle's files by path; dot-files and editors' scratch files are not among them.

    What does not belong in a bundle (links that lead out of it, sockets, folders behind links) or
    can't be read goes to ``problems``; without ``problems`` it is left out in silence.

    Raises:
        OSError: the folder itself can't be listed.
    """
    entries = _scan(folder, folder.resolve(), "", Problems() if problems is None else problems)
    return tuple(sorted(entries, key=lambda entry: entry.path))


def _scan(folder: Path, root: Path, prefix: str, problems: Problems) -> Iterator[Entry]:
    with os.scandir(folder) as listing:
        found = sorted(listing, key=lambda entry: entry.name)
    for item in found:
        if is_scratch(item.name):
            continue
        path = prefix + item.name
        here = Spot(path.encode(errors="backslashreplace").decode(), 0, 0)
        try:
            if here.file != path:
                problems.add("file.name", here, "a file name that is not UTF-8")
            elif item.is_symlink() and not Path(item.path).resolve().is_relative_to(root):
                problems.add(
                    "file.link",
                    here,
                    "a link that leads out of the bundle's folder",
                    suggestion="copy the file into it",
                )
            elif item.is_dir(follow_symlinks=False):
                yield from _scan(Path(item.path), root, f"{path}/", problems)
            elif item.is_dir():
                problems.add(
                    "file.link",
                    here,
                    "a link to a folder, which is not followed",
                    suggestion="link the files, or move the folder here",
                )
            else:
                status = item.stat()
                if stat.S_ISREG(status.st_mode):
                    yield Entry(
                        path,
                        status.st_mtime_ns,
                        status.st_ctime_ns,
                        status.st_size,
                        status.st_ino,
                    )
                else:
                    problems.add("file.kind", here, "neither a file nor a folder")
        except OSError as error:
            problems.add("file.unreadable", here, f"can't be read: {error.strerror or error}")


def is_scratch(name: str) -> bool:
    """Whether a file of this name is no part of a bundle: hidden, or an editor's scratch file."""
    return (
        name.startswith((".", "#"))
        or name.endswith(_SCRATCH_SUFFIXES)
        or name in {"4913", "__pycache__", "lost+found"}
    )


def read_folder(folder: Path, problems: Problems) -> Snapshot:
    """Read every file of the bundle; what can't be read, or is too much, goes to ``problems``."""
    before = len(problems)
    files: dict[str, bytes] = {}
    total = deployed = 0
    for entry in _entries(folder, problems):
        here = Spot(entry.path, 0, 0)
        own = entry.path.startswith(DEPLOYED_FOLDER)
        total, deployed = total + entry.size * (not own), deployed + entry.size * own
        too_much = total > MAX_TOTAL_BYTES or deployed > MAX_DEPLOYED_BYTES
        if too_much or (entry.size > MAX_FILE_BYTES and not own):
            problems.add(
                "folder.size",
                here,
                f"too large: one file may have {MAX_FILE_BYTES // 2**20} MiB, "
                f"a bundle {MAX_TOTAL_BYTES // 2**20} MiB",
                suggestion="keep data outside of the bundle and let a source read it",
            )
            break
        try:
            with (folder / entry.path).open("rb") as handle:
                files[entry.path] = handle.read(entry.size + 1)
        except OSError as error:
            problems.add("file.unreadable", here, f"can't be read: {error.strerror or error}")
    return Snapshot(str(folder), files, whole=len(problems) == before)


def _entries(folder: Path, problems: Problems) -> tuple[Entry, ...]:
    here = Spot(str(folder), 0, 0)
    try:
        entries = scan(folder, problems)
    except (FileNotFoundError, NotADirectoryError):
        hint = "`freehold init` writes a starter bundle"
        problems.add("folder.missing", here, "there is no such folder", suggestion=hint)
        return ()
    except OSError as error:
        problems.add("folder.unreadable", here, f"can't be listed: {error.strerror or error}")
        return ()
    if len(entries) > MAX_FILES:
        said = f"{len(entries)} files; a bundle has at most {MAX_FILES}"
        problems.add("folder.size", here, said)
        return ()
    return entries


def bundle_hash(folder: Path) -> str:
    """The version of the bundle in ``folder``: ``sha256:`` over all paths and contents.

    Raises:
        OSError: a file, or the folder, can't be read.
    """
    files = {entry.path: (folder / entry.path).read_bytes() for entry in scan(folder)}
    return Snapshot(str(folder), files).hash


def short_hash(full: str) -> str:
    """The first digits, for people: ``sha256:1f3a…`` becomes ``1f3a09c2b7de``."""
    return full.removeprefix("sha256:")[:_SHORT_HASH]
