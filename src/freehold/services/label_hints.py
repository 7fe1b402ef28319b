"""Which rows of a dataset look wrongly labelled, and whose labels they are."""

from collections import Counter

import numpy as np
from msgspec import Struct

from freehold.core.training import Split
from freehold.learning.agreement import hints
from freehold.learning.datasets.folder import FolderDataset
from freehold.learning.datasets.lineage import origins
from freehold.learning.datasets.rows import SPLITS
from freehold.text.embedding import embed


class Doubted(Struct, frozen=True, kw_only=True):
    """A row whose label a classifier that has not seen it would not give.

    Attributes:
        quality: 0 to 1, how likely the label is right.
        by: who gave it, as far as that is known.
    """

    id: str
    split: Split
    given: str
    likely: str
    quality: float
    by: tuple[str, ...] = ()


class Hinted(Struct, frozen=True, kw_only=True):
    """Attributes: rows: with a class; ``labelers``: of each how many rows, and how many doubted."""

    dataset: str
    rows: int
    doubted: tuple[Doubted, ...]
    labelers: dict[str, tuple[int, int]]


def hinted(dataset: FolderDataset, *, seed: int = 0) -> Hinted:
    """The rows to look at again, those first that another class leads most.

    Raises:
        TrainingError: the extra ``learn`` is not installed.
        StorageError: the dataset can't be read.
    """
    by = {origin.id: origin.by for origin in origins(dataset.folder)}
    rows = [row for split in SPLITS for row in dataset.rows(split) if row.label]
    vectors = np.array([embed(row.question) for row in rows], dtype=np.float32)
    found = hints(vectors, [row.label for row in rows], seed=seed) if rows else []
    doubted = tuple(
        Doubted(
            id=rows[hint.place].id,
            split=rows[hint.place].split,
            given=hint.given,
            likely=hint.likely,
            quality=round(hint.quality, 4),
            by=by.get(rows[hint.place].id, ()),
        )
        for hint in found
    )
    every = Counter(name for row in rows for name in by.get(row.id, ()))
    wrong = Counter(name for one in doubted for name in one.by)
    return Hinted(
        dataset=dataset.digest,
        rows=len(rows),
        doubted=doubted,
        labelers={name: (count, wrong[name]) for name, count in sorted(every.items())},
    )
