"""Addresses as those read them who receive them: a browser, a mail server, a telephone exchange.

``eve@attacker。example``, ``http:\\\\evil.example``, ``http://0x2d21209c/`` and
``xn--bcher-kva.example`` reach what other letters name. Sources: the WHATWG URL Standard (hosts,
backslashes, IPv4 in other bases), UTS 46 (full stops of domain names), RFC 3492 (Punycode), RFC
3986 (percent-encoding).
"""

import html
import re
import unicodedata
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import unquote

_IGNORED = "\u00ad\u034f\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
_UNSEEN = re.compile(f"[{_IGNORED}\U000e0000-\U000e0fff]")
_STOPS = str.maketrans("\u3002\uff0e\uff61", "...")
_NUMBER = r"(?:0x[0-9a-f]{0,8}|\d{1,12})"
_IPV4 = re.compile(rf"{_NUMBER}(?:\.{_NUMBER}){{0,3}}\.?", re.IGNORECASE)
_PUNYCODE = re.compile(r"(?<![\w-])xn--[a-z0-9-]{1,59}(?![\w-])", re.IGNORECASE)
_ENCODED = re.compile(
    r"(?:%[0-9a-f]{2})+|&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,31});|\\u[0-9a-f]{4}|\\x[0-9a-f]{2}",
    re.IGNORECASE,
)
_ODD = re.compile(
    rf"{_ENCODED.pattern}|{_PUNYCODE.pattern}|\[[0-9a-f:.]{{2,45}}\]|[^\x00-\x7f]+"
    rf"|(?:(?<=[/\\])[/\\]|@)(?P<ip>{_IPV4.pattern})(?![\w.-])",
    re.IGNORECASE,
)
_MARK = re.compile(
    r"[%&\\\[/@xX\x80-\U0010ffff]"
    r"(?:(?<=[%&\\\[\x80-\U0010ffff])|(?<=[/@])(?=\d)|(?<=[xX])(?=[nN]--))"
)
"""Where something odd may begin."""
_ROUNDS = 3
_Span = tuple[int, int]


def plain(text: str) -> str:
    """The text in compatibility form (NFKC), with full stops of domain names as ``.``, and without
    characters that nobody sees.
    """
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text.translate(_STOPS))
    return _UNSEEN.sub("", text).translate(_STOPS)


def decoded(text: str) -> str:
    """The text with what is percent-encoded, an entity of HTML or a ``\\u`` escape spelled out;
    several times, where one encoding hides another.
    """
    for _ in range(_ROUNDS):
        spelled = _ENCODED.sub(lambda match: _decode(match.group()), text)
        if spelled == text:
            break
        text = spelled
    return plain(text)


def host(written: str) -> str:
    """The one form of a host: Unicode in small letters, IPv4 with four decimal numbers, IPv6 short
    and without its brackets.
    """
    name = plain(unquote(written)).strip().rstrip(".").casefold()
    address = _ip(name)
    return address or _PUNYCODE.sub(lambda match: _unicode(match.group()), name)


def is_ip(name: str) -> bool:
    """Whether a host in its one form is an address in numbers."""
    return bool(_ip(name))


def number_as_ip(written: str) -> str:
    """What an IPv4 address is that is written as one number, decimal or hexadecimal."""
    return _ipv4(written.casefold())


class Received:
    """A text with every address in its one form, and where that stood before."""

    def __init__(self, text: str) -> None:
        self._moved: list[tuple[int, int, int, int]] = []
        parts: list[str] = []
        done = length = 0
        for mark in _MARK.finditer(text):
            match = _ODD.match(text, mark.start()) if mark.start() >= done else None
            if match is None:
                continue
            start, end = match.span(match.lastgroup or 0)
            meant = _meant(text[start:end])
            if meant == text[start:end]:
                continue
            parts += (text[done:start], meant)
            length += start - done
            if len(meant) != end - start:
                self._moved.append((length, length + len(meant), start, end))
            length += len(meant)
            done = end
        self.text = "".join((*parts, text[done:])) if parts else text

    def before(self, start: int, end: int) -> _Span:
        """Where a stretch stood; what was spelled another way counts as a whole."""
        first, last = start, end
        for begin, stop, was, was_end in self._moved:
            if begin >= end:
                break
            last = was_end if end <= stop else end + was_end - stop
            first = start + was_end - stop if stop <= start else was if begin <= start else first
        return first, max(first, last)


def _meant(written: str) -> str:
    if not written.isascii():
        return plain(written).casefold()
    if written[0] in "%&" or written[:2].casefold() in ("\\u", "\\x"):
        return plain(_decode(written)).replace('"', "'")  # no end of a text in JSON
    return _ip(written.casefold()) or _unicode(written)


def _decode(escape: str) -> str:
    if escape[0] == "&":
        return html.unescape(escape)
    if escape[0] == "%":
        return unquote(escape)
    char = bytes.fromhex(escape[2:].zfill(4)).decode("utf-16-be", "replace")
    return char if char.isprintable() else " "


def _unicode(label: str) -> str:
    if not label.casefold().startswith("xn--"):
        return label
    try:
        return plain(label[4:].encode("ascii").decode("punycode")).casefold()
    except UnicodeError:
        return label


def _ip(name: str) -> str:
    if name.startswith("[") and name.endswith("]"):
        try:
            address = ip_address(name[1:-1].removeprefix("ipv6:"))
        except ValueError:
            return ""
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return str(mapped or address)
    return _ipv4(name)


def _ipv4(name: str) -> str:
    """By the WHATWG's parser: up to four numbers, decimal, octal (0…) or hexadecimal (0x…)."""
    if not _IPV4.fullmatch(name):
        return ""
    try:
        *first, last = [_number(part) for part in name.rstrip(".").split(".")]
    except ValueError:
        return ""
    if any(part > 255 for part in first) or last >= 256 ** (4 - len(first)):
        return ""
    whole = sum(part << (8 * (3 - at)) for at, part in enumerate(first))
    return str(IPv4Address(whole + last))


def _number(part: str) -> int:
    if part[:2].casefold() == "0x":
        return int(part[2:] or "0", 16)
    return int(part, 8 if len(part) > 1 and part[0] == "0" else 10)
