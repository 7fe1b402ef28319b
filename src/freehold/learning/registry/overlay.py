"""From the versions that answer somebody to what is laid over the bundle's files."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from freehold.bundle.deployed import text_of
from freehold.bundle.snapshot import DEPLOYED_FILE, DEPLOYED_FOLDER
from freehold.core.deployments import SERVED, Deployment
from freehold.core.errors import AlteredModel, NotFound, StorageError
from freehold.core.local import FOLDER
from freehold.learning.registry.manifest import MANIFEST, Version
from freehold.learning.registry.serving import Inspect, Servable
from freehold.learning.registry.store import Registry


def overlay_files(registry: Registry, rows: Iterable[Deployment]) -> dict[str, bytes]:
    """``deployments.yaml`` and the files that those versions answer from; nothing of no rows.

    Raises:
        AlteredModel: a version is missing, or not what was deployed.
    """
    deployments: dict[str, dict[str, Any]] = {}
    files: dict[str, bytes] = {}
    for row in rows:
        if row.state not in SERVED:
            continue
        version = deployed(registry, row)
        name = version.manifest.content.file
        path = f"{DEPLOYED_FOLDER}{row.model}/{row.version}/{name or MANIFEST}"
        files[path] = registry.read(version, name) if name else _manifest(version)
        standing = deployments.setdefault(row.model, {})
        standing["live" if row.state == "live" else "trial"] = _served(version, path)
        if row.state != "live":
            standing["state"] = row.state
    return {DEPLOYED_FILE: text_of(deployments), **files} if deployments else {}


def with_live(rows: Iterable[Deployment], version: Version) -> list[Deployment]:
    """These deployments as they will be once this version is the live one of its model: no other
    version of the model is tried then, and the one that is live now is retired.
    """
    live = Deployment(
        model=version.model,
        version=version.name,
        digest=version.manifest.digest,
        state="live",
        since_ns=0,
        by="",
    )
    return [*(row for row in rows if row.model != version.model), live]


def deployed(registry: Registry, row: Deployment) -> Version:
    """The version that a row names, verified.

    Raises:
        AlteredModel: it is missing, altered, or another one of that name.
    """
    try:
        version = registry.verify(row.id)
    except NotFound as error:
        raise AlteredModel(f"{row.id} is deployed and not in the registry: {error}") from None
    if version.manifest.digest != row.digest:
        raise AlteredModel(f"{row.id} is not the version that was deployed")
    return version


def _served(version: Version, path: str) -> dict[str, Any]:
    content = version.manifest.content
    options = dict(content.serving.get("options", {}))
    if not content.file:
        options |= {
            "folder": f"{FOLDER}{version.model}/{version.name}",
            "files": dict(content.files),
        }
    return {
        "version": version.name,
        "digest": version.manifest.digest,
        "kind": content.serving.get("kind", content.kind),
        "file": path,
        "threshold": content.serving.get("threshold", 0.5),
        "options": options,
    }


def _manifest(version: Version) -> bytes:
    try:
        return (version.folder / MANIFEST).read_bytes()
    except OSError as error:
        raise AlteredModel(f"{version.id}: `{MANIFEST}` can't be read: {error}") from None


class RegistryOverlay:
    """The `Overlay` of a store's deployments.

    What was read last stands while the store is away. Until ``started`` is set, an altered file is
    no reason not to start: what the bundle that was live last had is laid over instead, and that is
    said. From then on it refuses the new version, so that the one before stays live.

    A version whose files are as they were trained, and that this release can't read, is left out at
    any time: what else is deployed, and the bundle, go on changing.

    Args:
        rows, revision: of the store's deployments.
        kept: what was laid over the bundle that was live last.
        say: is told, in words, why something older is served.
        inspect: finds what this release can't serve; without it, nobody looks.
    """

    def __init__(
        self,
        registry: Registry,
        rows: Callable[[], list[Deployment]],
        revision: Callable[[], int],
        kept: Callable[[], Mapping[str, bytes]],
        say: Callable[[str], None],
        inspect: Inspect | None = None,
    ) -> None:
        self._registry = registry
        self._rows = rows
        self._revision = revision
        self._kept = kept
        self._say = say
        self._known: tuple[int, list[Deployment]] | None = None
        self._servable = None if inspect is None else Servable(inspect)
        self.started = False
        self.left_out: Mapping[str, str] = {}

    def stamp(self) -> object:
        """The revision, or the last one that could be read, and what the files look like."""
        known = self._known
        try:
            revision = self._revision()
        except StorageError:
            revision = -1 if known is None else known[0]
        served = [row for row in ([] if known is None else known[1]) if row.state in SERVED]
        return revision, [self._registry.look(row.id) for row in served]

    def files(self) -> Mapping[str, bytes]:
        """What is laid over the folder's files.

        Raises:
            AlteredModel: a deployed version is not what it was.
            StorageError: the store is away, and was never read.
        """
        files = self._laid()
        left: dict[str, str] = {}
        if self._servable is not None:
            files, left = self._servable.of(files)
        for which in left.keys() - self.left_out.keys():
            self.leaves(which, left[which])
        self.left_out = left
        return files

    def leaves(self, which: str, why: str) -> None:
        """A version is left out from now on."""
        self._say(f"{which} is not served: {why}")

    def _laid(self) -> Mapping[str, bytes]:
        rows = self._read()
        try:
            return overlay_files(self._registry, rows)
        except AlteredModel as error:
            if self.started:
                raise
            kept = self._kept()
            what = "what was live before is served" if kept else "no custom model is served"
            self._say(f"a deployed version can't be served: {error}; {what}")
            return kept

    def _read(self) -> list[Deployment]:
        try:
            revision = self._revision()
            if self._known is None or self._known[0] != revision:
                self._known = revision, self._rows()
        except StorageError:
            if self._known is None:
                raise
        return [] if self._known is None else self._known[1]
