"""CEL's literals as Python values."""

import re

from freehold.rules.types import BOOL, DOUBLE, INT, NULL, STRING, Kind

_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1
_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\'\"`?])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})"
    r"|(.))",
    re.DOTALL,
)
_LETTERS = dict(zip("abfnrtv", "\a\b\f\n\r\t\v", strict=True))


def literal(shape: str, written: str) -> tuple[Kind, object]:
    """Type and value.

    Raises:
        ValueError: out of range, a wrong escape, or a kind that facts never have.
    """
    if shape == "BOOL_LIT":
        return BOOL, written == "true"
    if shape == "NULL_LIT":
        return NULL, None
    if shape == "INT_LIT":
        value = int(written, 16 if "0x" in written.lower() else 10)
        if not _INT_MIN <= value <= _INT_MAX:
            raise ValueError("invalid int literal")
        return INT, value
    if shape == "FLOAT_LIT":
        return DOUBLE, float(written)
    if shape in ("STRING_LIT", "MLSTRING_LIT"):
        return STRING, _string(written)
    raise ValueError(f"{shape.partition('_')[0].lower()} literals are not supported here")


def _string(written: str) -> str:
    raw = written[0] in "rR"
    body = written[1:] if raw else written
    quote = 3 if body[:3] in ('"""', "'''") else 1
    body = body[quote:-quote]
    return body if raw or "\\" not in body else _ESCAPE.sub(_unescaped, body)


def _unescaped(found: re.Match[str]) -> str:
    letter, two, four, eight, octal, other = found.groups()
    if letter:
        return _LETTERS.get(letter, letter)
    code = int(two or four or eight, 16) if octal is None and other is None else -1
    if octal:
        code = int(octal, 8)
    if code < 0 or code > 0x10FFFF or 0xD800 <= code < 0xE000:
        raise ValueError(f"`{found.group()}` is no escape sequence")
    return chr(code)
