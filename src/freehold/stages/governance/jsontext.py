"""Replacing spans inside JSON text so that it stays JSON."""

import json
import re
from collections.abc import Iterable
from typing import TypeVar

import orjson

_LITERAL = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NUMBER = re.compile(r"[-+0-9.eE]+")
_PLAIN_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)\\u00([2-7][0-9A-Fa-f])")
_ESCAPE_CHARS = 6

T = TypeVar("T")


def is_json(text: str) -> bool:
    """Whether the whole text is one JSON object or array."""
    if text.lstrip()[:1] not in {"{", "["}:
        return False
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def escape(value: str) -> str:
    """A value as it stands between the quotes of a JSON string."""
    return json.dumps(value, ensure_ascii=False)[1:-1]


def unescape_ascii(text: str) -> str:
    r"""The same JSON value without needless escapes (``john\u0040x.org``) that hide a match."""
    if "\\u00" not in text:
        return text

    def plain(found: re.Match[str]) -> str:
        char = chr(int(found[2], 16))
        return found[0] if char in '"\\\x7f' else found[1] + char

    return _PLAIN_ESCAPE.sub(plain, text)


def _odd_backslashes(text: str, end: int) -> bool:
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
            if _odd_backslashes(text, start):
                start += _ESCAPE_CHARS - 1 if text[start] == "u" else 1
            while end > start and _odd_backslashes(text, end):
                end -= 1
        else:
            start, end = _whole_number(text, start, end)
        if start < end and (not fitted or start >= fitted[-1][1]):
            fitted.append((start, end, what, not inside))
    return fitted


def plain(spans: Iterable[tuple[int, int, T]]) -> list[tuple[int, int, T, bool]]:
    """The same form for text that is no JSON: nothing moves, nothing is quoted."""
    return [(start, end, what, False) for start, end, what in spans]


def _whole_number(text: str, start: int, end: int) -> tuple[int, int]:
    while start > 0 and _NUMBER.fullmatch(text[start - 1]):
        start -= 1
    number = _NUMBER.match(text, start)
    return start, max(end, number.end()) if number else end
