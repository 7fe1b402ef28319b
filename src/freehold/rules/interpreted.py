"""The pure-Python engine: ``cel-python`` parses, this module checks types and evaluates.

Why not cel-python's own evaluator: it checks no types, and an error compared with ``==`` becomes
``false`` there, so that a rule whose fact is missing would silently not fire. Its syntax tree is
turned into nested closures here, each with the type that the compiled engine would give it.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from freehold.rules import values
from freehold.rules.functions import call, macro
from freehold.rules.language import ExpressionError, FactType, Program
from freehold.rules.literals import literal
from freehold.rules.types import (
    BOOL,
    DYN,
    FACT_TYPES,
    NUMBERS,
    STRING,
    Kind,
    Node,
    Run,
    fits,
    joined,
    mismatch,
    shown,
)
from freehold.rules.values import EvaluationError

Functions = Callable[[str, list[Node]], Node | str | None]
"""A function's type and closure, what is wrong with the call, or None where it is unknown."""

_ARITHMETIC: dict[str, tuple[str, Callable[[Any, Any], Any], frozenset[Kind]]] = {
    "addition_add": ("+", values.add, NUMBERS | {STRING}),
    "addition_sub": ("-", values.subtract, NUMBERS),
    "multiplication_mul": ("*", values.multiply, NUMBERS),
    "multiplication_div": ("/", values.divide, NUMBERS),
    "multiplication_mod": ("%", values.remainder, frozenset({"int"})),
}
_ORDER = {
    "relation_lt": ("<", operator.lt),
    "relation_le": ("<=", operator.le),
    "relation_gt": (">", operator.gt),
    "relation_ge": (">=", operator.ge),
}
_DEPTH = "it is nested too deeply"


class _InterpretedProgram:
    __slots__ = ("_runs",)

    def __init__(self, runs: list[Run]) -> None:
        self._runs = runs

    def run(self, facts: Mapping[str, Any]) -> list[bool | None]:
        return [_verdict(run, dict(facts)) for run in self._runs]


def _verdict(run: Run, scope: dict[str, Any]) -> bool | None:
    try:
        value = run(scope)
    except (EvaluationError, RecursionError):
        return None
    return value if type(value) is bool else None


class InterpretedEngine:
    """Slower than the compiled one by a factor, but runs anywhere."""

    name = "cel-python"

    def __init__(self, functions: Functions | None = None) -> None:
        """``functions`` gives functions besides CEL's own, or None for a name it does not know."""
        from celpy.celparser import CELParseError, CELParser

        self._functions = functions
        self._parser = CELParser()
        self._parse_error = CELParseError

    def compile(self, expressions: Sequence[str], types: Mapping[str, FactType]) -> Program:
        """Compile each: parse, check every type, turn into closures."""
        variables = {name: FACT_TYPES[kind] for name, kind in types.items()}
        return _InterpretedProgram([self._one(each, variables) for each in expressions])

    def _one(self, expression: str, variables: dict[str, Kind]) -> Run:
        kind, run = self.node(expression, variables)
        if kind not in (BOOL, DYN):
            raise ExpressionError(f"gives {shown(kind)}, not a yes or no")
        return run

    def node(self, expression: str, variables: dict[str, Kind]) -> Node:
        """The type of one expression and what computes it.

        Raises:
            ExpressionError: it does not compile.
        """
        try:
            tree = self._parser.parse(expression)
            return _Compiler(variables, self._functions).node(tree)
        except self._parse_error as error:
            line, column = error.line or 0, error.column or 0
            token = getattr(error.__context__, "token", None)
            if column < 1 or getattr(token, "type", "") == "$END":
                raise ExpressionError("it ends too early") from None
            raise ExpressionError("syntax error", line, column) from None
        except RecursionError:
            raise ExpressionError(_DEPTH) from None


