r"""JSON text in which no escape hides what it stands for (RFC 8259 §7).

``{"card": "\u0034111"}`` and ``{"card": "4111"}`` are the same value, and only the second can be
read by a detector, a rule or a person. So escapes that JSON does not need are written as the
characters that they stand for; what it needs (``\"``, ``\\``, ``\n``) keeps its short form.
"""

import re

from freehold.text.visible import Visible

_ESCAPE = (
    r"\\(?:u(?P<high>[dD][89abAB][0-9a-fA-F]{2})\\u(?P<low>[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|u(?P<unit>[0-9a-fA-F]{4})|(?P<broken>u[0-9a-fA-F]{0,3})(?=\\)|(?P<short>.))"
)
_WHOLE = re.compile(_ESCAPE, re.DOTALL)
_OPEN = (  # the beginning of an escape, or of the second half of a character, at the very end
    r"(?P<open>\\(?:u(?:[0-9a-fA-F]{0,3}"
    r"|[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?)?)?\Z)"
)
_GROWING = re.compile(f"{_OPEN}|{_ESCAPE}", re.DOTALL)

_BEGINS = re.compile(r'\s*(?:```\w*\s*)?[{\["]', re.ASCII)
_MAY_BEGIN = re.compile(r"\s*(?:`{1,2}|```\w*\s*)?\Z", re.ASCII)
_FENCE = "```json"

_SHORT = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
_MEANT = {"n": "\n", "t": "\t", "r": "\r", "b": " ", "f": " "}


class PlainJson:
    """One growing text, made plain from where it is JSON.

    Attributes:
        text: all of it that is settled; it only ever gets longer.
        start: where its JSON begins: a whole text that begins like JSON, or what stands behind a
            fence that says ``json``; ``None`` where there is none so far.
    """

    __slots__ = ("_read", "_undecided", "start", "text")

    def __init__(self, *, promised: bool = False) -> None:
        self.text = ""
        self.start: int | None = 0 if promised else None
        self._undecided = not promised
        self._read = 0

    def grow(self, raw: str, complete: bool) -> str:
        """Take in all that there is so far, and return what is settled of it."""
        if self.start is None:
            self.start = self._begin(raw)
        read = self._read
        fresh = raw[read:] if read else raw
        if self.start is None or "\\" not in fresh:
            self._read = len(raw)
            self.text = self.text + fresh if self.text else fresh
            return self.text
        known = max(0, self.start - read)
        before, fresh = fresh[:known], fresh[known:]
        parts = [self.text, before]
        done = 0
        for found in (_WHOLE if complete else _GROWING).finditer(fresh):
            parts.append(fresh[done : found.start()])
            done = found.end()
            if found.groupdict().get("open") is not None:
                fresh = fresh[: found.start()]
                break
            parts.append(_spelt_out(found))
        parts.append(fresh[done:])
        self._read = read + known + len(fresh)
        self.text = "".join(parts)
        return self.text

    def _begin(self, raw: str) -> int | None:
        if self._undecided:
            if _BEGINS.match(raw):
                return 0
            self._undecided = _MAY_BEGIN.match(raw) is not None
        fence = raw.find(_FENCE, max(0, self._read - len(_FENCE)))
        return None if fence < 0 else fence + len(_FENCE)


def json_start(text: str) -> int | None:
    """Where the JSON of a text begins; ``None`` where it holds none."""
    if _BEGINS.match(text):
        return 0
    fence = text.find(_FENCE)
    return None if fence < 0 else fence + len(_FENCE)


class Shown:
    """One growing answer as its readers take it: no needless escapes where it is JSON, and nothing
    in it that nobody sees, however it is written.
    """

    __slots__ = ("_as_written", "_plain", "_spelt_out")

    def __init__(self, *, promised: bool = False) -> None:
        end = " " if promised else "\n"  # a raw line end in a string would be no JSON
        self._as_written = Visible(end)
        self._plain = PlainJson(promised=promised)
        self._spelt_out = Visible(" ")

    def grow(self, raw: str, complete: bool) -> str:
        """Take in all that there is so far, and return what is settled of it."""
        text = self._plain.grow(self._as_written.grow(raw, complete), complete)
        return text if self._plain.start is None else self._spelt_out.grow(text, complete)

    @property
    def is_json(self) -> bool:
        """Whether it is JSON, or has some in it, as far as one can see by now."""
        return self._plain.start is not None

    @property
    def removed(self) -> dict[str, int]:
        """How many characters of each kind of `normalise.Normalised` were taken out."""
        written, spelt = self._as_written.removed, self._spelt_out.removed
        if not spelt:
            return written
        return {kind: written.get(kind, 0) + spelt.get(kind, 0) for kind in {**written, **spelt}}


def shown_json(text: str) -> tuple[str, dict[str, int]]:
    """A JSON text at once, and how many hidden characters of each kind it had."""
    shown = Shown(promised=True)
    return shown.grow(text, True), shown.removed


def said(text: str, start: int | None) -> str:
    r"""What a JSON text says from ``start`` on: its escapes too, ``\n`` as a line end."""
    if start is None or "\\" not in text:
        return text
    return text[:start] + _WHOLE.sub(_meant, text[start:])


def _spelt_out(found: re.Match[str]) -> str:
    """The escape as plain as it may be: half a character can't be."""
    if found["short"] is not None:
        return "/" if found["short"] == "/" else found[0]
    if found["broken"] is not None:
        return f"{found[0]} "  # what follows may vanish, and must not leave a whole escape behind
    char = _char(found)
    return found[0] if "\ud800" <= char <= "\udfff" else _SHORT.get(char, char)


def _meant(found: re.Match[str]) -> str:
    short = found["short"] or found["broken"]
    return _MEANT.get(short, short) if short is not None else _char(found)


def _char(found: re.Match[str]) -> str:
    if found["unit"] is not None:
        return chr(int(found["unit"], 16))
    high, low = int(found["high"], 16) - 0xD800, int(found["low"], 16) - 0xDC00
    return chr(0x10000 + (high << 10) + low)
