"""What the two engines have in common: types, errors and the shape of a compiled program."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

FactType = Literal["bool", "int", "string", "strings", "records", "origins", "json"]
"""``strings`` is a list of strings, ``records`` and ``origins`` lists of maps from field names to
values, ``json`` a value whose shape nobody knows."""


class ExpressionError(ValueError):
    """The expression does not compile against the declared facts.

    Attributes:
        said: what is wrong, without the position.
        line, column: where, both from 1; 0 when nobody knows.
    """

    def __init__(self, said: str, line: int = 0, column: int = 0) -> None:
        super().__init__(said)
        self.said = said
        self.line = line
        self.column = column

    def __str__(self) -> str:
        if not self.column:
            return self.said
        place = f"character {self.column}"
        return f"at {place if self.line <= 1 else f'line {self.line}, {place}'}: {self.said}"


class Program(Protocol):
    """Compiled expressions, evaluated together."""

    def run(self, facts: Mapping[str, Any]) -> list[bool | None]:
        """One verdict an expression; ``None`` where it could not be evaluated."""
        ...


class Engine(Protocol):
    """Compiles CEL text."""

    name: str

    def compile(self, expressions: Sequence[str], types: Mapping[str, FactType]) -> Program:
        """Compile boolean expressions over variables with these types.

        Raises:
            ExpressionError: a syntax error, an undeclared fact, or a wrong type.
        """
        ...
