"""Texts as dense rows, for policies that are trained on labels at one go.

What words and what runs of characters a text has, each weighted by rarity among the texts trained
on, folded into a few thousand numbers with signs ("count sketch", Charikar et al. 2002) and reduced
to the directions in which those texts differ most (randomised singular value decomposition, Halko
et al. 2011); the text's vector, which knows words that no label had; and its form.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from freehold.stages.routing.learned import forms
from freehold.text import vectors
from freehold.text.embedding import embed

_SKETCH = 4096
_DIRECTIONS = 160
_TELLING = 40
"""Directions of words, of characters and of vectors that trees may split at: those that differ
most."""
_FEW, _ROUNDS = 1_000, 2
_SIGN, _FOLD = np.uint64(12), np.uint64(_SKETCH - 1)
_MOST = 8_000
"""Characters of a text that are read."""

Singles = NDArray[np.float32]
Columns = NDArray[np.uint64]


class Block:
    """One kind of column: its rarities, and the directions kept."""

    def __init__(self, texts: Sequence[Columns], rng: np.random.Generator) -> None:
        counts = np.zeros(vectors.SIZE, dtype=np.float64)
        for columns in texts:
            counts[np.unique(columns)] += 1
        # what only one text has says nothing about another
        self._rarity = np.where(counts > 1, np.log((1 + len(texts)) / (1 + counts)) + 1, 0.0)
        sketched = self._sketched(texts)
        width = min(_DIRECTIONS, len(texts) // 2 + 1)
        self._directions = _directions(sketched, width, rng)

    def rows(self, texts: Sequence[Columns]) -> Singles:
        """Of shape ``(texts, directions)``."""
        found: Singles = self._sketched(texts) @ self._directions
        return found

    def _sketched(self, texts: Sequence[Columns]) -> Singles:
        made = np.zeros((len(texts), _SKETCH), dtype=np.float32)
        for row, columns in zip(made, texts, strict=True):
            unique, counts = np.unique(columns, return_counts=True)
            values = self._rarity[unique] * (1 + np.log(counts))
            size = float(np.sqrt(values @ values)) or 1.0
            signs = 1.0 - 2.0 * ((unique >> _SIGN) & np.uint64(1))
            places = (unique & _FOLD).astype(np.intp)
            row[:] = np.bincount(places, values * signs / size, minlength=_SKETCH)
        return made


def _directions(rows: Singles, width: int, rng: np.random.Generator) -> Singles:
    """The directions in which the rows differ most, as columns."""
    if len(rows) <= _FEW:
        sizes, turned = np.linalg.eigh(rows @ rows.T)
        roots = np.sqrt(np.maximum(sizes[::-1][:width], 1e-6))
        found: Singles = (rows.T @ (turned[:, ::-1][:, :width] / roots)).astype(np.float32)
        return found
    start = rng.standard_normal((rows.shape[1], width + 16)).astype(np.float32)
    for _ in range(_ROUNDS):
        start, _ = np.linalg.qr(rows.T @ (rows @ start))
    _, _, axes = np.linalg.svd(rows @ start, full_matrices=False)
    kept: Singles = (start @ axes.T)[:, :width]
    return kept


class Reading(Struct, frozen=True):
    """Texts as rows.

    Attributes:
        words: directions of words, scaled.
        vectors: of the texts, as `embed` gives them.
        turned: the same in the directions in which they differ most.
        prose: how sentences are put together, scaled.
        everything: all of it, scaled.
        telling: what trees may split at.
    """

    words: Singles
    vectors: Singles
    turned: Singles
    prose: Singles
    everything: Singles
    telling: Singles


class Reader:
    """Learns from texts how to read others. Scaled rows are of about unit length, of mean zero.

    Attributes:
        learned: the texts that it was made from.
    """

    def __init__(self, texts: Sequence[str], rng: np.random.Generator) -> None:
        columns = _columns(texts)
        self._blocks = [Block(of, rng) for of in columns]
        parts = self._parts(texts, columns)
        self._scales = [_Scale(part, each=at > 2) for at, part in enumerate(parts)]
        vector = parts[2]
        moved = vector - vector.mean(0)
        _, axes = np.linalg.eigh(moved.T @ moved)
        self._axes: Singles = axes[:, ::-1][:, :_TELLING]
        self.learned = self._reading(parts)

    def rows(self, texts: Sequence[str]) -> Reading:
        """Others, read alike."""
        return self._reading(self._parts(texts, _columns(texts)))

    def _parts(self, texts: Sequence[str], columns: tuple[list[Columns], ...]) -> list[Singles]:
        read = [text[:_MOST] for text in texts]
        return [
            *(block.rows(of) for block, of in zip(self._blocks, columns, strict=True)),
            np.array([embed(text) for text in read], dtype=np.float32),
            np.array([forms.prose(text) for text in read], dtype=np.float32),
            np.array([forms.layout(text) for text in read], dtype=np.float32),
        ]

    def _reading(self, parts: list[Singles]) -> Reading:
        scaled = [scale.of(part) for scale, part in zip(self._scales, parts, strict=True)]
        words, chars, vector, prose, layout = parts
        few = (words[:, :_TELLING], chars[:, :_TELLING], prose, layout)
        return Reading(
            words=scaled[0],
            vectors=vector,
            turned=vector @ self._axes,
            prose=scaled[3],
            everything=np.concatenate(scaled, axis=1),
            telling=np.concatenate(few, axis=1),
        )


class _Scale:
    """Mean zero, and length one in the mean; ``each`` column by itself first."""

    def __init__(self, rows: Singles, *, each: bool = False) -> None:
        self._mean = rows.mean(0)
        self._by: Singles = rows.std(0) + 1e-6 if each else np.ones(rows.shape[1], np.float32)
        moved = (rows - self._mean) / self._by
        self._size = float(np.sqrt((moved**2).sum(1).mean())) or 1.0

    def of(self, rows: Singles) -> Singles:
        found: Singles = np.clip((rows - self._mean) / self._by, -6, 6) / self._size
        return found


def _columns(texts: Sequence[str]) -> tuple[list[Columns], list[Columns]]:
    words, chars = [], []
    for text in texts:
        made = vectors.vector(text[:_MOST])
        words.append(made.words)
        chars.append(made.chars)
    return words, chars
