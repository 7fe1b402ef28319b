"""How much of a growing answer may be judged for good.

A text is committed up to a point that no detector's match can cross, whatever comes next. Three
things make that so:

1. A match depends on the text before it and on at most `REACH` characters from its start.
2. Detectors declare what the beginning of a match of several words looks like at the end of a text
   (`live` patterns, at most `REACH` long). Everything from the first such beginning on waits, and
   so does the last word, since it may go on.
3. A private key that has begun waits for its end, at most `MAX_PRIVATE_KEY` characters.

A commit point inside a longer run (a list of numbers, say) is only taken where no finding crosses.
Words are runs of printable ASCII; in scripts without spaces every character ends a word.
"""

import re
from collections.abc import Iterable
from typing import Any

from freehold.stages.governance.detectors.secrets import (
    KEY_BEGIN,
    KEY_END,
    MAX_PRIVATE_KEY,
)
from freehold.text import patterns

_WORD = r"[!-~]+$"
_ONE_MORE_WORD = r"[A-Za-z0-9._%+\-]{1,64} $"
_BEGIN = re.compile(KEY_BEGIN)
_END = re.compile(KEY_END)


class Live:
    """The end of what may be committed, for one set of live patterns."""

    __slots__ = ("_native", "_re2")

    def __init__(self, declared: Iterable[str]) -> None:
        unique = dict.fromkeys((_WORD, _ONE_MORE_WORD, *declared))
        pattern = patterns.compile("|".join(f"(?:{p})" for p in unique), ignore_case=True)
        self._native: Any = pattern.prepare()
        self._re2 = pattern.engine == "re2"

    def end(self, tail: str) -> int:
        """How many characters of ``tail`` (ASCII, from the last commit point on) are settled."""
        match = self._native.search(tail.encode() if self._re2 else tail)
        end = len(tail)
        if match is not None:
            end = match.start()
            while end and "!" <= tail[end - 1] <= "~":
                end -= 1
        if "-----BEGIN" in tail or "PuTTY-User" in tail:
            end = min(end, _open_key(tail))
        return end


def _open_key(tail: str) -> int:
    """Where a private key begins that has neither ended nor grown too long."""
    at = 0
    while (begin := _BEGIN.search(tail, at)) is not None:
        limit = begin.start() + MAX_PRIVATE_KEY
        closed = _END.search(tail, begin.end(), limit)
        if closed is None and len(tail) < limit:
            return begin.start()
        at = closed.end() if closed else limit
    return len(tail)
