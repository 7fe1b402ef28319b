"""Where the end of a growing text stands in its JSON (RFC 8259), so that what is put there fits."""

import re
from typing import Literal

Place = Literal["", "string", "key", "value", "name"]
"""Within a string or a member's key; where a value or a member's name is to begin; or elsewhere."""

STRING = re.compile(r'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_BEGINS = re.compile(r"\s*(?:```\w*\s*)?(?=[{\[])", re.ASCII)
_MAY_BEGIN = re.compile(r"\s*(?:`{1,2}|```\w*\s*)?\Z", re.ASCII)
_FENCE = "```json"
_FENCED = re.compile(r"\s*(?:(?P<json>(?=[{\[]))|\Z)")
_TOKEN = re.compile(r'\s*(?:(?P<sign>[{}\[\],:"])|(?P<bare>[-+.0-9A-Za-z]+)|(?P<other>\S))')


class JsonSoFar:
    """The objects and arrays that a text is, or has behind a fence that says ``json``.

    What turns out to be no JSON is none from there on.
    """

    __slots__ = ("_fresh", "_key", "_next", "_open", "_rest", "_string")

    def __init__(self) -> None:
        self._fresh = True
        self._open: list[str] = []
        self._next = ""
        self._string = self._key = False
        self._rest = ""

    @property
    def place(self) -> Place:
        """Where the next character will stand."""
        if self._string:
            return "key" if self._key else "string"
        if not self._open:
            return ""
        if self._next in {"value", "value or end"}:
            return "value"
        return "name" if self._next in {"key", "key or end"} else ""

    def feed(self, piece: str) -> None:
        """Take in what follows."""
        rest = self._rest + piece
        at = 0
        while at < len(rest):
            if self._string:
                at = _match_end(rest, at)
                if at == len(rest) or rest[at] != '"':
                    break  # it goes on, maybe with the rest of an escape
                self._string = False
                at += 1
                continue
            if not self._open:
                begin, at = self._begin(rest, at)
                if not begin:
                    break
            found = _TOKEN.match(rest, at)
            if found is None:
                at = len(rest)
                break
            if found["bare"] and found.end() == len(rest):
                break  # it may go on
            at = found.end()
            if not self._take(found):
                self._open.clear()
        self._rest = rest[at:]

    def _begin(self, rest: str, at: int) -> tuple[bool, int]:
        """Whether JSON begins, and up to where the text is done with."""
        if self._fresh:
            found = _BEGINS.match(rest, at)
            if found is not None:
                self._fresh, self._next = False, "value"
                return True, found.end()
            if _MAY_BEGIN.match(rest, at):
                return False, at
            self._fresh = False
        while (fence := rest.find(_FENCE, at)) >= 0:
            found = _FENCED.match(rest, fence + len(_FENCE))
            if found is None:
                at = fence + len(_FENCE)
            elif found["json"] is None:
                return False, fence
            else:
                self._next = "value"
                return True, found.end()
        return False, max(at, len(rest) - len(_FENCE) + 1)

    def _take(self, found: re.Match[str]) -> bool:
        """Whether this may stand here."""
        sign, due = found["sign"], self._next
        if sign is None:
            self._next = "more"
            return due.startswith("value") and _scalar(found["bare"])
        if sign == '"':
            self._string, self._key = True, due.startswith("key")
            self._next = "colon" if self._key else "more"
            fits = due.startswith(("key", "value"))
            self._string = fits
            return fits
        if sign in "{[":
            self._open.append(sign)
            self._next = "key or end" if sign == "{" else "value or end"
            return due.startswith("value")
        if sign in "}]":
            due_too = "key or end" if sign == "}" else "value or end"
            fits = due in {"more", due_too} and self._open[-1:] == ["{" if sign == "}" else "["]
            if fits:
                self._open.pop()
            self._next = "more"
            return fits
        if sign == ",":
            self._next = "key" if self._open[-1:] == ["{"] else "value"
            return due == "more"
        self._next = "value"
        return due == "colon"


def _match_end(text: str, at: int) -> int:
    found = STRING.match(text, at)
    return found.end() if found is not None else at


def _scalar(bare: str | None) -> bool:
    return bare is not None and (
        bare in {"true", "false", "null"} or NUMBER.fullmatch(bare) is not None
    )
