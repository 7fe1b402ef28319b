"""Datasets on the disk: ``<home>/datasets/<name>/<first 16 hex of the digest>/``."""

import re
import shutil
from array import array
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, overload

from freehold.core.errors import NotFound, RequestError, StorageError
from freehold.core.training import Example, Split
from freehold.learning.datasets import manifest as manifests
from freehold.learning.datasets.manifest import MANIFEST, Manifest
from freehold.learning.datasets.rows import row_of

FOLDER = "datasets"
HEX = 16
NEWEST = "newest"
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{6,64})")


class Rows(Sequence[Example]):
    """The rows of one file, read when they are asked for: only where each begins is held."""

    def __init__(self, path: Path, starts: "array[int]") -> None:
        self._path = path
        self._starts = starts  # one more than there are rows

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __iter__(self) -> Iterator[Example]:
        with _opened(self._path) as file:
            for number, line in enumerate(file, 1):
                yield self._row(line, number)

    @overload
    def __getitem__(self, at: int) -> Example: ...
    @overload
    def __getitem__(self, at: slice) -> list[Example]: ...
    def __getitem__(self, at: int | slice) -> Example | list[Example]:
        if isinstance(at, slice):
            return [self[place] for place in range(*at.indices(len(self)))]
        place = at + len(self) if at < 0 else at
        if not 0 <= place < len(self):
            raise IndexError(at)
        with _opened(self._path) as file:
            file.seek(self._starts[place])
            line = file.read(self._starts[place + 1] - self._starts[place])
        return self._row(line, place + 1)

    def _row(self, line: bytes, number: int) -> Example:
        try:
            return row_of(line)
        except ValueError as error:
            raise StorageError(f"{self._path}: line {number} is no row: {error}") from None


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise StorageError(f"{path} can't be read: {error.strerror or error}") from None


class FolderDataset:
    """One version, as it lies in its folder; `core.training.Dataset`.

    Raises:
        StorageError: there is no manifest that can be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.manifest: Manifest = manifests.read((folder / MANIFEST).read_bytes())
        except OSError as error:
            raise StorageError(f"{folder} is no dataset: {error.strerror or error}") from None
        except ValueError as error:
            raise StorageError(f"{folder / MANIFEST}: {error}") from None
        self.name = self.manifest.name
        self.digest = self.manifest.digest
        self.owner = self.manifest.owner
        self.share = self.manifest.share
        self._rows: dict[Split, Rows] = {}

    def rows(self, split: Split) -> Sequence[Example]:
        """One part of it, in its order; read as it is asked for.

        Raises:
            StorageError: it can't be read, or is not what the manifest says.
        """
        if split not in self._rows:
            self._rows[split] = self._checked(split)
        return self._rows[split]

    def _checked(self, split: Split) -> Rows:
        part = self.manifest.parts[split]
        path = self.folder / part.file
        sha, starts, at = sha256(), array("Q", [0]), 0
        with _opened(path) as file:
            for line in file:
                sha.update(line)
                at += len(line)
                starts.append(at)
        if sha.hexdigest() != part.sha256:
            raise StorageError(
                f"{path} was changed: it is not what {self.name}@{short(self.digest)} says;"
                " `freehold dataset verify` names every change"
            )
        return Rows(path, starts)


def short(digest: str) -> str:
    """The first 16 hexadecimal digits, by which a version is called."""
    return digest.removeprefix("sha256:")[:HEX]


def checked_name(name: str) -> str:
    """Raises: RequestError: no dataset can be called that."""
    if not _NAME.fullmatch(name):
        raise RequestError(
            f"`{name[:80]}` can't be a dataset's name: lower-case letters, digits, `-`, `_` and"
            " `.`, at most 63"
        )
    return name


def versions(home: Path, name: str) -> list[FolderDataset]:
    """Every version of a dataset, the newest last; none where there is no such dataset.

    Raises:
        RequestError: no dataset can be called that.
        StorageError: one can't be read.
    """
    folder = home / FOLDER / checked_name(name)
    if not folder.is_dir():
        return []
    found = [FolderDataset(each) for each in folder.iterdir() if (each / MANIFEST).is_file()]
    newest = _newest(folder)
    return sorted(found, key=lambda d: (d.folder.name == newest, d.manifest.created_ns, d.digest))


def _newest(folder: Path) -> str:
    try:
        return (folder / NEWEST).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""  # the times of the manifests say it then


def names(home: Path) -> list[str]:
    """The datasets of a home: those that have a version."""
    folder = home / FOLDER
    if not folder.is_dir():
        return []
    there = [each for each in folder.iterdir() if _NAME.fullmatch(each.name) and each.is_dir()]
    return sorted(each.name for each in there if any(each.glob(f"*/{MANIFEST}")))


def latest(home: Path, name: str) -> FolderDataset | None:
    """The newest version, if there is any."""
    return next(reversed(versions(home, name)), None)


def find(home: Path, wanted: str) -> FolderDataset:
    """A dataset by ``name`` (its newest version) or ``name@digest`` (six digits and more will do).

    Raises:
        NotFound: there is none, or no such version.
        RequestError: it is no name, or several versions begin like this.
    """
    name, at, digest = wanted.partition("@")
    every = versions(home, name)
    if not every:
        known = ", ".join(names(home)) or "none"
        raise NotFound(f"there is no dataset `{name}` in {home}; there are: {known}")
    if not at:
        return every[-1]
    match = _DIGEST.fullmatch(digest)
    if match is None:
        raise RequestError(f"`{digest[:80]}` is no digest: six and more hexadecimal digits")
    found = [d for d in every if d.digest.removeprefix("sha256:").startswith(match.group(1))]
    if len(found) > 1:
        raise RequestError(f"{len(found)} versions of {name} begin with {digest}: say more of it")
    if not found:
        known = ", ".join(short(d.digest) for d in every)
        raise NotFound(f"{name} has no version {digest}; it has {known}")
    return found[0]


def remove(folder: Path) -> None:
    """Remove a version for good: out of sight first, so that half of one is never found.

    Raises:
        StorageError: the disk refused.
    """
    aside = folder.with_name(f".staging-removed-{folder.name}")
    try:
        folder.rename(aside)
        shutil.rmtree(aside)
    except OSError as error:
        raise StorageError(f"{folder} can't be removed: {error.strerror or error}") from None
