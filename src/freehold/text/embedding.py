"""A dense vector of a text, for routes and intents: alike texts have vectors that point alike.

The mean of static vectors of its pieces of words, which were trained so that such means compare
("WordLlama", D. Lee Miller, MIT; `scripts/make_embedding.py` makes the file from its wheel). What
is rare has long vectors, so it weighs more; the order of words is lost.
"""

from functools import cache
from importlib.resources import files
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from freehold.text import safetensors
from freehold.text.pieces import Pieces

DIMS = 256
VERSION = "1"
"""Changes whenever a text may get another vector: what was learned says on which one."""
MAX_CHARS = 4_096
"""What is longer is read up to here."""

Embedding = NDArray[np.float32]


def embed(text: str) -> Embedding:
    """The vector of a text, float32 of shape ``(DIMS,)``; of length one, or zero without words."""
    pieces, vectors, steps = _table()
    words = text[:MAX_CHARS].lower().split()
    found = np.fromiter(chain.from_iterable(map(pieces.of, words)), dtype=np.intp)
    if not len(found):
        return np.zeros(DIMS, dtype=np.float32)
    total: Embedding = steps[found] @ vectors[found].astype(np.float32)
    size = float(np.sqrt(total @ total))
    return total / np.float32(size) if size > 0 else total


@cache
def _table() -> tuple[Pieces, NDArray[np.int8], Embedding]:
    """Read when first needed: 8 MB."""
    data = (files("freehold.text") / "models" / "words.safetensors").read_bytes()
    arrays, _ = safetensors.unpack(data)
    pieces = arrays["pieces"].tobytes().decode("utf-8").split("\0")
    return Pieces(pieces), arrays["vectors"], arrays["steps"]
