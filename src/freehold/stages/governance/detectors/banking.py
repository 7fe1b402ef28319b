"""Payment cards, bank accounts, wallets."""

import re
from typing import ClassVar

from freehold.stages.governance.detectors import checksums
from freehold.stages.governance.detectors.base import PatternDetector, Shape, Spans, loose, near

# (first digits from, to, lengths), after the issuers' own ranges and ISO/IEC 7812
_ISSUERS: tuple[tuple[str, str, frozenset[int]], ...] = (
    ("4", "4", frozenset({13, 16, 19})),  # Visa
    ("51", "55", frozenset({16})),  # Mastercard
    ("2221", "2720", frozenset({16})),
    ("34", "34", frozenset({15})),  # American Express
    ("37", "37", frozenset({15})),
    ("300", "305", frozenset({14, 16, 19})),  # Diners Club
    ("3095", "3095", frozenset({14, 16, 19})),
    ("36", "36", frozenset({14, 16, 19})),
    ("38", "39", frozenset({14, 16, 19})),
    ("6011", "6011", frozenset({16, 19})),  # Discover
    ("644", "649", frozenset({16, 19})),
    ("65", "65", frozenset({16, 19})),
    ("3528", "3589", frozenset({16, 17, 18, 19})),  # JCB
    ("2131", "2131", frozenset({15})),
    ("1800", "1800", frozenset({15})),
    ("62", "62", frozenset({16, 17, 18, 19})),  # UnionPay
    ("2200", "2204", frozenset({16, 17, 18, 19})),  # Mir
    ("5019", "5019", frozenset({16})),  # Dankort
    ("5018", "5018", frozenset(range(12, 20))),  # Maestro
    ("5020", "5020", frozenset(range(12, 20))),
    ("5038", "5038", frozenset(range(12, 20))),
    ("5893", "5893", frozenset(range(12, 20))),
    ("6304", "6304", frozenset(range(12, 20))),
    ("6759", "6763", frozenset(range(12, 20))),
    ("0604", "0604", frozenset(range(12, 20))),
)
_LENGTHS = (16, 15, 14, 19, 18, 17, 13, 12)
_DIGITS = re.compile(r"[ \-]?(\d+)")


_BY_FIRST = {
    first: tuple(row for row in _ISSUERS if row[0][0] <= first <= row[1][0]) for first in "0123456"
}


def _issued(digits: str) -> bool:
    return any(
        len(digits) in lengths and low <= digits[: len(low)] <= high
        for low, high, lengths in _BY_FIRST[digits[0]]
    )


def is_card_number(digits: str) -> bool:
    """Whether 13 to 19 digits are a payment card's: issuer's prefix, length, Luhn digit."""
    return (
        12 < len(digits) < 20
        and digits[0] in _BY_FIRST
        and checksums.luhn(digits)
        and _issued(digits)
    )


def _card(folded: str, start: int, _: int) -> Spans:
    """Whole groups of digits from ``start`` on that add up to a card's number."""
    ends: dict[int, tuple[int, str]] = {}
    unknown: Spans = ()
    digits, at = "", start
    while (group := _DIGITS.match(folded, at)) is not None:
        digits += group[1]
        at = group.end()
        if len(digits) > 19:
            break
        ends[len(digits)] = (at, digits)
    for length in _LENGTHS:
        if length in ends:
            stop, number = ends[length]
            if not loose(folded, start, stop) or not checksums.luhn(number):
                continue
            if not _issued(number):
                unknown = unknown or ((start, stop, 150_000),)
            else:
                return ((start, stop, 975_000 if length > 13 else 460_000),)
    return unknown


_SIGN = r"[ .\-/_|\t\r\n\\]"
_SIGNS = _SIGN + "{1,3}"  # a backslash: what is left of an escaped tab or line break
_GROUPED = re.compile(rf"\d{{4}}({_SIGNS})(?:\d{{4}}\1\d{{4}}\1\d{{4}}|\d{{6}}\1\d{{5}})(?!\d)")
_SPACED = re.compile(rf"\d({_SIGN})\d(?:\1\d){{12,17}}(?!\d)")
_MORE = re.compile(rf"({_SIGNS})(\d{{4}})(?!\d)")
_YEAR = re.compile(r"20[2-4]\d")
_BEFORE = re.compile(rf"\d{{4}}{_SIGNS}$")


def _grouped(folded: str, start: int, _: int) -> Spans:
    """Groups of four (or 4-6-5) with one and the same sign between them, glued to letters or not.

    In a table of four-digit numbers there are more than four in a row.
    """
    if start and folded[start - 1].isdigit():
        return ()
    match = _GROUPED.match(folded, start)
    if match is None or _BEFORE.search(folded[max(0, start - 7) : start]):
        return ()
    more = _MORE.match(folded, match.end())
    if more is not None and more[1] == match[1] and not _YEAR.match(more[2]):
        return ()
    digits = "".join(c for c in match[0] if c.isdigit())
    return ((start, match.end(), 970_000),) if is_card_number(digits) else ()


def _spaced(folded: str, start: int, _: int) -> Spans:
    """Single digits with a sign between them; the row is the number, no more and no less."""
    if start and (folded[start - 1].isdigit() or folded[max(0, start - 2)].isdigit()):
        return ()
    match = _SPACED.match(folded, start)
    if match is None:
        return ()
    stop = match.end()
    if folded[stop : stop + 1] == match[1] and folded[stop + 1 : stop + 2].isdigit():
        return ()
    digits = "".join(c for c in match[0] if c.isdigit())
    return ((start, stop, 900_000),) if is_card_number(digits) else ()


