"""Regular expressions that are written out in a rule are compiled once, not at each evaluation.

The CEL engine compiles the pattern of a ``matches()`` anew whenever it evaluates it, which costs
tens of microseconds. ``request.text.matches("…")`` on a declared text therefore becomes a boolean
of its own, computed with the same syntax (RE2) before the rules are evaluated.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from freehold.ledger.words import are_words
from freehold.rules.functions import pattern_of
from freehold.rules.language import FactType
from freehold.rules.literals import literal
from freehold.rules.names import STRINGS, tokens
from freehold.text.patterns import Pattern


class Match(Struct, frozen=True):
    """A boolean that stands for ``fact.matches(pattern)``."""

    variable: str
    fact: str
    pattern: Pattern

    @property
    def words(self) -> bool:
        """Whether the text is the caller's or the model's."""
        return are_words(self.fact)


class Hoisted(Struct, frozen=True):
    """Expressions without written-out patterns, and the booleans that they read instead."""

    expressions: tuple[str, ...]
    matches: tuple[Match, ...]

    def types(self) -> dict[str, FactType]:
        """The booleans' declarations."""
        return {match.variable: "bool" for match in self.matches}

    def values(self, facts: Mapping[str, Any]) -> dict[str, bool]:
        """The booleans; none for a fact that is missing, so that its rules err as they should."""
        return {
            match.variable: match.pattern.test(facts[match.fact])
            for match in self.matches
            if match.fact in facts
        }


def hoist(expressions: Sequence[str], types: Mapping[str, FactType]) -> Hoisted:
    """Replace every ``fact.matches("…")`` on a declared text. The expressions compile already."""
    found: dict[tuple[str, str], Match] = {}
    return Hoisted(tuple(_without(e, types, found) for e in expressions), tuple(found.values()))


def _without(
    expression: str, types: Mapping[str, FactType], found: dict[tuple[str, str], Match]
) -> str:
    read = tokens(expression)
    parts: list[str] = []
    done = 0
    for at, (_, word, _) in enumerate(read):
        if word != "matches" or [t[1] for t in read[at + 1 : at + 2]] != ["("]:
            continue
        if at + 3 >= len(read) or read[at + 2][0] not in STRINGS or read[at + 3][1] != ")":
            continue
        fact, start = _fact_before(read, at)
        if types.get(fact) != "string":
            continue
        written = str(literal("STRING_LIT", read[at + 2][1])[1])
        match = found.setdefault(
            (fact, written), Match(f"matched_{len(found)}", fact, pattern_of(written))
        )
        parts += (expression[done:start], match.variable)
        done = read[at + 3][2] + 1
    return "".join(parts) + expression[done:]


def _fact_before(read: list[tuple[str, str, int]], at: int) -> tuple[str, int]:
    """The dotted name that ``matches`` at this token is called on, and where it begins."""
    words: list[str] = []
    start = at
    while start >= 2 and read[start - 1][1] == "." and read[start - 2][0] == "word":
        start -= 2
        words.insert(0, read[start][1])
    hangs = start >= 1 and read[start - 1][1] == "."
    return "" if hangs else ".".join(words), read[start][2]
