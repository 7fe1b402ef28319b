"""Custom models to look at: versions with where they stand, what happened, and one answer."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import asdict

from freehold.core.ask import Message
from freehold.core.clock import rfc3339
from freehold.core.decisions import MILLION
from freehold.core.deployments import Deployment, Step
from freehold.core.errors import RequestError
from freehold.core.local import Beside, LocalModel, ReadsContext
from freehold.learning.registry import Registry, Version
from freehold.learning.registry.manifest import MANIFEST
from freehold.services.deployment_checks import passed
from freehold.text.local import make


def listed(
    registry: Registry, rows: Iterable[Deployment], model: str | None
) -> list[dict[str, Any]]:
    """Every version of every model, or of one, the oldest first, with where it stands.

    Raises:
        AlteredModel: the manifest of one can't be read, or was altered.
    """
    standing = {row.id: row for row in rows}
    models = registry.models() if model is None else [model]
    return [
        shown(version, standing.get(version.id)) for m in models for version in registry.versions(m)
    ]


def shown(version: Version, row: Deployment | None) -> dict[str, Any]:
    """One version, as ``--json`` has it."""
    manifest = version.manifest
    content, gate = manifest.content, version.gate
    return {
        "model": version.model,
        "version": version.name,
        "digest": manifest.digest,
        "kind": content.kind,
        "state": "" if row is None else row.state,
        "since": None if row is None else rfc3339(row.since_ns),
        "by": "" if row is None else row.by,
        "reason": "" if row is None else row.reason,
        "forced": row is not None and row.forced,
        "gate": None if gate is None else str(gate.get("verdict", "")),
        "passed": passed(gate),
        "dataset": asdict(content.dataset),
        "created": manifest.created,
        "trained_by": manifest.by,
        "parent": manifest.parent,
        "figures": dict(manifest.figures),
        "notes": list(manifest.notes),
        "files": dict(content.files),
        "serving": content.serving,
        "file": content.file,
        "folder": str(version.folder),
    }


def happened(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """The history, as ``--json`` has it."""
    return [asdict(step) | {"at": rfc3339(step.at_ns)} for step in steps]


def tried(
    registry: Registry,
    which: str,
    question: str,
    *,
    pieces: Sequence[Mapping[str, Any]] = (),
    facts: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What a version says to one question: its answer, how sure it is, and whether that is enough.
    Nothing is recorded; no control judges it.

    Args:
        pieces: context, each with its ``source`` and its ``text``.

    Raises:
        NotFound, AlteredModel: no such version, or its files are not what they were.
        RequestError: it can't be served here.
    """
    version = registry.verify(which)
    content = version.manifest.content
    serving = content.serving
    options = dict(serving.get("options", {}))
    data = registry.read(version, content.file) if content.file else _manifest(version.folder)
    if not content.file:
        options |= {"folder": str(version.folder), "files": dict(content.files)}
    try:
        model = make(str(serving.get("kind", content.kind)), data, json.dumps(options))
        messages = (Message(role="user", content=question),)
        beside = Beside(pieces=tuple(dict(piece) for piece in pieces), facts=facts or {})
        said = (
            model.answer_beside(messages, beside)
            if isinstance(model, ReadsContext)
            else model.answer(messages)
        )
    except ValueError as error:
        raise RequestError(f"{version.id} can't be asked here: {error}") from None
    threshold = float(serving.get("threshold", 0.5))
    return {
        "model": version.id,
        "answer": said.text,
        "confidence": said.confidence / MILLION,
        "threshold": threshold,
        "answers": bool(said.text) and said.confidence >= threshold * MILLION,
        "why": _why(model, messages, beside),
    }


def _why(model: LocalModel, messages: Sequence[Message], beside: Beside) -> str:
    """Why it answers so, or not at all, in the words of a model that can say it."""
    explain = getattr(model, "explain", None)
    if not callable(explain):
        return ""
    told = explain(messages, beside) if isinstance(model, ReadsContext) else explain(messages)
    return str(getattr(told, "why", told))


def _manifest(folder: Path) -> bytes:
    return (folder / MANIFEST).read_bytes()
