"""What a version of a custom model is: its manifest, and the name that follows from it."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from freehold.core.errors import AlteredModel

FORMAT = "freehold.model/1"
MANIFEST = "model.json"
CARD = "card.md"
GATE = "gate.json"
LINEAGE = "lineage.json"
SIGNATURE = "signature"
OWN_FILES = frozenset({MANIFEST, CARD, GATE, LINEAGE, SIGNATURE})
"""Names that no trainer may give its files."""

_VERSION = re.compile(r"v([1-9][0-9]{0,8})-([0-9a-f]{8})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class DatasetOf(Struct, frozen=True, kw_only=True):
    """The version of the dataset that a model was trained on."""

    name: str
    digest: str
    owner: str


class TrainerOf(Struct, frozen=True, kw_only=True):
    """What it was trained with."""

    options: dict[str, Any]
    seed: int = 0
    base: str = ""


class Content(Struct, frozen=True, kw_only=True):
    """What makes a version this version: its digest names it. ``files`` are SHA-256 in hex."""

    model: str
    kind: str
    serving: dict[str, Any]
    file: str
    files: dict[str, str]
    dataset: DatasetOf
    trainer: TrainerOf
    code: str


class Manifest(Struct, frozen=True, kw_only=True):
    """``model.json``.

    Attributes:
        digest: ``sha256:…`` over ``content``.
        created: RFC 3339.
        by: who started the training.
        parent: the version before it; empty for the first.
        licence: of the base, as its owner states it; empty where there is none.
        figures: measured by the trainer, on the validation part.
    """

    version: str
    digest: str
    content: Content
    created: str
    by: str = ""
    parent: str = ""
    purpose: str = ""
    licence: str = ""
    figures: dict[str, float] = {}
    notes: tuple[str, ...] = ()
    format: str = FORMAT


class Version(Struct, frozen=True):
    """A version that is there: its manifest and its folder."""

    manifest: Manifest
    folder: Path = field(name="folder")

    @property
    def model(self) -> str:
        """The custom model's name."""
        return self.manifest.content.model

    @property
    def name(self) -> str:
        """``v3-0a1b2c3d``."""
        return self.manifest.version

    @property
    def id(self) -> str:
        """``store-answers@v3-0a1b2c3d``."""
        return f"{self.model}@{self.name}"

    @property
    def gate(self) -> dict[str, Any] | None:
        """The gate's report, if it has been through it.

        Raises:
            AlteredModel: it is there and can't be read.
        """
        path = self.folder / GATE
        try:
            found = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise AlteredModel(f"{path} can't be read: {error}") from error
        if not isinstance(found, dict):
            raise AlteredModel(f"{path} is no report of the gate")
        return found


def encoded(value: Any) -> bytes:
    """One byte form: JSON with sorted keys; floats in their shortest form."""
    return json.dumps(
        msgspec.to_builtins(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()


def digest_of(content: Content) -> str:
    """``sha256:`` and 64 hex digits over the content's one byte form."""
    return "sha256:" + hashlib.sha256(encoded(content)).hexdigest()


def numbered(version: str) -> int:
    """The number of a version; 0 for what is no version's name."""
    match = _VERSION.fullmatch(version)
    return int(match.group(1)) if match else 0


def is_name(model: str) -> bool:
    """Whether a custom model can have this name."""
    return _NAME.fullmatch(model) is not None


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a version's folder, whose name and digest fit it.

    Raises:
        AlteredModel: it is missing or says something else.
    """
    path = folder / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except OSError as error:
        raise AlteredModel(f"{path} can't be read: {error.strerror or error}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise AlteredModel(f"{path} can't be read: {error}") from error
    digest = digest_of(manifest.content)
    named = _VERSION.fullmatch(manifest.version)
    short = digest.removeprefix("sha256:")[:8]
    fits = named is not None and named.group(2) == short and manifest.version == folder.name
    if manifest.digest != digest or not fits or manifest.content.model != folder.parent.name:
        raise AlteredModel(f"{path} was altered: its content is not that of {folder.name}")
    return manifest
