"""Extremely randomised regression trees (Geurts, Ernst and Wehenkel 2006), in numpy.

Each tree tries at each node some features at a random threshold each, and takes the split after
which the targets scatter least. All nodes of a level are split at once. Many such trees, averaged,
find what a linear head can't, and stay sober on labels that are mostly noise.
"""

import numpy as np
from numpy.typing import NDArray

TREES = 120
_LEAF, _LEAF_SHARE = 11, 0.002
"""Samples that a leaf has at least, and how many more for each sample there is."""
TRIED = 0.4
"""Share of the features that a node tries."""
_DEPTH = 40

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.intp]


class Tree:
    """Nodes as arrays; a leaf leads to itself."""

    __slots__ = ("_leaf", "depth", "feature", "high", "low", "threshold", "value")

    def __init__(self, rows: Singles, targets: Floats, rng: np.random.Generator) -> None:
        self.depth = 0
        self._leaf = round(_LEAF + _LEAF_SHARE * len(rows))
        self.feature: Ints = np.zeros(1, dtype=np.intp)
        self.threshold: Singles = np.zeros(1, dtype=np.float32)
        self.low: Ints = np.zeros(1, dtype=np.intp)
        self.high: Ints = np.zeros(1, dtype=np.intp)
        self.value: Floats = targets.mean(0)[None]
        order = np.arange(len(rows))
        nodes, starts = np.zeros(1, dtype=np.intp), np.zeros(1, dtype=np.intp)
        while len(nodes) and self.depth < _DEPTH:
            order, nodes, starts = self._split(rows, targets, rng, order, nodes, starts)
            self.depth += 1

    def _split(
        self,
        rows: Singles,
        targets: Floats,
        rng: np.random.Generator,
        order: Ints,
        nodes: Ints,
        starts: Ints,
    ) -> tuple[Ints, Ints, Ints]:
        """Split the nodes of a level; their samples stand in ``order``, one node after another.

        Returns:
            The same of the next level: samples, nodes, where each begins.
        """
        sizes = np.diff(starts, append=len(order))
        tried = max(1, round(TRIED * rows.shape[1]))
        features = rng.integers(rows.shape[1], size=(len(nodes), tried))
        one, other = (
            rows[
                order[starts[:, None] + (rng.random(features.shape) * sizes[:, None]).astype(int)],
                features,
            ]
            for _ in range(2)
        )
        thresholds = (one + other) / 2
        member = np.repeat(np.arange(len(nodes)), sizes)
        below = rows[order[:, None], features[member]] <= thresholds[member]
        best, found = _best(below, targets[order], starts, sizes, self._leaf)
        chosen = np.arange(len(nodes)), best
        split = np.flatnonzero(found)
        feature, threshold = features[chosen], thresholds[chosen]
        first = len(self.feature) + 2 * np.arange(len(split))
        self.feature[nodes[split]] = feature[split]
        self.threshold[nodes[split]] = threshold[split]
        self.low[nodes[split]], self.high[nodes[split]] = first, first + 1
        # samples of what was split, sorted by child
        goes = found[member]
        child = np.full(len(nodes), -1)
        child[split] = np.arange(len(split))
        side = ~below[np.arange(len(order)), best[member]]
        key = 2 * child[member[goes]] + side[goes]
        sorted_by = np.argsort(key, kind="stable")
        order = order[goes][sorted_by]
        children = np.arange(2 * len(split))
        starts = np.searchsorted(key[sorted_by], children)
        self._grow(children, starts, order, targets)
        sizes = np.diff(starts, append=len(order))
        going = sizes >= 2 * self._leaf
        keep = np.repeat(going, sizes)
        nodes = (len(self.feature) - len(children) + children)[going]
        return order[keep], nodes, np.cumsum(sizes[going]) - sizes[going]

    def _grow(self, children: Ints, starts: Ints, order: Ints, targets: Floats) -> None:
        count = len(self.feature)
        self.feature = np.concatenate((self.feature, np.zeros(len(children), dtype=np.intp)))
        self.threshold = np.concatenate(
            (self.threshold, np.full(len(children), np.inf, dtype=np.float32))
        )
        self.low = np.concatenate((self.low, count + children))
        self.high = np.concatenate((self.high, count + children))
        if len(children):
            sizes = np.diff(starts, append=len(order))
            means = np.add.reduceat(targets[order], starts, axis=0) / sizes[:, None]
            self.value = np.concatenate((self.value, means))

    def predict(self, rows: Singles) -> Floats:
        """Of shape ``(rows, targets)``."""
        at = np.zeros(len(rows), dtype=np.intp)
        every = np.arange(len(rows))
        for _ in range(self.depth):
            below = rows[every, self.feature[at]] <= self.threshold[at]
            at = np.where(below, self.low[at], self.high[at])
        found: Floats = self.value[at]
        return found


def _best(
    below: NDArray[np.bool_], targets: Floats, starts: Ints, sizes: Ints, leaf: int
) -> tuple[Ints, NDArray[np.bool_]]:
    """For each node the split after which its targets scatter least, and whether there is one."""
    left = np.add.reduceat(below, starts, axis=0, dtype=np.float32)
    right = sizes[:, None] - left
    gain = np.zeros_like(left)
    with np.errstate(divide="ignore", invalid="ignore"):
        for number in range(targets.shape[1]):
            target = targets[:, number].astype(np.float32)
            part = np.add.reduceat(below * target[:, None], starts, axis=0)
            whole = np.add.reduceat(target, starts)[:, None]
            gain += part**2 / left + (whole - part) ** 2 / right
    gain[(left < leaf) | (right < leaf)] = -np.inf
    best = gain.argmax(1)
    return best, np.isfinite(gain[np.arange(len(best)), best])


class Trees:
    """Many trees, averaged."""

    def __init__(
        self, rows: Singles, targets: Floats, rng: np.random.Generator, count: int = TREES
    ) -> None:
        centred = targets - targets.mean(0)
        self._mean = targets.mean(0)
        self._trees = [Tree(rows, centred, child) for child in rng.spawn(count)]

    def predict(self, rows: Singles) -> Floats:
        """Of shape ``(rows, targets)``."""
        found: Floats = self._mean + (
            sum(tree.predict(rows) for tree in self._trees) / len(self._trees)
        )
        return found
