"""What became of somebody's corrections: the datasets that they stand in, the models that learned
from these, and how those do beside the ones before them.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from freehold.core.deployments import Deployment
from freehold.core.errors import FreeholdError
from freehold.core.labels import QueueSpec
from freehold.learning.datasets import folder as folders
from freehold.learning.datasets.folder import FolderDataset, short
from freehold.learning.datasets.lineage import origins
from freehold.learning.registry import Registry, Version

_NOWHERE = "not deployed"


class _Stands(Struct, frozen=True):
    dataset: FolderDataset
    yours: int


class Effects:
    """Reads datasets' lineage and models' manifests; no texts.

    Args:
        rows: where versions of models stand.
    """

    def __init__(
        self, home: Path, registry: Registry, rows: Callable[[], Sequence[Deployment]]
    ) -> None:
        self._home = home
        self._registry = registry
        self._rows = rows

    def of(
        self, queue: QueueSpec, name: str, reaches: Callable[[str], bool] = lambda _: True
    ) -> dict[str, Any]:
        """What became of this person's labels in a queue; with an empty name, of everybody's.

        Args:
            reaches: whether what belongs to a tenant may be told of.

        Raises:
            StorageError, AlteredModel: a dataset or a model can't be read.
        """
        standing = {
            one.dataset.digest: one
            for one in self._standing(queue.name, name)
            if reaches(one.dataset.owner)
        }
        return {
            "object": "labelling.effect",
            "queue": queue.name,
            "by": name or None,
            "datasets": [
                {
                    "dataset": f"{one.dataset.name}@{short(one.dataset.digest)}",
                    "created": one.dataset.manifest.created,
                    "rows": one.dataset.manifest.rows,
                    "yours": one.yours,
                }
                for one in standing.values()
            ],
            "models": self._models(standing),
        }

    def _standing(self, queue: str, name: str) -> list[_Stands]:
        found = []
        for dataset_name in folders.names(self._home):
            for dataset in folders.versions(self._home, dataset_name):
                yours = sum(
                    origin.queue == queue and (not name or name in origin.by)
                    for origin in origins(dataset.folder)
                )
                if yours:
                    found.append(_Stands(dataset, yours))
        return found

    def _models(self, standing: dict[str, _Stands]) -> list[dict[str, Any]]:
        rows = {row.id: row for row in self._rows()}
        told = []
        for model in self._registry.models():
            for version in self._registry.versions(model):
                one = standing.get(version.manifest.content.dataset.digest)
                if one is None:
                    continue
                row = rows.get(version.id)
                told.append(
                    {
                        "model": version.id,
                        "state": row.state if row is not None else _NOWHERE,
                        "dataset": f"{one.dataset.name}@{short(one.dataset.digest)}",
                        "yours": one.yours,
                        "figures": version.manifest.figures,
                        "before": self._before(version),
                    }
                )
        return told

    def _before(self, version: Version) -> dict[str, Any] | None:
        parent = version.manifest.parent
        if not parent:
            return None
        name = parent if "@" in parent else f"{version.model}@{parent}"
        try:
            return {"model": name, "figures": self._registry.find(name).manifest.figures}
        except FreeholdError:
            return {"model": name, "figures": {}}


def in_words(told: dict[str, Any]) -> list[str]:
    """The same, for a person to read."""
    if not told["datasets"]:
        return ["None of it stands in a dataset yet: `freehold dataset build` makes one."]
    newest: dict[str, dict[str, Any]] = {}
    for one in told["datasets"]:
        newest[one["dataset"].partition("@")[0]] = one
    lines = [
        f"{one['yours']:,} of the {one['rows']:,} rows of {one['dataset']} come from it."
        for one in newest.values()
    ]
    live = [one for one in told["models"] if one["state"] != _NOWHERE]
    lines += [
        f"{one['model']} ({one['state']}) learned from {one['yours']:,}: {_did(one)}."
        for one in live or told["models"][-1:]
    ]
    if not told["models"]:
        lines.append("No model was trained on them yet.")
    return lines


def _did(one: dict[str, Any]) -> str:
    before = (one["before"] or {}).get("figures", {})
    said = [
        f"{name} {value:.3g}" + (f" (before {before[name]:.3g})" if name in before else "")
        for name, value in sorted(one["figures"].items())
        if name in ("accuracy", "coverage", "loss_after", "loss")
    ]
    return ", ".join(said) or "it has no figures"
