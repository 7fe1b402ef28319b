"""A model's text without the characters that nobody sees, while it grows.

What a reader cannot see must not come between a detector and a value ("jane@acme<U+200B>.com").
Unlike `normalise`, which reads whole requests, this keeps the visible characters as they are (no
NFC, no line ends unified) and decides each hidden character by the visible ones next to it, so
that how a text arrives in pieces changes nothing. Joiners, direction marks, variation selectors
and flags stay where scripts and emoji need them (UAX 31 §2.3, UTS 51), never between digits.
"""

import re

from freehold.text.normalise import (
    DIRECTION_MARKS,
    HIDDEN_KINDS,
    LINE_ENDS,
    RIGHT_TO_LEFT,
    is_wanted,
)

# Ignorable besides (Unicode DerivedCoreProperties, Default_Ignorable_Code_Point).
_MORE = {
    "zero_width": "\u2065\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a",
    "tag": "\U000e0080-\U000e00ff\U000e01f0-\U000e0fff",
}
_CLASSES = {kind: chars + _MORE.get(kind, "") for kind, chars in HIDDEN_KINDS}
# A carriage return is part of a line end.
_CLASSES["control"] = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufff9-\ufffb\u2028\u2029"
_KIND = re.compile("|".join(f"(?P<{kind}>[{chars}])" for kind, chars in _CLASSES.items()))
_RUN = re.compile("[" + "".join(_CLASSES.values()) + "]+")
_ONE = re.compile("[" + "".join(_CLASSES.values()) + "]")
_FLAG = "\U0001f3f4"
_FLAG_TAGS = re.compile("[\U000e0030-\U000e0039\U000e0061-\U000e007a]{2,6}\U000e007f")


class Visible:
    """One growing text.

    Attributes:
        text: what is visible of all that was settled; it only ever gets longer.
        removed: how many characters of each kind of `normalise.Normalised` were taken out.
    """

    __slots__ = ("_held", "_line_end", "_read", "removed", "text")

    def __init__(self, line_end: str = "\n") -> None:
        self.text = ""
        self.removed: dict[str, int] = {}
        self._read = 0
        self._held = ""  # hidden characters at the end, which wait for the next visible one
        self._line_end = line_end

    def grow(self, raw: str, complete: bool) -> str:
        """Take in all that there is so far, and return what is visible of it."""
        fresh = raw[self._read :] if self._read else raw
        self._read = len(raw)
        if not self._held and ((fresh.isascii() and fresh.isprintable()) or not _ONE.search(fresh)):
            self.text = self.text + fresh if self.text else fresh
            return self.text
        if self._held:
            if not complete and _RUN.fullmatch(fresh):
                self._held += fresh
                return self.text
            fresh = self._held + fresh
            self._held = ""
        if not complete:
            end = len(fresh)
            while end and _ONE.match(fresh, end - 1):
                end -= 1
            fresh, self._held = fresh[:end], fresh[end:]
        parts = [self.text]
        done = 0
        for run in _RUN.finditer(fresh):
            parts.append(fresh[done : run.start()])
            left = fresh[run.start() - 1] if run.start() else self.text[-1:]
            parts.append(self._kept(run[0], left, fresh[run.end() : run.end() + 1]))
            done = run.end()
        parts.append(fresh[done:])
        self.text = "".join(parts)
        return self.text

    def _kept(self, run: str, left: str, right: str) -> str:
        """What stays of a run of hidden characters between two visible ones."""
        kept = ""
        if left == _FLAG and (flag := _FLAG_TAGS.match(run)) is not None:
            kept = flag[0]
            left = kept[-1]
        rights = _rights(run, right)
        for found in _KIND.finditer(run, len(kept)):
            char, kind = found[0], found.lastgroup or ""
            right = rights[found.start()]
            stays = char
            if char in LINE_ENDS:
                stays = self._line_end
            elif kind == "surrogate":
                stays = "\ufffd"
            elif not _is_needed(char, left, right):
                stays = ""
            if stays != char:
                self.removed[kind] = self.removed.get(kind, 0) + 1
            if stays:
                left = stays
            kept += stays
        return kept


def _rights(run: str, right: str) -> list[str]:
    """What is seen next behind each character of a run: what stays in it for sure, else `right`."""
    rights = []
    for char in reversed(run):
        rights.append(right)
        if char in LINE_ENDS or "\ud800" <= char <= "\udfff":
            right = "\ufffd" if char not in LINE_ENDS else char
    return rights[::-1]


def _is_needed(char: str, left: str, right: str) -> bool:
    beside = _is_rtl_letter(right) or _is_rtl_letter(left)
    return is_wanted(char, left, right, beside and left not in DIRECTION_MARKS)


def _is_rtl_letter(char: str) -> bool:
    return char.isalpha() and RIGHT_TO_LEFT.match(char) is not None


def visible(text: str) -> Visible:
    """All of a text at once."""
    whole = Visible()
    whole.grow(text, True)
    return whole
