"""What came and went between two versions of a dataset."""

from pathlib import Path

from msgspec import Struct

from freehold.core.training import Split
from freehold.learning.datasets.lineage import origins


class Differing(Struct, frozen=True, kw_only=True):
    """Ids of rows, by what became of them. ``moved`` is empty, or a version was made elsewhere."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    moved: tuple[str, ...]
    same: int


def compare(old: Path, new: Path) -> Differing:
    """Two versions' folders.

    Raises:
        StorageError: a lineage can't be read.
    """
    before = _rows(old)
    after = _rows(new)
    both = before.keys() & after.keys()
    return Differing(
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
        changed=tuple(sorted(row for row in both if before[row][1] != after[row][1])),
        moved=tuple(sorted(row for row in both if before[row][0] != after[row][0])),
        same=sum(before[row] == after[row] for row in both),
    )


def _rows(folder: Path) -> dict[str, tuple[Split, str]]:
    return {origin.id: (origin.split, origin.sha256) for origin in origins(folder)}
