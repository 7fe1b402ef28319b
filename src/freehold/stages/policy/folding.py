"""Texts made comparable: case, widths of characters, blanks and the spelling of numbers apart.

A conversation may be long and a call has many arguments, so a text is searched as a whole and never
taken apart: only what a text spells with escapes is spelled out first.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from functools import cached_property

import orjson
from msgspec import Struct

from freehold.stages.policy.receivers import Received
from freehold.text.structured import is_json

_WORD = re.compile(r"\w+")
_GAP = r"[.,'\u00a0 ]?"
_DIGITS = r"(?:\d{1,3}(?:[ \u00a0']\d{3}){1,5}(?:[.,]\d{1,4})?|\d{1,18}(?:[.,]\d{1,15}){0,6})"
_PLAIN_NUMBER = re.compile(rf"[^\w]{{0,3}}({_DIGITS})[^\w]{{0,3}}")
_GROUPED = re.compile(r"\d{1,3}([.,'\u00a0 ])\d{3}(?:\1\d{3})*")
_LAKHS = re.compile(r"\d{1,2}(?:,\d{2})+,\d{3}")
_NO_DIGIT = re.compile(r"\D+")
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BETWEEN = r"[ ()./\u00a0-]{0,3}"
_DIALLED = re.compile(r"[+\d ()./\u00a0-]*\Z")
_MIN_DIGITS = 7
_COUNTRY_DIGITS = 3
_PHONE_CHARS = 24
_FEW_LETTERS = 4
_LOOSE_CHARS = 12
_Span = tuple[int, int]


class Found(Struct, frozen=True):
    """Where something stands. ``all``: it is all of a field of JSON, or of the whole text.
    ``word``: it is part of a field that is one word, such as a name in an address.
    """

    start: int
    end: int
    all: bool
    word: bool = False


class Needle:
    """What is looked for.

    Attributes:
        folded: its words; ``first`` is the first of them.
        hint: stands wherever the words do.
        number: the number that it is, if it is one.
        digits: begin wherever its digits do; empty where they count for nothing by themselves.
    """

    def __init__(self, value: str, words: list[str], *, host: bool = False) -> None:
        self.folded = " ".join(words)
        self.first = words[0]
        self.hint = max(words, key=len)
        plain = None if host else _PLAIN_NUMBER.fullmatch(value.strip())
        self.number = _reading(plain[1]) if plain is not None else None
        self._body = r"\s+".join(map(re.escape, words))
        self._run = ""
        if self.number is not None:
            self._groups = _grouped(self.number)
            self.digits = self._groups[0]
        else:
            self._run = "" if host else _NO_DIGIT.sub("", value)
            if len(self._run) < _MIN_DIGITS or sum(map(str.isalpha, value)) > _FEW_LETTERS:
                self._run = ""
            self.digits = self._run[:1]

    @cached_property
    def alone(self) -> re.Pattern[str]:
        """Where it is no part of a longer word, address or number: for what is trusted."""
        return re.compile(rf"(?<!\w)(?<!\w[@.-]){self._body}(?!\w)(?![@-]\w)(?!\.\w)")

    @cached_property
    def anywhere(self) -> re.Pattern[str]:
        """For what is not trusted, where nothing may slip through."""
        return re.compile(
            rf"(?<!\w){self._body}(?!\w)" if len(self._body) < _LOOSE_CHARS else self._body
        )

    @cached_property
    def spelled(self) -> re.Pattern[str]:
        """The number with any marks in it; a phone, a card, an account with any blanks."""
        if self.number is None:
            return re.compile(r"[ ()./\u00a0-]{0,2}".join(self._run))
        _, _, fraction = f"{self.number:f}".partition(".")
        tail = rf"[.,]{fraction}0{{0,4}}" if fraction else r"(?:[.,]0{1,4})?"
        return re.compile(rf"(?<![\w.,]){_GAP.join(self._groups)}{tail}(?!\w)(?![.,]\d)")


class Phone(Needle):
    """A phone number: by its last digits, since one text has it with the country and another as
    it is dialled inside.
    """

    def __init__(self, value: str, words: list[str]) -> None:
        super().__init__(value, words)
        self.number = None
        plain = value.replace("(0)", "").lstrip(" (")
        self._all = _NO_DIGIT.sub("", plain).lstrip("0")
        abroad = plain.startswith(("+", "00"))
        known = len(self._all) - _COUNTRY_DIGITS * abroad
        self._run = self._all[-max(_MIN_DIGITS, known) :]
        self.digits = self._run[:1] if len(self._run) >= _MIN_DIGITS else ""

    def fits(self, text: str, start: int) -> bool:
        """Whether with the digits before it is the same number, or one of them the other's end."""
        before = _DIALLED.search(text, max(0, start - _PHONE_CHARS), start)
        written = (before.group() if before is not None else "").replace("(0)", "")
        digits = (_NO_DIGIT.sub("", written) + self._run).lstrip("0")
        shorter, longer = sorted((digits, self._all), key=len)
        country = len(longer) - len(shorter)
        return (
            len(shorter) > _MIN_DIGITS and country <= _COUNTRY_DIGITS and longer.endswith(shorter)
        )

    @cached_property
    def spelled(self) -> re.Pattern[str]:
        """The last digits, with what may stand between them."""
        return re.compile(_BETWEEN.join(self._run) + r"(?!\d)")


