"""``freehold export``: everything that is the owner's, in one signed archive (decision 37)."""

import hashlib
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Self

from msgspec import Struct
from msgspec.structs import replace

import freehold
from freehold.core.errors import StorageError
from freehold.learning.registry.manifest import encoded
from freehold.learning.registry.pins import Pin, lines_of
from freehold.ledger.archive import Archive
from freehold.ledger.signing import LedgerKey, LedgerKeys
from freehold.services import ownership
from freehold.services.ownership import CanaryOf, DatasetOf, File, Manifest, ModelOf
from freehold.services.ownership_bom import bom
from freehold.services.ownership_pick import Picked, Source, Wanted
from freehold.services.ownership_readme import readme

LogEvent = Callable[..., str]
_CHUNK = 1 << 20
_SPOOL = 4 << 20


class Made(Struct, frozen=True, kw_only=True):
    """What was made: its manifest, its SHA-256 and the fingerprint of the key that signed it."""

    manifest: Manifest
    sha256: str
    fingerprint: str


class Carrying:
    """The use case. Leave it as a context: texts are laid aside in a file without a name.

    Args:
        actor: who exports, as the ledger is to say.
    """

    def __init__(self, home: Path, wanted: Wanted, actor: str, tell: Callable[[str], None]) -> None:
        self._keys = LedgerKeys(home)
        self._wanted = wanted
        self._actor = actor
        self._tell = tell
        self._open = ExitStack()
        self._labels: IO[bytes] | None = None
        self._sums: dict[str, File] = {}
        self.fingerprint = ""

    def __enter__(self) -> Self:
        """Nothing is opened yet."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Forget what was laid aside."""
        self._open.close()

    def prepare(
        self,
        picked: Picked,
        labels: Iterable[bytes],
        made_at: str,
        log: LogEvent,
        canaries: Iterable[CanaryOf] = (),
    ) -> Manifest:
        """Sum up every file, and write into the ledger what leaves it.

        Args:
            labels: lines of JSON, read once; they are laid aside on the disk.
            canaries: how far those are that stand in ``picked``.

        Raises:
            StorageError, AuditError: something can't be read, or not be recorded.
        """
        wanted = self._wanted
        count = self._lay_aside(labels)
        for name, source in sorted(picked.sources.items()):
            self._sums[name] = _summed(name, source)
        self._tell(f"{len(self._sums):,} files, {_mib(self._sums.values())} in all")
        digest = ownership.content_digest({n: file.sha256 for n, file in self._sums.items()})
        manifest = Manifest(
            format=ownership.FORMAT,
            v=ownership.VERSION,
            freehold=freehold.__version__,
            made_at=made_at,
            base=self._keys.base,
            event="",
            digest=digest,
            tenant=wanted.tenant,
            bundle=picked.bundle,
            models=_models(picked),
            datasets=tuple(_dataset(picked, each) for each in picked.datasets),
            deployments=len(picked.rows),
            canaries=tuple(canaries),
            labels=count,
            words=wanted.words,
            left_out=(*sorted(wanted.without), *picked.left),
        )
        details: dict[str, Any] = {
            "digest": digest,
            "files": len(self._sums),
            "bytes": sum(file.bytes for file in self._sums.values()),
            "bundle": picked.bundle.live if picked.bundle else "",
            "models": [each.id for each in manifest.models],
            "datasets": [f"{each.name}@{each.digest}" for each in manifest.datasets],
            "labels": count,
            "words": wanted.words,
        }
        event = log(ownership.EXPORTED, self._actor, digest, details, tenant=wanted.tenant)
        return replace(manifest, event=event)

    def write(
        self,
        manifest: Manifest,
        picked: Picked,
        pins: Iterable[Pin],
        proofs: IO[bytes] | None,
        target: IO[bytes],
    ) -> Manifest:
        """Make the archive; give the manifest as it stands there.

        Args:
            proofs: an auditors' archive with the entries about all this, or nothing.

        Raises:
            StorageError: a file was changed meanwhile, or no key signs it.
        """
        _, key, seed = self._keys.held()
        self.fingerprint = key.fingerprint
        keys = self._keys.history()
        sources: dict[str, Any] = dict(picked.sources)
        if self._labels is not None:
            sources[ownership.LABELS] = self._labels
        told = bom(picked.versions, (d.manifest for d in picked.datasets), manifest.digest)
        sources[ownership.BOM] = encoded(told) + b"\n"
        sources[ownership.KEYS] = _pins(manifest.base, keys, pins)
        sources[ownership.README] = readme(manifest, key.fingerprint, proofs is not None).encode()
        archive = Archive(target)
        with ExitStack() as stack:
            stack.callback(archive.drop)  # nothing is left of it where this does not end well
            if proofs is not None:
                inner = stack.enter_context(zipfile.ZipFile(proofs))
                for info in inner.infolist():
                    opened = stack.enter_context(inner.open(info))
                    sources[ownership.LEDGER + info.filename] = opened
            for name in sorted(sources):
                archive.add_all(name, _pieces(sources[name]))
                self._unchanged(name, archive.files[name])
            return self._signed(manifest, archive, seed)

    @staticmethod
    def _signed(manifest: Manifest, archive: Archive, seed: bytes) -> Manifest:
        files = {
            name: File(sha256=str(one["sha256"]), bytes=int(one["bytes"]))
            for name, one in archive.files.items()
        }
        manifest = replace(manifest, files=files)
        text = ownership.written(manifest)
        for name, data in (
            (ownership.MANIFEST, text),
            (ownership.SIGNATURE, ownership.sign(text, seed)),
        ):
            with archive.stream(name, last=True) as write:
                write(data)
        archive.close()
        return manifest

    def _lay_aside(self, lines: Iterable[bytes]) -> int:
        if "labels" in self._wanted.without:
            return 0
        aside = self._open.enter_context(tempfile.SpooledTemporaryFile(_SPOOL))  # noqa: SIM115
        count, digest, size = 0, hashlib.sha256(), 0
        for line in lines:
            aside.write(line)
            digest.update(line)
            count, size = count + 1, size + len(line)
        if count:
            self._labels = aside
            self._sums[ownership.LABELS] = File(sha256=digest.hexdigest(), bytes=size)
        return count

    def _unchanged(self, name: str, written: dict[str, str | int]) -> None:
        known = self._sums.get(name)
        if known is not None and known.sha256 != written["sha256"]:
            raise StorageError(f"{name} was changed while it was being exported: begin again")


