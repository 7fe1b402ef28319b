"""What the tagger reads of a text: its words and signs, and the hashed features of each.

A word is looked at once: what it weighs by itself and as a neighbour is a row of numbers, and a
text is a list of rows. Numbers, codes and rows of signs share rows with their like (`canonical`),
so that invoices and flight schedules bring few new ones.
"""

import re
import zlib
from functools import cache
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

BITS = 18
KNOWN_BITS = 19
PAD = 1 << BITS
"""The feature of no weight: stands where a word lacks one."""
TOKEN = re.compile(r"\w+(?:['’](?!s\b)\w+)*|\n|\"\s*:(?:\s*\")?|[^\w\s]+")
"""Words with their apostrophes, line ends, runs of signs; a JSON key's end is one sign."""

MIXED, SMALL, LOUD, MARKED = range(4)
"""How a text is written: as usual, without capitals inside sentences, in capitals only, or with so
many signs that it is a record, a table, program text."""
MODES = 4
SIGN, END, WORD = range(3)
"""What a token is: ``END`` is a sign that ends a sentence, a line, or a key."""

SELF, LEFT, RIGHT, LEFT2, RIGHT2 = range(5)
PLACES = 5
WIDTHS = (15, 4, 4, 2, 2)
"""How many features a word has by itself, for the next word and the one before, and two away."""
SLOTS = 5
PARTS = 14

_MAX_LENGTH = 40
_ENDS = frozenset(".!?\n:;•")
_MASK = 0xFFFFFFFF
_ODD = (0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35, 0x27D4EB2F, 0x165667B1)
_NINE_ZEROS = (0,) * 9
_CAPITAL = re.compile("[A-ZÀ-ÖØ-ÞĀ-ſ][^\\W\\d_A-Z]")
_MARKS = b'{}()[]<>;=_"$#|\\'
_FEW_MARKS = 24
_GO_ON = frozenset(",;:")
_OPEN = frozenset("(\"'[{*|>/“‘«")
_RARE = b"\0rare"


def mode_of(text: str) -> int:
    """How the text is written: one capitalised word inside a sentence or a field is enough."""
    data = text.encode("utf-8", "surrogatepass")
    if (len(data) - len(data.translate(None, _MARKS))) * _FEW_MARKS > len(data):
        return MARKED
    if text.isupper():
        return LOUD
    for found in _CAPITAL.finditer(text):
        at = found.start()
        if at and text[at].isupper():
            before = text[at - 1]
            if before in _OPEN:
                return MIXED
            if before == " " and at > 1:
                before = text[at - 2]
                if before.isalnum() or before in _GO_ON:
                    return MIXED
    return SMALL


def canonical(word: str) -> str:
    """What stands for a word and its like: numbers by length, codes by form, signs by both ends."""
    if word.isdigit():
        if len(word) == 4 and word[:2] in {"19", "20"}:
            return word[:3] + "0"
        return word if len(word) < 3 else "000" + "0" * (min(len(word), 7) - 3)
    first = word[0]
    if not (first.isalnum() or first == "_"):
        return word if len(word) < 3 else first + word[-1]
    word = word[:_MAX_LENGTH].strip("_") or "_"
    if any(map(str.isdigit, word)):
        word = "".join("0" if c.isdigit() else c for c in word)
    return word


def shape(word: str) -> str:
    """``Xx``, ``X``, ``XX``, ``x``, digits by their number, mixtures, or the sign itself."""
    if word.isdigit():
        return "year" if len(word) == 4 and word[0] != "0" else f"d{min(len(word), 7)}"
    if not word[0].isalnum():
        return word
    if word.isalpha():
        if word.islower():
            return "x"
        if word.isupper():
            return "X" if len(word) == 1 else "XX"
        return "Xx" if word[0].isupper() and word[1:].islower() else "XxX"
    if "_" in word:
        return "x_x"
    kinds = [
        "d" if c.isdigit() else "X" if c.isupper() else "x" if c.isalpha() else c for c in word
    ]
    return "".join(kind for i, kind in enumerate(kinds) if not i or kind != kinds[i - 1])[:6]


def kind_of(token: str) -> int:
    """Whether a token is a word, a sign, or a sign that ends something."""
    if token[0].isalnum() or token[0] == "_":
        return WORD
    return END if not _ENDS.isdisjoint(token) else SIGN


