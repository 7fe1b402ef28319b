"""Whether a text is structured: what takes something out of one must leave it readable."""

import orjson


def is_json(text: str) -> bool:
    """Whether the whole text is one JSON object or array (RFC 8259)."""
    if text.lstrip()[:1] not in {"{", "["}:
        return False
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True
