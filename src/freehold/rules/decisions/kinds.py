"""The types of a decision policy and its exact numbers.

A number is a CEL double that stands for a decimal: whatever is calculated is held to nine decimals,
so that 0.1 + 0.2 is 0.3 and a sum that is 158 on paper is not above 158. A date is the number of
days since 1970-01-01, so that dates compare and subtract.
"""

import math
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import Any, Literal

from msgspec import Struct

Name = Literal["number", "integer", "text", "boolean", "date", "list", "object", "any"]
SCALARS: tuple[Name, ...] = ("number", "integer", "text", "boolean", "date")
"""Types of a single value."""

DECIMALS = 9
"""Decimals that a calculated number is held to."""

_EPOCH = date(1970, 1, 1)
_FIRST, _LAST = (date.min - _EPOCH).days, (date.max - _EPOCH).days
_BIGGEST = 1e15
ROUNDING = {
    "half_up": ROUND_HALF_UP,
    "half_even": ROUND_HALF_EVEN,
    "up": ROUND_CEILING,
    "down": ROUND_FLOOR,
}
"""Ways to round: halves away from zero, halves to even, to the next higher, to the next lower."""


class Kind(Struct, frozen=True):
    """A type; ``item`` is that of a list's elements, ``fields`` are those of an object."""

    name: Name
    item: "Kind | None" = None
    fields: tuple[tuple[str, "Kind"], ...] = ()

    @property
    def numeric(self) -> bool:
        """Whether values compare and subtract: numbers and dates."""
        return self.name in ("number", "integer", "date")

    def __str__(self) -> str:
        return f"list of {self.item}" if self.item is not None else self.name


NUMBER = Kind("number")
INTEGER = Kind("integer")
TEXT = Kind("text")
BOOLEAN = Kind("boolean")
DATE = Kind("date")
ANY = Kind("any")


def records(fields: tuple[tuple[str, Kind], ...]) -> Kind:
    """A list of objects with these fields."""
    return Kind("list", Kind("object", fields=fields))


def leaves(name: str, kind: Kind) -> Iterator[tuple[str, Kind]]:
    """The variables that a value of this type becomes: an object's fields, dotted."""
    if kind.name != "object":
        yield name, kind
        return
    for field, inner in kind.fields:
        yield from leaves(f"{name}.{field}", inner)


def spread(name: str, kind: Kind, value: Any) -> Iterator[tuple[str, Any]]:
    """The variables' values; nothing for what is missing."""
    if value is None:
        return
    if kind.name != "object":
        yield name, value
        return
    for field, inner in kind.fields:
        yield from spread(f"{name}.{field}", inner, value.get(field))


def presence(name: str, kind: Kind, value: Any, optional: frozenset[str]) -> Iterator[str]:
    """The names among ``optional`` that have a value, dotted."""
    if value is None:
        return
    if name in optional:
        yield name
    if kind.name == "object":
        for field, inner in kind.fields:
            yield from presence(f"{name}.{field}", inner, value.get(field), optional)


def held(value: Any) -> Any:
    """A calculated value with every number held to nine decimals.

    Raises:
        ArithmeticError: a number that is none (a division by zero), or too big to be exact.
    """
    if type(value) is float:
        if not math.isfinite(value):
            raise ArithmeticError("a division by zero")
        if abs(value) > _BIGGEST:
            raise ArithmeticError("a number beyond 10^15, which is not exact any more")
        return round(value, DECIMALS) + 0.0
    if type(value) is int:
        return held(float(value))
    if type(value) is list:
        return [held(each) for each in value]
    if type(value) is dict:
        return {key: held(each) for key, each in value.items() if each is not None}
    return value


def exact(value: float) -> Decimal:
    """The decimal that a number stands for."""
    return Decimal(repr(value))


def rounded(value: float, digits: int, mode: str = "half_up") -> float:
    """Round as on paper, from the decimal and not from its binary neighbour."""
    return float(exact(held(value)).quantize(Decimal(1).scaleb(-digits), ROUNDING[mode])) + 0.0


def day_number(text: str) -> float:
    """Days since 1970-01-01 of ``2025-03-08``; a time of day behind it is cut off.

    Raises:
        ValueError: not a date.
    """
    return float((date.fromisoformat(text.strip()[:10]) - _EPOCH).days)


def day_of(number: float) -> date:
    """The date of a day number."""
    return _EPOCH + timedelta(days=math.floor(number))


def shown_number(value: float) -> str:
    """``75`` and ``14.9``, never ``75.0`` or ``1e-05``."""
    text = format(exact(held(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def plain(kind: Kind, value: Any) -> Any:
    """A value as JSON and people see it: dates as text, whole numbers without a point."""
    if value is None:
        return None
    if kind.name == "date" and type(value) is float and _FIRST <= value <= _LAST:
        return day_of(value).isoformat()
    if type(value) is float:
        return int(value) if value.is_integer() else value
    if type(value) is list:
        return [plain(kind.item or ANY, each) for each in value]
    if type(value) is dict:
        fields = dict(kind.fields)
        return {key: plain(fields.get(key, ANY), each) for key, each in value.items()}
    return value


def shown(kind: Kind, value: Any) -> str:
    """A value in a sentence."""
    given = plain(kind, value)
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, int | float):
        return shown_number(float(given))
    if isinstance(given, list):
        return ", ".join(shown(kind.item or ANY, each) for each in value)
    return "nothing" if given is None else str(given)
