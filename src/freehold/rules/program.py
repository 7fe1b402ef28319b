"""Compiled sets of expressions with the facts that they need."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from msgspec import Struct

from freehold.rules.declared import Phase, types_of
from freehold.rules.engine import Engine, ExpressionError, default_engine
from freehold.rules.folded import fold_value, folded_expression
from freehold.rules.hoist import Hoisted, hoist
from freehold.rules.language import FactType, Program
from freehold.rules.names import (
    check_functions,
    check_names,
    check_patterns,
    explained,
    function_errors,
    name_errors,
    referenced,
    shape_errors,
)
from freehold.rules.records import field_errors

_WORD = re.compile(r"\w+")
_MOST_CHARS = 20_000
_SELDOM_READ = ("end", "kind", "parsed", "start", "text")
"""Fields of records that are handed over only when an expression has their name in it: each costs
the engine half a microsecond a record."""


class ConditionSet:
    """Boolean expressions evaluated together; ``names`` are the facts to compute for them."""

    __slots__ = (
        "_as_folded",
        "_as_written",
        "_records",
        "_texts",
        "_unread",
        "expressions",
        "names",
    )

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
        self._texts = tuple(
            name
            for name, kind in types.items()
            if kind in ("string", "json") or (kind == "records" and "text" in words)
        )
        engine = engine or default_engine()
        try:
            # As written first, so that an error names a place that its author knows.
            as_they_are = engine.compile(self.expressions, types)
            self._as_written = _compiled(self.expressions, types, engine, as_they_are)
            folded = tuple(map(folded_expression, self.expressions))
            self._as_folded = (
                self._as_written if folded == self.expressions else _compiled(folded, types, engine)
            )
        except ExpressionError as error:
            raise explained(error, phase) from None

    def run(self, facts: Mapping[str, Any]) -> list[bool | None]:
        """A verdict for each expression; ``None`` where it could not be evaluated.

        Texts in look-alike letters are read a second time in plain ones, and an expression that
        holds for either reading holds.
        """
        given = {name: facts[name] for name in self.names if name in facts}
        if self._unread:
            for name in self._records & given.keys():
                given[name] = [
                    {field: value for field, value in record.items() if field not in self._unread}
                    for record in given[name]
                ]
        verdicts = self._as_written.run(given)
        changed = {
            name: folded
            for name in self._texts
            if name in given and (folded := fold_value(given[name])) is not given[name]
        }
        if not changed:
            return verdicts
        # then all of them, since the rule's own texts are folded too
        again = self._as_folded.run(
            {name: changed.get(name) or fold_value(value) for name, value in given.items()}
        )
        return list(map(_either, verdicts, again))


class _Compiled(Struct, frozen=True):
    """A program and the patterns that are matched before it runs."""

    program: Program
    hoisted: Hoisted

    def run(self, given: dict[str, Any]) -> list[bool | None]:
        if self.hoisted.matches:
            return self.program.run(given | self.hoisted.values(given))
        return self.program.run(given)


def _compiled(
    expressions: tuple[str, ...],
    types: dict[str, FactType],
    engine: Engine,
    as_they_are: Program | None = None,
) -> _Compiled:
    hoisted = hoist(expressions, types)
    if as_they_are is not None and not hoisted.matches:
        return _Compiled(as_they_are, hoisted)
    return _Compiled(engine.compile(hoisted.expressions, types | hoisted.types()), hoisted)


def _either(one: bool | None, other: bool | None) -> bool | None:
    """What holds where a text was read in two ways: an error, else that one reading holds."""
    return None if one is None or other is None else one or other


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
    if len(expression) > _MOST_CHARS:
        return f"it has {len(expression):,} characters, and at most {_MOST_CHARS:,} are read"
    errors = [
        *shape_errors(expression),
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