class _Compiler:
    """One method for each shape of the syntax tree; ``variables`` includes those of macros."""

    def __init__(self, variables: dict[str, Kind], functions: Functions | None = None) -> None:
        self._variables = variables
        self._functions = functions

    def node(self, tree: Any) -> Node:
        """The type of a subtree and the closure that computes it."""
        while len(tree.children) == 1 and tree.data in _WRAPPERS:
            tree = tree.children[0]
        method = getattr(self, f"_{tree.data}", None)
        if method is None:
            raise _at(tree, f"`{tree.data}` is not supported by this engine")
        node: Node = method(tree)
        return node

    def _expr(self, tree: Any) -> Node:
        condition, then, otherwise = map(self.node, tree.children)
        if condition[0] not in (BOOL, DYN) or not (
            fits(then[0], otherwise[0]) or fits(otherwise[0], then[0])
        ):
            raise _at(tree, mismatch("? :", condition[0], then[0], otherwise[0]))
        test, yes, no = condition[1], then[1], otherwise[1]
        return joined(then[0], otherwise[0]), lambda s: yes(s) if values.truth(test(s)) else no(s)

    def _conditionalor(self, tree: Any) -> Node:
        return self._logical(tree, "||", decisive=True)

    def _conditionaland(self, tree: Any) -> Node:
        return self._logical(tree, "&&", decisive=False)

    def _logical(self, tree: Any, sign: str, *, decisive: bool) -> Node:
        """An error on one side gives way to a decisive value on the other."""
        left, right = map(self.node, tree.children)
        for kind, _ in (left, right):
            if kind not in (BOOL, DYN):
                raise _at(tree, mismatch(sign, left[0], right[0]))
        first, second = left[1], right[1]

        def run(scope: dict[str, Any]) -> bool:
            try:
                if values.truth(first(scope)) is decisive:
                    return decisive
            except EvaluationError:
                if values.truth(second(scope)) is decisive:
                    return decisive
                raise
            return values.truth(second(scope))

        return BOOL, run

    def _relation(self, tree: Any) -> Node:
        shape, right_tree = tree.children
        (left, first), (right, second) = self.node(shape.children[0]), self.node(right_tree)
        name = shape.data
        if name in ("relation_eq", "relation_ne"):
            if not (fits(left, right) or fits(right, left)):
                raise _at(shape, mismatch("==" if name == "relation_eq" else "!=", left, right))
            if name == "relation_eq":
                return BOOL, lambda s: values.equal(first(s), second(s))
            return BOOL, lambda s: not values.equal(first(s), second(s))
        if name == "relation_in":
            if right != DYN and not (isinstance(right, tuple) and fits(left, right[1])):
                raise _at(shape, mismatch("in", left, right))
            return BOOL, lambda s: values.member_of(first(s), second(s))
        sign, wanted = _ORDER[name]
        ordered = NUMBERS | {STRING, BOOL, DYN}
        if left not in ordered or right not in ordered or not fits(left, right):
            raise _at(shape, mismatch(sign, left, right))
        return BOOL, lambda s: values.compare(first(s), second(s), wanted)

    def _addition(self, tree: Any) -> Node:
        shape, right_tree = tree.children
        (left, first), (right, second) = self.node(shape.children[0]), self.node(right_tree)
        sign, compute, takes = _ARITHMETIC[shape.data]
        lists = sign == "+" and isinstance(left, tuple | str) and _list_like(left, right)
        simple = fits(left, right) and all(kind in takes | {DYN} for kind in (left, right))
        if not (lists or simple):
            raise _at(shape, mismatch(sign, left, right))
        kind = right if left == DYN else left
        return kind, lambda s: compute(first(s), second(s))

    _multiplication = _addition

    def _unary(self, tree: Any) -> Node:
        shape, operand = tree.children
        kind, run = self.node(operand)
        if shape.data == "unary_not":
            if kind not in (BOOL, DYN):
                raise _at(tree, mismatch("!", kind))
            return BOOL, lambda s: not values.truth(run(s))
        if kind not in NUMBERS | {DYN}:
            raise _at(tree, mismatch("-", kind))
        return kind, lambda s: values.negate(run(s))

    def _ident(self, tree: Any) -> Node:
        return self._variable(tree, str(tree.children[0]))

    def _member_dot(self, tree: Any) -> Node:
        """A fact with dots in its name, or a field of a record."""
        name = _dotted(tree)
        if name is not None and name.partition(".")[0] not in self._variables:
            if name in self._variables:
                return self._variable(tree, name)
            if not any(name.startswith(f"{known}.") for known in self._variables):
                raise _at(tree, f"undeclared reference to '{name}'")
        kind, run = self.node(tree.children[0])
        field = str(tree.children[1])
        return _field_type(tree, kind), lambda s: values.select(run(s), field)

    def _variable(self, tree: Any, name: str) -> Node:
        if name not in self._variables:
            raise _at(tree, f"undeclared reference to '{name}'")

        def run(scope: dict[str, Any]) -> Any:
            try:
                return scope[name]
            except KeyError:
                raise EvaluationError("a fact is missing") from None

        return self._variables[name], run

    def _member_index(self, tree: Any) -> Node:
        (kind, run), (at_kind, at) = map(self.node, tree.children)
        if isinstance(kind, tuple):
            if not fits(at_kind, "int" if kind[0] == "list" else kind[1]):
                raise _at(tree, mismatch("[ ]", kind, at_kind))
            found: Kind = kind[-1]
        elif kind == DYN:
            found = DYN
        else:
            raise _at(tree, mismatch("[ ]", kind, at_kind))
        return found, lambda s: values.index(run(s), at(s))

    def _member_dot_arg(self, tree: Any) -> Node:
        """A macro over a list, or a function called as a method."""
        name = str(tree.children[1])
        arguments = tree.children[2].children if len(tree.children) > 2 else []
        target = self.node(tree.children[0])
        made = macro(name, target, arguments, self._with_variable, _simple_name)
        if made is None:
            made = self._call(name, [target, *map(self.node, arguments)], method=True)
        if isinstance(made, str):
            raise _at(tree, made)
        return made

    def _ident_arg(self, tree: Any) -> Node:
        name = str(tree.children[0])
        arguments = tree.children[1].children if len(tree.children) > 1 else []
        if name == "has":
            return self._has(tree, arguments)
        made = self._call(name, [self.node(each) for each in arguments], method=False)
        if isinstance(made, str):
            raise _at(tree, made)
        return made

    def _call(self, name: str, arguments: list[Node], *, method: bool) -> Node | str:
        own = self._functions(name, arguments) if self._functions is not None else None
        return own if own is not None else call(name, arguments, method=method)

    def _has(self, tree: Any, arguments: list[Any]) -> Node:
        field = _bare(arguments[0]) if len(arguments) == 1 else None
        if field is None or field.data != "member_dot" or _dotted(field) in self._variables:
            raise _at(tree, "has() takes a field of a record, such as `has(p.upper)`")
        kind, run = self.node(field.children[0])
        _field_type(field, kind)
        name = str(field.children[1])

        def present(scope: dict[str, Any]) -> bool:
            record = run(scope)
            if type(record) is not dict:
                raise EvaluationError("not a record")
            return name in record

        return BOOL, present

    def _paren_expr(self, tree: Any) -> Node:
        return self.node(tree.children[0])

    def _list_lit(self, tree: Any) -> Node:
        nodes = [self.node(each) for each in tree.children[0].children] if tree.children else []
        kinds = {kind for kind, _ in nodes}
        runs = [run for _, run in nodes]
        kind = kinds.pop() if len(kinds) == 1 else DYN
        return ("list", kind), lambda s: [run(s) for run in runs]

    def _map_lit(self, tree: Any) -> Node:
        parts = [self.node(each) for each in tree.children[0].children] if tree.children else []
        keys, held = parts[::2], parts[1::2]
        pairs = [(key, value) for (_, key), (_, value) in zip(keys, held, strict=True)]
        kinds = [{kind for kind, _ in side} for side in (keys, held)]
        key_kind, value_kind = (side.pop() if len(side) == 1 else DYN for side in kinds)
        return ("map", key_kind, value_kind), lambda s: {key(s): value(s) for key, value in pairs}

    def _literal(self, tree: Any) -> Node:
        token = tree.children[0]
        try:
            kind, value = literal(str(token.type), str(token))
        except ValueError as error:
            raise ExpressionError(str(error), token.line or 0, token.column or 0) from None
        return kind, lambda _: value

    def _with_variable(self, name: str, kind: Kind, tree: Any) -> Node:
        return _Compiler({**self._variables, name: kind}, self._functions).node(tree)


