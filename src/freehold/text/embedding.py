"""A dense vector of a text, for routes and intents: alike texts have vectors that point alike.

First version: the hashed words and characters of `freehold.text.vectors`, weighted by how rare they
are in ordinary text, each added with a sign of its own to one of `DIMS` numbers ("count sketch",
Charikar et al. 2002).
"""

import numpy as np
from numpy.typing import NDArray

from freehold.text import vectors
from freehold.text.heads import shipped

DIMS = 256
VERSION = "0"
"""Changes whenever a text may get another vector: what was learned says on which one."""
MAX_CHARS = 4_096
"""What is longer is read up to here."""

_HALF = np.uint64(DIMS // 2 - 1)
_SIGN = np.uint64(12)

Embedding = NDArray[np.float32]


def embed(text: str) -> Embedding:
    """The vector of a text, float32 of shape ``(DIMS,)``; of length one, or zero without words."""
    read = vectors.vector(text[:MAX_CHARS])
    made = np.concatenate((_sketch(read.words), _sketch(read.chars)))
    return _unit(made).astype(np.float32)


def _sketch(columns: vectors.Columns) -> NDArray[np.float64]:
    rarity = shipped("rarity").weights[0][columns].astype(np.float64)
    signs = 1.0 - 2.0 * ((columns >> _SIGN) & np.uint64(1))
    places = (columns & _HALF).astype(np.intp)
    return _unit(np.bincount(places, rarity * signs, minlength=DIMS // 2).astype(np.float64))


def _unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    size = float(np.linalg.norm(values))
    return values / size if size > 0 else values