def _grouped(number: Decimal) -> list[str]:
    whole = f"{number:f}".partition(".")[0]
    head = whole[: len(whole) % 3]
    return ([head] if head else []) + [whole[at : at + 3] for at in range(len(head), len(whole), 3)]


def fold(text: str) -> str:
    """The text in one form, as long as it was, so that places stay places."""
    if text.isascii():
        return text.lower()
    return "".join(map(_folded, text))


def _folded(char: str) -> str:
    if char.isspace():
        return " "
    wide = unicodedata.normalize("NFKC", char).casefold()
    return wide if len(wide) == 1 else char


def needle(value: str) -> Needle | None:
    """How a value is looked for; ``None`` for one without a letter or digit."""
    words = fold(value).split()
    if not any(char.isalnum() for word in words for char in word):
        return None
    return Needle(value, words)


def host_needle(name: str) -> Needle | None:
    """How a host, or an address with one, is looked for: ``10.100.100.100`` is no number."""
    words = fold(name).split()
    return Needle(name, words, host=True) if words else None


def phone_needle(value: str) -> Needle | None:
    """How a phone number is looked for; ``None`` for one that is too short."""
    phone = Phone(value, fold(value).split() or [""])
    return phone if phone.digits else None


class Folded:
    """One text, and where it stands: a message, or a piece of context."""

    def __init__(
        self, text: str, where: str, tool: str, *, json: bool, all_at: _Span | None = None
    ) -> None:
        self.where = where
        self.tool = tool
        self._json = json
        self._all_at = all_at
        self._pieces: list[tuple[int, int, int, int]] = []
        self._text = self._spelled_out(text) if json and "\\" in text else text
        self._folded = fold(self._text)

    @cached_property
    def received(self) -> "Folded":
        """The text as those read it who receive an address out of it."""
        read = Received(self._text)
        return self if read.text == self._text else _Received(self, read)

    def _spelled_out(self, text: str) -> str:
        """JSON without escapes; what then stands elsewhere is remembered."""
        parts: list[str] = []
        done = length = 0
        for match in _STRING.finditer(text):
            if "\\" in match.group():
                value = orjson.loads(match.group())
                value = "" if is_json(value) else value.replace('"', "'")  # see `texts_in`
                start = match.start() + 1
                parts += (text[done:start], value)
                length += start - done
                self._pieces.append((length, length + len(value), start, match.end() - 1))
                length += len(value)
                done = match.end() - 1
        parts.append(text[done:])
        return "".join(parts)

    def find(self, wanted: Needle, *, alone: bool) -> Found | None:
        """Where it stands, if it does; of several places the first in running text."""
        best: Found | None = None
        seen = quotes = 0
        for start, end in self._places(wanted, alone=alone):
            if self._json:
                quotes = quotes if start >= seen else 0
                quotes += self._text.count('"', seen if start >= seen else 0, start)
                seen = start
            found = self._found(start, end, inside=quotes % 2 == 1)
            if alone or not (found.all or found.word):
                return found
            if best is None or (found.all and not best.all):
                best = found
        return best

    def _places(self, wanted: Needle, *, alone: bool) -> Iterator[_Span]:
        if wanted.number is None and wanted.hint in self._folded:
            yield from self._from(wanted.first, wanted.alone if alone else wanted.anywhere)
        if wanted.digits and wanted.digits in self._folded:
            for start, end in self._from(wanted.digits, wanted.spelled):
                if not (alone and isinstance(wanted, Phone)) or wanted.fits(self._folded, start):
                    yield start, end

    def _from(self, begins: str, pattern: re.Pattern[str]) -> Iterator[_Span]:
        """Where the pattern matches: only where these letters stand with which it begins."""
        text = self._folded
        at = text.find(begins)
        while at >= 0:
            match = pattern.match(text, at)
            if match is not None:
                yield match.span()
            at = text.find(begins, match.end() if match is not None else at + 1)

    def _found(self, start: int, end: int, *, inside: bool) -> Found:
        around = self._around(start, end, inside=inside)
        rest = self._folded[around[0] : start] + self._folded[end : around[1]]
        whole = not any(map(str.isalnum, rest))
        word = self._json and not whole and not any(map(str.isspace, rest))
        return Found(*self._span(start, end), whole, word)

    def _around(self, start: int, end: int, *, inside: bool) -> _Span:
        """The field in which a stretch lies, or all of the text."""
        text = self._text
        if not self._json:
            return 0, len(text)
        if not inside:
            return start, end  # a number, which is a field of its own
        after = text.find('"', end)
        return text.rfind('"', 0, start) + 1, after if after >= 0 else len(text)

    def knows(self, word: str) -> bool:
        """Whether it has the word, or a longer one with it."""
        return word in self._folded

    @cached_property
    def words(self) -> str:
        """Its words, with a blank before and behind each."""
        return f" {' '.join(_WORD.findall(self._folded))} "

    def stretch(self, words: Sequence[str]) -> _Span:
        """Where a run of words stands that it has."""
        found = re.search(r"\W+".join(map(re.escape, words)), self._folded)
        return self._span(*found.span()) if found is not None else (0, 0)

    def _span(self, start: int, end: int) -> _Span:
        """Where a stretch stands in the text as it was given."""
        if self._all_at is not None:
            return self._all_at
        shift = 0
        for begin, stop, given, given_end in self._pieces:
            if stop <= start:
                shift = given_end - stop
            elif begin < end:
                return given, given_end  # spelled with escapes: all of it
        return start + shift, end + shift


