"""A version that was trained elsewhere comes into this registry."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from freehold.core.errors import StorageError
from freehold.core.ids import prefixed
from freehold.learning.registry.formats import check_file, check_path
from freehold.learning.registry.manifest import SIGNATURE, Version, read_manifest
from freehold.learning.registry.store import Registry
from freehold.ledger.files import sync_folder
from freehold.ledger.locking import FileLock

ORIGIN = "origin.signature.json"
"""The signature that a version came with, which the one of this home covers."""


def adopt(registry: Registry, source: Path, keys: Iterable[bytes]) -> Version:
    """Take a version over as it is, under its own name; this home signs it too.

    Args:
        source: its folder, ``…/<model>/<version>/``.
        keys: public keys, 32 bytes each, of whoever is believed.

    Raises:
        AlteredModel: a file is not what was signed, or none of the keys signed it; or a version of
            that name is here, and another one.
        TrainingError: a file is of no open format.
        StorageError: it can't be written or signed.
    """
    version = registry.verified(Version(read_manifest(source), source), keys)
    for name in version.manifest.content.files:
        check_path(name)
        check_file(source / name, name)
    target = registry.folder / version.model / version.name
    scratch = target.parent / f".{prefixed('new')}" / version.name
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(target.parent / ".lock"):
            if target.exists():
                return registry.verify(version.id)
            shutil.copytree(source, scratch, ignore=shutil.ignore_patterns(".*"))
            registry.verified(Version(version.manifest, scratch), keys)  # what was copied
            (scratch / SIGNATURE).rename(scratch / ORIGIN)
            registry.sign(Version(version.manifest, scratch))
            scratch.rename(target)
            sync_folder(target.parent)
    except (OSError, TimeoutError) as error:
        raise StorageError(f"{version.id} can't be taken over: {error}") from error
    finally:
        shutil.rmtree(scratch.parent, ignore_errors=True)
    return registry.find(version.id)
