"""What the learned policy sees of a request: a short row of numbers."""

from math import log1p
from struct import Struct

import numpy as np
from numpy.typing import NDArray

from freehold.core.routing import Signals
from freehold.text.embedding import DIMS

_SIGNALS = 12
_TEXT = 36
WIDTH = _SIGNALS + _TEXT
"""Numbers of a row: a constant, cheap signals, the first numbers of the text's vector."""
VERSION = "1"
"""Changes whenever a request may get another row: what was learned says on which one."""

_SCALE = np.float32(2.0)
_PACK = Struct(f"{_SIGNALS}f").pack_into

Row = NDArray[np.float32]


def row(signals: Signals) -> Row:
    """The row of a request, float32 of shape ``(WIDTH,)``, about as long for each request."""
    seen = signals.features
    made = np.empty(WIDTH, dtype=np.float32)
    chars = max(1, seen.chars)
    _PACK(
        made.data,
        0,
        1.0,
        (log1p(seen.chars) - 5.0) * 0.3,
        (log1p(signals.prompt_tokens) - 5.5) * 0.3,
        min(1.0, 8.0 * seen.digits / chars),
        min(1.0, 0.5 * seen.questions),
        min(1.0, 0.25 * log1p(seen.lines)),
        0.7 if seen.code else 0.0,
        0.5 if seen.urls else 0.0,
        seen.uppercase * 1e-6,
        min(1.5, chars / max(1, seen.words) * 0.1),
        0.0 if seen.language in ("en", "und") else 0.7,
        (log1p(signals.max_tokens) - 6.0) * 0.2,
    )
    if signals.vector is None:
        made[_SIGNALS:] = 0.0
    else:
        vector = np.asarray(signals.vector, dtype=np.float32)
        if vector.shape != (DIMS,):
            raise ValueError(f"a vector of shape {vector.shape}, where ({DIMS},) is wanted")
        np.multiply(vector[:_TEXT], _SCALE, out=made[_SIGNALS:])
    return made
