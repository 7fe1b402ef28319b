"""The addresses in a tool call's argument: where data or money would go.

Hosts, mail addresses, accounts and phones are found wherever they stand: in a command line, in a
link inside a link, in JSON inside a text. What an argument spells another way is read as its
receiver reads it, see `receivers`.
"""

import re
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from freehold.rules.structured import Path, Unreadable, leaves, read, shown, texts
from freehold.stages.policy import receivers
from freehold.text.structured import is_json

Kind = Literal["address", "link", "text", "value"]

_PATH = r"(?:[^\s\"'<>\\]|\\(?![nrtux\"'\\]))*"
_NAME = r"(?:[\w-]{1,63}\.){1,126}[^\W\d_][\w-]{1,62}"
_PART = r"(?:0x[0-9a-f]{1,8}|\d{1,11})"
_IP = rf"{_PART}(?:\.{_PART}){{3}}"
_URL = re.compile(
    r"(?:(?<![a-z0-9])(?:https?|wss?|ftp):[/\\]*|(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{0,20}:[/\\]{2,}"
    r"|(?<![\w/\\:])[/\\]{2,}(?=[^\s/\\]{0,255}\.))(?:[^\s/\\?#\"'<>]{0,255}@)?"
    r"(\[[0-9a-f:.]{2,45}\]|[^\s/\\?#\"'<>:@\[\](){},;]{1,255})",
    re.IGNORECASE,
)
_BEHIND = re.compile(_PATH)
_WEB = re.compile(r"\s*(?:https?|wss?|ftp):", re.IGNORECASE)
_EMAIL = re.compile(
    r"(\"(?:[^\"\\]|\\.){1,64}\"|[\w.+%-]{1,64})\s{0,2}@\s{0,2}"
    rf"(\[[^\]\s]{{2,50}}\]|{_NAME}|{_IP})",
    re.IGNORECASE,
)
_BARE = re.compile(rf"(?<![\w.-])({_NAME}|{_IP})(?![\w-]|\.\w)", re.IGNORECASE)
_BEHIND_BARE = re.compile(rf"(?::\d{{1,5}}(?!\d))?(?:[/\\?#]{_PATH})?")
_AS_NUMBER = re.compile(r"(?<![\w.])(?:0x[0-9a-f]{7,8}|\d{8,10})(?![\w.])", re.IGNORECASE)
_IBAN = re.compile(
    r"\b[A-Z]{2}\d{2}(?:[ .-]?[A-Z0-9]{4}){2,7}(?:[ .-]?[A-Z0-9]{1,4})?\b", re.IGNORECASE
)
_WALLET = re.compile(
    r"\b(?:0x[0-9a-f]{40}|bc1[0-9a-z]{25,71}|[13][a-km-z1-9]{25,34})\b", re.IGNORECASE
)
_PHONE = re.compile(r"(?:\+|\b00)\d[\d ()./-]{6,18}\d|(?<!\w)\(\d{2,5}\)[\d ./-]{5,14}\d(?!\w)")
_PHONE_KEY = re.compile(r"phone|mobile|whatsapp|(?<![a-z])(?:tel|fax|sms)(?![a-z])", re.IGNORECASE)
_LOCAL_PHONE = re.compile(r"\(?\d[\d ()./-]{5,18}\d")
_URL_KEY = re.compile(r"ur[il]s?(?![a-z])|link|href|endpoint|webhook|callback", re.IGNORECASE)
_COMMENT = re.compile(r"\([^()]{0,64}\)")
_LINE = re.compile(r"[\t\r\n]+")
_TAIL = ".,;:!?)]}"
_MAX_DEPTH = 3
_MAX_NESTED = 8
"""Of more links inside one, only the hosts count."""
_WIDELY_USED = frozenset(
    "com org net edu gov info biz app dev xyz top site online shop store cloud link live click "
    "page web example test invalid internal local localhost lan home corp onion arpa".split()
)
_FILES = frozenset("py md rs sh pl ps so cc ml mk vb ts db cs js go hs kt rb".split())
"""Two letters behind a full stop that mostly name a kind of file."""


class Address(Struct, frozen=True):
    """An address in an argument.

    Attributes:
        value: the address as it is looked for.
        host: the host in it, in its one form.
        all: it is all of the argument.
        sure: it can't be taken for the name of a file or a field.
        phone: it is one.
    """

    kind: Kind
    value: str
    host: str = ""
    all: bool = False
    sure: bool = True
    phone: bool = False


def addresses(path: Path, text: str) -> Iterator[Address]:
    """Every address in an argument, each once. Of another way to read it only what is new counts:
    a link whose end reads otherwise is the same link.
    """
    seen: set[str] = set()
    for reading, again, inner in _readings(path, text):
        for one in list(_found(path, reading)):
            if inner and one.all:
                one = replace(one, all=False)
            if (one.host if again and one.kind == "link" else one.value) not in seen:
                yield one
            seen |= {one.value, one.host} - {""}


def parents(host: str) -> Iterator[str]:
    """A host and the domains above it, short of what anybody may register under: whoever has the
    domain has every name below it.
    """
    labels = host.split(".")
    shared = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3  # co.uk
    for at in range(1 if receivers.is_ip(host) else max(1, len(labels) - 1 - shared)):
        yield ".".join(labels[at:])


