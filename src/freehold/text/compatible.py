"""Look-alike and compatibility characters as plain ones, character by character.

Full-width and mathematical letters, ligatures, circled digits and the like become what they stand
for (NFKC, UAX 15), dashes, quotes and spaces their ASCII forms (`normalise.fold`). The length may
change; what does not is that a text which contains another one still does.
"""

import re
import unicodedata

from freehold.text.normalise import fold

_MAX_REMEMBERED = 20_000
_MAY_CHANGE = re.compile(
    "[^\x00-\x7f\u00c0-\u012f\u0400-\u052f\u05d0-\u05ea\u3041-\u3096\u4e00-\u9fff\uac00-\ud7a3]"
)
"""No letter of Western European languages, no Cyrillic or Hebrew one, no kana, Han or Hangul: most
texts need no second look.
"""


class _Compatible(dict[int, str]):
    """Fills itself, character by character, and stays bounded."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        plain = fold(char)
        if plain == char:
            plain = unicodedata.normalize("NFKC", char)
            plain = fold(plain)
        if len(self) < _MAX_REMEMBERED:
            self[code] = plain
        return plain


_COMPATIBLE = _Compatible()


def compatible(text: str) -> str:
    """The text in plain characters; the same object where it is in them already."""
    if text.isascii() or _MAY_CHANGE.search(text) is None:
        return text
    plain = _MAY_CHANGE.sub(_plain, text)
    return text if plain == text else plain


def _plain(found: re.Match[str]) -> str:
    return _COMPATIBLE[ord(found[0])]
