"""Where sentences end, for controls that judge an answer sentence by sentence while it streams."""

import re

_END = re.compile(
    r"[.!?…][\"'”’)\]]*\s+(?=[\"'“‘(\[]?[A-Z\u00C0-\u00DE\u0400-\u042F])|\n+(?=\S)|[。！？]"
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:approx|ca|incl|excl|max|min|no|nr|e\.g|i\.e|etc|vs|mr|mrs|ms|dr|st|inc|ltd|bzw|z\.B)"
    r"|\b[A-Za-z])\.$",
    re.IGNORECASE,
)


def sentence_end(text: str, start: int, limit: int) -> int:
    """The end of the last whole sentence of ``text[start:limit]``, or ``start`` when none ends.

    Offsets count characters. The character after the end must be in view, and must look like the
    beginning of a sentence, so that ``approx. 30 %`` and ``12.5`` are never cut.
    """
    last = start
    for found in _END.finditer(text, start, limit):
        if found.group()[0] == "." and _ABBREVIATION.search(text[start : found.start() + 1]):
            continue
        last = found.end()
    return last
