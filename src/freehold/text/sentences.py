"""Where sentences end, for controls that judge an answer sentence by sentence while it streams."""

import re

from freehold.text.lines import LABEL, wraps

SENTENCE_END = re.compile(
    r"[.!?\u2026\u3002\uff01\uff1f][\"'\u201d\u2019)\]]*\s|\n|[\u3002\uff01\uff1f]"
)
"""Where a detector that reads sentences may stop: as soon as it is there, abbreviations too."""

_END = re.compile(
    r"[.!?…][\"'”’)\]]*\s+(?=[\"'“‘(\[]?[A-Z\u00C0-\u00DE\u0400-\u042F])|(?<!\s)(?=[^\S\n]*\n)\s++(?=\S)"
    r"|[。！？]"
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:approx|ca|incl|excl|max|min|no|nr|e\.g|i\.e|etc|vs|mr|mrs|ms|dr|st|inc|ltd|bzw|z\.B)"
    r"|\b[A-Za-z])\.$",
    re.IGNORECASE,
)
_LONGEST_ABBREVIATION = 8
_UNTOLD = LABEL + 16
_MAY_STILL_END = frozenset(".!?…\"'”’)]“‘([")


def sentence_ends(text: str, start: int, limit: int) -> list[int]:
    """The end of every whole sentence of ``text[start:limit]``, ascending.

    Offsets count characters. The character after an end must be in view, and must look like the
    beginning of a sentence, so that ``approx. 30 %`` and ``12.5`` are never cut. Nor is a sentence
    that a line end wraps (see `lines.wraps`); the beginning of the next line tells. Where an end is
    does not depend on how much of the text is in view: more text only adds ends.
    """
    ends = []
    for found in _END.finditer(text, start, limit):
        matched = found.group()
        if matched[0] == "." and matched[1:].isspace() and "\n" not in matched:
            dot = found.start() + 1
            if _ABBREVIATION.search(text, max(0, dot - _LONGEST_ABBREVIATION), dot):
                continue
        if matched[0].isspace():
            wrapped = wraps(text, found.start(), found.end(), limit)
            if wrapped is None:
                break
            if wrapped:
                continue
        ends.append(found.end())
    return ends


def unsettled(text: str, start: int, limit: int) -> int:
    """From where ``text[start:limit]`` must be read again once there is more of it.

    Everything before has been decided, provided that no sentence ends in it.
    """
    at = limit
    line = text.rfind("\n", max(start, limit - _UNTOLD), limit)
    if line >= 0:
        at = line
    while at > start and (text[at - 1] in _MAY_STILL_END or text[at - 1].isspace()):
        at -= 1
    return at
