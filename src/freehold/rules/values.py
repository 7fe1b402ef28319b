"""CEL's run-time semantics over Python values, for the interpreted engine.

Integers are 64-bit and overflow into an error, division truncates, values of different types are
unequal but for numbers, and nothing but a boolean counts as true. Whatever has no meaning raises
``EvaluationError``, which ``&&``, ``||``, ``all`` and ``exists`` may absorb.

Source: https://github.com/google/cel-spec/blob/master/doc/langdef.md
"""

import math
from collections.abc import Callable
from typing import Any

_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1


class EvaluationError(Exception):
    """An error as CEL means it: a value that spreads until something absorbs it."""


def truth(value: Any) -> bool:
    """A boolean, and nothing that Python would take for one."""
    if value is True or value is False:
        return value is True
    raise EvaluationError("not a boolean")


def equal(left: Any, right: Any) -> bool:
    """Deep equality; numbers compare by value, other types only with their own."""
    kind, other = type(left), type(right)
    if kind is other:
        if kind is list:
            return len(left) == len(right) and all(map(equal, left, right))
        if kind is dict:
            return left.keys() == right.keys() and all(equal(left[k], right[k]) for k in left)
        return bool(left == right)
    if {kind, other} == {int, float}:
        return bool(left == right)
    return False


def compare(left: Any, right: Any, wanted: Callable[[Any, Any], bool]) -> bool:
    """Order within booleans, strings and numbers."""
    kind, other = type(left), type(right)
    same = kind is other and kind in (bool, int, float, str)
    if same or {kind, other} == {int, float}:
        return bool(wanted(left, right))
    raise EvaluationError("no order")


def member_of(item: Any, container: Any) -> bool:
    """``in``: an element of a list, or a key of a map."""
    if type(container) is list:
        return any(equal(item, each) for each in container)
    if type(container) is dict:
        return any(equal(item, each) for each in container)
    raise EvaluationError("not a list or map")


def select(value: Any, field: str) -> Any:
    """A field of a record."""
    if type(value) is dict:
        if field in value:
            return value[field]
        raise EvaluationError("no such field")
    raise EvaluationError("not a record")


def index(value: Any, at: Any) -> Any:
    """An element of a list by its place, or of a map by its key."""
    if type(value) is list and type(at) is int:
        if 0 <= at < len(value):
            return value[at]
    elif type(value) is dict:
        for key, found in value.items():
            if equal(key, at):
                return found
    raise EvaluationError("no such element")


def size(value: Any) -> int:
    """Characters of a string, elements of a list or map."""
    if type(value) in (str, list, dict):
        return len(value)
    raise EvaluationError("has no size")


def add(left: Any, right: Any) -> Any:
    """``+`` on numbers of one type, strings and lists."""
    kind = type(left)
    if kind is not type(right) or kind not in (int, float, str, list):
        raise EvaluationError("no sum")
    return _int64(left + right) if kind is int else left + right


def subtract(left: Any, right: Any) -> Any:
    """``-``."""
    _same_numbers(left, right)
    return _int64(left - right) if type(left) is int else left - right


def multiply(left: Any, right: Any) -> Any:
    """``*``."""
    _same_numbers(left, right)
    return _int64(left * right) if type(left) is int else left * right


def divide(left: Any, right: Any) -> Any:
    """``/``: truncates on integers; doubles follow IEEE 754."""
    _same_numbers(left, right)
    if type(left) is int:
        if right == 0:
            raise EvaluationError("divide by zero")
        quotient = abs(left) // abs(right)
        return _int64(quotient if (left < 0) == (right < 0) else -quotient)
    if right == 0.0:
        if left == 0.0 or math.isnan(left):
            return math.nan
        return math.copysign(math.inf, left) * math.copysign(1.0, right)
    return left / right


def remainder(left: Any, right: Any) -> int:
    """``%``: integers only, with the sign of the dividend."""
    if type(left) is not int or type(right) is not int or right == 0:
        raise EvaluationError("no remainder")
    if left == _INT_MIN and right == -1:
        raise EvaluationError("integer overflow")
    return int(math.copysign(1, left)) * (abs(left) % abs(right))


def negate(value: Any) -> Any:
    """Unary minus."""
    if type(value) is int:
        return _int64(-value)
    if type(value) is float:
        return -value
    raise EvaluationError("not a number")


def to_int(value: Any) -> int:
    """``int()``: from a string of digits or a double, truncated."""
    if type(value) is int:
        return value
    if type(value) is float and _INT_MIN < value < _INT_MAX:
        return int(value)
    if type(value) is str and value.removeprefix("-").isdecimal() and value.isascii():
        return _int64(int(value))
    raise EvaluationError("not a whole number")


def to_double(value: Any) -> float:
    """``double()``."""
    if type(value) in (int, float):
        return float(value)
    if type(value) is str:
        try:
            return float(value)
        except ValueError:
            pass
    raise EvaluationError("not a number")


def to_string(value: Any) -> str:
    """``string()`` of a string, a boolean or an integer."""
    if type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int:
        return str(value)
    raise EvaluationError("no text form")


def text(value: Any) -> str:
    """A string, for the functions that take nothing else."""
    if type(value) is str:
        return value
    raise EvaluationError("not a string")


def _same_numbers(left: Any, right: Any) -> None:
    if type(left) is not type(right) or type(left) not in (int, float):
        raise EvaluationError("not numbers of one type")


def _int64(value: int) -> int:
    if _INT_MIN <= value <= _INT_MAX:
        return value
    raise EvaluationError("integer overflow")
