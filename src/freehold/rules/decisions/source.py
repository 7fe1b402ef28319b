"""A policy's expression as its author wrote it, turned into CEL over doubles.

``bags.size() > 2`` does not compile in CEL where numbers are doubles, and ``a + b <= 0.3`` may fail
by a binary hair. So a whole number is read as a decimal, ``size`` counts in decimals, and a side of
a comparison that calculates is held to nine decimals. Nothing else is changed: it stays CEL.
"""

import re
from bisect import bisect_right

from msgspec import Struct

from freehold.rules.decisions.functions import RENAMED
from freehold.rules.names import STRINGS, tokens

_WHOLE = re.compile(r"\d+")
_RELATIONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_PAIRS = frozenset({"&&", "||", "==", "!=", "<=", ">="})
_ARITHMETIC = frozenset("+-*/%")
_OPEN, _CLOSED = frozenset("([{"), frozenset(")]}")
_EDGES = _RELATIONS | {"&&", "||", "?", ":", ",", "in"}

Token = tuple[str, str, int]


class Source(Struct, frozen=True):
    """Text for the engine, and where each piece of it stood."""

    text: str
    edits: tuple[tuple[int, int], ...]

    def column(self, column: int) -> int:
        """The author's column (from 1) for one of the engine's."""
        starts = [at for at, _ in self.edits]
        found = bisect_right(starts, column - 1) - 1
        return column if found < 0 else column + self.edits[found][1]


def read(expression: str) -> list[Token]:
    """Tokens with two-character operators in one piece."""
    joined: list[Token] = []
    for kind, word, offset in tokens(expression):
        if joined and joined[-1][1] + word in _PAIRS and joined[-1][2] + 1 == offset:
            joined[-1] = ("other", joined[-1][1] + word, joined[-1][2])
        else:
            joined.append((kind, word, offset))
    return joined


def prepare(expression: str) -> Source:
    """The text that the engine compiles."""
    found = read(expression)
    edits: list[tuple[int, int, str]] = []  # offset, characters replaced, what stands there then
    for at, (kind, word, offset) in enumerate(found):
        after = found[at + 1][1] if at + 1 < len(found) else ""
        if kind == "number" and _WHOLE.fullmatch(word) and not _is_index(found, at):
            edits.append((offset + len(word), 0, ".0"))
        elif kind == "word" and word in RENAMED and after == "(":
            edits.append((offset, len(word), RENAMED[word]))
        elif word in _RELATIONS and kind == "other":
            for first, last in (_left(found, at), _right(found, at)):
                if _calculates(found, first, last):
                    end = found[last]
                    edits.append((found[first][2], 0, "held_("))
                    edits.append((end[2] + len(end[1]), 0, ")"))
    return _applied(expression, edits)


def _applied(expression: str, edits: list[tuple[int, int, str]]) -> Source:
    """Put the edits in. At one place, what closes comes before what opens."""
    parts: list[str] = []
    moved: list[tuple[int, int]] = []
    done = length = 0
    for offset, replaced, text in sorted(edits, key=lambda e: (e[0], _rank(e[2]))):
        kept = expression[done:offset]
        parts += (kept, text)
        length += len(kept) + len(text)
        done = offset + replaced
        moved.append((length, done - length))
    return Source("".join((*parts, expression[done:])), tuple(moved))


def _rank(text: str) -> int:
    return {".0": 0, ")": 1, "held_(": 2}.get(text, 3)


def _is_index(found: list[Token], at: int) -> bool:
    """Whether this number alone is what picks an element: ``bags[0]``."""
    if at < 2 or at + 1 >= len(found) or found[at - 1][1] != "[" or found[at + 1][1] != "]":
        return False
    kind, word, _ = found[at - 2]
    return (kind == "word" and word != "in") or word in _CLOSED


def _left(found: list[Token], at: int) -> tuple[int, int]:
    depth = 0
    first = at
    for here in range(at - 1, -1, -1):
        word = found[here][1] if found[here][0] not in STRINGS else ""
        if word in _CLOSED:
            depth += 1
        elif word in _OPEN:
            if depth == 0:
                break
            depth -= 1
        elif depth == 0 and (word in _EDGES or (word == "!" and here + 1 == first)):
            break
        first = here
    return first, at - 1


def _right(found: list[Token], at: int) -> tuple[int, int]:
    depth = 0
    last = at
    for here in range(at + 1, len(found)):
        word = found[here][1] if found[here][0] not in STRINGS else ""
        if word in _OPEN:
            depth += 1
        elif word in _CLOSED:
            if depth == 0:
                break
            depth -= 1
        elif depth == 0 and word in _EDGES:
            break
        last = here
    return at + 1, last


def _calculates(found: list[Token], first: int, last: int) -> bool:
    """Whether an operator with something on both its sides stands here, or in brackets alone."""
    return any(
        found[here][0] == "other"
        and found[here][1] in _ARITHMETIC
        and here > first
        and (found[here - 1][0] != "other" or found[here - 1][1] in _CLOSED)
        for here in range(first, last + 1)
    )