_WRAPPERS = frozenset(
    "expr conditionalor conditionaland relation addition multiplication unary member"
    " primary".split()
)


def _at(tree: Any, said: str) -> ExpressionError:
    line, column = getattr(tree.meta, "line", 0), getattr(tree.meta, "column", 0)
    return ExpressionError(said, line, column)


def _bare(tree: Any) -> Any:
    while len(tree.children) == 1 and tree.data in _WRAPPERS:
        tree = tree.children[0]
    return tree


def _dotted(tree: Any) -> str | None:
    """``a.b.c`` where the tree is nothing but names and dots."""
    tree = _bare(tree)
    if tree.data == "ident":
        return str(tree.children[0])
    if tree.data != "member_dot":
        return None
    before = _dotted(tree.children[0])
    return None if before is None else f"{before}.{tree.children[1]}"


def _simple_name(tree: Any) -> str | None:
    tree = _bare(tree)
    return str(tree.children[0]) if tree.data == "ident" else None


def _list_like(left: Kind, right: Kind) -> bool:
    sides = [side for side in (left, right) if side != DYN]
    return all(isinstance(side, tuple) and side[0] == "list" for side in sides) and fits(
        left, right
    )


def _field_type(tree: Any, kind: Kind) -> Kind:
    if kind == DYN:
        return DYN
    if isinstance(kind, tuple) and kind[0] == "map":
        value: Kind = kind[2]
        return value
    raise _at(tree, f"{shown(kind)} has no fields")
