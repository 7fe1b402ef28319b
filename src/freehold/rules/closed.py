"""Comparisons that compile and are hardly meant: with a value that a fact never has, or in the
wrong unit.
"""

from collections.abc import Collection, Iterator, Mapping

from msgspec import Struct

from freehold.rules.declared import DECLARED, VALUES
from freehold.rules.names import MACROS, suggestion
from freehold.rules.syntax import (
    Binary,
    Call,
    Item,
    Listed,
    Literal,
    Member,
    Name,
    Node,
    Unread,
    children,
    dotted,
    parse,
    written,
)

_LISTS = frozenset(fact.name for fact in DECLARED if fact.type in ("strings", "records"))
_COMPARED = frozenset({"==", "!=", "<", "<=", ">", ">="})
_MOST_NAMED = 6


class _Unit(Struct, frozen=True):
    """How one kind of fact counts: so many ``parts`` make one, and what a slip is told."""

    parts: int
    form: str
    meant: str


_UNITS = {
    "percents": _Unit(100, "{:g} %", "percentages are basis points, so {} % is {}00"),
    "money": _Unit(100, "{:.2f}", "money is in minor units (cents), so {} is {}00"),
    "quantities": _Unit(1_000, "{:g}", "quantities are thousandths, so {} is {}000"),
}

Scope = Mapping[str, str]
"""Loop variables, each with the fact whose items it stands for."""


def strays(expression: str, known: Mapping[str, Collection[str]]) -> list[str]:
    """Comparisons with a value that a fact never has. ``known`` has what a bundle declares: the
    values of `app.id`, say.
    """
    closed = {**VALUES, **known}
    found: dict[str, None] = {}
    for node, scope in _scoped(expression):
        for fact, value in _compared(node, scope):
            if fact in closed and value not in closed[fact]:
                near = suggestion(value, closed[fact], 0.5) or _choice(closed[fact])
                found[f'`{fact}` is never "{value}"{near}'] = None
    return list(found)


def slips(expression: str) -> list[str]:
    """Numbers so small that their writer thought of another unit: `p.upper > 20`."""
    found: dict[str, None] = {}
    for node, scope in _scoped(expression):
        if not isinstance(node, Binary) or node.sign not in _COMPARED:
            continue
        for side, other in ((node.left, node.right), (node.right, node.left)):
            number = other.value if isinstance(other, Literal) else None
            if type(number) is int and (said := _slip(side, number, scope)):
                found[f"`{written(node)}` compares with {said}"] = None
    return list(found)


def _slip(side: Node, number: int, scope: Scope) -> str:
    if not isinstance(side, Member) or side.field not in ("value", "upper"):
        return ""
    of = side.of.of if isinstance(side.of, Item) else side.of
    name = dotted(of) or ""
    kind = scope.get(name, name).partition(".")[2].removeprefix("ungrounded_")
    unit = _UNITS.get(kind)
    if unit is None or not 1 < number < unit.parts:  # 0 and 1 ask whether there is any
        return ""
    return f"{unit.form.format(number / unit.parts)}; {unit.meant.format(number, number)}"


def _choice(values: Collection[str]) -> str:
    if not values:
        return "; the bundle declares none"
    more = ", …" if len(values) > _MOST_NAMED else ""
    return f"; it is one of {', '.join(sorted(values)[:_MOST_NAMED])}{more}"


def _compared(node: Node, scope: Scope) -> Iterator[tuple[str, str]]:
    """The facts that a node compares with texts that are written out."""
    if not isinstance(node, Binary):
        return
    if node.sign in ("==", "!="):
        for side, other in ((node.left, node.right), (node.right, node.left)):
            yield from _pair(side, other, scope)
    elif node.sign == "in" and isinstance(node.right, Listed):
        for item in node.right.items:
            yield from _pair(node.left, item, scope)
    elif node.sign == "in":
        yield from _pair(node.right, node.left, {})


def _pair(side: Node, other: Node, scope: Scope) -> Iterator[tuple[str, str]]:
    name = dotted(side)
    if name is not None and isinstance(other, Literal) and isinstance(other.value, str):
        yield scope.get(name, name), other.value


def _scoped(expression: str) -> Iterator[tuple[Node, Scope]]:
    """Every node with the loop variables around it; none of what can't be read."""
    try:
        tree = parse(expression)
    except Unread:
        return
    yield from _below(tree, {})


def _below(node: Node, scope: Scope) -> Iterator[tuple[Node, Scope]]:
    yield node, scope
    inner = scope
    if isinstance(node, Call) and node.function in MACROS and node.target is not None:
        fact, variable = _listed(node.target), node.arguments[0] if node.arguments else None
        if isinstance(variable, Name):
            inner = {**scope, variable.word: fact if fact in _LISTS else ""}
    for child in children(node):
        yield from _below(child, scope if child is getattr(node, "target", None) else inner)


def _listed(target: Node) -> str:
    """The fact whose items a loop goes through: a filtered list has the same."""
    while isinstance(target, Call) and target.function == "filter" and target.target is not None:
        target = target.target
    return dotted(target) or ""
