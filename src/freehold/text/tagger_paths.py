"""From what each label leads by, word by word, to the best path of labels.

A path is worth what its labels lead by; where it changes from one label to another, it pays for
leaving the one and for entering the other. Only regions are decoded in which some word has a label
that leads over none by itself: nothing is named elsewhere.
"""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

_GAP = 2
_NEVER = -(1 << 40)


class Paths:
    """Finds paths for one model: ``costs`` of leaving, or entering, each label; none is below 0."""

    def __init__(self, costs: list[int]) -> None:
        self.costs = costs

    def find(self, leads: Array, words: Array) -> list[tuple[int, list[int]]]:
        """Labels where there are any: the first word of a region, and the labels of its words.

        ``leads`` (n, labels): how far each label leads over the first one, which is none.
        ``words`` (n): whether it is a word; signs alone name nothing.
        """
        tops = leads.argmax(1)
        tops *= words
        active = tops.nonzero()[0].tolist()
        if not active:
            return []
        labels = tops.tolist()
        columns = {label: leads[:, label].tolist() for label in {*labels} if label}
        found: list[tuple[int, list[int]]] = []
        self._divide(active, labels, columns, found)
        return found

    def _divide(
        self,
        active: list[int],
        tops: list[int],
        columns: dict[int, list[int]],
        found: list[tuple[int, list[int]]],
    ) -> None:
        """Decode the regions that ``active`` words make, a few others between them or none."""
        first = 0
        for place, at in enumerate(active):
            behind = active[place + 1] if place + 1 < len(active) else at + _GAP + 2
            if behind - at <= _GAP + 1:
                continue
            begin, part = active[first], active[first : place + 1]
            first = place + 1
            wanted = {tops[word] for word in part}
            able = [
                (label, columns[label][begin : at + 1])
                for label in wanted
                if self._pays(label, columns[label][begin : at + 1])
            ]
            if not able:
                continue
            if 1 < len(able) < len(wanted):
                # without those that can't stand, what is left may be in several regions, and the
                # next best label leads where they did
                still = {label: columns[label] for label, _ in able}
                next_best = list(tops)
                for word in part:
                    lead, label = max((leads[word], label) for label, leads in still.items())
                    next_best[word] = label if lead > 0 else 0
                part = [word for word in part if next_best[word]]
                self._divide(part, next_best, columns, found)
                continue
            path = self._path(able)
            if any(path):
                found.append((begin, path))

    def _path(self, able: list[tuple[int, list[int]]]) -> list[int]:
        """The best path through a region with these labels."""
        if len(able) == 1:
            return self._one(*able[0])
        able.sort()
        if len(able) == 2:
            return self._two(able[0][1], able[1][1], (able[0][0], able[1][0]))
        return self.best([column for _, column in able], [label for label, _ in able])

    def _pays(self, label: int, leads: list[int]) -> bool:
        """Whether a label gains on some stretch what it costs to enter and to leave it.

        Between words with another label it saves what entering and leaving none would have cost.
        """
        least = 2 * (self.costs[label] - self.costs[0])
        gain = 0
        for lead in leads:
            gain += lead
            if gain >= least:
                return True
            if gain < 0:  # noqa: PLR1730 - max is slower
                gain = 0
        return False

    def best(self, columns: list[list[int]], labels: list[int]) -> list[int]:
        """The best path between two words without a label (Viterbi).

        ``columns``: for each of ``labels``, how far it leads over none, word by word.
        """
        labels = [0, *labels]
        costs = [self.costs[label] for label in labels]
        steps = []
        reached = [0] + [_NEVER] * (len(labels) - 1)
        for row in zip(*columns, strict=True):
            left = [value - cost for value, cost in zip(reached, costs, strict=True)]
            out = max(left)
            steps.append((reached, out, left.index(out)))
            reached = [
                lead + (value if value >= out - cost else out - cost)  # noqa: FURB136 - max is slower
                for lead, value, cost in zip((0, *row), reached, costs, strict=True)
            ]
        left = [value - cost for value, cost in zip(reached, costs, strict=True)]
        at = 0 if reached[0] >= max(left) - costs[0] else left.index(max(left))
        path = []
        for values, out, top in reversed(steps):
            path.append(labels[at])
            if values[at] < out - costs[at]:
                at = top
        path.reverse()
        return path

    def _one(self, label: int, leads: list[int]) -> list[int]:
        """As `best`, with one label or none."""
        change = self.costs[0] + self.costs[label]
        none, some = 0, _NEVER
        came: list[
            tuple[bool, bool]
        ] = []  # whether the best way to none, and to some, was from some
        for lead in leads:
            left, stayed = some - change > none, some >= none - change
            came.append((left, stayed))
            none, some = (
                some - change if left else none,
                lead + (some if stayed else none - change),
            )
        at = some - change > none
        path = []
        for step in reversed(came):
            path.append(label if at else 0)
            at = step[at]
        path.reverse()
        return path

    def _two(self, ones: list[int], twos: list[int], labels: tuple[int, int]) -> list[int]:
        """As `best`, with one of two labels or none; three times as fast."""
        cost, cost_one, cost_two = (self.costs[label] for label in (0, *labels))
        none, first, second = 0, _NEVER, _NEVER
        came: list[tuple[int, int, int]] = []  # which label each one's best way is from
        for lead_one, lead_two in zip(ones, twos, strict=True):
            out, top = none - cost, 0
            if first - cost_one > out:
                out, top = first - cost_one, 1
            if second - cost_two > out:
                out, top = second - cost_two, 2
            to_none = to_one = to_two = top
            new_none, new_one, new_two = out - cost, out - cost_one, out - cost_two
            if none >= new_none:
                new_none, to_none = none, 0
            if first >= new_one:
                new_one, to_one = first, 1
            if second >= new_two:
                new_two, to_two = second, 2
            came.append((to_none, to_one, to_two))
            none, first, second = new_none, new_one + lead_one, new_two + lead_two
        ends = [none, first - cost_one - cost, second - cost_two - cost]
        at = ends.index(max(ends))
        path = []
        for step in reversed(came):
            path.append((0, *labels)[at])
            at = step[at]
        path.reverse()
        return path
