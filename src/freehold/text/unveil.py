"""What a text says behind a simple disguise: encoded, spelled with digits, spaced, turned round.

A model reads base64, hexadecimal, percent signs, HTML entities, rot13, "1gn0r3", "i g n o r e" and
reversed letters well enough to follow them, so whoever judges a text has to read them too. Ordinary
text pays for one pattern; what is read is bounded in number and length. Two disguises inside one
another (base64 of base64) are opened once, and what is really encrypted stays closed.
"""

import base64
import binascii
import codecs
import html
import re
from collections.abc import Callable
from urllib.parse import unquote

from msgspec import Struct

from freehold.text import patterns

MAX_FOUND = 8
"""Of encoded stretches in one text; the longest are read."""
MAX_CHARS = 16_384
"""Of a stretch, before it is read; the rest is cut off."""

_MIN_LETTERS = 0.8
_WORDS = ("ignore", "instruction", "previous", "prompt", "system", "forget", "reveal", "password")
_ROT13 = "|".join(codecs.encode(word, "rot13") for word in _WORDS)
_REVERSED = "|".join(word[::-1] for word in _WORDS)
_LEET = str.maketrans("013457@$!|", "oieastasil")

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
_HEX = re.compile(r"(?:(?:0x|\\x)?[0-9A-Fa-f]{2}[ :,]?){16,}")
_BITS = re.compile(r"(?:[01]{8} ?){12,}")
_PERCENT = re.compile(r"(?:[^\s%]{0,40}%[0-9A-Fa-f]{2}){3,}[^\s%]{0,40}")
_ENTITIES = re.compile(r"(?:&#(?:x[0-9A-Fa-f]{1,5}|[0-9]{1,6});[ ]?){4,}")
_ESCAPES = re.compile(r"(?:\\u[0-9A-Fa-f]{4} ?){4,}")
_SPACED = re.compile(r"\b(?:[A-Za-z0-9@$!](?: {1,3}|[._*|/-])){7,}[A-Za-z0-9@$!](?!\w)")

_GATE = patterns.compile(
    r"[A-Za-z0-9+/_-]{24}|(?:[0-9a-f]{2}[ :,]?){16}|\\x[0-9a-f]{2}|(?:%[0-9a-f]{2}.{0,40}){3}"
    r"|&#x?[0-9a-f]{1,6};|\\u[0-9a-f]{4}|\b(?:[a-z0-9@$!](?: {1,3}|[._*|/-])){7}"
    rf"|[a-z][013457@$!|]{{1,2}}[a-z]|{_ROT13}|{_REVERSED}",
    ignore_case=True,
)
_LEET_WORD = re.compile(
    r"(?<![\w+/=])(?=[a-z013457@$!|]{0,24}[a-z])[a-z@$!|]{0,24}[013457@$!|]{1,8}[a-z]"
    r"[\w@$!|]{0,24}(?![\w+/=])",
    re.IGNORECASE,
)
_ROT13_WORD = re.compile(rf"\b(?:{_ROT13})", re.IGNORECASE)
_REVERSED_WORD = re.compile(rf"(?:{_REVERSED})\b", re.IGNORECASE)

_SWEARS = (
    "fuck", "fucking", "fucker", "motherfucker", "shit", "bullshit", "bitch", "bitches", "cunt",
    "asshole", "assholes", "arsehole", "bastard", "bastards", "dickhead", "wanker", "idiot",
    "idiots", "moron", "morons", "retard", "scum", "whore", "slut", "arschloch", "wichser",
)  # fmt: skip
"""Words that are written with masks: "f*ck", "sh1t", "b!tch", "a$$hole", "f.u.c.k"."""
_MASKED = re.compile(r"(?<![\w*#@$])(?=[\w.]*[*#@$!013457|.-])[A-Za-z][\w*#@$!|.-]{2,24}")
_LIKE = {
    "a": "a@4", "b": "b8", "c": "ck(", "e": "e3", "g": "g9", "h": "h#", "i": "i1!|", "k": "kc",
    "l": "l1|", "o": "o0", "s": "s5$z", "t": "t7+", "u": "uv",
}  # fmt: skip


class Unveiled(Struct, frozen=True):
    """A stretch of a text, what it says, and how it was hidden."""

    start: int
    end: int
    text: str
    how: str


