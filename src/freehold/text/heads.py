"""Linear heads on a text's vector: small files of whole numbers, read when first needed.

A head has one weight of eight bits for each column. What it says about a stretch of text is the
sum of its words' weights over the square root of their number, and the same for runs of
characters, so that long and short texts compare. Sums are of whole numbers: the same text has the
same score on every machine.
"""

import math
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from freehold.core.decisions import MILLION
from freehold.text import vectors
from freehold.text.vectors import STRIDE, WINDOW, Vector


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a head's file.

    ``scale`` makes a logit of a sum of weights, ``shift`` moves it so that half a million
    millionths is the threshold that training chose.
    """

    name: str
    vector: str
    bits: int
    scale: float
    shift: float
    trained: dict[str, Any] = {}


class Judgement(msgspec.Struct, frozen=True):
    """A score in millionths and the stretch of the text that has it."""

    score: int
    start: int
    end: int


class Head:
    """One learned yes or no. ``version`` is a digest of the file."""

    def __init__(self, header: Header, weights: NDArray[np.int8], version: str) -> None:
        self.header = header
        self.weights = weights
        self.version = version

    def judge(self, vector: Vector) -> Judgement:
        """The stretch that speaks loudest for it, and how loudly."""
        chars, words = self.weights[vector.chars], self.weights[vector.words]
        if vector.windows == 1:
            total = _mean(int(chars.sum(dtype=np.int64)), len(chars))
            total += _mean(int(words.sum(dtype=np.int64)), len(words))
            return Judgement(self._score(total), 0, int(vector.offsets[-1]))
        by_char, by_word = vector.steps()
        totals = by_char.windows(chars) + by_word.windows(words)
        best = int(totals.argmax())
        start, end = best * STRIDE, min(best * STRIDE + WINDOW, vector.length)
        score = self._score(float(totals[best]))
        return Judgement(score, int(vector.offsets[start]), int(vector.offsets[end]))

    def _score(self, total: float) -> int:
        logit = total * self.header.scale + self.header.shift
        return round(MILLION / (1 + math.exp(-max(-30.0, min(30.0, logit)))))


def _mean(total: int, count: int) -> float:
    return total / math.sqrt(count) if count else 0.0


def pack(header: Header, weights: NDArray[np.int8]) -> bytes:
    """A head as the bytes of its file."""
    return msgspec.json.encode(header) + b"\n" + weights.tobytes()


def unpack(data: bytes) -> Head:
    """The head in a file.

    Raises:
        ValueError: it is damaged, or was trained on other vectors than these.
    """
    line, _, rest = data.partition(b"\n")
    try:
        header = msgspec.json.decode(line, type=Header)
    except msgspec.MsgspecError as error:
        raise ValueError(f"no head: {error}") from None
    if header.vector != vectors.VERSION or header.bits != vectors.BITS:
        raise ValueError(f"head {header.name} was trained on other vectors: train it again")
    if len(rest) != vectors.SIZE:
        raise ValueError(f"head {header.name} has {len(rest)} weights of {vectors.SIZE}")
    digest = sha256(data).hexdigest()[:12]
    return Head(header, np.frombuffer(rest, dtype=np.int8), digest)


@lru_cache(maxsize=16)
def shipped(name: str) -> Head:
    """A head that is part of this package: ``injection``, ``toxicity``."""
    return unpack((files("freehold.text") / "models" / f"{name}.head").read_bytes())


@lru_cache(maxsize=16)
def vector_of(text: str) -> Vector:
    """The vector of a text, kept for the next head that asks: texts are featurised once."""
    return vectors.vector(text)