class _Received(Folded):
    """A text with every address in its one form; places are those of the text as it was."""

    def __init__(self, of: Folded, read: Received) -> None:
        super().__init__("", of.where, of.tool, json=of._json)
        self._of, self._read = of, read
        self._text = read.text
        self._folded = fold(read.text)

    def _span(self, start: int, end: int) -> _Span:
        return self._of._span(*self._read.before(start, end))


def texts_in(text: str, where: str, tool: str) -> Iterator[Folded]:
    """The text, and JSON that stands as a text inside its JSON."""
    json = is_json(text)
    yield Folded(text, where, tool, json=json)
    if json and "\\" in text:
        yield from _inside(text, where, tool, None)


def _inside(text: str, where: str, tool: str, span: _Span | None) -> Iterator[Folded]:
    """Each level doubles the backslashes, so there are few."""
    for match in _STRING.finditer(text):
        if "\\" in match.group():
            value = orjson.loads(match.group())
            if is_json(value):
                at = span or (match.start() + 1, match.end() - 1)
                yield Folded(value, where, tool, json=True, all_at=at)
                yield from _inside(value, where, tool, at)


def _reading(digits: str) -> Decimal | None:
    """What a number in digits is; ``None`` for what is none, such as ``45.33.32.156``."""
    if _GROUPED.fullmatch(digits) or _LAKHS.fullmatch(digits):
        return Decimal(_NO_DIGIT.sub("", digits))
    mark = "." if digits.rfind(".") > digits.rfind(",") else ","
    head, found, tail = digits.rpartition(mark)
    if mark in head:
        return None
    try:
        return Decimal(f"{_NO_DIGIT.sub('', head)}.{tail}" if found else digits).normalize()
    except InvalidOperation:
        return None
