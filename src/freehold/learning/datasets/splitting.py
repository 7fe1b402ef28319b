"""Into which part each row goes: nothing leaks, nothing ever changes its part.

Rows that share a mark (a conversation, a question, a context record) stand in one part. What an
earlier version placed stays where it was; groups that begin last go to the test part, as traffic
yet to come will; which of the others validate is drawn from their names. The order in which rows
come makes no difference.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b

from msgspec import Struct

from freehold.core.training import Split

_STRICTEST: tuple[Split, ...] = ("test", "validation", "train")
BRIDGES = "would join two parts: like rows of both"
LEAKS = "asked for a part, and is like a row of another one"


class Marked(Struct, frozen=True, array_like=True):
    """What splitting needs of one row.

    Attributes:
        marks: the first is its own id.
        wanted: the part that it was brought in for, if any.
    """

    id: str
    at_ns: int
    marks: tuple[bytes, ...]
    label: str = ""
    wanted: Split | None = None


class Shares(Struct, frozen=True, kw_only=True):
    """How much of the new rows goes to each part, from 0 to 1; the rest is for training."""

    test: float = 0.2
    validation: float = 0.1
    seed: int = 0


class Placed(Struct, frozen=True, kw_only=True):
    """Each row's part, or ``None`` for one left out; how many were, by reason; how many of the test
    part were in it before.
    """

    splits: list[Split | None]
    left_out: dict[str, int]
    frozen: int


class _Groups:
    """Disjoint sets of rows, joined by what they share."""

    def __init__(self, size: int) -> None:
        self._up = list(range(size))

    def top(self, at: int) -> int:
        while self._up[at] != at:
            self._up[at] = at = self._up[self._up[at]]
        return at

    def join(self, one: int, other: int) -> None:
        one, other = self.top(one), self.top(other)
        if one != other:
            self._up[max(one, other)] = min(one, other)


def place(rows: Sequence[Marked], before: Mapping[bytes, Split], shares: Shares) -> Placed:
    """Place every row.

    Args:
        before: the part of each mark that an earlier version placed.
    """
    splits: list[Split | None] = [None] * len(rows)
    left: dict[str, int] = {}
    fixed = [before.get(row.marks[0]) for row in rows]
    out = [False] * len(rows)
    inherited: list[set[Split]] = []
    for at, row in enumerate(rows):
        told = {before[m] for m in row.marks if m in before}
        inherited.append(told)
        if fixed[at] is None and len(told) > 1:
            out[at] = True
    groups = _joined(rows, out)
    for members in groups:
        _place_known(members, rows, fixed, inherited, splits, out)
    new = [m for m in groups if splits[m[0]] is None and not any(out[at] for at in m)]
    _place_new(new, rows, splits, shares)
    for at in range(len(rows)):
        if out[at]:
            reason = LEAKS if rows[at].wanted else BRIDGES
            left[reason] = left.get(reason, 0) + 1
    frozen = sum(split == "test" for split in fixed)
    return Placed(splits=splits, left_out=left, frozen=frozen)


def _joined(rows: Sequence[Marked], out: Sequence[bool]) -> list[list[int]]:
    """The groups, each in the order of its rows; without those that are left out already."""
    groups, holder = _Groups(len(rows)), dict[bytes, int]()
    for at, row in enumerate(rows):
        if out[at]:
            continue
        for each in row.marks:
            first = holder.setdefault(each, at)
            if first != at:
                groups.join(at, first)
    found: dict[int, list[int]] = {}
    for at in range(len(rows)):
        if not out[at]:
            found.setdefault(groups.top(at), []).append(at)
    return list(found.values())


def _place_known(
    members: list[int],
    rows: Sequence[Marked],
    fixed: Sequence[Split | None],
    inherited: Sequence[set[Split]],
    splits: list[Split | None],
    out: list[bool],
) -> None:
    """A group of which something was placed before, or brought in for a part."""
    told = set[Split]().union(*(inherited[at] for at in members))
    if told:
        part = next(iter(told)) if len(told) == 1 else None
        for at in members:
            fits = rows[at].wanted in (part, None)  # it never goes where it was not brought in for
            splits[at] = fixed[at] or (part if fits else None)
            out[at] = splits[at] is None
        return
    wanted = {rows[at].wanted for at in members} - {None}
    strictest = next((split for split in _STRICTEST if split in wanted), None)
    if strictest is None:
        return
    for at in members:
        if rows[at].wanted in (strictest, None):
            splits[at] = strictest
        else:
            out[at] = True


def _place_new(
    groups: list[list[int]], rows: Sequence[Marked], splits: list[Split | None], shares: Shares
) -> None:
    total = sum(map(len, groups))
    keeps = _last_of_labels(groups, rows, splits)
    born = {group[0]: min(rows[at].at_ns for at in group) for group in groups}
    drawn = {group[0]: _drawn(group, rows, shares.seed) for group in groups}
    newest = sorted(groups, key=lambda g: (-born[g[0]], drawn[g[0]]))
    rest = _take(newest, "test", round(total * shares.test), splits, keeps)
    rest.sort(key=lambda g: drawn[g[0]])
    rest = _take(rest, "validation", round(total * shares.validation), splits, keeps)
    for group in rest:
        for at in group:
            splits[at] = "train"


def _take(
    groups: list[list[int]],
    split: Split,
    wanted: int,
    splits: list[Split | None],
    keeps: "_LastOfLabels",
) -> list[list[int]]:
    """Whole groups until there are as many rows as wanted; those that were not taken."""
    rest, room = [], wanted
    for group in groups:
        # a group that would overshoot by more than it helps waits for another part
        if room > 0 and len(group) <= room + room // 2 and keeps.spares(group):
            room -= len(group)
            for at in group:
                splits[at] = split
        else:
            rest.append(group)
    return rest


class _LastOfLabels:
    """Counts the groups that could still teach each class, so that none is only ever tested."""

    def __init__(self, labels: dict[int, set[str]], left: dict[str, int]) -> None:
        self._labels = labels
        self._left = left

    def spares(self, group: list[int]) -> bool:
        """Whether training can do without the group; it is then taken."""
        labels = self._labels.get(group[0], set())
        if any(self._left[label] < 2 for label in labels):
            return False
        for label in labels:
            self._left[label] -= 1
        return True


def _last_of_labels(
    groups: list[list[int]], rows: Sequence[Marked], splits: Sequence[Split | None]
) -> _LastOfLabels:
    labels: dict[int, set[str]] = {}
    left: dict[str, int] = {}
    for group in groups:
        labels[group[0]] = {rows[at].label for at in group} - {""}
        for label in labels[group[0]]:
            left[label] = left.get(label, 0) + 1
    for at, split in enumerate(splits):
        if split == "train" and rows[at].label in left:
            left[rows[at].label] += 1
    return _LastOfLabels(labels, left)


def _drawn(group: list[int], rows: Sequence[Marked], seed: int) -> bytes:
    """A place in the draw that depends on nothing but the seed and who is in the group."""
    first = min(rows[at].id for at in group)
    return blake2b(f"{seed}\0{first}".encode("utf-8", "replace"), digest_size=16).digest()
