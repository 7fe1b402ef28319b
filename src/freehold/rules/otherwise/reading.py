"""What parts of a condition come to on given facts: enough of CEL to see which part decides.

Only for finding what might be changed; whether a change does anything is asked of the compiled
rules themselves.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import ge, gt, le, lt
from typing import Any

from freehold.rules import values
from freehold.rules.functions import pattern_of
from freehold.rules.syntax import (
    Binary,
    Call,
    Choice,
    Item,
    Listed,
    Literal,
    Member,
    Name,
    Node,
    Unary,
    Unread,
    dotted,
    parse,
)
from freehold.rules.values import EvaluationError

Scope = Mapping[str, Any]
"""Loop variables with the items that they stand for."""

_ORDER: dict[str, Callable[[Any, Any], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}
_SUMS: dict[str, Callable[[Any, Any], Any]] = {
    "+": values.add,
    "-": values.subtract,
    "*": values.multiply,
    "/": values.divide,
    "%": values.remainder,
}
_TESTS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "startsWith": str.startswith,
    "endsWith": str.endswith,
}


@lru_cache(maxsize=2048)
def tree_of(expression: str) -> Node | None:
    """The tree of a condition; ``None`` where it has parts that are not read here."""
    try:
        return parse(expression)
    except Unread:
        return None


def fact_of(node: Node, facts: Mapping[str, Any], scope: Scope) -> str | None:
    """The fact that a dotted name is, unless it hangs on a loop's variable."""
    name = dotted(node)
    if name is None or name.partition(".")[0] in scope:
        return None
    return name if name in facts else None


def value(node: Node, facts: Mapping[str, Any], scope: Scope) -> Any:
    """What a part comes to.

    Raises:
        EvaluationError: it can't be evaluated, or is not read here.
    """
    if isinstance(node, Literal):
        return node.value
    if isinstance(node, Name | Member):
        return _named(node, facts, scope)
    if isinstance(node, Item):
        return values.index(value(node.of, facts, scope), value(node.at, facts, scope))
    if isinstance(node, Listed):
        return [value(each, facts, scope) for each in node.items]
    if isinstance(node, Unary):
        of = value(node.of, facts, scope)
        return not values.truth(of) if node.sign == "!" else values.negate(of)
    if isinstance(node, Choice):
        chosen = node.then if values.truth(value(node.when, facts, scope)) else node.otherwise
        return value(chosen, facts, scope)
    if isinstance(node, Binary):
        return _binary(node, facts, scope)
    return _called(node, facts, scope)


def truth(node: Node, facts: Mapping[str, Any], scope: Scope) -> bool | None:
    """Whether a part holds; ``None`` where that can't be told here."""
    try:
        return values.truth(value(node, facts, scope))
    except EvaluationError:
        return None


def _named(node: Node, facts: Mapping[str, Any], scope: Scope) -> Any:
    name = dotted(node)
    if name is not None and name.partition(".")[0] not in scope and name in facts:
        return facts[name]
    if isinstance(node, Member):
        return values.select(value(node.of, facts, scope), node.field)
    if isinstance(node, Name) and node.word in scope:
        return scope[node.word]
    raise EvaluationError("no such fact")


def _binary(node: Binary, facts: Mapping[str, Any], scope: Scope) -> Any:
    sign = node.sign
    if sign in ("&&", "||"):
        decisive = sign == "||"
        sides = [truth(each, facts, scope) for each in (node.left, node.right)]
        if decisive in sides:
            return decisive
        if None in sides:
            raise EvaluationError("not known")
        return not decisive
    left, right = value(node.left, facts, scope), value(node.right, facts, scope)
    if sign == "==":
        return values.equal(left, right)
    if sign == "!=":
        return not values.equal(left, right)
    if sign == "in":
        return values.member_of(left, right)
    if sign in _ORDER:
        return values.compare(left, right, _ORDER[sign])
    return _SUMS[sign](left, right)


def _called(node: Call, facts: Mapping[str, Any], scope: Scope) -> Any:
    name, arguments = node.function, node.arguments
    if name == "has" and len(arguments) == 1 and isinstance(arguments[0], Member):
        of = value(arguments[0].of, facts, scope)
        return type(of) is dict and arguments[0].field in of
    if name in ("int", "double", "dyn") and len(arguments) == 1:
        return value(arguments[0], facts, scope)
    if name == "size":
        return values.size(value(node.target or arguments[0], facts, scope))
    if node.target is None:
        raise EvaluationError("not read here")
    over = value(node.target, facts, scope)
    if name in ("exists", "all", "filter", "exists_one") and len(arguments) == 2:
        return _loop(name, over, arguments, facts, scope)
    if len(arguments) == 1 and isinstance(over, str):
        part = value(arguments[0], facts, scope)
        if name in _TESTS and isinstance(part, str):
            return _TESTS[name](over, part)
        if name == "matches" and isinstance(part, str):
            return _matches(part, over)
    raise EvaluationError("not read here")


def _matches(pattern: str, text: str) -> bool:
    try:
        return pattern_of(pattern).test(text)
    except ValueError:
        raise EvaluationError("not a regular expression") from None


def _loop(
    name: str, over: Any, arguments: tuple[Node, ...], facts: Mapping[str, Any], scope: Scope
) -> Any:
    variable, body = arguments
    if not isinstance(variable, Name) or type(over) is not list:
        raise EvaluationError("not read here")
    held = [truth(body, facts, {**scope, variable.word: each}) for each in over]
    if name == "exists" and True in held:
        return True
    if name == "all" and False in held:
        return False
    if None in held:
        raise EvaluationError("not known")
    if name == "filter":
        return [each for each, holds in zip(over, held, strict=True) if holds]
    return {"exists": True in held, "all": False not in held, "exists_one": held.count(True) == 1}[
        name
    ]
