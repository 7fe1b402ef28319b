"""Clean text once, and a same-length copy of it that detectors can match on.

`normalise` takes out what a reader cannot see but a model or a detector does (zero-width
characters, bidirectional overrides, tag characters, runs of variation selectors, control
characters), unifies line ends and composes to NFC (UAX 15). Joiners stay where scripts and
emoji need them (UAX 31 §2.3, UTS 51).

`fold` maps look-alikes one to one (full-width and foreign digits, dashes, spaces, quotes, @),
so that a span in the folded text is a span in the text.
"""

import re
import unicodedata

import msgspec


class Normalised(msgspec.Struct, frozen=True):
    """Clean text and how many characters of each hidden kind were taken out.

    Kinds: control, zero_width, bidi, tag, variation, surrogate (replaced by U+FFFD),
    noncharacter, and over_limit (cut off behind `max_chars`).
    """

    text: str
    removed: dict[str, int]


_ZERO_WIDTH = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200d\u2060-\u2064\u206a-\u206f"
    "\u3164\ufeff\uffa0"
)
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(
    chr(plane * 0x10000 + low) for plane in range(17) for low in (0xFFFE, 0xFFFF)
)
DIRECTION_MARKS = frozenset("\u200e\u200f\u061c")
HIDDEN_KINDS: tuple[tuple[str, str], ...] = (
    ("control", "\x00-\x08\x0b-\x1f\x7f-\x9f\ufff9-\ufffb\u2028\u2029"),
    ("zero_width", _ZERO_WIDTH),
    ("bidi", "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"),
    ("tag", "\U000e0000-\U000e007f"),
    ("variation", "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"),
    ("surrogate", "\ud800-\udfff"),
    ("noncharacter", _NONCHARACTERS),
)
_HIDDEN = re.compile("|".join(f"(?P<{kind}>[{chars}])" for kind, chars in HIDDEN_KINDS))
# One bitmap for the first plane; beyond it nearly everything hidden lies behind the emoji.
_SUSPECT = re.compile(
    "["
    + "".join(chars for _, chars in HIDDEN_KINDS[:3])
    + "\u180b-\u180d\u180f\ufe00-\ufe0f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
_SUSPECT_ASTRAL = re.compile("[\U0001fffe-\U0010ffff]")

# Line ends in disguise become \n instead of joining two words.
LINE_ENDS = frozenset("\x0b\x0c\x85\u2028\u2029")
_SUBDIVISION_FLAG = re.compile(
    "\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{2,6}\U000e007f"
)

# Scripts that shape or break words with joiners: Arabic to N'Ko, Indic, Khmer, Mongolian.
JOINING = re.compile("[\u0600-\u07ff\u0840-\u0dff\u0f00-\u109f\u1780-\u18af\ua840-\uabff]")
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
PICTOGRAPH = re.compile("[#*0-9\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff\ufe0f]")


def normalise(text: str, max_chars: int = 1_000_000) -> Normalised:
    """Clean `text`; at most `max_chars` characters come back. Idempotent."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    removed: dict[str, int] = {}
    text = _clean(text, removed)
    if len(text) > max_chars:
        removed["over_limit"] = len(text) - max_chars
        # the cut may leave a joiner without its right-hand side
        text = _clean(text[:max_chars], {})
    return Normalised(text, removed)


def _clean(text: str, removed: dict[str, int]) -> str:
    if text.isascii():
        if text.isprintable() or text.replace("\n", "").replace("\t", "").isprintable():
            return text
    elif _SUSPECT.search(text) is None and _SUSPECT_ASTRAL.search(text) is None:
        return (
            text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)
        )
    while True:
        before = text
        text = unicodedata.normalize("NFC", _without_hidden(text, removed))
        if text == before:
            return text


def _without_hidden(text: str, removed: dict[str, int]) -> str:
    flags = {i for m in _SUBDIVISION_FLAG.finditer(text) for i in range(*m.span())}
    right_to_left = RIGHT_TO_LEFT.search(text) is not None
    parts: list[str] = []
    done = 0
    for found in _HIDDEN.finditer(text):
        at = found.start()
        kind = found.lastgroup or ""
        char = text[at]
        parts.append(text[done:at])
        done = at + 1
        left = text[at - 1] if at else ""
        if char in LINE_ENDS:
            parts.append("\n")
        elif (kind == "tag" and at in flags) or is_wanted(
            char, left, text[at + 1 : at + 2], right_to_left
        ):
            parts.append(char)
            continue
        elif kind == "surrogate":
            parts.append("\ufffd")
        removed[kind] = removed.get(kind, 0) + 1
    parts.append(text[done:])
    return "".join(parts)


def is_wanted(char: str, left: str, right: str, right_to_left: bool) -> bool:
    """Whether a hidden character does the work it was made for, between its neighbours."""
    if char in "\u200c\u200d" and (left.isascii() or (left.isdigit() and right.isdigit())):
        return False  # a digit is half of a keycap, which no joiner joins
    if char == "\u200d":  # joins emoji, shapes letters
        return _joins(left, PICTOGRAPH, right) or _joins(left, JOINING, right)
    if char == "\u200c":
        return _joins(left, JOINING, right)
    if char in DIRECTION_MARKS:
        return right_to_left
    if char in "\ufe0e\ufe0f":  # text or emoji presentation
        return (
            PICTOGRAPH.match(left) is not None
            and left != "\ufe0f"
            and (not left.isascii() or right == "\u20e3")
        )
    if "\u180b" <= char <= "\u180f" and char != "\u180e":
        return "\u1820" <= left <= "\u18aa"
    if "\ufe00" <= char <= "\ufe0d" or "\U000e0100" <= char <= "\U000e01ef":
        # one selector behind an ideograph or a mathematical sign; runs carry smuggled data
        return (
            "\u2200" <= left <= "\u22ff"
            or "\u3000" <= left <= "\u9fff"
            or "\U00020000" <= left < "\U000e0000"
        )
    return False


def _joins(left: str, kind: re.Pattern[str], right: str) -> bool:
    return kind.match(left) is not None and kind.match(right) is not None


_MAX_REMEMBERED = 20_000
_FOLDED = {
    "\u2212": "-", "\u00ad": "-", "\u2043": "-", "\u02d7": "-", "\u30fc": "\u30fc",
    "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201b": "'", "\u02bc": "'", "\u00b4": "'",
    "\u2032": "'", "\u02b9": "'",
    "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u201f": '"', "\u00ab": '"', "\u00bb": '"',
    "\u2033": '"',
    "\u066a": "%", "\u066b": ".", "\u066c": ",", "\u2044": "/", "\u2215": "/", "\u2236": ":",
    "\u3002": ".", "\u3001": ",", "\u2026": ".", "\u061f": "?", "\u060c": ",", "\u061b": ";",
    "\u2028": "\n", "\u2029": "\n", "\u0085": "\n",
    "\u0130": "I", "\u0131": "i", "\u2022": "*", "\u00b7": "*", "\u204e": "*", "\u2217": "*",
}  # fmt: skip


class _Fold(dict[int, str | int]):
    """A translation table that fills itself, character by character, and stays bounded."""

    def __missing__(self, code: int) -> str | int:
        folded = _fold_char(chr(code))
        if len(self) < _MAX_REMEMBERED:
            self[code] = folded
        return folded


def _fold_char(char: str) -> str:
    known = _FOLDED.get(char)
    if known is not None:
        return known
    category = unicodedata.category(char)
    if category == "Cs":
        return "\ufffd"
    digit = unicodedata.digit(char, None)
    if digit is not None:
        return chr(48 + digit)
    if category == "Pd":
        return "-"
    if category == "Zs":
        return " "
    compatible = unicodedata.normalize("NFKC", char)
    if len(compatible) == 1 and (compatible.isascii() or compatible in "£¥€₩"):
        return compatible
    return char


_FOLD = _Fold()


def fold(text: str) -> str:
    """A copy of the same length in which look-alikes are plain ASCII; for matching only."""
    if text.isascii():
        return text
    return text.translate(_FOLD)
