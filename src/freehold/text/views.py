"""What a reader sees of a text: without marks that no screen shows, and with the way back.

Markdown's emphasis, HTML's entities, the escapes of a JSON string, tabs, runs of spaces and the
line ends of wrapped lines do not part words for whoever reads "We will **refund** you".
"""

import html
import re
from bisect import bisect_right
from collections.abc import Iterable

from freehold.text.lines import wraps

_STRONG = re.compile(r"\*{2,}|_{2,}|`+")
_BLANKS = " \t\u00a0\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_BEFORE = _BLANKS + "\r"
_SPACE = f"[{_BLANKS}]"
_LINE_END = r"(?:\r?\n|\\{1,4}r\\{1,4}n|\\{1,4}n|<br ?/?>)"
_LINES = re.compile(rf"(?:{_SPACE}|\r(?!\n))*{_LINE_END}(?:{_SPACE}|{_LINE_END}|\r)*")
_SPACES = re.compile(f"{_SPACE}+")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,7});|&nbsp\b")
_ESCAPE = re.compile(r"\\{1,4}(?:u([0-9a-fA-F]{4})|t)")
_TAG = re.compile(
    r"</?(?:b|i|u|em|strong|mark|span|small|big|font|code|sup|sub|del|ins|wbr)"
    r"(?:[ \t][^<>\n]{0,80})?/?>"
)
# One mark is emphasis beside a word, but not between digits or, below a line, inside a word.
_EMPHASIS = re.compile(
    r"\*{2,}|_{2,}|`+|(?<![\s\d*])\*(?![\d*])|(?<![\w*])\*(?=[^\s*])"
    r"|(?<![^\W_])_(?=[^\W_])|(?<=[^\W_])_(?!\w)"
)
_SIGN = re.compile(r"[*_`&\\<\n\t]")
_SIGN_OR_SPACES = re.compile(r"[*_`&\\<\n\t]|  ")
_TELLS = ("\n", "*", "_", "`", "&", "\\", "\t", "<")
_SHOWS_ITSELF = frozenset('\\"<>{}')
Change = tuple[int, int, str]
"""A stretch, and what stands in its place."""


class View:
    """A text with some stretches replaced, and the way back to the original's offsets."""

    __slots__ = ("_lasts", "_seen", "_starts", "text")

    def __init__(self, text: str, changes: Iterable[Change]) -> None:
        # from each place in the view: where it is in the text, and whether it moves along
        self._seen: list[int] = [0]
        self._starts: list[int] = [0]
        self._lasts: list[int] = [-1]  # the end of what a replacement stands for; -1: plain text
        parts: list[str] = []
        done = length = 0
        for start, end, instead in changes:
            parts.append(text[done:start])
            length += start - done
            if instead:
                parts.append(instead)
                self._note(length, start, end)
                length += len(instead)
            self._note(length, end, -1)
            done = end
        parts.append(text[done:])
        self.text = "".join(parts)

    def _note(self, seen: int, start: int, last: int) -> None:
        self._seen.append(seen)
        self._starts.append(start)
        self._lasts.append(last)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where a stretch of the view, of one character at least, stands in the text.

        Marks inside it belong to it, those around it do not.
        """
        at = bisect_right(self._seen, end - 1) - 1
        last = self._lasts[at]
        if last < 0:
            last = self._starts[at] + end - self._seen[at]
        at = bisect_right(self._seen, start) - 1
        first = self._starts[at]
        return (first if self._lasts[at] >= 0 else first + start - self._seen[at]), last


def with_partner(text: str, start: int, end: int) -> tuple[int, int]:
    """A stretch of a text with the mark around it whose partner it holds: ``**half** price``."""
    for mark in ("**", "__", "`", "*", "_"):
        if text.count(mark, start, end) % 2:
            if text.endswith(mark, 0, start):
                return start - len(mark), end
            if text.startswith(mark, end):
                return start, end + len(mark)
            return start, end
    return start, end


def unmarked(text: str) -> View:
    """The text without ``**``, ``__`` and backticks: ``**sk-pro**j-...`` is one word."""
    return View(text, ((mark.start(), mark.end(), "") for mark in _STRONG.finditer(text)))


def plain(text: str) -> View | None:
    """The text as a reader sees it; None when that is no other than the text itself."""
    signs = _SIGN_OR_SPACES if "  " in text else _SIGN
    if signs is _SIGN and not any(sign in text for sign in _TELLS):
        return None
    changes: list[Change] = []
    done = 0
    for sign in signs.finditer(text):
        at = sign.start()
        if at < done:
            continue
        change = _change(text, at, done)
        if change is not None:
            done = change[1]
            if text[change[0] : done] != change[2]:
                changes.append(change)
    return View(text, changes) if changes else None


def _change(text: str, at: int, done: int) -> Change | None:
    """What is shown otherwise where a sign stands; behind `done`, where the last change ended."""
    char = text[at]
    if char in "*_`":
        mark = _EMPHASIS.match(text, at)
        return None if mark is None else (at, mark.end(), "")
    if char == "&":
        entity = _ENTITY.match(text, at)
        return None if entity is None else _shown(at, entity.end(), html.unescape(entity[0]))
    start = at
    while start > done and text[start - 1] in _BEFORE:
        start -= 1
    lines = _LINES.match(text, start)
    if lines is not None:
        return start, lines.end(), _line_end(text, start, lines.end())
    if char == "<":
        tag = _TAG.match(text, at)
        return None if tag is None else (at, tag.end(), "")
    if char == "\\":
        escape = _ESCAPE.match(text, at)
        if escape is None:
            return None
        unit = escape[1]
        return _shown(at, escape.end(), chr(int(unit, 16)) if unit else " ")
    spaces = _SPACES.match(text, start)
    end = spaces.end() if spaces is not None else at + 1
    return start, end, " " if start and text[start - 1] != "\n" else text[start:end]


def _shown(start: int, end: int, char: str) -> Change | None:
    """A character that was spelt otherwise, unless it would change how the rest is read."""
    if len(char) != 1 or "\ud800" <= char <= "\udfff" or char in _SHOWS_ITSELF:
        return None
    return start, end, " " if char.isspace() else char


def _line_end(text: str, start: int, end: int) -> str:
    raw = text[start:end]
    if not start or end == len(text) or _number_goes_on(text, start, end):
        return raw
    if wraps(text, start, end) is not False:
        return " "
    if "\n" in raw:
        return raw
    return "\n" * (raw.count("n") + raw.count("<br"))  # escaped, or as a tag: it parts as well


def _number_goes_on(text: str, start: int, end: int) -> bool:
    """Whether digits, or a number and "%", meet at a line end, which the extractors read."""
    return text[start - 1].isdigit() and (text[end].isdigit() or text[end] in "pP%\u2030\u066a")