def _glued(folded: str, start: int, end: int) -> Spans:
    """A number in one, with a letter before or after it."""
    beside = folded[max(0, start - 1) : start] + folded[end : end + 1]
    if not any(c.isalpha() or c == "_" for c in beside) or not 14 < end - start < 20:
        return ()
    return ((start, end, 900_000),) if is_card_number(folded[start:end]) else ()


class Card(PatternDetector):
    """Payment card numbers: an issuer's prefix, its length, and the Luhn digit."""

    id = "pii.card"
    shapes: ClassVar[tuple[Shape, ...]] = (
        Shape(
            kind="card",
            pattern=r"\b[0-6]\d{3}(?:[ \-]?\d){8}",
            gate=r"\b[0-6]\d{3}(?:[ \-]?\d){8}",
            score=975_000,
            why="an issuer's prefix and length, and the Luhn digit holds",
            words=True,
            check=_card,
            nearby=(
                near(
                    r"card visa maestro master amex american_express debit credit diners jcb"
                    r" cc\b pan\b carte tarjeta karte",
                    400_000,
                    "near a word for cards",
                ),
            ),
        ),
        Shape(
            kind="card",
            pattern=rf"[0-6]\d{{3}}{_SIGNS}\d{{4,6}}{_SIGNS}\d{{4,5}}",
            score=970_000,
            why="an issuer's prefix and length in groups, and the Luhn digit holds",
            words=True,
            check=_grouped,
        ),
        Shape(
            kind="card",
            pattern=rf"[0-6](?:{_SIGN}\d){{13}}",
            score=900_000,
            why="an issuer's prefix and length digit by digit, and the Luhn digit holds",
            words=True,
            check=_spaced,
        ),
        Shape(
            kind="card",
            pattern=r"\d{13,}",
            gate=r"[a-z_]\d{15}|\d{15}[a-z_]",
            score=900_000,
            why="an issuer's prefix and length beside letters, and the Luhn digit holds",
            check=_glued,
        ),
    )
    live: ClassVar[tuple[str, ...]] = (
        r"[0-9](?:[0-9 .\-/_|\t\r\n\\*`>]|&[#a-z0-9]{0,4};?){0,63}$",
    )


# ISO 13616 registry: length by country
_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22,
    "BI": 27, "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27,
    "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27,
    "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28,
    "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28,
    "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22,
    "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23,
    "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24,
    "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28,
    "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip


_SLIP = re.compile(r"\d[A-Za-z]{1,3}(?![A-Za-z0-9_])")


def _iban(folded: str, start: int, _: int) -> Spans:
    length = _IBAN_LENGTHS.get(folded[start : start + 2].upper())
    if length is None:
        return ()
    code, at = "", start
    while len(code) < length and at < len(folded):
        char = folded[at]
        if char.isalnum():
            code += char
        elif char not in " -" or not folded[at - 1].isalnum():
            return ()
        at += 1
    if len(code) < length or not checksums.mod97(code.upper()):
        return ()
    if loose(folded, start, at):
        return ((start, at, 990_000),)
    # a slip of the finger: letters right behind the last digit
    if _SLIP.match(folded, at - 1) is None or folded[start - 1 : start] in ("-", "."):
        return ()
    return ((start, at, 900_000),)


class Iban(PatternDetector):
    """International bank account numbers (ISO 13616)."""

    id = "pii.iban"
    shapes: ClassVar[tuple[Shape, ...]] = (
        Shape(
            kind="iban",
            pattern=r"\b[A-Za-z]{2}\d{2}(?:[ \-]?[A-Za-z0-9]){11}",
            gate=r"\b[a-z]{2}\d{2}(?:[ \-]?[a-z0-9]){11}",
            score=990_000,
            why="the country's length, and the MOD 97-10 digits hold",
            words=True,
            check=_iban,
        ),
    )
    live: ClassVar[tuple[str, ...]] = (
        (
            r"\b[A-Za-z]{2}\d{2}"
            r"(?:(?:[ \-]|[ \t]?\r?\n[ \t]{0,4}(?:> ?)?|&(?:nbsp|#160|#xa0);)?[A-Za-z0-9]){0,36}"
            r"(?:[ \-]|[ \t]?\r?(?:\n[ \t]{0,4}(?:> ?)?)?|&[#a-z0-9]{0,4};?)$"
        ),
    )


def _base58(folded: str, start: int, end: int) -> Spans:
    if loose(folded, start, end) and checksums.base58check(folded[start:end]):
        return ((start, end, 985_000),)
    return ()


def _bech32(folded: str, start: int, end: int) -> Spans:
    if loose(folded, start, end) and checksums.bech32(folded[start:end]):
        return ((start, end, 985_000),)
    return ()


def _ethereum(folded: str, start: int, end: int) -> Spans:
    return ((start, end, 820_000),) if loose(folded, start, end) else ()


class Crypto(PatternDetector):
    """Wallet addresses: Bitcoin (Base58Check, BIP 173, BIP 350) and Ethereum (by form)."""

    id = "pii.crypto"
    shapes: ClassVar[tuple[Shape, ...]] = (
        Shape(
            kind="wallet",
            pattern=r"[13][1-9A-HJ-NP-Za-km-z]{25,34}",
            gate=r"[13][1-9a-z]{25}",
            score=985_000,
            why="the Base58Check digits hold",
            check=_base58,
        ),
        Shape(
            kind="wallet",
            pattern=r"(?:bc|tb|ltc)1[02-9ac-hj-np-z]{11,87}",
            gate=r"(?:bc|tb|ltc)1[02-9ac-hj-np-z]{11}",
            score=985_000,
            why="the Bech32 digits hold",
            any_case=True,
            check=_bech32,
        ),
        Shape(
            kind="wallet",
            pattern=r"0x[0-9A-Fa-f]{40}",
            score=820_000,
            why="written as an Ethereum address",
            check=_ethereum,
        ),
    )