def _models(picked: Picked) -> tuple[ModelOf, ...]:
    states = {row.id: row.state for row in picked.rows}
    return tuple(
        ModelOf(
            id=version.id,
            kind=version.manifest.content.kind,
            digest=version.manifest.digest,
            owner=version.manifest.content.dataset.owner,
            state=states.get(version.id, ""),
        )
        for version in picked.versions
    )


def _dataset(picked: Picked, dataset: Any) -> DatasetOf:
    return DatasetOf(
        name=dataset.name,
        digest=dataset.digest,
        owner=dataset.owner,
        rows=dataset.manifest.rows,
        newest=dataset.digest in picked.newest,
    )


def _pins(base: str, keys: tuple[LedgerKey, ...], pins: Iterable[Pin]) -> bytes:
    """The exporter's own keys, and those of homes whose models it had taken over."""
    return lines_of([Pin(base, keys), *(pin for pin in pins if pin.base != base)])


def _summed(name: str, source: Source) -> File:
    digest, size = hashlib.sha256(), 0
    try:
        for piece in _pieces(source):
            digest.update(piece)
            size += len(piece)
    except OSError as error:
        raise StorageError(f"{name} can't be read: {error.strerror or error}") from None
    return File(sha256=digest.hexdigest(), bytes=size)


def _pieces(source: Source | IO[bytes]) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
    elif isinstance(source, Path):
        with source.open("rb") as file:
            yield from _read(file)
    else:
        if source.seekable():
            source.seek(0)
        yield from _read(source)


def _read(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_CHUNK):
        yield piece


def _mib(files: Iterable[File]) -> str:
    return f"{sum(file.bytes for file in files) / 2**20:,.1f} MiB"
