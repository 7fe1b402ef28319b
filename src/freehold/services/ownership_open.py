"""An archive that somebody brings: who signed it, and every byte against its digest.

It may be hostile. Nothing of it is written outside of one folder beside the home, names and sizes
are judged before, and no more is read of an entry than the signed manifest says.
"""

import hashlib
import shutil
import stat
import zipfile
import zlib
from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath
from typing import IO, Self

from msgspec import Struct

from freehold.core.errors import RequestError, StorageError
from freehold.learning.registry.pins import Pin, read_lines, trusted
from freehold.learning.registry.statement import key_id
from freehold.services import ownership
from freehold.services.ownership import Manifest

_MOST_MANIFEST = 256 * 2**20
_MOST_SMALL = 16 * 2**20
_MOST_ENTRIES = 200_000
_MOST_NAME = 1_000
_CHUNK = 1 << 20
_BEST = 1_100
"""Deflate makes a byte of 1,032 at most: what claims more is no honest entry."""
_ODD = {"", ".", ".."}
_BEGIN = b"PK\x03\x04"


class Signed(Struct, frozen=True, kw_only=True):
    """Whose archive it is.

    Attributes:
        pins: its own home first, then those of homes whose models it took over.
        signer: the fingerprint of the key that signed it.
        known: whether that key was known before, or had another way; else it is seen for the first
            time.
    """

    manifest: Manifest
    pins: tuple[Pin, ...]
    signer: str
    known: bool


