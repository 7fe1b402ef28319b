"""What is known of one version of a dataset, beside its rows."""

from typing import Any

import msgspec
from msgspec import Struct

from freehold.core.cases import Sharing
from freehold.core.training import Split

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
LINEAGE = "lineage.jsonl"
PLACES = "splits.jsonl"
FORMAT = 1


class Part(Struct, frozen=True, kw_only=True):
    """One split's file of rows."""

    file: str
    sha256: str
    rows: int


class Manifest(Struct, frozen=True, kw_only=True):
    """``manifest.json``.

    Attributes:
        digest: ``sha256:…`` over owner, sharing, rows and `places`; the version.
        counts: rows by split, for each ``label``, ``tenant``, ``app``, ``language``, ``source``,
            ``owner`` of the case, and what it ``gives``: ``answer+rejected``, say.
        recipe: how it was built: filters, the bundle's hash, digests of guidelines, shares, seed.
        lineage: where rows come from: ``file``, ``sha256`` and how many of ``cases`` there are.
        places: SHA-256 of what earlier versions placed and this one has not; empty without any.
        parent: digest of the version before, whose rows keep their part.
        frozen: rows of the test part that were in it before.
        left_out: how many, by reason.
        warnings: what whoever trains on it should know.
        made_with: versions of Freehold and of what wrote the tables.
    """

    format: int = FORMAT
    name: str
    digest: str
    owner: str
    share: Sharing = "none"
    created: str
    created_ns: int
    parts: dict[Split, Part]
    counts: dict[str, dict[str, dict[str, int]]] = {}
    recipe: dict[str, Any] = {}
    lineage: dict[str, Any] = {}
    places: str = ""
    parent: str = ""
    frozen: int = 0
    left_out: dict[str, int] = {}
    warnings: tuple[str, ...] = ()
    made_with: dict[str, str] = {}

    @property
    def rows(self) -> int:
        """In all its parts."""
        return sum(part.rows for part in self.parts.values())


_decoder = msgspec.json.Decoder(Manifest, strict=True)


def written(manifest: Manifest) -> bytes:
    """For people to read as well: indented, keys sorted."""
    return msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=2) + b"\n"


def read(octets: bytes) -> Manifest:
    """Raises: ValueError: it is no manifest, or of a format from later."""
    try:
        manifest = _decoder.decode(octets)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from None
    if manifest.format != FORMAT:
        raise ValueError(f"format {manifest.format} is not known here; {FORMAT} is")
    return manifest
