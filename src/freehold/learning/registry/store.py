"""Versions of custom models on disk: added whole or not at all, found, signed and verified.

One folder for each version, ``<home>/custom/<model>/<version>/``; nothing in it changes but what is
attached later (the gate's report), and then the card and the signature with it.
"""

import hashlib
import json
import shutil
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

import freehold
from freehold.core.clock import Clock, SystemClock, rfc3339
from freehold.core.errors import AlteredModel, NotFound, StorageError, TrainingError
from freehold.core.ids import prefixed
from freehold.core.training import Dataset, Split, Trained, TrainingJob
from freehold.learning.registry import statement
from freehold.learning.registry.card import card
from freehold.learning.registry.formats import check_file, check_path
from freehold.learning.registry.manifest import (
    CARD,
    GATE,
    LINEAGE,
    MANIFEST,
    SIGNATURE,
    Content,
    DatasetOf,
    Manifest,
    TrainerOf,
    Version,
    digest_of,
    encoded,
    is_name,
    numbered,
    read_manifest,
)
from freehold.learning.registry.pins import pinned
from freehold.ledger.files import replace_file, seal_file, sync_folder
from freehold.ledger.locking import FileLock
from freehold.ledger.signing import LedgerKeys

_LOCK = ".lock"
_CHUNK = 1 << 20
_SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class About(Struct, frozen=True, kw_only=True):
    """What a version's card says besides: its purpose, its base's licence, who started it."""

    purpose: str = ""
    licence: str = ""
    by: str = ""


