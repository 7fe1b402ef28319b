"""Linear heads on a text's vector: small files of whole numbers, read when first needed.

A head has one weight of eight bits for each label and column. What it says about a stretch of text
is the sum of its words' weights over the square root of their number, and the same for runs of
characters, so that long and short texts compare. Sums are of whole numbers: the same text has the
same score on every machine. `freehold.text.training` makes heads.
"""

import math
import re
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from freehold.core.decisions import MILLION
from freehold.text import safetensors, vectors
from freehold.text.vectors import Vector

LABEL = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
"""How a label is written: it stands in records, rules and placeholders."""

_ARRAY, _ABOUT = "weights", "head"


class Header(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a head's file says of itself.

    ``scales`` make a logit of a sum of weights, ``shifts`` move it so that half a million
    millionths is the threshold that training chose; one of each for each of ``labels``.
    ``caution`` times the natural logarithm of the number of stretches is taken off the logit: the
    loudest of a thousand is louder by chance than the only one. A vector has a bounded length, so
    nobody silences a head by padding a text without end.
    """

    name: str
    vector: str
    bits: int
    labels: tuple[str, ...]
    scales: tuple[float, ...]
    shifts: tuple[float, ...]
    caution: float | None = None
    trained: dict[str, Any] = {}


class Judgement(msgspec.Struct, frozen=True):
    """A score in millionths, the stretch of the text that has it, and for which label."""

    score: int
    start: int
    end: int
    label: str = ""


class Head:
    """One learned yes or no for each of its labels. ``version`` is a digest of the file."""

    def __init__(self, header: Header, weights: NDArray[np.int8], version: str) -> None:
        self.header = header
        self.weights = weights
        self.version = version

    def judge(self, vector: Vector) -> Judgement:
        """The loudest of `judge_all`."""
        return max(self.judge_all(vector), key=lambda said: said.score)

    def judge_all(self, vector: Vector) -> list[Judgement]:
        """For each label the stretch that speaks loudest for it, and how loudly."""
        return [self._judge(vector, number) for number in range(len(self.header.labels))]

    def _judge(self, vector: Vector, number: int) -> Judgement:
        weights, label = self.weights[number], self.header.labels[number]
        chars, words = weights[vector.chars], weights[vector.words]
        stretches = vector.stretches()
        if len(stretches) == 1:
            total = _mean(int(chars.sum(dtype=np.int64)), len(chars))
            total += _mean(int(words.sum(dtype=np.int64)), len(words))
            return Judgement(self._score(total, number, 1), 0, int(vector.offsets[-1]), label)
        by_char, by_word = vector.steps()
        totals = by_char.totals(chars) + by_word.totals(words)
        best = int(totals.argmax())
        start, end = vector.offsets[stretches[best]].tolist()
        score = self._score(float(totals[best]), number, len(stretches))
        return Judgement(score, start, end, label)

    def _score(self, total: float, number: int, stretches: int) -> int:
        logit = total * self.header.scales[number] + self.header.shifts[number]
        logit -= (self.header.caution or 0.0) * math.log(stretches)
        return round(MILLION / (1 + math.exp(-max(-30.0, min(30.0, logit)))))

    def save(self, path: Path) -> None:
        """Write it as a file that `load` reads."""
        path.write_bytes(pack(self.header, self.weights))


def _mean(total: int, count: int) -> float:
    return total / math.sqrt(count) if count else 0.0


def pack(header: Header, weights: NDArray[np.int8]) -> bytes:
    """A head as the bytes of its file, in the form of safetensors."""
    return safetensors.pack({_ARRAY: weights}, {_ABOUT: msgspec.json.encode(header).decode()})


def unpack(data: bytes) -> Head:
    """The head in a file.

    Raises:
        ValueError: it is damaged, or was trained on other vectors than these.
    """
    arrays, about = safetensors.unpack(data)
    try:
        header = msgspec.json.decode(about.get(_ABOUT, ""), type=Header)
    except msgspec.MsgspecError as error:
        raise ValueError(f"no head: {error}") from None
    if header.vector != vectors.VERSION or header.bits != vectors.BITS:
        raise ValueError(f"head {header.name} was trained on other vectors: train it again")
    weights, wanted = arrays.get(_ARRAY), (len(header.labels), vectors.SIZE)
    if weights is None or weights.shape != wanted or weights.dtype != np.int8:
        raise ValueError(f"head {header.name} has not {wanted[0]} times {wanted[1]} weights")
    if not header.labels or {len(header.scales), len(header.shifts)} != {len(header.labels)}:
        raise ValueError(f"head {header.name} has not one scale and one shift for each label")
    if not all(map(math.isfinite, (*header.scales, *header.shifts, header.caution or 0.0))):
        raise ValueError(f"head {header.name} has a scale or a shift that is no number")
    if not all(map(LABEL.fullmatch, header.labels)):
        raise ValueError(f"head {header.name} has a label that no label is written like")
    if (header.caution or 0.0) < 0:
        raise ValueError(f"head {header.name} is less cautious the longer a text is")
    return Head(header, weights, sha256(data).hexdigest()[:12])


def load(path: Path) -> Head:
    """The head in a file.

    Raises:
        OSError: it can't be read.
        ValueError: it is no head, damaged, or trained on other vectors than these.
    """
    return unpack(path.read_bytes())


@lru_cache(maxsize=16)
def shipped(name: str) -> Head:
    """A head that is part of this package: ``injection``, ``toxicity``."""
    return unpack((files("freehold.text") / "models" / f"{name}.safetensors").read_bytes())


@lru_cache(maxsize=16)
def vector_of(text: str) -> Vector:
    """The vector of a text, kept for the next head that asks: texts are featurised once."""
    return vectors.vector(text)
