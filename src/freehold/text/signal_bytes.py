"""What a router saw of a request as a few hundred bytes, to learn from when its outcome is known.

The vector is kept as one byte a number with one scale, which moves no angle by more than a third
of a degree. Whoever learns reads these bytes and nothing finer, so that what is learned at once and
what is learned again from the log is the same.
"""

import msgspec
import numpy as np
from msgspec import Struct

from freehold.core.features import Features
from freehold.core.routing import Signals
from freehold.text import embedding


class _Packed(Struct, frozen=True, array_like=True):
    features: Features
    intent: str
    intent_score: int
    prompt_tokens: int
    max_tokens: int
    embedding: str = ""
    scale: float = 0.0
    vector: bytes = b""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Packed)


def pack(signals: Signals) -> bytes:
    """The bytes."""
    version, scale, vector = "", 0.0, b""
    if signals.vector is not None:
        values = np.asarray(signals.vector, dtype=np.float32)
        scale = float(np.abs(values).max(initial=0.0)) / 127
        version = embedding.VERSION
        if scale > 0:
            vector = np.rint(values / scale).astype(np.int8).tobytes()
    return _encoder.encode(
        _Packed(
            signals.features,
            signals.intent,
            signals.intent_score,
            signals.prompt_tokens,
            signals.max_tokens,
            version,
            scale,
            vector,
        )
    )


def unpack(data: bytes) -> Signals:
    """What `pack` packed. A vector of another version of the embedding is left out.

    Raises:
        ValueError: these are no such bytes.
    """
    try:
        packed = _decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise ValueError(f"damaged signals: {error}") from None
    vector = None
    if packed.embedding == embedding.VERSION:
        vector = np.zeros(embedding.DIMS, dtype=np.float32)
        if packed.vector:
            if len(packed.vector) != embedding.DIMS:
                raise ValueError("damaged signals: a vector of another length")
            vector = np.frombuffer(packed.vector, dtype=np.int8) * np.float32(packed.scale)
    return Signals(
        vector=vector,
        features=packed.features,
        intent=packed.intent,
        intent_score=packed.intent_score,
        prompt_tokens=packed.prompt_tokens,
        max_tokens=packed.max_tokens,
    )


def without_text(data: bytes) -> bytes:
    """The same without what was made from the text's words.

    Raises:
        ValueError: these are no such bytes.
    """
    return pack(msgspec.structs.replace(unpack(data), vector=None))
