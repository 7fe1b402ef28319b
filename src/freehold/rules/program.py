"""Compiled sets of expressions with the facts that they need."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from freehold.rules.declared import Phase, types_of
from freehold.rules.engine import Engine, ExpressionError, default_engine
from freehold.rules.hoist import hoist
from freehold.rules.names import (
    check_functions,
    check_names,
    check_patterns,
    explained,
    function_errors,
    name_errors,
    referenced,
)
from freehold.rules.records import field_errors

_WORD = re.compile(r"\w+")
_SELDOM_READ = ("end", "kind", "parsed", "start", "text")
"""Fields of records that are handed over only when an expression has their name in it: each costs
the engine half a microsecond a record."""


class ConditionSet:
    """Boolean expressions evaluated together; ``names`` are the facts to compute for them."""

    __slots__ = ("_hoisted", "_program", "_records", "_unread", "expressions", "names")

    def __init__(
        self, expressions: Sequence[str], phase: Phase, *, engine: Engine | None = None
    ) -> None:
        """Compile.

        Raises:
            ExpressionError: one of them does not compile.
        """
        self.expressions = tuple(expressions)
        for expression in self.expressions:
            check_names(expression, phase)
            check_functions(expression)
            check_patterns(expression)
        self.names = referenced(self.expressions)
        types = types_of(self.names)
        self._records = frozenset(name for name, kind in types.items() if kind == "records")
        words = frozenset(_WORD.findall(" ".join(self.expressions)))
        self._unread = frozenset(_SELDOM_READ) - words
        engine = engine or default_engine()
        try:
            # As written first, so that an error names a place that its author knows.
            self._program = engine.compile(self.expressions, types)
            self._hoisted = hoist(self.expressions, types)
            if self._hoisted.matches:
                self._program = engine.compile(
                    self._hoisted.expressions, types | self._hoisted.types()
                )
        except ExpressionError as error:
            raise explained(error, phase) from None

    def run(self, facts: Mapping[str, Any]) -> list[bool | None]:
        """A verdict for each expression; ``None`` where it could not be evaluated."""
        given = {name: facts[name] for name in self.names if name in facts}
        if self._unread:
            for name in self._records & given.keys():
                given[name] = [
                    {field: value for field, value in record.items() if field not in self._unread}
                    for record in given[name]
                ]
        if self._hoisted.matches:
            given.update(self._hoisted.values(given))
        return self._program.run(given)


@lru_cache(maxsize=4096)
def conditions(expressions: tuple[str, ...], phase: Phase) -> ConditionSet:
    """A compiled set, shared by every tenant whose rules are the same."""
    return ConditionSet(expressions, phase)


def check_expression(
    expression: str, phase: Phase, attributes: frozenset[str] | None = None
) -> str | None:
    """What is wrong with an expression, for ``freehold check``; ``None`` when nothing is.

    ``attributes`` are those that the bundle declares; ``None`` leaves them unchecked.
    """
    # Fields are looked at here and not in the set: an old version must replay as it ran.
    errors = [
        *name_errors(expression, phase, attributes),
        *function_errors(expression),
        *field_errors(expression),
    ]
    if errors:
        in_order = sorted(errors, key=lambda error: (error.line, error.column))
        return "; ".join(dict.fromkeys(map(str, in_order)))
    try:
        ConditionSet((expression,), phase)
    except ExpressionError as error:
        return str(error)
    return None
