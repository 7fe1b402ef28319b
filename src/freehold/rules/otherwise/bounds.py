"""Numbers at which comparisons turn."""

from collections.abc import Iterator, Mapping
from math import ceil, floor
from typing import Any

from freehold.core.counterfactual import How
from freehold.rules.otherwise.reading import Scope, truth
from freehold.rules.syntax import Binary, Call, Item, Literal, Member, Name, Node, Unary

_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_DENIED = {"<": ">=", ">": "<=", "<=": ">", ">=": "<", "==": "!=", "!=": "=="}
_REACH = 1 << 44
"""Farther than any percentage, amount or time that a rule is about."""


def turned(sign: str) -> str:
    """The sign with its sides exchanged."""
    return _TURNED.get(sign, sign)


def at(sign: str, limit: float, want: bool) -> tuple[int, How] | None:
    """The whole number at which ``x sign limit`` comes to ``want``, and on which side of it."""
    sign = sign if want else _DENIED.get(sign, "")
    if sign == "<=":
        return floor(limit), "at_most"
    if sign == "<":
        return ceil(limit) - 1, "at_most"
    if sign == ">=":
        return ceil(limit), "at_least"
    if sign == ">":
        return floor(limit) + 1, "at_least"
    if limit != floor(limit):
        return None
    return (int(limit), "exactly" if sign == "==" else "other") if sign else None


def reckoned(node: Binary) -> Iterator[Node]:
    """What the sums and products on both sides of a comparison are made from."""
    for side in (node.left, node.right):
        if isinstance(side, Binary | Unary):
            yield from _leaves(side)


def _leaves(node: Node) -> Iterator[Node]:
    if isinstance(node, Binary):
        yield from _leaves(node.left)
        yield from _leaves(node.right)
    elif isinstance(node, Unary):
        yield from _leaves(node.of)
    elif isinstance(node, Name | Member | Item | Call):
        yield node


def nearest(
    node: Binary, part: Node, now: int, want: bool, facts: Mapping[str, Any], scope: Scope
) -> tuple[int, How] | None:
    """The value of ``part`` nearest to ``now`` at which the comparison comes to ``want``."""
    found: list[tuple[int, int, How]] = []
    sides: tuple[tuple[int, How], ...] = ((-1, "at_most"), (1, "at_least"))
    for sign, how in sides:

        def turns(step: int, sign: int = sign) -> bool:
            other = _with(node, part, Literal(now + sign * step))
            return truth(other, facts, scope) is want

        high = 1
        while high < _REACH and not turns(high):
            high *= 2
        if high >= _REACH:
            continue
        low = high // 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if turns(middle) else (middle, high)
        found.append((high, now + sign * high, how))
    if not found:
        return None
    _, to, how = min(found)
    return to, how


def _with(node: Node, part: Node, instead: Literal) -> Node:
    """The tree with another value in the place of a part."""
    if node == part:
        return instead
    if isinstance(node, Binary):
        return Binary(node.sign, _with(node.left, part, instead), _with(node.right, part, instead))
    if isinstance(node, Unary):
        return Unary(node.sign, _with(node.of, part, instead))
    return node
