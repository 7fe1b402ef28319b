"""Google's C++ CEL, through the ``cel-expr-python`` binding.

Results that are not a plain boolean (an error value, an unknown) come back as ``None``: in this
binding an error is a truthy object, and its plain value a string.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from freehold.rules.language import ExpressionError, FactType, Program

_POSITION = re.compile(r"^.*?<input>:(\d+):(\d+): ")
_OVERLOAD = re.compile(r"found no matching overload for '(.+?)' applied to '\((.*)\)'")


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
        data = facts if type(facts) is dict else dict(facts)
        verdicts = _value(self._all, data)
        if type(verdicts) is list and all(type(v) is bool for v in verdicts):
            return verdicts
        values = (_value(program, data) for program in self._single)
        return [value if type(value) is bool else None for value in values]


def _value(program: Any, data: dict[str, Any]) -> Any:
    """What a program gives. One that loops too often, or takes in what is no CEL value, errs: the
    binding raises then, instead of giving an error value.
    """
    try:
        return program.eval(data=data).plain_value()
    except (RuntimeError, ValueError, TypeError, OverflowError):
        return None


class CompiledEngine:
    """Type-checked at compile time, evaluated in microseconds."""

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
            "origins": kind.List(record),
            "json": kind.DYN,
        }

    def compile(self, expressions: Sequence[str], types: Mapping[str, FactType]) -> Program:
        """Compile each by itself, so that an error names the culprit, then all as one list."""
        environment = self._cel.NewEnv(
            variables={name: self._types[kind] for name, kind in types.items()}
        )
        single = []
        for expression in expressions:
            program = self.one(environment, expression)
            kind = program.return_type()
            if kind not in (self._cel.Type.BOOL, self._cel.Type.DYN):
                raise ExpressionError(f"gives {_type_name(str(kind))}, not a yes or no")
            single.append(program)
        # Line breaks keep a trailing comment from swallowing what follows.
        together = environment.compile("[" + ",".join(f"dyn({e}\n)" for e in expressions) + "]")
        return _CompiledProgram(together, single)

    def one(self, environment: Any, expression: str) -> Any:
        """Compile one expression, of any type.

        Raises:
            ExpressionError: it does not compile.
        """
        try:
            return environment.compile(expression)
        except Exception as error:  # noqa: BLE001 - the binding raises bare RuntimeErrors
            raise _readable(str(error)) from None


def _type_name(kind: str) -> str:
    return kind.lower().replace("<", "(").replace(">", ")")


def _readable(message: str) -> ExpressionError:
    """The binding's first complaint, with its place and in our words."""
    line = " ".join(message.split("\n", maxsplit=1)[0].split())
    found = _POSITION.match(line)
    said = line[found.end() :] if found else line
    said = said.replace(" (in container '')", "").partition(" expecting ")[0]
    if "recursion limit" in said:
        said = "it is nested too deeply"
    elif "mismatched input '<EOF>'" in said:
        said = "it ends too early"
    elif said.startswith("Syntax error: "):
        said = f"syntax error: {said.removeprefix('Syntax error: ')}"
    overload = _OVERLOAD.search(said)
    if overload is not None:
        operator = overload.group(1).strip("_@").replace("_", " ").strip() or overload.group(1)
        said = f"`{operator}` does not take ({overload.group(2)})"
    place = (int(found.group(1)), int(found.group(2))) if found else (0, 0)
    return ExpressionError(said, *place)
