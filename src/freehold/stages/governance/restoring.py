"""Placeholders in what a model says, also as models misspell them."""

import re
from urllib.parse import quote

from freehold.stages.governance.placeholders import PLACEHOLDER

# Markdown escapes `_` and `[`, in JSON with two backslashes.
_DIGITS = re.compile(r"\\{0,2}_([0-9A-Fa-f]{8})(?![0-9A-Za-z_］])")
_OPEN = r"(?P<open>%5[Bb]|\\{0,2}\[)?(?P<core>(?:(?<![0-9A-Za-z_\\［])|(?<=%5[Bb]))TAG)\Z"
_CLOSE = re.compile(r"\\{0,2}\]")
_CLOSE_ENCODED = re.compile(r"%5[Dd]")
_ESCAPED = 2


class Met:
    """One that was met: the value behind it, or ``None`` for one that the model made up."""

    __slots__ = ("_encoded", "_value", "kind", "text")

    def __init__(self, text: str, kind: str, value: str | None, *, encoded: bool = False) -> None:
        self.text = text
        self.kind = kind
        self._value = value
        self._encoded = encoded

    @property
    def value(self) -> str | None:
        """As it is put back: where brackets are percent-encoded (RFC 3986), it is too."""
        if self._value is None or not self._encoded:
            return self._value
        return quote(self._value, safe="", errors="surrogatepass")


class Own:
    """The placeholders of one exchange. Only these count in other spellings than
    ``[EMAIL_7F3A2C9B]``: without brackets, with Markdown's backslashes, percent-encoded.
    """

    __slots__ = ("_tags", "_values")

    def __init__(self, restorations: dict[str, str]) -> None:
        self._values = restorations
        self._tags: dict[str, list[tuple[str, re.Pattern[str]]]] | None = None

    def find(self, text: str, start: int, end: int) -> list[tuple[int, int, Met]]:
        """Those in ``text[start:end]``, in order and apart."""
        found: list[tuple[int, int, Met]] = []
        if text.find("_", start, end) < 0:
            return found
        for match in PLACEHOLDER.finditer(text, start, end):
            value = self._values.get(match[0])
            if value is None:
                value = self._values.get(match[0].upper())
            found.append((*match.span(), Met(match[0], match[1].lower(), value)))
        if not self._values:
            return found
        taken = {span[1] - 1 for span in found}
        more = [
            met
            for match in _DIGITS.finditer(text, start, end)
            if match.end() not in taken and (met := self._loose(text, start, end, match))
        ]
        return sorted([*found, *more], key=lambda span: span[0]) if more else found

    def _loose(
        self, text: str, start: int, end: int, digits: re.Match[str]
    ) -> tuple[int, int, Met] | None:
        if self._tags is None:
            self._tags = {}
            for placeholder in self._values:
                known = placeholder[1:-10], _tag(placeholder[1:-10])
                self._tags.setdefault(placeholder[-9:-1], []).append(known)
        for tag, pattern in self._tags.get(digits[1].upper(), ()):
            least = max(start, digits.start() - (_ESCAPED + 1) * len(tag) - 4)
            name = pattern.search(text, least, digits.start())
            if name is None:
                continue
            begin, stop = name.span("core")[0], digits.end()
            encoded = (name["open"] or "").startswith("%")
            if name["open"]:
                close = (_CLOSE_ENCODED if encoded else _CLOSE).match(text, stop, end)
                if close is not None:
                    begin, stop = name.start(), close.end()
            value = self._values[f"[{tag}_{digits[1].upper()}]"]
            return begin, stop, Met(text[begin:stop], tag.lower(), value, encoded=encoded)
        return None


def _tag(tag: str) -> re.Pattern[str]:
    spelt = r"\\{0,2}_".join(map(re.escape, tag.split("_")))
    return re.compile(_OPEN.replace("TAG", spelt), re.IGNORECASE)