def _readings(path: Path, text: str, depth: int = 0) -> Iterator[tuple[str, bool, bool]]:
    """The texts that an argument is to those who read it; whether each is another way to read one
    that came before, and whether it stands inside the argument.
    """
    first = receivers.plain(text)
    inner = _inner(first) if depth < _MAX_DEPTH else None
    if inner is not None:
        for each in inner:
            yield from _readings(path, each, depth + 1)
        return
    if _is_link(path, first):
        first = _LINE.sub("", first)  # as a browser does
    yield first, False, depth > 0
    others = [receivers.decoded(first)]
    if "@" in first and "(" in first:
        others.append(_COMMENT.sub("", first))
    if _LINE.search(first):
        others.append(_LINE.sub("", first))
    for other in others:
        if other != first:
            yield other, True, depth > 0


def _is_link(path: Path, text: str) -> bool:
    """Whether the whole argument is one link, blanks and all."""
    words = text.split()
    if not words or not _WEB.match(text) or (len(words) > 1 and all(map(_WEB.match, words))):
        return False
    return " " not in text.strip() or _URL_KEY.search(shown(path)) is not None


def _inner(text: str) -> list[str] | None:
    """What stands in JSON that an argument holds as a text; ``None`` where it holds none."""
    if text.lstrip()[:1] not in ("{", "[") or not is_json(text):
        return None
    try:
        return [each for _, each in texts(leaves(read(text)))]
    except Unreadable:
        return None


def _found(path: Path, text: str) -> Iterator[Address]:
    whole = text.strip()
    taken = bytearray(len(text))  # where something has been found
    yield from _links(path, text, whole, taken)
    for match in _EMAIL.finditer(text) if "@" in text else ():
        if not taken[match.start()]:
            _take(taken, *match.span())
            host = receivers.host(match[2])
            value = f"{match[1].strip(chr(34))}@{host}"
            yield Address("address", value, host, all=match.group() == whole)
    for pattern in (_IBAN, _WALLET, _PHONE):
        for match in pattern.finditer(text):
            account = pattern is not _IBAN or _is_iban(match.group())
            if account and not taken[match.start()]:
                _take(taken, *match.span())
                value = match.group()
                yield Address("address", value, all=value == whole, phone=pattern is _PHONE)
    yield from _bare(text, whole, taken)
    if _PHONE_KEY.search(shown(path)) and _LOCAL_PHONE.fullmatch(whole):
        yield Address("address", whole, all=True, phone=True)


def _links(path: Path, text: str, whole: str, taken: bytearray) -> Iterator[Address]:
    """Links, those inside of others too; a link that is all of a parameter for links goes on behind
    a blank.
    """
    at = end = nested = 0
    first = len(text) - len(text.lstrip())
    while (match := _URL.search(text, at)) is not None:
        at = match.end(1)
        host = receivers.host(match[1])
        nested = nested + 1 if match.start() < end else 0
        if nested > _MAX_NESTED:
            yield Address("address", host, host)
            continue
        end = _end(_BEHIND, text, at)
        value = text[match.start() : end].rstrip(_TAIL)
        if match.start() == first and _is_link(path, text):
            value = whole
        _take(taken, match.start(), at)
        yield Address("link", value, host, all=value == whole)


def _bare(text: str, whole: str, taken: bytearray) -> Iterator[Address]:
    """Hosts without a scheme before them."""
    end = nested = 0
    for match in _BARE.finditer(text):
        start, host = match.start(), receivers.host(match[1])
        last = host.rpartition(".")[2]
        if taken[start] or (last.isdigit() and not receivers.is_ip(host)):
            continue
        before = text[start - 1] if start else ""
        nested = nested + 1 if start < end else 0
        if before == "@" or nested > _MAX_NESTED:  # "@": of mail, and what is before it is odd
            yield Address("address", host, host, sure=before == "@" or _is_known(host))
            continue
        end = _end(_BEHIND_BARE, text, match.end())
        value = text[start:end].rstrip(_TAIL)
        sure = value == whole or (before not in ("/", "\\") and _is_known(host))
        yield Address("link", value, host, all=value == whole, sure=sure)
    for match in _AS_NUMBER.finditer(text):
        host = receivers.number_as_ip(match.group())
        if host and not taken[match.start()]:
            yield Address("address", host, host)


def _is_known(host: str) -> bool:
    """Whether it is a host by its last part, and not the name of a file or a field."""
    last = host.rpartition(".")[2]
    usual = last in _WIDELY_USED or (len(last) == 2 and last not in _FILES)
    return usual or not last.isascii() or receivers.is_ip(host)


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    behind = pattern.match(text, at)
    return behind.end() if behind is not None else at


def _is_iban(written: str) -> bool:
    """ISO 13616: the account, country and check digits last, is 1 modulo 97."""
    plain = re.sub(r"[ .-]", "", written)
    return int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


def _take(taken: bytearray, start: int, end: int) -> None:
    taken[start:end] = b"\x01" * (end - start)