class Brought:
    """One archive, open. Leave it as a context."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file: IO[bytes] = path.open("rb")
        except OSError as error:
            raise StorageError(f"{path} can't be read: {error.strerror or error}") from None
        try:
            self._zip = zipfile.ZipFile(self._file)
            self._entries = _judged(self._zip, path.stat().st_size)
        except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
            self._file.close()
            raise RequestError(_unreadable(path, error)) from None
        except RequestError:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        """It is open already."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Close it."""
        self._zip.close()
        self._file.close()

    def signed(self, own: Pin | None, pins: Iterable[Pin], vouched: Collection[str]) -> Signed:
        """Whose it is, and that the manifest is what they signed.

        Args:
            own: the keys of the home itself.
            pins: those that it knows.
            vouched: fingerprints that somebody had another way; then no other key will do.

        Raises:
            RequestError: it is not signed by a key that is believed, or was altered.
        """
        text = self._small(ownership.MANIFEST, _MOST_MANIFEST)
        manifest = ownership.read_manifest(text)
        envelope = self._small(ownership.SIGNATURE, _MOST_SMALL)
        try:
            given = read_lines(self._small(ownership.KEYS, _MOST_SMALL))
        except ValueError as error:
            raise RequestError(f"{ownership.KEYS} was altered: {error}") from None
        mine = next((pin for pin in given if pin.base == manifest.base), None)
        if mine is None:
            raise RequestError(f"{ownership.KEYS} has no key of {manifest.base}")
        found = ownership.signers(envelope, text, mine.public)
        if not found:
            raise RequestError(f"{ownership.MANIFEST} was altered: no key of {mine.base} signed it")
        known = {pin.base: pin for pin in pins}
        if own is not None:
            known[own.base] = own
        before = known.get(mine.base)
        # a key that somebody had another way is asked for also where another one is pinned
        sure = trusted(mine, None, vouched) if vouched else trusted(mine, before)
        believed = [key for key in found if key in sure]
        if not believed:
            raise RequestError(_stranger(mine, found[0], before, vouched))
        others = tuple(pin for pin in given if pin.base != mine.base)
        return Signed(
            manifest=manifest,
            pins=(mine, *_fitting(others, known)),
            signer=key_id(believed[0]),
            known=before is not None or bool(vouched),
        )

    def unpack(self, manifest: Manifest, folder: Path) -> None:
        """Write every file into an empty folder, each while it is compared with its digest.

        Raises:
            RequestError: an entry is missing, one too many, or altered; it is named.
            StorageError: the disk refused.
        """
        there = self._entries.keys() - {ownership.MANIFEST, ownership.SIGNATURE}
        for name in sorted(there ^ manifest.files.keys()):
            what = (
                "is missing" if name in manifest.files else "was put in: it is not in the manifest"
            )
            raise RequestError(f"`{name}` {what}")
        wanted = sum(file.bytes for file in manifest.files.values())
        try:
            free = shutil.disk_usage(folder).free
            if wanted > free:
                raise StorageError(
                    f"{wanted / 2**20:,.0f} MiB come out of {self.path}, and {free / 2**20:,.0f}"
                    f" MiB are free in {folder.parent}"
                )
            for name in sorted(manifest.files):
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._one(name, manifest.files[name], target)
        except OSError as error:
            raise StorageError(f"{self.path} can't be unpacked: {error}") from error

    def _one(self, name: str, file: ownership.File, target: Path) -> None:
        digest, left = hashlib.sha256(), file.bytes
        with target.open("xb") as out:
            try:
                with self._zip.open(self._entries[name]) as entry:
                    while piece := entry.read(min(_CHUNK, left + 1)):
                        left -= len(piece)
                        if left < 0:
                            break
                        digest.update(piece)
                        out.write(piece)
            except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
                raise RequestError(f"`{name}` was altered: {error}") from None
        if left or digest.hexdigest() != file.sha256:
            raise RequestError(f"`{name}` was altered: it is not what was signed")

    def _small(self, name: str, most: int) -> bytes:
        entry = self._entries.get(name)
        if entry is None:
            raise RequestError(f"{self.path} has no `{name}`: no archive of `freehold export`")
        if entry.file_size > most:
            raise RequestError(f"`{name}` is larger than {most // 2**20} MiB")
        try:
            with self._zip.open(entry) as file:
                return file.read(most + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise RequestError(f"`{name}` was altered: {error}") from None


def _unreadable(path: Path, error: Exception) -> str:
    """Why a file can't be opened as an archive, and what helps."""
    with path.open("rb") as file:
        begin = file.read(len(_BEGIN))
    if not begin:
        return f"{path} is empty: no archive of `freehold export`"
    if begin == _BEGIN:
        return (
            f"{path} is no archive that can be read: its end is missing or damaged ({error})."
            " Fetch it again, and compare its SHA-256 with what `freehold export` said"
        )
    return f"{path} is no archive of `freehold export`: it is no ZIP file"


def _judged(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """Entries by name: plain files with plain names, which do not share bytes."""
    infos = archive.infolist()
    if len(infos) > _MOST_ENTRIES:
        raise RequestError(f"{len(infos):,} entries; {_MOST_ENTRIES:,} are taken at most")
    found: dict[str, zipfile.ZipInfo] = {}
    folded: set[str] = set()
    for info in infos:
        name = info.orig_filename
        if not _plain(name):
            raise RequestError(f"{name[:200]!r} leads out of the folder, or is no plain name")
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
            raise RequestError(f"`{name}` is a link, or no plain file")
        if info.flag_bits & 0x1:
            raise RequestError(f"`{name}` is encrypted")
        if name.casefold() in folded:
            raise RequestError(f"`{name}` is in it twice")
        if info.file_size > _BEST * max(info.compress_size, 1):
            raise RequestError(f"`{name}` claims to unpack to {info.file_size:,} bytes: a bomb")
        folded.add(name.casefold())
        found[name] = info
    if sum(info.compress_size for info in infos) > size:
        raise RequestError("its entries share their bytes: a bomb")
    _nested(found)
    return found


def _plain(name: str) -> bool:
    path = PurePosixPath(name)
    return (
        len(name) <= _MOST_NAME
        and name.isprintable()
        and not any(sign in name for sign in '\\:*?"<>|')
        and not path.is_absolute()
        and path.as_posix() == name
        and not any(part in _ODD or part.startswith(".") for part in path.parts)
        and bool(path.parts)
    )


def _nested(found: Collection[str]) -> None:
    """A name can't be a file and a folder at once."""
    for name in found:
        for parent in PurePosixPath(name).parents:
            if parent.as_posix() in found:
                raise RequestError(f"`{parent}` is a file, and `{name}` lies in it")


def _fitting(others: Iterable[Pin], known: dict[str, Pin]) -> list[Pin]:
    """Keys of other homes that the signer took over; one that contradicts what is known here is not
    believed on the signer's word, so that its models will not verify.
    """
    return [
        pin
        for pin in others
        if pin.base not in known or trusted(pin, known[pin.base])[-1:] == pin.public[-1:]
    ]


def _stranger(mine: Pin, signer: bytes, before: Pin | None, vouched: Collection[str]) -> str:
    said = f"it is signed by {key_id(signer)} of {mine.base}"
    if vouched:
        return f"{said}, which is not the key that --key names"
    last = before.keys[-1].fingerprint if before is not None else ""
    return (
        f"{said}, and that home is known here by {last}, which does not endorse it: if its owner"
        " says that it lost its key, give the new one with --key"
    )
