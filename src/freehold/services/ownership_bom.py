"""The bill of materials of custom models: CycloneDX 1.6, as JSON (cyclonedx.org/docs/1.6/json)."""

import platform
import uuid
from collections.abc import Iterable, Mapping
from importlib import metadata
from typing import Any

import freehold
from freehold.learning.datasets.manifest import Manifest as DatasetManifest
from freehold.learning.registry import Version

_NAMESPACE = uuid.UUID("6f1e7f0c-7d55-5c5e-9a0b-0d6f6b6a9c11")
"""Of serial numbers; drawn once."""
_RUNTIME = (
    "aiohttp", "cryptography", "msgspec", "numpy", "onnxruntime", "orjson", "pydantic",
    "tokenizers", "torch", "transformers",
)  # fmt: skip
_TASKS = {
    "classifier": "text-classification",
    "responder": "question-answering",
    "causal-lm": "text-generation",
}


def bom(
    versions: Iterable[Version], datasets: Iterable[DatasetManifest], digest: str
) -> dict[str, Any]:
    """One component for each version of a model, each dataset, and what runs them here.

    Args:
        digest: of the archive's content, from which the serial number is made: there is no clock
            and no chance in it.
    """
    models = [_model(version) for version in versions]
    data = [_data(dataset) for dataset in datasets]
    known = {one["bom-ref"] for one in data}
    for one in models:
        # a dataset that is not in the archive is named all the same
        data += [
            _unseen(each["ref"])
            for each in one["modelCard"]["modelParameters"]["datasets"]
            if each["ref"] not in known and not known.add(each["ref"])  # type: ignore[func-returns-value]
        ]
    runtime = _runtime()
    uses = sorted(one["bom-ref"] for one in runtime)
    depends = [
        {
            "ref": one["bom-ref"],
            "dependsOn": [e["ref"] for e in one["modelCard"]["modelParameters"]["datasets"]],
        }
        for one in models
    ]
    root = f"freehold@{freehold.__version__}"
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, digest)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": "freehold",
                "version": freehold.__version__,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": [*models, *data, *runtime],
        "dependencies": [
            {"ref": root, "dependsOn": uses},
            *depends,
        ],
    }


def _model(version: Version) -> dict[str, Any]:
    manifest = version.manifest
    content = manifest.content
    found: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": version.id,
        "name": version.model,
        "version": version.name,
        "hashes": [_hash(manifest.digest)],
        "modelCard": {
            "modelParameters": {
                "approach": {"type": "supervised"},
                "task": _TASKS.get(content.kind, content.kind),
                "modelArchitecture": content.trainer.base or content.kind,
                "datasets": [{"ref": _ref(content.dataset.name, content.dataset.digest)}],
                "inputs": [{"format": "text"}],
                "outputs": [{"format": "text"}],
            },
            "quantitativeAnalysis": {"performanceMetrics": _figures(manifest.figures)},
            "considerations": _considerations(manifest.purpose, manifest.notes),
        },
        "components": [
            {
                "type": "file",
                "bom-ref": f"{version.id}/{name}",
                "name": name,
                "hashes": [{"alg": "SHA-256", "content": digest}],
            }
            for name, digest in sorted(content.files.items())
        ],
        "properties": _properties(
            {
                "freehold:kind": content.kind,
                "freehold:owner": content.dataset.owner,
                "freehold:parent": manifest.parent,
                "freehold:base": content.trainer.base,
                "freehold:seed": str(content.trainer.seed),
                "freehold:code": content.code,
                "freehold:created": manifest.created,
                "freehold:gate": str((version.gate or {}).get("verdict", "")),
            }
        ),
    }
    if manifest.purpose:
        found["description"] = manifest.purpose
    if manifest.licence:
        found["licenses"] = [{"license": {"name": manifest.licence}}]
    return found


def _figures(figures: Mapping[str, float]) -> list[dict[str, Any]]:
    """``x_low`` and ``x_high`` are the interval of ``x``."""
    metrics = []
    for name, value in sorted(figures.items()):
        stem = name.removesuffix("_low").removesuffix("_high")
        if stem != name and stem in figures:
            continue
        one: dict[str, Any] = {"type": name, "value": repr(value), "slice": "validation"}
        low, high = figures.get(f"{name}_low"), figures.get(f"{name}_high")
        if low is not None and high is not None:
            one["confidenceInterval"] = {"lowerBound": repr(low), "upperBound": repr(high)}
        metrics.append(one)
    return metrics


def _considerations(purpose: str, notes: Iterable[str]) -> dict[str, Any]:
    limits = [*notes, "What it learned from stays in its files: an erasure does not reach it."]
    use = {"useCases": [purpose]} if purpose else {}
    return {**use, "technicalLimitations": limits}


def _data(dataset: DatasetManifest) -> dict[str, Any]:
    return {
        "type": "data",
        "bom-ref": _ref(dataset.name, dataset.digest),
        "name": dataset.name,
        "version": dataset.digest.removeprefix("sha256:")[:16],
        "hashes": [_hash(dataset.digest)],
        "data": [
            {
                "type": "dataset",
                "name": dataset.name,
                "classification": "may hold personal data",
                "governance": {"owners": [{"organization": {"name": dataset.owner}}]},
            }
        ],
        "properties": _properties(
            {
                "freehold:rows": str(dataset.rows),
                "freehold:share": dataset.share,
                "freehold:created": dataset.created,
            }
        ),
    }


def _unseen(ref: str) -> dict[str, Any]:
    name, _, short = ref.removeprefix("dataset:").partition("@")
    told = [{"name": "freehold:included", "value": "no"}]
    return {"type": "data", "bom-ref": ref, "name": name, "version": short, "properties": told}


def _ref(name: str, digest: str) -> str:
    return f"dataset:{name}@{digest.removeprefix('sha256:')[:16]}"


def _hash(digest: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": digest.removeprefix("sha256:")}


def _properties(told: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in told.items() if value]


def _runtime() -> list[dict[str, Any]]:
    """Python and those packages that models are run with, as far as they are installed."""
    found = [
        {
            "type": "platform",
            "bom-ref": f"python@{platform.python_version()}",
            "name": "python",
            "version": platform.python_version(),
            "licenses": [{"license": {"id": "Python-2.0"}}],
        }
    ]
    for name in _RUNTIME:
        try:
            told = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            continue
        version = str(told["Version"])
        purl = f"pkg:pypi/{name}@{version}"
        one: dict[str, Any] = {
            "type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl,
        }  # fmt: skip
        licence = told["License-Expression"] if "License-Expression" in told else ""  # noqa: SIM401
        if licence:
            one["licenses"] = [{"expression": str(licence)}]
        found.append(one)
    return found