class Registry:
    """The versions in one folder; nothing is kept between calls but what the files say.

    Args:
        folder: ``<home>/custom``.
        keys: sign and verify; those of the home's ledger if left out.
    """

    def __init__(
        self, folder: Path, keys: LedgerKeys | None = None, clock: Clock | None = None
    ) -> None:
        self.folder = folder
        self._keys = LedgerKeys(folder.parent) if keys is None else keys
        self._clock = clock or SystemClock()

    def add(
        self,
        trained: Trained,
        job: TrainingJob,
        dataset: Dataset,
        *,
        about: About | None = None,
        code: str = freehold.__version__,
    ) -> Version:
        """Keep what a trainer made as the model's next version. The same content twice is one
        version: the one that is there already is given, with files that it lost put back.

        Raises:
            TrainingError: a file is missing, leads elsewhere, or is of no open format.
            StorageError: it can't be written or signed.
        """
        if not is_name(job.model):
            raise TrainingError(f"{job.model!r} is no name that a custom model can have")
        _check(trained, job.out)
        home = self.folder / job.model
        try:
            home.mkdir(parents=True, exist_ok=True, mode=0o700)
            scratch = home / f".{prefixed('new')}"
            try:
                files = _copied(trained, job.out, scratch)
                with FileLock(home / _LOCK):
                    return self._added(
                        scratch, files, trained, job, dataset, about or About(), code
                    )
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        except (OSError, TimeoutError) as error:
            raise StorageError(f"{job.model} can't be kept in {home}: {error}") from error

    def _added(
        self,
        scratch: Path,
        files: dict[str, str],
        trained: Trained,
        job: TrainingJob,
        dataset: Dataset,
        about: About,
        code: str,
    ) -> Version:
        content = Content(
            model=job.model,
            kind=trained.kind,
            serving=dict(trained.serving),
            file=trained.file,
            files=files,
            dataset=DatasetOf(name=dataset.name, digest=dataset.digest, owner=dataset.owner),
            trainer=TrainerOf(options=dict(job.options), seed=job.seed, base=job.base),
            code=code,
        )
        digest = digest_of(content)
        before = self._names(job.model)
        for name in before:
            if name.endswith(f"-{digest.removeprefix('sha256:')[:8]}"):
                for lost in self.lacking(f"{job.model}@{name}"):
                    (scratch.parent / name / lost).parent.mkdir(parents=True, exist_ok=True)
                    (scratch / lost).replace(scratch.parent / name / lost)
                return self.verify(f"{job.model}@{name}")
        number = numbered(before[-1]) + 1 if before else 1
        manifest = Manifest(
            version=f"v{number}-{digest.removeprefix('sha256:')[:8]}",
            digest=digest,
            content=content,
            created=rfc3339(self._clock.now_ns()),
            by=about.by,
            parent=before[-1] if before else "",
            purpose=about.purpose,
            licence=about.licence,
            figures=dict(trained.figures),
            notes=trained.notes,
        )
        rows = {split: [row.id for row in dataset.rows(split)] for split in _SPLITS}
        _write(scratch / LINEAGE, encoded({"dataset": content.dataset, "rows": rows}))
        _write(scratch / MANIFEST, encoded(manifest))
        counts = {str(split): len(ids) for split, ids in rows.items()}
        _write(scratch / CARD, card(manifest, counts).encode())
        self._sign(scratch, manifest)
        target = scratch.parent / manifest.version
        scratch.rename(target)
        sync_folder(target.parent)
        return Version(manifest, target)

    def models(self) -> list[str]:
        """The custom models that have a version, by name."""
        try:
            found = [f.name for f in self.folder.iterdir() if f.is_dir() and is_name(f.name)]
        except OSError:
            return []
        return sorted(name for name in found if self._names(name))

    def versions(self, model: str) -> list[Version]:
        """The versions of a model, the oldest first; none where there is no such model.

        Raises:
            AlteredModel: the manifest of one can't be read, or was altered.
        """
        folder = self.folder / model
        return [Version(read_manifest(folder / name), folder / name) for name in self._names(model)]

    def find(self, which: str) -> Version:
        """``model@version``, where the version's number will do (``model@v3``); or ``model``, whose
        newest version is meant.

        Raises:
            NotFound: there is none.
            AlteredModel: its manifest can't be read, or was altered.
        """
        model, at, wanted = which.partition("@")
        names = self._names(model)
        meant = [n for n in names if n == wanted or n.partition("-")[0] == wanted] if at else names
        if not meant:
            known = ", ".join(names) or "none"
            what = f"no version {wanted} of {model}" if at else f"no version of {model}"
            help_ = "" if names else f": freehold train {model[:80]}"
            raise NotFound(f"{what} in {self.folder}; there is {known}{help_}")
        folder = self.folder / model / meant[-1]
        return Version(read_manifest(folder), folder)

    def verify(self, which: str, keys: Iterable[bytes] | None = None) -> Version:
        """Find a version, and see that every file is what was trained and signed.

        Args:
            keys: public keys, 32 bytes each; `keys()` if left out.

        Raises:
            NotFound: there is none.
            AlteredModel: a file is missing, was altered, or is one too many; says which.
        """
        return self.verified(self.find(which), keys)

    def verified(
        self, version: Version, keys: Iterable[bytes] | None = None, but: Collection[str] = ()
    ) -> Version:
        """The same of a version that is at hand, wherever it lies; ``but`` these files."""
        known = self.keys() if keys is None else list(keys)
        try:
            envelope = (version.folder / SIGNATURE).read_bytes()
        except OSError as error:
            raise AlteredModel(f"{version.id} has no signature that can be read: {error}") from None
        signed = statement.verify(envelope, version.manifest, known)
        there = _digests(version.folder)
        for name in sorted((signed.keys() | there.keys()) - set(but)):
            if name not in there:
                raise AlteredModel(f"{version.id}: the file `{name}` is missing")
            if name not in signed:
                raise AlteredModel(f"{version.id}: the file `{name}` is one that nobody signed")
            if signed[name] != there[name]:
                raise AlteredModel(f"{version.id}: the file `{name}` was altered")
        for name, digest in version.manifest.content.files.items():
            if there.get(name) != digest:
                raise AlteredModel(f"{version.id}: the file `{name}` is not the trained one")
        return version

    def lacking(self, which: str) -> list[str]:
        """The trained files of a version that are not there any more.

        Raises:
            NotFound, AlteredModel: as `find`.
        """
        version = self.find(which)
        return [n for n in version.manifest.content.files if not (version.folder / n).is_file()]

    def keys(self) -> list[bytes]:
        """Public keys that may vouch for a version: every one that the home's ledger ever had, and
        those of homes whose models were brought here.

        Raises:
            AlteredModel, StorageError: they can't be read.
        """
        own = [key.public_bytes for key in self._keys.history()]
        return own + [public for one in pinned(self.folder) for public in one.public]

    def attach_gate(self, which: str, report: Mapping[str, Any]) -> Version:
        """Write the gate's report beside a version, and the card and the signature anew.

        Raises:
            NotFound, AlteredModel: as `verify`.
            StorageError: it can't be written.
        """
        version = self.find(which)
        try:
            with FileLock(version.folder.parent / _LOCK):
                # one that died here before signing left these two without a signature
                self.verified(version, but=(GATE, CARD))
                replace_file(version.folder / GATE, encoded(dict(report)))
                counts = {split: len(ids) for split, ids in self.lineage(version).items()}
                said = card(version.manifest, counts, report)
                replace_file(version.folder / CARD, said.encode())
                self._sign(version.folder, version.manifest)
        except (OSError, TimeoutError) as error:
            raise StorageError(
                f"the gate's report of {version.id} can't be kept: {error}"
            ) from error
        return version

    def lineage(self, version: Version) -> dict[str, list[str]]:
        """The ids of the cases that taught a version, by part of the dataset.

        Raises:
            AlteredModel: the list can't be read.
        """
        path = version.folder / LINEAGE
        try:
            rows = json.loads(path.read_bytes())["rows"]
            return {split: [str(one) for one in rows[split]] for split in _SPLITS}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise AlteredModel(f"{path} can't be read: {error}") from error

    def taught_by(self, model: str, cases: Collection[str]) -> list[tuple[Version, int]]:
        """The versions of a model that learned from one of these cases, each with how many of its
        rows are theirs: what their erasure does not reach.

        Raises:
            AlteredModel: a manifest, or a list of cases, can't be read.
        """
        if not cases:
            return []
        learned = [
            (version, sum(row in cases for part in self.lineage(version).values() for row in part))
            for version in self.versions(model)
        ]
        return [(version, rows) for version, rows in learned if rows]

    def look(self, which: str) -> object:
        """Changes when somebody touches a version's files; cheap, and never raises."""
        model, _, version = which.partition("@")
        try:
            files = sorted((self.folder / model / version).rglob("*"))
            stats = [(str(file), file.stat()) for file in files]
        except OSError as error:
            return error.errno
        return [(name, stat.st_mtime_ns, stat.st_size, stat.st_ino) for name, stat in stats]

    def read(self, version: Version, name: str) -> bytes:
        """One file's bytes, which are the trained ones.

        Raises:
            AlteredModel: it is missing or was altered.
        """
        try:
            data = (version.folder / name).read_bytes()
        except OSError as error:
            raise AlteredModel(f"{version.id}: the file `{name}` can't be read: {error}") from None
        if hashlib.sha256(data).hexdigest() != version.manifest.content.files.get(name):
            raise AlteredModel(f"{version.id}: the file `{name}` was altered")
        return data

    def _names(self, model: str) -> list[str]:
        if not is_name(model):
            return []
        try:
            found = [f.name for f in (self.folder / model).iterdir() if numbered(f.name)]
        except OSError:
            return []
        return sorted(found, key=numbered)

    def sign(self, version: Version) -> None:
        """Sign a version's files as they are now, with the home's newest key.

        Raises:
            StorageError: there is no key that can be used.
        """
        self._sign(version.folder, version.manifest)

    def _sign(self, folder: Path, manifest: Manifest) -> None:
        if not self._keys.history():
            self._keys.prepare(rfc3339(self._clock.now_ns()))
        _, seed = self._keys.newest()
        envelope = statement.sign(_digests(folder), manifest, seed)
        replace_file(folder / SIGNATURE, envelope)


def _check(trained: Trained, out: Path) -> None:
    if not trained.files:
        raise TrainingError("the trainer made no file")
    if trained.file and trained.file not in trained.files:
        raise TrainingError(f"the trainer serves `{trained.file}`, which is none of its files")
    for name in trained.files:
        check_path(name)
        check_file(out / name, name)


def _copied(trained: Trained, out: Path, scratch: Path) -> dict[str, str]:
    """Copy the trainer's files; SHA-256 in hex by path, of the bytes that were written."""
    digests = {}
    for name in trained.files:
        target = scratch / name
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        digest = hashlib.sha256()
        with (out / name).open("rb") as source, target.open("xb") as sink:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                sink.write(chunk)
            seal_file(sink)
        check_file(target, name)  # what was copied, not what stood there a moment before
        digests[name] = digest.hexdigest()
    return digests


def _digests(folder: Path) -> dict[str, str]:
    """SHA-256 in hex by path, of every file but the signature and what is being replaced."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if (
            name == SIGNATURE
            or path.name.startswith(".")
            or (path.is_dir() and not path.is_symlink())
        ):
            continue
        with path.open("rb") as file:
            found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        seal_file(file)
