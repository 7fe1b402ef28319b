"""Compiled sets of expressions with the facts that they need."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from freehold.rules.declared import Phase, attribute_of, referenced, types_for
from freehold.rules.engine import ExpressionError, default_engine


class ConditionSet:
    """Boolean expressions evaluated together; ``names`` are the facts to compute for them."""

    __slots__ = ("_program", "expressions", "names")

    def __init__(self, expressions: Sequence[str], phase: Phase) -> None:
        """Compile.

        Raises:
            ExpressionError: one of them does not compile.
        """
        self.expressions = tuple(expressions)
        self.names = referenced(expressions)
        types = types_for(phase, expressions)
        used = {name: kind for name, kind in types.items() if name in self.names}
        self._program = default_engine().compile(self.expressions, used)

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
    """What is wrong with an expression, for ``freehold check``; ``None`` when nothing is."""
    try:
        ConditionSet((expression,), phase)
    except ExpressionError as error:
        return str(error)
    if attributes is not None:
        for name in referenced((expression,)):
            attribute = attribute_of(name)
            if attribute is not None and attribute not in attributes:
                return f"undeclared attribute `{attribute}`: declare it under identity.attributes"
    return None
