"""Declared members of JSON in the units of facts: cents, basis points, seconds.

Anything that is not declared stays what it is.
"""

from collections.abc import Callable, Iterable
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Any

from msgspec import Struct

from freehold.core.facts import FactKind, TextFact
from freehold.core.spec import FieldSpec
from freehold.rules.structured import INT_MAX, INT_MIN, Unreadable, parsed
from freehold.text.facts import extract

MAX_FACTS = 500
_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
_NO_MINOR_UNIT = frozenset({"JPY", "KRW"})
_KINDS: dict[str, FactKind] = {
    "percent": "percent",
    "fraction": "percent",
    "money": "money",
    "date": "date",
    "duration": "duration",
    "quantity": "quantity",
}


class Typed(Struct, frozen=True):
    """The value with declared members in the units of facts, and the facts that these are."""

    value: Any
    facts: tuple[TextFact, ...]


def typed(value: Any, fields: Iterable[FieldSpec]) -> Typed:
    """Declared members converted, absent ones at their default; decimals become floats.

    Raises:
        Unreadable: a member is something else than declared; says which.
    """
    facts: list[TextFact] = []
    for field in fields:
        parts = parsed(field.path) or ()
        value = _placed(value, parts, field, facts)
    return Typed(_floats(value), tuple(facts))


def facts_of(text: str, language: str) -> tuple[TextFact, ...]:
    """What the texts of a JSON document say, each with its key before it.

    Raises:
        Unreadable: more facts than anybody reads.
    """
    found = extract(text, language)
    if len(found) > MAX_FACTS:
        raise Unreadable(f"more than {MAX_FACTS} facts")
    return found


def _placed(value: Any, parts: tuple[str, ...], field: FieldSpec, facts: list[TextFact]) -> Any:
    """``value`` with the declared member in it converted."""
    if not parts:
        return _converted(value, field, facts)
    part, rest = parts[0], parts[1:]
    if part[0] == "[":
        if not isinstance(value, list):
            raise _wrong(field, "no list stands there")
        chosen = range(len(value)) if part == "[]" else (int(part[1:-1]),)
        return [
            _placed(each, rest, field, facts) if at in chosen else each
            for at, each in enumerate(value)
        ]
    if not isinstance(value, dict):
        raise _wrong(field, "no object stands there")
    if value.get(part) is None:
        if field.default is None or "[]" in rest:
            return value
        inner: Any = list(field.default) if isinstance(field.default, tuple) else field.default
        for key in reversed(rest):
            inner = {key: inner}
        return {**value, part: inner}
    return {**value, part: _placed(value[part], rest, field, facts)}


def _converted(value: Any, field: FieldSpec, facts: list[TextFact]) -> Any:
    kind = field.type
    if kind in _PLAIN:
        if not _PLAIN[kind](value):
            raise _wrong(field, "it is none")
        return int(value) if kind == "int" else value
    number = _number(value)
    if number is not None:
        scaled = _scaled(number, field)
        facts.append(_fact(_KINDS[kind], scaled, field))
        return scaled
    if not isinstance(value, str):
        raise _wrong(field, "it is none")
    found = extract(value, kinds={_KINDS[kind]})
    if len(found) != 1 or not found[0].parsed:
        raise _wrong(field, "it can't be read")
    if kind == "money" and field.unit and found[0].unit != field.unit:
        raise _wrong(field, f"it is not in {field.unit}")
    return found[0].value if found[0].upper is None else found[0].upper


def _number(value: Any) -> Decimal | None:
    """A number, also one written as a text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, str) and len(value) <= 20 and value.isascii():
        try:
            number = Decimal(value.strip())
        except InvalidOperation:
            return None
        return number if number.is_finite() else None
    return None


def _scaled(number: Decimal, field: FieldSpec) -> int:
    """In the unit of the fact; fractions of a unit are rounded up."""
    factor = 1_000
    if field.type == "percent":
        factor = 100
    elif field.type == "fraction":
        factor = 10_000
    elif field.type == "money":
        if not field.unit:
            raise _wrong(field, "a bare number has no currency")
        factor = 1 if field.unit in _NO_MINOR_UNIT else 100
    elif field.type == "duration":
        if field.unit not in _SECONDS:
            raise _wrong(field, "a bare number has no unit")
        factor = _SECONDS[field.unit]
    elif field.type == "date":
        raise _wrong(field, "a bare number is no date")
    scaled = int((number * factor).to_integral_value(ROUND_CEILING))
    if not INT_MIN <= scaled <= INT_MAX:
        raise _wrong(field, "it is too large")
    return scaled


def _fact(kind: FactKind, value: int, field: FieldSpec) -> TextFact:
    return TextFact(
        kind=kind,
        value=value,
        unit="bp" if kind == "percent" else field.unit,
        start=0,
        end=0,
        text="",
        polarity="affirmed",
        role="other",
    )


def _wrong(field: FieldSpec, why: str) -> Unreadable:
    return Unreadable(f"`{field.path}` is declared as {field.type}: {why}")


def _floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _floats(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_floats(each) for each in value]
    return float(value) if isinstance(value, Decimal) else value


_PLAIN: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "bool": lambda value: isinstance(value, bool),
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "strings": lambda value: isinstance(value, list) and all(isinstance(v, str) for v in value),
}
