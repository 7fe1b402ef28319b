"""What an archive tells whoever opens it without Freehold."""

from freehold.core.decisions import MILLION
from freehold.services.ownership import Manifest

_TEXT = """# What {base} carried away

This archive was made by Freehold {freehold} on {made_at}. It holds what its owner had learned: the bundle
(apps, routes, rules), custom models, datasets and labels, and what proves where they come from. All of
it is in open formats, so nothing here needs Freehold to be read.

| here | what it is | read it with |
|---|---|---|
| `MANIFEST.json` | name, SHA-256 and size of every file | anything that reads JSON |
| `MANIFEST.dsse.json` | its signature: an in-toto statement in a DSSE envelope, Ed25519 | DSSE tools |
| `keys.jsonl` | public keys that signed it, and the models | anything that reads JSON |
| `bundle/` | the bundle that was live: YAML and what it names | a text editor |
| `custom/MODEL/VERSION/` | a version of a model: `model.json`, `card.md`, `gate.json`, its files | ONNX Runtime, safetensors, llama.cpp (GGUF), JSON |
| `deployments.json` | which version answered whom, and how far canaries are | anything that reads JSON |
| `datasets/NAME/DIGEST/` | rows as JSON lines, and as Parquet where it was made | pandas, DuckDB |
| `labels/labels.jsonl` | what experts said, one label a line | anything that reads JSON |
| `ml-bom.cdx.json` | bill of materials, CycloneDX 1.6 | CycloneDX tools |
| `ledger/` | entries of the ledger about all this, with their proofs | `python ledger/verify.py ledger` |

## What is in it

{counts}

## Put it to work elsewhere

    freehold import THIS-ARCHIVE --home HOME --bundle BUNDLE --key {fingerprint}
    freehold serve --home HOME --bundle BUNDLE

needs no network. Secrets are not in here: where the bundle says `env:NAME`, set that variable. API keys
are not either: `freehold key create` makes new ones.

**Compare the key above with the one that its owner gave you another way.** Whoever made this archive
wrote this text too.

## What an erasure does not reach

Whoever asks to be erased is erased in the home that they asked. This copy is yours: erase them here
too. What a model learned stays in its files.
"""  # noqa: E501


def readme(manifest: Manifest, fingerprint: str, proofs: bool) -> str:
    """Markdown."""
    lines: list[str] = []
    if manifest.bundle is not None:
        lines.append(f"- the bundle `{manifest.bundle.name}`, `{manifest.bundle.live}`")
    lines += [
        f"- `{model.id}`, a {model.kind} of `{model.owner}`: {model.state or 'kept'}"
        for model in manifest.models
    ]
    lines += [
        f"- `{one.id}` is a canary with {one.share / MILLION:.2%} of the conversations; what "
        f"{one.newcomers + one.others:,} exchanges show of it so far stays"
        for one in manifest.canaries
    ]
    lines += [
        f"- dataset `{dataset.name}`, `{dataset.digest}`: {dataset.rows:,} rows"
        for dataset in manifest.datasets
    ]
    words = "with what people wrote" if manifest.words else "without what people wrote"
    lines.append(f"- {manifest.labels:,} labels, {words}")
    if manifest.tenant:
        lines.append(f"- only what belongs to tenant `{manifest.tenant}` and those below it")
    if not proofs:
        lines.append("- no entries of the ledger")
    lines += [f"- left out: {part}" for part in manifest.left_out]
    return _TEXT.format(
        base=manifest.base,
        freehold=manifest.freehold,
        made_at=manifest.made_at,
        fingerprint=fingerprint,
        counts="\n".join(lines),
    )
