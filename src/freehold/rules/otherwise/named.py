"""Which texts and numbers the rules themselves name: other values that a fact might have had."""

from collections.abc import Iterable
from math import ceil, floor

from freehold.rules.otherwise.reading import tree_of
from freehold.rules.syntax import Binary, Listed, Literal, dotted, walk


def values_in(expressions: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The texts that conditions compare facts with, by fact; what can't be read is left out."""
    found: dict[str, dict[str, None]] = {}
    for expression in expressions:
        tree = tree_of(expression)
        for node in walk(tree) if tree is not None else ():
            if isinstance(node, Binary) and node.sign in ("==", "!=", "in"):
                _named_in(node, found)
    return {name: tuple(values) for name, values in found.items()}


def _named_in(node: Binary, found: dict[str, dict[str, None]]) -> None:
    for mine, other in ((node.left, node.right), (node.right, node.left)):
        name = dotted(mine)
        items = other.items if isinstance(other, Listed) else (other,)
        for item in items if name is not None else ():
            if isinstance(item, Literal) and isinstance(item.value, str):
                found.setdefault(str(name), {})[item.value] = None


def numbers_in(expressions: Iterable[str]) -> dict[str, frozenset[int]]:
    """The whole numbers in conditions, by each fact that the same condition names: where else than
    at its own limit a verdict may turn.
    """
    found: dict[str, set[int]] = {}
    for expression in expressions:
        tree = tree_of(expression)
        nodes = list(walk(tree)) if tree is not None else []
        numbers: set[int] = set()
        for node in nodes:
            held = node.value if isinstance(node, Literal) else None
            if isinstance(held, int | float) and not isinstance(held, bool):
                numbers |= {floor(held), ceil(held)}
        for name in {dotted(node) for node in nodes} - {None}:
            found.setdefault(str(name), set()).update(numbers)
    return {name: frozenset(numbers) for name, numbers in found.items()}
