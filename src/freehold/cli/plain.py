"""Texts of strangers on a terminal: what would move the cursor, colour or hide anything is told."""

import re

# C0 and C1 controls but for the line feed, line ends of other kinds, marks that turn the direction
# of writing, halves of surrogate pairs
_ACTS = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def plain(text: str) -> str:
    """A text with nothing in it that a terminal acts upon: such characters are told by number
    (``\\x1b``), tabs are blanks, line feeds stay.
    """
    return _ACTS.sub(_told, text.replace("\r\n", "\n"))


def line(text: str, most: int = 200) -> str:
    """The same in one line, cut where it is too long."""
    flat = " ".join(plain(text).split())
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"


def _told(found: "re.Match[str]") -> str:
    char = found[0]
    if char == "\t":
        return "    "
    number = ord(char)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
