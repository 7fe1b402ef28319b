"""Compiled sets of expressions with the facts that they need."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from freehold.rules.declared import Phase, types_of
from freehold.rules.engine import Engine, ExpressionError, default_engine
from freehold.rules.names import check_names, check_patterns, explained, referenced


class ConditionSet:
    """Boolean expressions evaluated together; ``names`` are the facts to compute for them."""

    __slots__ = ("_program", "expressions", "names")

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
            check_patterns(expression)
        self.names = referenced(self.expressions)
        try:
            self._program = (engine or default_engine()).compile(
                self.expressions, types_of(self.names)
            )
        except ExpressionError as error:
            raise explained(error, phase) from None

    def run(self, facts: Mapping[str, Any]) -> list[bool | None]:
        """A verdict for each expression; ``None`` where it could not be evaluated."""
        return self._program.run({name: facts[name] for name in self.names if name in facts})


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
    try:
        check_names(expression, phase, attributes)
        ConditionSet((expression,), phase)
    except ExpressionError as error:
        return str(error)
    return None
