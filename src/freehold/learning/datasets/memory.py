"""A dataset that is held in memory: for few rows, and for tests."""

from collections.abc import Iterable, Sequence

from freehold.core.cases import Sharing
from freehold.core.training import Example, Split
from freehold.learning.datasets.rows import SPLITS, digest_of, part_digest


class MemoryDataset:
    """Rows as they are given, each in the part that it names; `core.training.Dataset`."""

    def __init__(
        self, name: str, rows: Iterable[Example], *, owner: str = "main", share: Sharing = "none"
    ) -> None:
        self._parts: dict[Split, list[Example]] = {split: [] for split in SPLITS}
        for row in rows:
            self._parts[row.split].append(row)
        self.name = name
        self.owner = owner
        self.share: Sharing = share
        digests = {split: part_digest(part) for split, part in self._parts.items()}
        self.digest = digest_of(owner, share, digests)

    def rows(self, split: Split) -> Sequence[Example]:
        """One part, in the order in which it was given."""
        return self._parts[split]
