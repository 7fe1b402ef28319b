"""Texts as dense rows, for policies that are trained on labels at one go.

Three blocks: what words and what runs of characters a text has, each weighted by rarity among the
texts trained on, folded into a few thousand numbers with signs ("count sketch", Charikar et al.
2002) and reduced to the directions in which those texts differ most (randomised singular value
decomposition, Halko et al. 2011); and signals of its form: length, numbers, choices offered.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from freehold.text import vectors
from freehold.text.features import featurise

_SKETCH = 4096
_DIRECTIONS = 160
_TELLING = 40
"""Directions of words and of characters that trees may split at: those that differ most."""
_FEW, _ROUNDS = 1_000, 2
_SIGN, _FOLD = np.uint64(12), np.uint64(_SKETCH - 1)
_MOST = 8_000
"""Characters of a text that are read."""

_NUMBER = re.compile(r"\d{1,15}(?:\.\d{1,6})?")
_CHOICE = re.compile(r"(?:^|\n)[ \t(]{0,4}[A-J][.):][ \t]?([^\n]{0,400})")
_NUMERIC = re.compile(r"[-\d\s./$%,x^()+*=]+")
_NEGATED = re.compile(r"\b(?:not|except|least|never|false)\b", re.IGNORECASE)

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


class Reader:
    """Learns from texts how to read others. Rows are of about unit length, of mean zero."""

    def __init__(self, texts: Sequence[str], rng: np.random.Generator) -> None:
        words, chars = _columns(texts)
        self._words = Block(words, rng)
        self._chars = Block(chars, rng)
        self._blocks = [
            _Scale(self._words.rows(words)),
            _Scale(self._chars.rows(chars)),
            _Scale(_forms(texts), each=True),
        ]

    def rows(self, texts: Sequence[str]) -> tuple[Singles, Singles]:
        """All of each text, and what trees may split at; each of shape ``(texts, width)``."""
        words, chars = _columns(texts)
        parts = (self._words.rows(words), self._chars.rows(chars), _forms(texts))
        scaled = [scale.of(part) for scale, part in zip(self._blocks, parts, strict=True)]
        telling = [parts[0][:, :_TELLING], parts[1][:, :_TELLING], parts[2]]
        return np.concatenate(scaled, axis=1), np.concatenate(telling, axis=1)


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


def _forms(texts: Sequence[str]) -> Singles:
    return np.array([_form(text[:_MOST]) for text in texts], dtype=np.float32)


def _form(text: str) -> list[float]:
    """What a text looks like, whatever it is about."""
    seen = featurise(text)
    chars, words = max(1, seen.chars), max(1, seen.words)
    choices = _CHOICE.findall(text)
    lengths = [len(choice) for choice in choices] or [0]
    numbers = [float(number) for number in _NUMBER.findall(text)]
    return [
        np.log1p(seen.chars),
        np.log1p(seen.words),
        np.log1p(seen.lines),
        np.log1p(seen.questions),
        seen.digits / chars,
        seen.uppercase / 1e6,
        chars / words,
        float(seen.code),
        np.log1p(len(choices)),
        np.log1p(sum(lengths) / len(lengths)),
        np.log1p(max(lengths)),
        sum(len(choice.split()) <= 2 for choice in choices) / max(1, len(choices)),
        sum(bool(_NUMERIC.fullmatch(choice)) for choice in choices) / max(1, len(choices)),
        np.log1p(len(numbers)),
        np.log1p(max(numbers, default=0.0)),
        np.log1p(len(set(numbers))),
        np.log1p(len(_NEGATED.findall(text))),
        text.count(".") / words,
        text.count(",") / words,
        float("$" in text),
        float("%" in text),
        float("=" in text),
        float("_" in text),
        float("\n\n" in text),
    ]
