"""Replacing spans inside JSON text so that it stays JSON."""

import json
import re
from collections.abc import Iterable
from typing import TypeVar

_LITERAL = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NUMBER = re.compile(r"[-+0-9.eE]+")
_ESCAPE_CHARS = 6

T = TypeVar("T")


def escape(value: str) -> str:
    """A value as it stands between the quotes of a JSON string."""
    return json.dumps(value, ensure_ascii=False)[1:-1]


def odd_backslashes(text: str, end: int) -> bool:
    """Whether the character at ``end`` is escaped."""
    at = end
    while at > 0 and text[at - 1] == "\\":
        at -= 1
    return (end - at) % 2 == 1


def fit(text: str, spans: list[tuple[int, int, T]]) -> list[tuple[int, int, T, bool]]:
    """Move spans so that no string literal, escape or number is cut in two.

    A span outside all strings grows over its number and needs quotes (the last value); one that
    crosses the end of a string stops there. ``spans`` must be in order and apart.
    """
    literals = [match.span() for match in _LITERAL.finditer(text)]
    fitted: list[tuple[int, int, T, bool]] = []
    place = 0
    for start, end, what in spans:
        while place < len(literals) and literals[place][1] <= start:
            place += 1
        inside = place < len(literals) and literals[place][0] < start
        if inside:
            end = min(end, literals[place][1] - 1)
            if odd_backslashes(text, start):
                start += _ESCAPE_CHARS - 1 if text[start] == "u" else 1
            while end > start and odd_backslashes(text, end):
                end -= 1
        else:
            start, end = whole_number(text, start, end)
        if fitted:
            start = max(start, fitted[-1][1])
        if start < end:
            fitted.append((start, end, what, not inside))
    return fitted


def plain(spans: Iterable[tuple[int, int, T]]) -> list[tuple[int, int, T, bool]]:
    """The same form for text that is no JSON: nothing moves, nothing is quoted."""
    return [(start, end, what, False) for start, end, what in spans]


def whole_number(text: str, start: int, end: int) -> tuple[int, int]:
    """The span, grown over the number in which it begins."""
    while start > 0 and _NUMBER.fullmatch(text[start - 1]):
        start -= 1
    number = _NUMBER.match(text, start)
    return start, max(end, number.end()) if number else end
