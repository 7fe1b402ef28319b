"""Whether a version is what it was when it was written: every change is named, to the row."""

from collections.abc import Iterator
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path

from freehold.core.errors import StorageError
from freehold.core.training import Split
from freehold.learning.datasets import manifest as manifests
from freehold.learning.datasets.folder import HEX
from freehold.learning.datasets.lineage import Origin, origins
from freehold.learning.datasets.manifest import LINEAGE, MANIFEST, PLACES, SUMS, Manifest
from freehold.learning.datasets.rows import digest_of

_MOST = 20


def verify(folder: Path, manifest_sha256: str = "") -> list[str]:
    """What is not as it was written, each in one line; nothing where all is well.

    Args:
        manifest_sha256: of ``manifest.json``, as the ledger has it: without it, somebody who writes
            a dataset and all its sums anew is not found out.
    """
    found: list[str] = []
    sums = _sums(folder, found)
    present = {
        path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()
    }
    found += [f"{name} is missing" for name in sorted(set(sums) - present)]
    found += [f"{name} was added" for name in sorted(present - set(sums) - {SUMS})]
    actual = {name: _sha256(folder / name) for name in sorted(set(sums) & present)}
    changed = [name for name, digest in actual.items() if digest != sums[name]]
    try:
        manifest = manifests.read((folder / MANIFEST).read_bytes())
    except (OSError, ValueError) as error:
        found += [f"{name} is not what {SUMS} says" for name in changed]
        return [*found, f"{MANIFEST}: {error}"]
    found += list(_manifest(folder, manifest, actual))
    parts = {part.file: split for split, part in manifest.parts.items()}
    for name in changed:
        rows = _rows(folder, name, parts[name]) if name in parts else []
        found += rows or [f"{name} is not what {SUMS} says"]
    if manifest_sha256 and actual.get(MANIFEST, manifest_sha256) != manifest_sha256:
        found.append(f"{MANIFEST} is not the one of which the ledger tells")
    return list(dict.fromkeys(found))


def manifest_digest(folder: Path) -> str:
    """SHA-256 of ``manifest.json``, for the ledger."""
    return _sha256(folder / MANIFEST)


def _sums(folder: Path, found: list[str]) -> dict[str, str]:
    try:
        text = (folder / SUMS).read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        found.append(f"{SUMS} can't be read: {error}")
        return {}
    sums = {}
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        digest, _, name = line.partition("  ")
        if len(digest) != 64 or not name or ".." in name or name.startswith("/"):
            found.append(f"{SUMS}: line {number} was changed")
        else:
            sums[name] = digest
    if text != "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())):
        found.append(f"{SUMS} was changed")
    return sums


def _manifest(folder: Path, manifest: Manifest, actual: dict[str, str]) -> Iterator[str]:
    """Whether the manifest, the rows and the folder's name agree, whatever the sums say."""
    for part in manifest.parts.values():
        if part.file in actual and actual[part.file] != part.sha256:
            yield f"{part.file} is not what {MANIFEST} says"
    if LINEAGE in actual and actual[LINEAGE] != manifest.lineage.get("sha256"):
        yield f"{LINEAGE} is not what {MANIFEST} says"
    if manifest.places and PLACES in actual and actual[PLACES] != manifest.places:
        yield f"{PLACES} is not what {MANIFEST} says"
    shas: dict[Split, str] = {split: part.sha256 for split, part in manifest.parts.items()}
    try:
        digest = digest_of(manifest.owner, manifest.share, shas, manifest.places)
    except KeyError as error:
        yield f"{MANIFEST} names no part {error}"
        return
    if digest != manifest.digest:
        yield f"{MANIFEST} was changed: its digest is not that of its rows, owner and sharing"
    if folder.name != manifest.digest.removeprefix("sha256:")[:HEX]:
        yield f"the folder {folder.name} is not called after the digest {manifest.digest}"


def _rows(folder: Path, name: str, split: Split) -> list[str]:
    """Which rows of a changed part are not those of the lineage."""
    found: list[str] = []
    try:
        theirs = (origin for origin in origins(folder) if origin.split == split)
        with (folder / name).open("rb") as file:
            for number, (line, origin) in enumerate(zip_longest(file, theirs), 1):
                wrong = _row(line, origin)
                if wrong:
                    found.append(f"{name}: line {number} {wrong}")
                if len(found) > _MOST:
                    return [*found[:_MOST], f"{name}: and more"]
    except (StorageError, OSError):
        return []  # the lineage can't be read either, which is said of it
    return found


def _row(line: bytes | None, origin: Origin | None) -> str:
    if origin is None:
        return "was added"
    if line is None:
        return f"is missing ({origin.id})"
    return "" if sha256(line).hexdigest() == origin.sha256 else f"was changed ({origin.id})"


def _sha256(path: Path) -> str:
    sha = sha256()
    try:
        with path.open("rb") as file:
            while octets := file.read(1 << 20):
                sha.update(octets)
    except OSError as error:
        return f"unreadable: {error.strerror or error}"
    return sha.hexdigest()
