"""Expressions of a policy, compiled by either CEL engine."""

import importlib.util
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Protocol

from msgspec import Struct

from freehold.rules.compiled import CompiledEngine
from freehold.rules.decisions.functions import FUNCTIONS, MEMBERS
from freehold.rules.decisions.kinds import ANY, BOOLEAN, NUMBER, TEXT, Kind, held, records
from freehold.rules.decisions.source import prepare
from freehold.rules.interpreted import InterpretedEngine
from freehold.rules.language import ExpressionError
from freehold.rules.types import DYN, Node, fits, mismatch
from freehold.rules.types import Kind as CelKind
from freehold.rules.values import EvaluationError

_HINTS = (
    ("`%`", "write `mod(a, b)`"),
    ("`int`", "write `floor(x)`"),
    ("token recognition error at: '='", "write `==` to compare"),
    ("token recognition error at: '= '", "write `==` to compare"),
    ("null", "ask `given.NAME` whether a value is there"),
    ("select operation", "a list has no fields; write `items.map(i, i.field)`"),
    ("has no fields", "for a list, write `items.map(i, i.field)`"),
)


_FAULTS = (ArithmeticError, LookupError, TypeError, ValueError, AttributeError)
"""What a function raises on values that it can't work with."""


class NoValue(Exception):
    """An expression has no value for this case; the text says why."""


class Expression(Struct, frozen=True):
    """A compiled expression: its type, and what computes it from variables by name."""

    kind: Kind
    run: Callable[[Mapping[str, Any]], Any]


class DecisionEngine(Protocol):
    """Compiles the expressions of a policy."""

    name: str

    def expression(self, text: str, variables: Mapping[str, Kind]) -> Expression:
        """Compile ``text`` over these variables.

        Raises:
            ExpressionError: a syntax error, an undeclared name or a wrong type.
        """
        ...


@lru_cache(maxsize=1)
def default_engine() -> DecisionEngine:
    """The compiled engine where its wheel is installed, else the interpreted one."""
    if importlib.util.find_spec("cel_expr_python") is not None:
        return CompiledDecisions()
    return InterpretedDecisions()


class CompiledDecisions:
    """Google's C++ CEL."""

    name = "cel-expr-python"

    def __init__(self) -> None:
        from cel_expr_python import cel

        self._cel = cel
        self._base = CompiledEngine()
        by_name: dict[str, list[Any]] = {}
        for number, function in enumerate(FUNCTIONS):
            takes = [self._type(kind) for kind in function.takes]
            for member in (False, True) if function.name in MEMBERS else (False,):
                by_name.setdefault(function.name, []).append(
                    cel.Overload(
                        f"{function.name}_{number}{'_member' * member}",
                        self._type(function.gives),
                        takes,
                        member,
                        _guarded(function.run),
                    )
                )
        self._functions = [cel.FunctionDecl(name, ways) for name, ways in by_name.items()]
        self._environments: dict[tuple[tuple[str, Kind], ...], Any] = {}

    def _type(self, kind: Kind) -> Any:
        types = self._cel.Type
        if kind.name == "list":
            return types.List(self._type(kind.item or ANY))
        if kind.name == "object":
            return types.Map(types.STRING, types.DYN)
        if kind.numeric:
            return types.DOUBLE
        return {"text": types.STRING, "boolean": types.BOOL}.get(kind.name, types.DYN)

    def expression(self, text: str, variables: Mapping[str, Kind]) -> Expression:
        """See ``DecisionEngine``."""
        source = prepare(text)
        key = tuple(variables.items())
        environment = self._environments.get(key)
        if environment is None:
            environment = self._cel.NewEnv(
                variables={name: self._type(kind) for name, kind in variables.items()},
                functions=self._functions,
            )
            self._environments = {key: environment}
        try:
            program = self._base.one(environment, source.text)
        except ExpressionError as error:
            column = source.column(error.column) if error.line == 1 else error.column
            raise ExpressionError(_hinted(error.said), error.line, column) from None
        error_type = self._cel.Type.ERROR

        def run(scope: Mapping[str, Any]) -> Any:
            found = program.eval(data=scope)
            value = found.plain_value()
            if found.type() == error_type:
                raise NoValue(_why(str(value)))
            return _held(value)

        return Expression(_kind_of(str(program.return_type())), run)