@cache
def _form(form: str, mode: int) -> str:
    """A shape as it counts in a text written so."""
    if mode == MARKED:
        return f"{form}#"
    if mode == SMALL and form == "x":
        return "q"
    return "C" if mode == LOUD and form == "XX" else form


def raw_features(word: str, mode: int, *, initial: bool, known: bool) -> list[int]:
    """32-bit hashes of what a canonical word shows; zero where it lacks something.

    The first fifteen are about the word itself, the next one is for neighbours, the last two are
    its name and its place for joint features. ``initial``: it begins a sentence or a line. A word
    that is not ``known`` counts as a rare one.
    """
    plain = shape(word)
    form = _form(plain, mode).encode()
    place = form + b"^" if initial and plain[0] == "X" else form
    low = word.lower()
    name = low.encode() if known else _RARE
    crc = zlib.crc32
    seen = crc(name, 13)
    spot = crc(place, 1)
    size = b"%d" % min(len(word), 9)
    found = [1, spot, crc(form, 2), crc(form + size, 4)]
    if low[0].isalpha():
        end3 = low[-3:].encode()
        found += (
            crc(low[:1].encode(), 5),
            crc(low[:2].encode(), 6),
            crc(low[:3].encode(), 7),
            crc(low[-1:].encode(), 8),
            crc(low[-2:].encode(), 9),
            crc(end3, 3),
            crc(low[-4:].encode(), 10),
            crc(form + b"/" + end3, 11),
            crc(place + b"/" + low[-2:].encode(), 12),
        )
    else:
        found += _NINE_ZEROS
    found += (seen, crc(name + b"/" + place, 14), crc(name + b"/" + form, 15))
    found += (crc(name, 77), crc(place, 78))
    return found


# Which hashes stand for a word by itself, beside another, and two away.
_NEAR = (1, 9, 13, 15)
_COLUMNS = np.array((*range(15), *_NEAR, *_NEAR, 2, 13, 2, 13))
_FACTORS = np.repeat(np.array(_ODD, np.uint32), WIDTHS)


def known_slot(word: str) -> int:
    """Where the bit of a canonical word lies among the known ones."""
    return (zlib.crc32(word.lower().encode(), 99) * _ODD[0] & _MASK) >> (32 - KNOWN_BITS)


def indices(hashes: Array) -> Array:
    """The indices of all features of words, place by place: (words, sum of `WIDTHS`)."""
    taken = hashes[:, _COLUMNS]
    found = (taken * _FACTORS >> np.uint32(32 - BITS)).astype(np.intp)
    found[taken == 0] = PAD
    return found


def parts(hashes: Array) -> Array:
    """The numbers that words bring to joint features, (words, PARTS): see `joint_features`."""
    return hashes[:, _SIDES] * _SALTS


# Which neighbours a joint feature is about, and whether by their name or by their shape.
_JOINT: tuple[tuple[tuple[int, bool], ...], ...] = (
    ((-1, True), (0, False)),
    ((0, False), (1, True)),
    ((-2, True), (-1, True)),
    ((-2, False), (-1, False), (0, False), (1, False), (2, False)),
    ((-1, False), (0, False), (1, False)),
)
_SIDES = np.array([-2 if by_name else -1 for slot in _JOINT for _, by_name in slot])
_SALTS = np.array([(0x632BE59B * part | 1) & _MASK for part in range(1, PARTS + 1)], np.uint32)


def joint_features(numbers: Array) -> Array:
    """Indices of joint features, (SLOTS, n), from the parts of n + 4 words (two at each end)."""
    count = len(numbers) - 4
    rows = np.empty((SLOTS, count), np.uint32)
    column = 0
    for slot, about in enumerate(_JOINT):
        row = rows[slot]
        (first, _), (second, _) = about[0], about[1]
        np.add(
            numbers[2 + first : 2 + first + count, column],
            numbers[2 + second : 2 + second + count, column + 1],
            out=row,
        )
        for more, (offset, _) in enumerate(about[2:], 2):
            row += numbers[2 + offset : 2 + offset + count, column + more]
        column += len(about)
    rows >>= np.uint32(32 - BITS)
    return rows
