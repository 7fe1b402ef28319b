"""Where each row comes from, and where rows that are gone once were: two files of JSON lines."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct

from freehold.core.decisions import MILLION
from freehold.core.errors import StorageError
from freehold.core.training import Example, Split
from freehold.learning.datasets.manifest import LINEAGE, PLACES

T = TypeVar("T")
Source = Literal["label", "correction", "approval", "success", "import", "incident"]
"""What settled the row: experts' labels, what somebody corrected since, an approver, a good score;
or it was brought in; or nothing yet: an incident, of which is known what was wrong."""


class Draft(Struct, frozen=True, kw_only=True):
    """A row before it is placed, and where it comes from.

    Attributes:
        exchange: of the case; ``record`` the hash of its last line in the ledger, a leaf of its
            tree.
        owner: of the case: to whom what is learned from it belongs.
        by: who said so, as far as that is known.
        wanted: the part that it was brought in for, if any.
    """

    row: Example
    source: Source
    exchange: str = ""
    owner: str = ""
    record: str = ""
    queue: str = ""
    by: tuple[str, ...] = ()
    wanted: Split | None = None


class Origin(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of ``lineage.jsonl``.

    Attributes:
        sha256: of the row's line, its end included.
        marks: by what it is known again, in hex; see `marks`.
        weight: in millionths, as it was before rows that contradict each other shared theirs.
    """

    id: str
    split: Split
    sha256: str
    marks: tuple[str, ...]
    source: Source = "import"
    exchange: str = ""
    owner: str = ""
    record: str = ""
    queue: str = ""
    by: tuple[str, ...] = ()
    weight: int = MILLION


class Gone(Struct, frozen=True, kw_only=True):
    """One line of ``splits.jsonl``: a row of an earlier version, which keeps its part."""

    marks: tuple[str, ...]
    split: Split


def origin_of(draft: Draft, split: Split, line: bytes, marks: tuple[bytes, ...]) -> Origin:
    """What the lineage says of a row."""
    return Origin(
        id=draft.row.id,
        split=split,
        sha256=sha256(line).hexdigest(),
        marks=tuple(each.hex() for each in marks),
        source=draft.source,
        exchange=draft.exchange,
        owner=draft.owner,
        record=draft.record,
        queue=draft.queue,
        by=draft.by,
        weight=draft.row.weight,
    )


def origins(folder: Path) -> Iterator[Origin]:
    """The lineage of a version, in the order of its rows, part by part.

    Raises:
        StorageError: it can't be read.
    """
    return _lines(folder / LINEAGE, msgspec.json.Decoder(Origin))


def gone(folder: Path) -> Iterator[Gone]:
    """Rows of earlier versions that are not in this one.

    Raises:
        StorageError: it can't be read.
    """
    return _lines(folder / PLACES, msgspec.json.Decoder(Gone))


def places(folder: Path) -> dict[bytes, Split]:
    """The part of everything that a version or one before it placed.

    Raises:
        StorageError: it can't be read.
    """
    found: dict[bytes, Split] = {}
    for away in gone(folder):
        found |= dict.fromkeys(map(bytes.fromhex, away.marks), away.split)
    for origin in origins(folder):
        found |= dict.fromkeys(map(bytes.fromhex, origin.marks), origin.split)
    return found


def _lines(path: Path, decoder: "msgspec.json.Decoder[T]") -> Iterator[T]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    yield decoder.decode(line)
                except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                    raise StorageError(f"{path}: line {number}: {error}") from None
    except OSError as error:
        raise StorageError(f"{path} can't be read: {error.strerror or error}") from None
