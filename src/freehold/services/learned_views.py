"""Custom models and datasets as a tenant may see them over HTTP: its own, and those below it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.deployments import DeploymentBook
from freehold.core.errors import NotFound
from freehold.learning.datasets import folder as folders
from freehold.learning.datasets.folder import FolderDataset
from freehold.learning.registry import CARD, Registry, Version
from freehold.services.custom_views import happened, shown

_HERE = ("folder", "serving", "file")
"""Of a version, what only whoever is at the machine can use."""


class LearnedViews:
    """Reads only. Every method waits, so they are called in threads.

    Raises:
        NotFound: from each, where there is no such thing, or it is another tenant's: which of the
            two is not told.
        AlteredModel, StorageError: from each, where files can't be read or were altered.
    """

    def __init__(
        self,
        home: Path,
        registry: Registry,
        book: DeploymentBook,
        bundle: Callable[[], ResolvedBundle],
    ) -> None:
        self._home = home
        self._registry = registry
        self._book = book
        self._bundle = bundle

    def models(self, tenant: str) -> list[dict[str, Any]]:
        """Every version of every model, the oldest first."""
        rows = {row.id: row for row in self._book.all()}
        return [
            _version(version, rows.get(version.id))
            for model in self._registry.models()
            for version in self._registry.versions(model)
            if self._sees(tenant, version.manifest.content.dataset.owner)
        ]

    def versions(self, model: str, tenant: str) -> list[dict[str, Any]]:
        """Those of one model."""
        found = [one for one in self.models(tenant) if one["model"] == model]
        if not found:
            raise _no_model()
        return found

    def version(self, model: str, version: str, tenant: str) -> dict[str, Any]:
        """One; its number will do."""
        found = self._found(model, version, tenant)
        rows = {row.id: row for row in self._book.all(model)}
        return _version(found, rows.get(found.id))

    def card(self, model: str, version: str, tenant: str) -> dict[str, Any]:
        """Its model card, in Markdown, of files that are as they were signed."""
        found = self._registry.verified(self._found(model, version, tenant))
        text = (found.folder / CARD).read_text(encoding="utf-8")
        return {"object": "custom_model.card", "id": found.id, "markdown": text}

    def gate(self, model: str, version: str, tenant: str) -> dict[str, Any]:
        """The gate's report."""
        found = self._registry.verified(self._found(model, version, tenant))
        report = found.gate
        if report is None:
            why = f"{found.id} has not been through the gate"
            raise NotFound(why, public="It has not been through the gate.")
        return {"object": "custom_model.gate", "id": found.id, **report}

    def history(self, model: str, tenant: str, last: int) -> list[dict[str, Any]]:
        """What happened to its versions, the newest first."""
        self.versions(model, tenant)
        return happened(self._book.steps(model, last))

    def datasets(self, tenant: str) -> list[dict[str, Any]]:
        """Each dataset with its newest version."""
        newest = (folders.latest(self._home, name) for name in folders.names(self._home))
        return [
            _dataset(one) for one in newest if one is not None and self._sees(tenant, one.owner)
        ]

    def dataset_versions(self, name: str, tenant: str) -> list[dict[str, Any]]:
        """Its versions, the oldest first."""
        found = folders.versions(self._home, name) if name in folders.names(self._home) else []
        seen = [_dataset(one) for one in found if self._sees(tenant, one.owner)]
        if not seen:
            raise _no_dataset()
        return seen

    def manifest(self, name: str, version: str, tenant: str) -> dict[str, Any]:
        """What is in a version, and how it was made."""
        seen = self.dataset_versions(name, tenant)
        wanted = version.removeprefix("sha256:")
        meant = [one for one in seen if one["digest"].removeprefix("sha256:").startswith(wanted)]
        if len(meant) != 1:
            raise _no_dataset()
        found = folders.find(self._home, f"{name}@{meant[0]['digest']}")
        return {"object": "dataset", **msgspec.to_builtins(found.manifest)}

    def _found(self, model: str, version: str, tenant: str) -> Version:
        try:
            found = self._registry.find(f"{model}@{version}")
        except NotFound:
            raise _no_model() from None
        if not self._sees(tenant, found.manifest.content.dataset.owner):
            raise _no_model()
        return found

    def _sees(self, tenant: str, owner: str) -> bool:
        return self._bundle().is_descendant(owner, tenant)


def _version(version: Version, row: Any) -> dict[str, Any]:
    told = {key: value for key, value in shown(version, row).items() if key not in _HERE}
    return {"object": "custom_model", "id": version.id, **told}


def _dataset(one: FolderDataset) -> dict[str, Any]:
    manifest = one.manifest
    return {
        "object": "dataset",
        "name": one.name,
        "version": one.folder.name,
        "digest": one.digest,
        "owner": one.owner,
        "share": one.share,
        "rows": {split: part.rows for split, part in manifest.parts.items()},
        "warnings": len(manifest.warnings),
        "created": manifest.created,
    }


def _no_model() -> NotFound:
    return NotFound("no such custom model here", public="There is no such custom model.")


def _no_dataset() -> NotFound:
    return NotFound("no such dataset here", public="There is no such dataset.")
