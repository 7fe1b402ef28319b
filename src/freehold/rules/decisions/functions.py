"""What a policy's expressions may call besides CEL's own functions."""

import math
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from msgspec import Struct

from freehold.rules.decisions.kinds import (
    ANY,
    BOOLEAN,
    DATE,
    INTEGER,
    NUMBER,
    TEXT,
    Kind,
    day_number,
    day_of,
    exact,
    held,
    rounded,
    shown,
)

LIST = Kind("list", ANY)
_MOST = 8


class Function(Struct, frozen=True):
    """One way to call a function: the types it takes, the one it gives, and what it does."""

    name: str
    takes: tuple[Kind, ...]
    gives: Kind
    run: Callable[..., Any]


def _years(start: float, end: float) -> float:
    first, last = day_of(start), day_of(end)
    before = (last.month, last.day) < (first.month, first.day)
    return float(last.year - first.year - before)


def _months(start: float, end: float) -> float:
    first, last = day_of(start), day_of(end)
    whole = (last.year - first.year) * 12 + last.month - first.month
    return float(whole - (last.day < first.day))


def _add_months(start: float, months: float) -> float:
    day = day_of(start)
    year, month = divmod(day.year * 12 + day.month - 1 + int(months), 12)
    for last in (day.day, 30, 29, 28):
        try:
            return day_number(date(year, month + 1, last).isoformat())
        except ValueError:
            continue
    raise ValueError("no such month")


def _days_in_year(day: float) -> float:
    year = day_of(day).year
    return float((date(year + 1, 1, 1) - date(year, 1, 1)).days)


def _numbers(values: Iterable[Any]) -> list[float]:
    found = list(values)
    if any(type(value) not in (int, float) for value in found):
        raise ValueError("a list of numbers is needed")
    return [float(value) for value in found]


def _sum(values: Iterable[Any]) -> float:
    total = sum((exact(value) for value in _numbers(values)), start=exact(0.0))
    return float(held(float(total)))


def _average(values: Iterable[Any]) -> float:
    numbers = _numbers(values)
    if not numbers:
        raise ValueError("the average of an empty list")
    return float(held(_sum(numbers) / len(numbers)))


def _extreme(choose: Callable[[list[float]], float]) -> Callable[..., float]:
    def run(*given: Any) -> float:
        numbers = _numbers(given[0] if len(given) == 1 and type(given[0]) is list else given)
        if not numbers:
            raise ValueError("the extreme of an empty list")
        return choose(numbers)

    return run


def _modulo(value: float, by: float) -> float:
    if by == 0:
        raise ValueError("a division by zero")
    return float(held(float(exact(value) % exact(by))))


def _sorted(values: list[Any], field: str) -> list[Any]:
    return sorted(values, key=lambda each: each[field])


def _distinct(values: list[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


def _to_number(value: Any) -> float:
    return float(held(float(value)))


def _floor(value: float) -> float:
    return float(math.floor(held(value)))


def _ceil(value: float) -> float:
    return float(math.ceil(held(value)))


def _build() -> list[Function]:
    day, number, text = (DATE,), (NUMBER,), (TEXT,)
    made = [
        Function("date", text, DATE, day_number),
        Function("years", day * 2, INTEGER, _years),
        Function("months", day * 2, INTEGER, _months),
        Function("days", day * 2, INTEGER, lambda start, end: end - start),
        Function("add_months", (DATE, NUMBER), DATE, _add_months),
        Function("add_years", (DATE, NUMBER), DATE, lambda d, n: _add_months(d, 12 * n)),
        Function("year", day, INTEGER, lambda d: float(day_of(d).year)),
        Function("month", day, INTEGER, lambda d: float(day_of(d).month)),
        Function("day", day, INTEGER, lambda d: float(day_of(d).day)),
        Function("weekday", day, INTEGER, lambda d: float(day_of(d).isoweekday())),
        Function("days_in_year", day, INTEGER, _days_in_year),
        Function("round", number, INTEGER, lambda value: rounded(value, 0)),
        Function("round", number * 2, NUMBER, lambda value, digits: rounded(value, int(digits))),
        Function("floor", number, INTEGER, _floor),
        Function("ceil", number, INTEGER, _ceil),
        Function("abs", number, NUMBER, abs),
        Function("mod", number * 2, NUMBER, _modulo),
        Function("sum", (LIST,), NUMBER, _sum),
        Function("average", (LIST,), NUMBER, _average),
        Function("count", (LIST,), INTEGER, lambda values: float(len(values))),
        Function("count", text, INTEGER, lambda value: float(len(value))),
        Function("min", (LIST,), NUMBER, _extreme(min)),
        Function("max", (LIST,), NUMBER, _extreme(max)),
        Function("sort_by", (LIST, TEXT), LIST, _sorted),
        Function("take", (LIST, NUMBER), LIST, lambda values, n: list(values)[: max(0, int(n))]),
        Function("skip", (LIST, NUMBER), LIST, lambda values, n: list(values)[max(0, int(n)) :]),
        Function("reverse", (LIST,), LIST, lambda values: list(values)[::-1]),
        Function("distinct", (LIST,), LIST, _distinct),
        Function("join", (LIST, TEXT), TEXT, lambda values, by: by.join(_texts(values))),
        Function("lower", text, TEXT, lambda value: value.lower()),
        Function("upper", text, TEXT, lambda value: value.upper()),
        Function("trim", text, TEXT, lambda value: value.strip()),
        Function("split", text * 2, Kind("list", TEXT), lambda value, by: value.split(by)),
        Function("replace", text * 3, TEXT, lambda value, old, new: value.replace(old, new)),
        Function("substring", (TEXT, NUMBER), TEXT, lambda value, at: value[int(at) :]),
        Function(
            "substring",
            (TEXT, NUMBER, NUMBER),
            TEXT,
            lambda value, at, end: value[int(at) : int(end)],
        ),
    ]
    for count in range(2, _MOST + 1):
        made.append(Function("min", number * count, NUMBER, _extreme(min)))
        made.append(Function("max", number * count, NUMBER, _extreme(max)))
    for kind in (NUMBER, TEXT, BOOLEAN):
        made.append(Function("text", (kind,), TEXT, lambda value: shown(ANY, value)))
        made.append(Function("number", (kind,), NUMBER, _to_number))
    made += [Function("held_", (kind,), kind, held) for kind in (NUMBER, TEXT, BOOLEAN, LIST)]
    return made


def _texts(values: Iterable[Any]) -> list[str]:
    return [shown(ANY, value) for value in values]


FUNCTIONS = tuple(_build())
"""Every way to call every function; ``held_`` is put in by the reader of expressions."""

MEMBERS = frozenset(
    function.name for function in FUNCTIONS if function.takes[0].name in ("list", "text")
) - {"held_"}
"""Functions that may also be written behind their first argument: ``bags.count()``."""

RENAMED = {"size": "count", "string": "text", "double": "number", "int": "floor"}
"""CEL's own functions that give whole numbers or texts, and what stands in for them."""
