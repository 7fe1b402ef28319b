"""Chance that depends on nothing but the seed and what was asked.

An answer must not depend on the order in which requests arrive, so there is no shared generator:
each answer gets its own, seeded by a digest of the request.
"""

from __future__ import annotations

import math
import re
from hashlib import blake2b
from random import Random
from typing import Final

# What a gateway puts in place of a value that it hides, such as [EMAIL_1A2B3C4D].
PLACEHOLDER: Final = re.compile(r"\[([A-Z][A-Z0-9_]*)_[0-9A-Za-z]{4,}\]")
_CONTEXT_ID: Final = re.compile(r'(<context\b[^>]*?) id="[^"]*"')

# Pieces of at most six letters or digits, with the white space before them: about a token each.
_PIECE: Final = re.compile(r"\s*(?:\w{1,6}|[^\w\s])|\s+")


def pieces(text: str) -> list[str]:
    """`text` cut into token-like pieces; joined they give `text` again."""
    return _PIECE.findall(text)


def count_tokens(text: str) -> int:
    """How many pieces `text` has."""
    return len(pieces(text))


def digest(seed: int, *parts: str) -> int:
    """64 bits that stand for a request.

    Placeholders count by their kind alone and context ids not at all, since both carry keys and
    random ids of the gateway in front: the same request through a fresh installation gets the
    same answer.
    """
    state = blake2b(str(seed).encode(), digest_size=8)
    for part in parts:
        text = PLACEHOLDER.sub(r"[\1]", part)
        state.update(b"\0" + _CONTEXT_ID.sub(r"\1", text).encode("utf-8", "surrogatepass"))
    return int.from_bytes(state.digest(), "big")


def generator(digest_value: int, *salt: int | str) -> Random:
    """A generator of one's own for one purpose (an answer, a choice, a fault)."""
    return Random("/".join([str(digest_value), *map(str, salt)]))


def lognormal_ms(rng: Random, mean: float, deviation: float) -> float:
    """A lognormal wait, in ms, with the given mean and standard deviation (of the wait itself)."""
    if mean <= 0:
        return 0.0
    if deviation <= 0:
        return mean
    variance = math.log1p((deviation / mean) ** 2)
    return rng.lognormvariate(math.log(mean) - variance / 2, math.sqrt(variance))
