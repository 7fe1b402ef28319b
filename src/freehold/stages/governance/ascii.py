"""A copy of a text in ASCII with the same length, so that one byte is one character."""

import re
import unicodedata

from freehold.text.normalise import fold

OTHER = "\x7f"
"""Stands for a character that looks like nothing in ASCII: no pattern matches it, all end at it."""

_BASES = {
    "ß": "s", "ẞ": "S", "æ": "a", "Æ": "A", "œ": "o", "Œ": "O", "ø": "o", "Ø": "O", "đ": "d",
    "Đ": "D", "ð": "d", "Ð": "D", "þ": "t", "Þ": "T", "ł": "l", "Ł": "L", "ħ": "h", "Ħ": "H",
    "ŧ": "t", "Ŧ": "T", "ŋ": "n", "Ŋ": "N", "ı": "i", "ĸ": "k",
}  # fmt: skip
_NATIVE = re.compile(r"(?i)ЕГН|личен номер|единен граждански|ΑΦΜ|Α\.Φ\.Μ|ΑΜΚΑ|Α\.Μ\.Κ\.Α")
"""Names of national numbers in scripts of their own, which detectors read letter by letter."""
_LETTERS = str.maketrans("абвгдежзиклмнопрстуцчαφμκ", "abvgdejziklmnoprstuccafmk")
_MAX_REMEMBERED = 20_000
_ESCAPE = re.compile(r"\\(?:[\\\"/]|[nrtbf]|u[0-9A-Fa-f]{4})")


class _Ascii(dict[int, str]):
    """Fills itself, character by character, and stays bounded."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        base = _BASES.get(char) or unicodedata.normalize("NFD", char)[0]
        plain = char if code < 128 else base if base.isascii() and base.isalpha() else OTHER
        if len(self) < _MAX_REMEMBERED:
            self[code] = plain
        return plain


_ASCII = _Ascii()


def _opened(found: re.Match[str]) -> str:
    escape = found[0]
    if escape == "\\u0040":
        return escape  # an address's @, which `pii.email` reads
    if len(escape) > 2:
        return "\\|||||"
    return "\\ " if escape[1].isalpha() else escape


def ascii_copy(text: str) -> str:
    r"""Look-alikes as plain ASCII, Latin letters without their accents, all else `OTHER`.

    In escapes as JSON has them the letters give way, so that ``\n555-0187`` begins with a digit.
    The backslash stays, and so belongs to the word before: no word ends inside an escape.
    """
    if "\\" in text:
        text = _ESCAPE.sub(_opened, text)
    if text.isascii():
        return text
    if _NATIVE.search(text):
        text = _NATIVE.sub(lambda word: word[0].lower().translate(_LETTERS), text)
    return fold(text).translate(_ASCII)
