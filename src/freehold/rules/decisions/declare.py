"""Declared inputs: their types, what they may be, and reading them from a cell or from JSON."""

import ast
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from freehold.bundle.problems import did_you_mean, one_of
from freehold.rules.decisions.kinds import Kind, day_number, leaves, shown_number

_TRUE, _FALSE = frozenset({"true", "yes", "y", "1"}), frozenset({"false", "no", "n", "0"})
_NOTHING = frozenset({"none", "null", "nan", "n/a"})


class Declared(Struct, frozen=True, kw_only=True):
    """An input, or a field of one.

    Attributes:
        column: the CSV column it is read from.
        domain: the texts it may be; empty for any.
        default: what stands for a missing value; None for nothing.
        fields: of an object; ``item`` is what a list holds.
    """

    name: str
    kind: Kind
    column: str = ""
    optional: bool = False
    default: Any = None
    domain: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    fields: tuple["Declared", ...] = ()
    item: "Declared | None" = None

    @property
    def may_be_missing(self) -> bool:
        """Whether there can be no value."""
        return self.optional and self.default is None


def by_variable(name: str, declared: Declared) -> Iterator[tuple[str, Declared]]:
    """Every scalar, list and object under a name, dotted."""
    yield name, declared
    for field in declared.fields:
        yield from by_variable(f"{name}.{field.name}", field)


def missing_names(name: str, declared: Declared, above: bool = False) -> Iterator[str]:
    """The dotted names that may have no value, those below a missing object included."""
    here = above or declared.may_be_missing
    if here:
        yield name
    for field in declared.fields:
        yield from missing_names(f"{name}.{field.name}", field, here)


def variables(name: str, declared: Declared) -> Iterator[tuple[str, Kind]]:
    """What an expression may name of it."""
    yield from leaves(name, declared.kind)
    for dotted in missing_names(name, declared):
        yield f"given.{dotted}", Kind("boolean")


def from_cell(declared: Declared, cell: str) -> Any:
    """The value in a CSV cell, None for a missing one.

    Raises:
        ValueError: it does not fit; the text says what was wanted.
    """
    text = cell.strip()
    if not text or (text.lower() in _NOTHING and declared.kind.name != "text"):
        return from_json(declared, None)
    if declared.kind.name in ("list", "object"):
        return from_json(declared, structured(text))
    return from_json(declared, text)


def structured(text: str) -> Any:
    """JSON, or the same written as Python shows it (``{'a': True}``).

    Raises:
        ValueError: it is neither.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            raise ValueError(f"no JSON: {error.msg} at character {error.colno}") from None
    except RecursionError:
        raise ValueError("no JSON: nested too deeply") from None


def from_json(declared: Declared, value: Any) -> Any:
    """A parsed value as the policy computes with it: numbers as floats, dates as day numbers.

    Raises:
        ValueError: it does not fit.
    """
    if value is None:
        if declared.default is not None:
            return declared.default
        if declared.optional:
            return None
        raise ValueError(
            f"{_named(declared)}no value; write `optional: true` or a `default:` if that may be"
        )
    kind = declared.kind.name
    if kind == "object":
        return _object(declared, value)
    if kind == "list":
        return _list(declared, value)
    return _checked(declared, scalar(declared.kind, value, _named(declared)))


def _named(declared: Declared) -> str:
    return f"`{declared.name}`: " if declared.name else ""


def scalar(kind: Kind, value: Any, named: str = "") -> Any:
    """One number, text, boolean or date.

    Raises:
        ValueError: it is none.
    """
    text = str(value).strip()
    if isinstance(value, list | dict | tuple | set):
        raise ValueError(f"{named}a {kind} is wanted, not a list or an object")
    if kind.name == "boolean":
        if text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
        raise ValueError(f"{named}`{text[:40]}` is not true or false")
    if kind.name == "date":
        try:
            return day_number(text)
        except ValueError:
            raise ValueError(f"{named}`{text[:40]}` is no date; write 2025-03-08") from None
    if kind.name in ("number", "integer"):
        return _number(kind, value, text, named)
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else shown_number(float(value))


def _number(kind: Kind, value: Any, text: str, named: str) -> float:
    try:
        number = math.nan if isinstance(value, bool) or "_" in text else float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(
            f"{named}`{text[:40]}` is no number; write 1234.5, without signs around it"
        )
    if kind.name == "integer" and not number.is_integer():
        raise ValueError(f"{named}`{text[:40]}` is no whole number")
    return number + 0.0


def _checked(declared: Declared, value: Any) -> Any:
    named = _named(declared)
    if declared.domain and value not in declared.domain:
        hint = did_you_mean(value, declared.domain)
        raise ValueError(
            f"{named}`{value[:40]}` is none of {one_of(declared.domain)}{'; ' * bool(hint)}{hint}"
        )
    if declared.low is not None and value < declared.low:
        raise ValueError(f"{named}{shown_number(value)} is below {shown_number(declared.low)}")
    if declared.high is not None and value > declared.high:
        raise ValueError(f"{named}{shown_number(value)} is above {shown_number(declared.high)}")
    return value


def _object(declared: Declared, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f'{_named(declared)}an object is wanted, such as {{"age": 30}}')
    made = {}
    for field in declared.fields:
        try:
            found = from_json(field, value.get(field.column or field.name))
        except ValueError as error:
            raise ValueError(f"{_named(declared)}{error}") from None
        if found is not None:
            made[field.name] = found
    return made


def _list(declared: Declared, value: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{_named(declared)}a list is wanted, such as [1, 2]")
    if declared.item is None:
        return list(value)
    made = []
    for number, each in enumerate(value, 1):
        try:
            made.append(from_json(declared.item, each))
        except ValueError as error:
            raise ValueError(f"{_named(declared)}element {number}: {error}") from None
    return made