def unveil(text: str) -> list[Unveiled]:
    """What is hidden in the text; nothing for nearly every text."""
    if not _GATE.test(text):
        return []
    found: list[Unveiled] = []
    for how, pattern, read in _CODES:
        for match in pattern.finditer(text):
            plain = read(match[0][:MAX_CHARS])
            if plain is not None and _readable(plain):
                found.append(Unveiled(match.start(), match.end(), plain, how))
    found = sorted(found, key=lambda one: one.start - one.end)[:MAX_FOUND]
    for how, turned in (
        ("letters replaced by digits", _unleet(text)),
        ("rot13", codecs.encode(text, "rot13") if _ROT13_WORD.search(text) else None),
        ("written backwards", text[::-1] if _REVERSED_WORD.search(text) else None),
    ):
        if turned is not None:
            found.append(Unveiled(0, len(text), turned[:MAX_CHARS], how))
    return found


def unmask(text: str) -> list[Unveiled]:
    """The text with the masked swear words that are in it spelled out; nothing if there is none."""
    if not _MASK_GATE.test(text):
        return []
    plain = _MASKED.sub(_spelled, text)
    return [] if plain == text else [Unveiled(0, len(text), plain, "masked words")]


def _spelled(found: re.Match[str]) -> str:
    """The swear word that a masked word stands for, or the word itself."""
    word = found[0].rstrip(".!-")
    for swear in _SWEARS:
        if word[0].lower() == swear[0] and _MASKS[swear].fullmatch(word):
            return swear + found[0][len(word) :]
    return found[0]


def _mask(word: str) -> str:
    """A word whose inner letters may be masked, look alike, or stand apart by dots or dashes."""
    rest = "".join(f"[._*-]?[{re.escape(_LIKE.get(c, c))}*#@$!]" for c in word[1:-1])
    last = word[-1]
    return f"{word[0]}{rest}[._*-]?[{re.escape(_LIKE.get(last, last))}*]"


_MASKS = {word: re.compile(_mask(word), re.IGNORECASE) for word in _SWEARS}
_MASK_GATE = patterns.compile("|".join(map(_mask, _SWEARS)), ignore_case=True)


def _readable(text: str) -> bool:
    """Words, rather than what a picture or a digest happens to decode to."""
    if len(text) < 8:
        return False
    letters = sum(char.isalpha() or char == " " for char in text)
    return letters >= _MIN_LETTERS * len(text) and text.isprintable() | ("\n" in text)


def _from_base64(run: str) -> str | None:
    packed = run.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _from_hex(run: str) -> str | None:
    try:
        return bytes.fromhex(re.sub(r"0x|\\x|[ :,]", "", run)).decode()
    except ValueError:
        return None


def _from_bits(run: str) -> str | None:
    bits = run.replace(" ", "")
    try:
        return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)).decode()
    except UnicodeDecodeError:
        return None


def _from_escapes(run: str) -> str | None:
    units = re.findall(r"\\u([0-9A-Fa-f]{4})", run)
    return bytes.fromhex("".join(units)).decode("utf-16-be", "replace")


def _from_spaced(run: str) -> str | None:
    """Letters joined; where some gaps are wider than the others, those part words."""
    gaps = re.findall(r"(?<=\w)[ ._*|/-]+(?=\w)", run)
    narrow = min(map(len, gaps), default=1)
    joined = re.sub(
        r"(?<=[\w@$!])[ ._*|/-]+(?=[\w@$!])",
        lambda gap: "" if len(gap[0]) == narrow else " ",
        run,
    )
    return joined.translate(_LEET)


def _unleet(text: str) -> str | None:
    """The text with its digits read as letters, where at least two words are written so."""
    if len(_LEET_WORD.findall(text[:MAX_CHARS])) < 2:
        return None
    return _LEET_WORD.sub(lambda word: word[0].translate(_LEET), text)


_CODES: tuple[tuple[str, re.Pattern[str], Callable[[str], str | None]], ...] = (
    ("base64", _BASE64, _from_base64),
    ("hexadecimal", _HEX, _from_hex),
    ("binary digits", _BITS, _from_bits),
    ("percent signs", _PERCENT, unquote),
    ("HTML entities", _ENTITIES, html.unescape),
    ("escapes", _ESCAPES, _from_escapes),
    ("spaced letters", _SPACED, _from_spaced),
)
