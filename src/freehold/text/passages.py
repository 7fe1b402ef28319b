"""A text as the stretches by which it is known again when it comes back as a quotation.

A stretch is a line or a part of a sentence, reduced to its letters and digits. So neither Markdown,
quotation marks, white space, capitals nor width make another stretch of it; other words do.
"""

import re
import unicodedata

import orjson

LEAST = 24
"""Bytes (UTF-8) of letters and digits that make a stretch one of its own: about four words."""

LEAST_EXACT = 8
"""As many do where enough of them are digits: an amount, an id."""

MOST = 512
"""Stretches of one text that are taken at most; a longer text is known by its first ones."""

_DIGITS = 4
_CUTS = re.compile(
    r"[.!?\u2026]+(?=[\"'\u201d\u2019)\]*_`]*(?:\s|$))|[:;\"\u201c\u201d\u201e\u00ab\u00bb|]+"
    r"|[\u3002\uff01\uff1f\uff1a\uff1b]+"
)
_NEITHER = bytes(code for code in range(128) if not chr(code).isalnum())
_SMALL = bytes(range(128)).lower() + bytes(range(128, 256))


def passages(text: str) -> dict[str, None]:
    """The stretches of a text in their reduced form, each once, in their order."""
    found: dict[str, None] = {}
    for line in text.splitlines():
        whole = _reduced(line)
        if not _telling(whole):  # then no part of it is
            continue
        found[whole] = None
        parts = _CUTS.split(line)
        if len(parts) > 1:
            for part in parts:
                reduced = _reduced(part)
                if _telling(reduced):
                    found[reduced] = None
        if len(found) >= MOST:
            break
    return found


def passages_in_json(text: str) -> dict[str, None]:
    """The stretches of JSON as it is written, and of each text in it."""
    found = passages(text)
    try:
        left = [orjson.loads(text)]
    except orjson.JSONDecodeError:
        return found
    while left and len(found) < MOST:
        value = left.pop()
        if isinstance(value, str):
            found |= passages(value)
        elif isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value
    return found


def _reduced(text: str) -> str:
    """Letters and digits in small letters; of ASCII alone by the far faster way of bytes."""
    if not text.isascii():
        text = "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text))).casefold()
        if not text.isascii():
            return text
    return text.encode("ascii").translate(_SMALL, _NEITHER).decode("ascii")


def _telling(reduced: str) -> bool:
    size = len(reduced) if reduced.isascii() else len(reduced.encode("utf-8", "surrogatepass"))
    if size >= LEAST:
        return True
    return size >= LEAST_EXACT and sum(map(str.isdigit, reduced)) >= _DIGITS
