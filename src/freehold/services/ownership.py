"""What an owner carries away in one archive: names, manifest, signature (decision 37)."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from freehold.core.errors import RequestError
from freehold.learning.registry.manifest import encoded
from freehold.learning.registry.statement import STATEMENT_TYPE, enveloped, taken_out

FORMAT = "freehold export"
VERSION = 1
MANIFEST = "MANIFEST.json"
SIGNATURE = "MANIFEST.dsse.json"
README = "README.md"
BUNDLE = "bundle/"
CUSTOM = "custom/"
DATASETS = "datasets/"
DEPLOYMENTS = "deployments.json"
KEYS = "keys.jsonl"
LABELS = "labels/labels.jsonl"
LEDGER = "ledger/"
BOM = "ml-bom.cdx.json"
PARTS = ("bundle", "models", "datasets", "labels", "deployments", "ledger")
"""What may be left out."""
PREDICATE_TYPE = "urn:freehold:export:1"
EXPORTED, IMPORTED = "ownership.exported", "ownership.imported"
KINDS = (
    "bundle.activated", "dataset.", "deployment.", "gate.", "job.", "label.exported",
    "label.imported", "ledger.", "ownership.", "regressions.", "training.",
)  # fmt: skip
"""Entries of the ledger that tell how what is in the archive came about."""


class File(Struct, frozen=True):
    """One file of the archive: SHA-256 in hex, and how long it is."""

    sha256: str
    bytes: int


class BundleOf(Struct, frozen=True, kw_only=True):
    """The bundle: the hash of its own files, and with what is deployed laid over them.

    ``live`` is the hash that was live when this was made; it differs from ``deployed`` where
    somebody had changed a deployment that no gateway had followed yet, or something is left out.
    """

    name: str
    own: str
    deployed: str
    live: str


class ModelOf(Struct, frozen=True, kw_only=True):
    """One version of a custom model, and where it stood."""

    id: str
    kind: str
    digest: str
    owner: str
    state: str = ""


class CanaryOf(Struct, frozen=True, kw_only=True):
    """A version that was a canary: its stage, counted from 0, the ``share`` of the conversations in
    millionths, and on how many exchanges of that stage, with it and without it, its evidence rests.
    That evidence stays where it is.
    """

    id: str
    stage: int
    share: int
    newcomers: int = 0
    others: int = 0


class DatasetOf(Struct, frozen=True, kw_only=True):
    """One version of a dataset."""

    name: str
    digest: str
    owner: str
    rows: int
    newest: bool


class Manifest(Struct, frozen=True, kw_only=True):
    """``MANIFEST.json``.

    Attributes:
        base: the name of the ledger whose key signed it.
        event: the id of the ledger's own entry about this export.
        digest: over name and SHA-256 of every file but README, keys and what ``ledger/`` has: the
            same for the same content, whoever exports it and when.
        tenant: only its data and that of tenants below it; empty for all.
        labels: how many; ``words`` says whether with what people wrote.
        left_out: parts that were not asked for, and files that could not be.
    """

    format: str
    v: int
    freehold: str
    made_at: str
    base: str
    event: str
    digest: str
    tenant: str = ""
    bundle: BundleOf | None = None
    models: tuple[ModelOf, ...] = ()
    datasets: tuple[DatasetOf, ...] = ()
    deployments: int = 0
    canaries: tuple[CanaryOf, ...] = ()
    labels: int = 0
    words: bool = False
    left_out: tuple[str, ...] = ()
    files: dict[str, File] = {}


_head = msgspec.json.Decoder(dict[str, Any])


def written(manifest: Manifest) -> bytes:
    """For people to read as well: indented, keys sorted."""
    return msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=1) + b"\n"


def read_manifest(octets: bytes) -> Manifest:
    """Raises: RequestError: it is none, or that of a newer Freehold."""
    try:
        found = _head.decode(octets)
        if found.get("format") != FORMAT:
            raise RequestError("this is no archive that `freehold export` made")
        if found.get("v") != VERSION:
            made = str(found.get("freehold"))[:40]
            raise RequestError(
                f"this archive has format {str(found.get('v'))[:20]}, made by Freehold {made};"
                f" this one reads format {VERSION}: take a newer Freehold"
            )
        return msgspec.convert(found, Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RequestError(f"{MANIFEST} can't be read: {error}") from None


def content_digest(files: Mapping[str, str]) -> str:
    """``sha256:…`` over names and digests of what does not change with who exports and when."""
    sums = "".join(f"{files[name]}  {name}\n" for name in sorted(files) if is_content(name))
    return "sha256:" + hashlib.sha256(sums.encode()).hexdigest()


def is_content(name: str) -> bool:
    """Whether a file is what was to be carried away, and not about this export."""
    return name not in (README, KEYS, BOM, MANIFEST, SIGNATURE) and not name.startswith(LEDGER)


def sign(manifest: bytes, seed: bytes) -> bytes:
    """An in-toto statement about the manifest, in a DSSE envelope."""
    digest = hashlib.sha256(manifest).hexdigest()
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": MANIFEST, "digest": {"sha256": digest}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {"format": FORMAT, "v": VERSION},
    }
    return enveloped(encoded(statement), seed)


def signers(envelope: bytes, manifest: bytes, keys: Iterable[bytes]) -> list[bytes]:
    """Those of these public keys that signed this manifest.

    Raises:
        RequestError: the envelope can't be read, or is about another manifest.
    """
    try:
        payload, found = taken_out(envelope, keys)
        statement = _head.decode(payload)
        subjects = [(one["name"], one["digest"]["sha256"]) for one in statement["subject"]]
        kind = statement["predicateType"]
    except (ValueError, KeyError, TypeError) as error:
        raise RequestError(f"{SIGNATURE} can't be read: {error}") from None
    digest = hashlib.sha256(manifest).hexdigest()
    if kind != PREDICATE_TYPE or subjects != [(MANIFEST, digest)]:
        raise RequestError(f"{MANIFEST} was altered: {SIGNATURE} is about another one")
    return found
