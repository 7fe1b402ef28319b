"""A version's model card: what somebody must know before it answers in a company's name."""

from collections.abc import Mapping
from typing import Any

from freehold.learning.registry.manifest import Manifest

_KINDS = {
    "classifier": "sorts questions into classes, and abstains where none fits",
    "responder": "answers from approved answers, and abstains where none fits",
    "causal-lm": "a language model, tuned on approved answers",
}

_REMAINS = (
    "- What it learned from stays in its files: erasing a person does not reach it. Train again"
    " without their cases, and retire this version."
)


def card(manifest: Manifest, rows: Mapping[str, int], gate: Mapping[str, Any] | None = None) -> str:
    """Markdown.

    Args:
        rows: how many examples each part of the dataset has.
        gate: the gate's report, once there is one.
    """
    content = manifest.content
    about = _KINDS.get(content.kind, "of an installed package")
    data, trained = content.dataset, content.trainer
    parts = ", ".join(f"{count} {name}" for name, count in rows.items() if count)
    lines = [
        f"# {content.model} {manifest.version}",
        "",
        f"A {content.kind}: {about}.",
        "",
        manifest.purpose.strip() or "What it is for was not stated.",
        "",
        "## Where it comes from",
        "",
        f"- Owner: tenant `{data.owner}`",
        f"- Trained: {manifest.created}" + (f", by {manifest.by}" if manifest.by else ""),
        f"- Data: `{data.name}`, `{data.digest}`" + (f" ({parts})" if parts else ""),
        "- Cases: listed in `lineage.json`",
        f"- Version before: {manifest.parent or 'none'}",
        f"- Base: {trained.base or 'none'}"
        + (f", licence {manifest.licence}" if manifest.licence else _unlicensed(trained.base)),
        f"- Code: Freehold {content.code}, seed {trained.seed}",
        f"- Content: `{manifest.digest}`",
        "",
        "## Figures",
        "",
        "Measured by the trainer on examples that were held back; the notes say which.",
        "",
        *_figures(manifest.figures),
        "",
        "## Limits",
        "",
        *([f"- {note}" for note in manifest.notes] or ["- The trainer notes none."]),
        _REMAINS,
        "",
        "## Gate",
        "",
        *_gate(gate),
    ]
    return "\n".join(lines) + "\n"


def _unlicensed(base: str) -> str:
    return ", whose licence nobody stated" if base else ""


def _figures(figures: Mapping[str, float]) -> list[str]:
    """A table; ``x_low`` and ``x_high`` are the interval of ``x``."""
    if not figures:
        return ["The trainer measured nothing."]
    lines = ["| figure | value | interval |", "|---|---|---|"]
    for name, value in figures.items():
        stem = name.removesuffix("_low").removesuffix("_high")
        if stem != name and stem in figures:
            continue
        low, high = figures.get(f"{name}_low"), figures.get(f"{name}_high")
        interval = "" if low is None or high is None else f"{low:.4g} to {high:.4g}"
        lines.append(f"| {name} | {value:.4g} | {interval} |")
    return lines


def _gate(gate: Mapping[str, Any] | None) -> list[str]:
    if gate is None:
        return ["It has not been through the gate."]
    lines = [f"Verdict: **{gate.get('verdict', 'none')}**. The whole report is in `gate.json`."]
    for key in ("why", "reasons"):
        said = gate.get(key)
        if isinstance(said, str) and said:
            lines.append(said)
        elif isinstance(said, list):
            lines += [f"- {one}" for one in said if isinstance(one, str)]
    return lines
