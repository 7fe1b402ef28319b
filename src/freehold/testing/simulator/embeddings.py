"""Deterministic embeddings: hashed words and word pairs, scaled to length 1.

Texts that share words point in similar directions, which is all that tests need.
"""

from __future__ import annotations

import base64
import math
import re
import struct
from collections.abc import Mapping
from hashlib import blake2b
from itertools import pairwise
from typing import Any, Final

import orjson

from freehold.testing.simulator.errors import malformed
from freehold.testing.simulator.seeded import count_tokens

_WORD: Final = re.compile(r"\w+")


def embed(text: str, dimensions: int, seed: int = 0) -> list[float]:
    """A unit vector of `dimensions` floats."""
    words = _WORD.findall(text.casefold())
    features = [*words, *(f"{a} {b}" for a, b in pairwise(words))] or [""]
    vector = [0.0] * dimensions
    for feature in features:
        raw = blake2b(
            f"{seed}\0{feature}".encode("utf-8", "surrogatepass"), digest_size=32
        ).digest()
        # Eight slots for each feature, so that short texts are not mostly zeros.
        for at in range(0, 32, 4):
            value = int.from_bytes(raw[at : at + 4], "big")
            vector[(value >> 1) % dimensions] += 1.0 if value & 1 else -1.0
    length = math.sqrt(sum(value * value for value in vector))
    if length == 0.0:  # opposite signs met in every slot
        vector[0] = length = 1.0
    return [value / length for value in vector]


def answer(data: Mapping[str, Any], model_dimensions: int, seed: int) -> tuple[bytes, int]:
    """The body of the answer to `POST /v1/embeddings`, and its tokens.

    Raises:
        WireError: 400, an argument is wrong.
    """
    given = data.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or len(texts) > 2048:
        raise malformed("input must be a string or a list of 1 to 2048 strings.", "input")
    if not all(isinstance(text, str) and text for text in texts):
        raise malformed("input must hold strings that are not empty, no token ids.", "input")
    form = data.get("encoding_format") or "float"
    if form not in ("float", "base64"):
        raise malformed("encoding_format must be float or base64.", "encoding_format")
    dimensions = data.get("dimensions") or model_dimensions
    if not isinstance(dimensions, int) or not 1 <= dimensions <= 8192:
        raise malformed("dimensions must be an integer from 1 to 8192.", "dimensions")
    rows: list[dict[str, Any]] = []
    for index, text in enumerate(texts):
        vector: Any = embed(text, dimensions, seed)
        if form == "base64":
            vector = base64.b64encode(struct.pack(f"<{dimensions}f", *vector)).decode()
        rows.append({"object": "embedding", "index": index, "embedding": vector})
    tokens = sum(count_tokens(text) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    body = {"object": "list", "data": rows, "model": data["model"], "usage": usage}
    return orjson.dumps(body), tokens