class InterpretedDecisions:
    """The pure-Python engine."""

    name = "cel-python"

    def __init__(self) -> None:
        self._base = InterpretedEngine(_call)

    def expression(self, text: str, variables: Mapping[str, Kind]) -> Expression:
        """See ``DecisionEngine``."""
        source = prepare(text)
        types = {name: _cel_kind(kind) for name, kind in variables.items()}
        try:
            kind, compute = self._base.node(source.text, types)
        except ExpressionError as error:
            column = source.column(error.column) if error.line == 1 else error.column
            raise ExpressionError(_hinted(error.said), error.line, column) from None

        def run(scope: Mapping[str, Any]) -> Any:
            try:
                return _held(compute(dict(scope)))
            except (EvaluationError, RecursionError) as error:
                raise NoValue(_plainly(str(error))) from None

        return Expression(_kind_from(kind), run)


def _guarded(run: Callable[..., Any]) -> Callable[..., Any]:
    """Errors of a function become CEL's error values; nothing else leaves it."""

    def guarded(*arguments: Any) -> Any:
        try:
            return run(*arguments)
        except _FAULTS as error:
            raise ValueError(str(error)) from None

    return guarded


def _call(name: str, arguments: list[Node]) -> Node | str | None:
    """A policy's function for the interpreted engine; None where it is none."""
    ways = [function for function in FUNCTIONS if function.name == name]
    if not ways:
        return None
    kinds = [kind for kind, _ in arguments]
    runs = [run for _, run in arguments]
    able = [
        way
        for way in ways
        if len(way.takes) == len(kinds)
        and all(
            fits(kind, _cel_kind(wanted)) for kind, wanted in zip(kinds, way.takes, strict=True)
        )
    ]
    if not able:
        return mismatch(name, *kinds)
    results = {_cel_kind(way.gives) for way in able}

    def run(scope: dict[str, Any]) -> Any:
        given = [each(scope) for each in runs]
        for way in able:
            if all(_is(value, kind) for value, kind in zip(given, way.takes, strict=True)):
                try:
                    return way.run(*given)
                except _FAULTS as error:
                    raise EvaluationError(str(error)) from None
        raise EvaluationError(f"{name} does not take these values")

    return (results.pop() if len(results) == 1 else DYN), run


def _is(value: Any, kind: Kind) -> bool:
    if kind.name == "any":
        return True
    wanted = {"text": str, "boolean": bool, "list": list}.get(kind.name, float)
    return type(value) is wanted


def _held(value: Any) -> Any:
    try:
        return held(value)
    except ArithmeticError as error:
        raise NoValue(str(error)) from None


def _why(said: str) -> str:
    """What the binding says, without its status: ``OUT_OF_RANGE: a division by zero``."""
    return _plainly(said.partition(": ")[2] or said)


def _plainly(said: str) -> str:
    """An engine's complaint in plain words."""
    if said.startswith("No value with name"):
        return f"`{said.split(chr(34))[1]}` is missing"
    if said.startswith("Key not found") or said == "no such field":
        return "a field is missing"
    if said.startswith(("No matching overloads", "no such overload")):
        return "an operator or function met a value of the wrong type"
    return said or "it can't be computed"


def _hinted(said: str) -> str:
    """With what helps: how a function is called, what to write instead."""
    name = said.partition("'")[2].partition("'")[0] if said.startswith("undeclared") else ""
    ways = [", ".join(map(str, way.takes)) for way in FUNCTIONS if way.name == name]
    if ways:
        return f"`{name}` takes ({') or ('.join(ways[:3])})"
    for sign, hint in _HINTS:
        if sign in said:
            return f"{said}; {hint}"
    return said


_PLAIN = {"DOUBLE": NUMBER, "STRING": TEXT, "BOOL": BOOLEAN, "INT": NUMBER}
_OBJECTS = records(())


def _kind_of(said: str) -> Kind:
    """The binding's ``LIST<MAP<STRING, DYN>>`` as a kind."""
    if said.startswith("LIST<"):
        return Kind("list", _kind_of(said[5:-1]))
    if said.startswith("MAP<"):
        return Kind("object")
    return _PLAIN.get(said, ANY)


def _cel_kind(kind: Kind) -> CelKind:
    if kind.name == "list":
        return ("list", _cel_kind(kind.item or ANY))
    if kind.name == "object":
        return ("map", "string", "dyn")
    if kind.numeric:
        return "double"
    return {"text": "string", "boolean": "bool"}.get(kind.name, "dyn")


def _kind_from(kind: CelKind) -> Kind:
    if isinstance(kind, tuple):
        return Kind("list", _kind_from(kind[1])) if kind[0] == "list" else Kind("object")
    return {"double": NUMBER, "int": NUMBER, "string": TEXT, "bool": BOOLEAN}.get(kind, ANY)
