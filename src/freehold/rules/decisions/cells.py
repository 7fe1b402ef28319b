"""The cells of a table: what a condition says, and which values it lets through.

``-`` or nothing: any value. ``5``, ``gold``: equal. ``gold, silver``: one of. ``< 10``, ``>= 2.5``,
``!= red``. ``[0..10)``: a range, closed at ``[`` and open at ``)``. ``not(red, blue)``: none of.
``missing``: an optional value that is not there; ``given``: one that is.
"""

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from msgspec import Struct

from freehold.rules.decisions.kinds import Kind, day_number, exact

_RANGE = re.compile(r"([\[\](])\s*(.*?)\s*\.\.\s*(.*?)\s*([\])\[])")
_COMPARED = re.compile(r"(<=|>=|!=|==|=|<|>)\s*(.+)", re.DOTALL)
_NEGATED = re.compile(r"not\s*\((.*)\)", re.DOTALL)
_TRUE, _FALSE = frozenset({"true", "yes"}), frozenset({"false", "no"})
ANYTHING = frozenset({"", "-", "any"})

Key = Decimal | str | bool
"""A value as conditions compare it."""


class Interval(Struct, frozen=True):
    """Numbers between two ends; None is no end."""

    low: Decimal | None = None
    high: Decimal | None = None
    low_closed: bool = True
    high_closed: bool = True

    def holds(self, value: Decimal) -> bool:
        """Whether the value lies inside."""
        if self.low is not None and (
            value < self.low or (value == self.low and not self.low_closed)
        ):
            return False
        if self.high is None:
            return True
        return value < self.high or (value == self.high and self.high_closed)

    @property
    def empty(self) -> bool:
        """Whether no number can lie inside."""
        if self.low is None or self.high is None:
            return False
        closed = self.low_closed and self.high_closed
        return self.low > self.high or (self.low == self.high and not closed)


class Condition(Struct, frozen=True):
    """What one cell lets through; without ranges and values, anything that is given.

    Attributes:
        text: as it was written.
        missing: whether a value that is not there passes: True for ``missing`` and ``any``.
        given: whether one that is there may pass.
    """

    text: str
    ranges: tuple[Interval, ...] = ()
    values: frozenset[Key] = frozenset()
    negated: bool = False
    missing: bool = False
    given: bool = True

    @property
    def anything(self) -> bool:
        """Whether every value passes, a missing one too."""
        return self.missing and self.given and not (self.ranges or self.values)

    def holds(self, value: Key | None) -> bool:
        """Whether the value passes."""
        if value is None:
            return self.missing
        if not self.given:
            return False
        if not self.ranges and not self.values:
            return True
        found = value in self.values or (
            isinstance(value, Decimal) and any(each.holds(value) for each in self.ranges)
        )
        return found is not self.negated

    def points(self) -> Iterable[Key]:
        """The values at which it may change its mind."""
        yield from self.values
        for each in self.ranges:
            if each.low is not None:
                yield each.low
            if each.high is not None:
                yield each.high


def key_of(kind: Kind, value: Any) -> Key | None:
    """A run-time value as conditions compare it.

    Raises:
        TypeError: a list or an object.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, float):
        return exact(value)
    raise TypeError(f"a table can't look at a {kind}")


def parse(written: Any, kind: Kind) -> Condition:
    """Read a cell.

    Raises:
        ValueError: it can't be read as a condition on this type; the text says what to write.
    """
    if written is None:
        return Condition("-", missing=True)
    if isinstance(written, list):
        listed = frozenset(_value(each, kind) for each in written)
        return Condition(", ".join(map(str, written)), values=listed)
    if isinstance(written, dict):
        raise ValueError("a mapping is no condition; write `[0..10)`, `< 5` or a value, in quotes")
    text = str(written).strip()
    if isinstance(written, bool | int | float):
        return Condition(str(written).lower(), values=frozenset({_value(written, kind)}))
    if text in ANYTHING:
        return Condition("-", missing=True)
    if text in ("missing", "given"):
        return Condition(text, missing=text == "missing", given=text == "given")
    negated = _NEGATED.fullmatch(text)
    ranges: list[Interval] = []
    values: set[Key] = set()
    unequal = False
    for part in split(negated.group(1) if negated else text):
        compared = _COMPARED.fullmatch(part)
        if compared is not None and compared.group(1) == "!=":
            unequal = True
            values.add(_value(compared.group(2), kind))
        elif compared is not None and compared.group(1) in ("=", "=="):
            values.add(_value(compared.group(2), kind))
        elif compared is not None or (kind.numeric and _RANGE.fullmatch(part)):
            ranges.append(_interval(part, compared, kind))
        else:
            values.add(_value(part, kind))
    if unequal and (negated or ranges or len(values) > 1):
        raise ValueError("`!=` stands alone in a cell; write `not(a, b)` for several")
    return Condition(text, tuple(ranges), frozenset(values), unequal or negated is not None)


def split(text: str) -> list[str]:
    """At the commas that stand outside quotes."""
    parts, quote, start = [], "", 0
    for at, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'" and not text[start:at].strip():
            quote = sign
        elif sign == ",":
            parts.append(text[start:at].strip())
            start = at + 1
    parts.append(text[start:].strip())
    if quote:
        raise ValueError("a quote that is not closed")
    if not all(parts):
        raise ValueError("an empty place between commas")
    return parts


def _interval(part: str, compared: re.Match[str] | None, kind: Kind) -> Interval:
    if compared is not None:
        sign, end = compared.groups()
        if not kind.numeric:
            raise ValueError(f"`{sign}` does not go with {kind}; it takes numbers and dates")
        value = _number(end, kind)
        closed = sign.endswith("=")
        if sign.startswith("<"):
            return Interval(high=value, high_closed=closed)
        return Interval(low=value, low_closed=closed)
    found = _RANGE.fullmatch(part)
    assert found is not None  # noqa: S101 - the caller looked
    opening, low, high, closing = found.groups()
    made = Interval(
        _number(low, kind) if low else None,
        _number(high, kind) if high else None,
        opening == "[",
        closing == "]",
    )
    if made.empty:
        raise ValueError(f"`{part}` holds no value; the lower end comes first")
    return made


def _value(written: Any, kind: Kind) -> Key:
    if kind.numeric:
        return _number(written, kind)
    text = str(written).strip()
    if kind.name == "boolean":
        if text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
        raise ValueError(f"`{text}` is not true or false")
    if isinstance(written, bool):
        return "true" if written else "false"
    quoted = len(text) > 1 and text[0] in "\"'" and text[-1] == text[0]
    return text[1:-1] if quoted else text


def _number(written: Any, kind: Kind) -> Decimal:
    text = str(written).strip().strip("\"'")
    if kind.name == "date":
        try:
            return exact(day_number(text))
        except ValueError:
            raise ValueError(f"`{text}` is no date; write 2025-03-08") from None
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("nan")
    if isinstance(written, bool) or not value.is_finite():
        raise ValueError(
            f"`{text}` is no number or condition; write `5`, `1, 2`, `< 5`, `[0..10)` or `-`"
        )
    return value + 0
