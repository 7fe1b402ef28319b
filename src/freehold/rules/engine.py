"""CEL behind one small interface, with a pure-Python engine where the compiled one is missing.

Source: https://github.com/google/cel-spec. Results that are not a plain boolean (an error value,
an unknown) come back as ``None``, because in the compiled binding an error is a truthy object.
"""

import importlib.util
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, Protocol

FactType = Literal["bool", "int", "string", "strings", "records"]


class ExpressionError(ValueError):
    """The expression does not compile against the declared facts."""


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


class _CompiledProgram:
    """All expressions as one list, and one by one only when the list errs."""

    __slots__ = ("_all", "_count", "_single")

    def __init__(self, together: Any, single: list[Any]) -> None:
        self._all = together
        self._single = single
        self._count = len(single)

    def run(self, facts: Mapping[str, Any]) -> list[bool | None]:
        if not self._count:
            return []
        data = dict(facts)
        verdicts = self._all.eval(data=data).plain_value()
        if type(verdicts) is list and all(type(v) is bool for v in verdicts):
            return verdicts  # type: ignore[return-value]  # checked one by one above
        return [
            v if type(v) is bool else None for v in (self._value(p, data) for p in self._single)
        ]

    @staticmethod
    def _value(program: Any, data: dict[str, Any]) -> Any:
        return program.eval(data=data).plain_value()


class CompiledEngine:
    """Google's C++ CEL through ``cel-expr-python``; type-checked at compile time."""

    name = "cel-expr-python"

    def __init__(self) -> None:
        from cel_expr_python import cel

        self._cel = cel
        kind = cel.Type
        record = kind.Map(kind.STRING, kind.DYN)
        self._types: dict[FactType, Any] = {
            "bool": kind.BOOL,
            "int": kind.INT,
            "string": kind.STRING,
            "strings": kind.List(kind.STRING),
            "records": kind.List(record),
        }

    def compile(self, expressions: Sequence[str], types: Mapping[str, FactType]) -> Program:
        """Compile each by itself, so that an error names the culprit, then all as one list."""
        environment = self._cel.NewEnv(
            variables={name: self._types[kind] for name, kind in types.items()}
        )
        single = []
        for expression in expressions:
            try:
                program = environment.compile(expression)
            except Exception as error:  # noqa: BLE001 - the binding raises bare RuntimeErrors
                raise ExpressionError(_first_line(str(error))) from None
            if program.return_type() not in (self._cel.Type.BOOL, self._cel.Type.DYN):
                raise ExpressionError(f"gives {program.return_type()}, not a yes or no")
            single.append(program)
        together = environment.compile("[" + ", ".join(f"dyn({e})" for e in expressions) + "]")
        return _CompiledProgram(together, single)


class _InterpretedProgram:
    __slots__ = ("_programs", "_types")

    def __init__(self, programs: list[Any], types: Mapping[str, FactType]) -> None:
        self._programs = programs
        self._types = types

    def run(self, facts: Mapping[str, Any]) -> list[bool | None]:
        import celpy
        from celpy.adapter import json_to_cel

        data = {name: json_to_cel(value) for name, value in facts.items()}
        verdicts: list[bool | None] = []
        for program in self._programs:
            try:
                value = program.evaluate(data)
            except celpy.CELEvalError:
                value = None
            verdicts.append(bool(value) if isinstance(value, celpy.celtypes.BoolType) else None)
        return verdicts


class InterpretedEngine:
    """``cel-python``: slower and checked only for syntax and names, but runs anywhere."""

    name = "cel-python"

    def __init__(self) -> None:
        import celpy

        self._celpy = celpy

    def compile(self, expressions: Sequence[str], types: Mapping[str, FactType]) -> Program:
        """Compile each; undeclared names are found by walking the syntax tree."""
        environment = self._celpy.Environment()
        programs = []
        for expression in expressions:
            try:
                tree = environment.compile(expression)
            except self._celpy.CELParseError as error:
                raise ExpressionError(_first_line(str(error))) from None
            programs.append(environment.program(tree))
        return _InterpretedProgram(programs, types)


_POSITION = re.compile(r"^.*?<input>:\d+:(\d+): ")


def _first_line(message: str) -> str:
    """The engine's own words without its prefixes: ``at character 7: undeclared reference …``."""
    line = " ".join(message.split("\n", maxsplit=1)[0].split())
    found = _POSITION.match(line)
    said = line[found.end() :].replace(" (in container '')", "") if found else line
    return f"at character {found.group(1)}: {said}" if found else said


@lru_cache(maxsize=1)
def default_engine() -> Engine:
    """The compiled engine where its wheel is installed, else the interpreted one."""
    if importlib.util.find_spec("cel_expr_python") is not None:
        return CompiledEngine()
    return InterpretedEngine()
