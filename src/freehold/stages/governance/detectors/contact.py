"""E-mail addresses and telephone numbers."""

import re
from typing import ClassVar

from freehold.stages.governance.detectors.base import (
    CONTEXT_CHARS,
    PatternDetector,
    Shape,
    Spans,
    free,
    near,
)
from freehold.stages.governance.detectors.secrets import is_token

_PICTURE = re.compile(r"@[1-9](?:\.5)?x\.(?:png|jpe?g|gif|webp|svg|avif|bmp)$", re.IGNORECASE)

_IN_URL = re.compile(r"://[^\s/@:]*:[^\s/]*$")


def _secret(folded: str, start: int, local: str) -> bool:
    """Whether what stands before the ``@`` is a URL's token or the end of its password."""
    before = folded[max(0, start - CONTEXT_CHARS) : start]
    return (before.endswith("://") and is_token(local)) or bool(_IN_URL.search(before))


def _email(folded: str, start: int, end: int) -> Spans:
    value = folded[start:end]
    stripped = value.lstrip(".'-+%_")
    start += len(value) - len(stripped)
    local, _, domain = stripped.rpartition("@")
    after = folded[end : end + 1]
    if not local or ".." in domain or after == "@" or _PICTURE.search(value):
        return ()
    if _secret(folded, start, local):
        return ()
    if after.isdigit() or after == "_":
        return ((start, end, 600_000),)
    if local == "git" and after == ":":  # a repository's address
        return ((start, end, 300_000),)
    return ((start, end, 985_000),)


_NAME_LIKE = re.compile(r"[A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*[._+\-][A-Za-z0-9]|[A-Za-z]+\d")


def _apart(folded: str, start: int, end: int) -> Spans:
    """``jane.roe @ corp.com``; of a plain word (*work @ corp.com*) the words nearby decide."""
    value = folded[start:end]
    local = value.partition("@")[0]
    if " " not in value or folded[end : end + 1] == "@":
        return ()
    return ((start, end, 800_000 if _NAME_LIKE.match(local) else 300_000),)


def _encoded(folded: str, start: int, end: int) -> Spans:
    value = folded[start:end]
    start += len(value) - len(value.lstrip(".'-+%_"))
    return ((start, end, 950_000),)


_DOMAIN = r"(?:[A-Za-z0-9\-]{1,63}\.){1,8}[A-Za-z]{2,24}"
_AT_CODES = r"(?:%(?:25)?40|&#0{0,4}64;|&#x0{0,4}40;|&commat;|\\{1,2}u0040|\\{1,2}x40)"


class Email(PatternDetector):
    """Addresses as RFC 5321 allows them without quotes, with a domain that has a dot."""

    id = "pii.email"
    shapes: ClassVar[tuple[Shape, ...]] = (
        Shape(
            kind="email",
            pattern=r"[A-Za-z0-9._%+'\-]{1,64}@(?:[A-Za-z0-9\-]{1,63}\.){1,8}[A-Za-z]{2,24}",
            gate=r"[a-z0-9._%+'\-]@[a-z0-9\-]",
            score=985_000,
            why="an address with a domain",
            check=_email,
        ),
        Shape(
            kind="email",
            pattern=(
                r"[A-Za-z0-9._%+\-]{1,64} ?[\[({<] ?at ?[\])}>] ?[A-Za-z0-9\-]{1,63}"
                r"(?: ?[\[({<] ?dot ?[\])}>] ?[A-Za-z0-9\-]{2,63}|\.[A-Za-z]{2,24}){1,4}"
            ),
            gate=r"[\[({<] ?at ?[\])}>]",
            score=800_000,
            why="an address with the @ written out",
            words=True,
            any_case=True,
        ),
        Shape(
            kind="email",
            pattern=rf"[A-Za-z0-9._%+'\-]{{1,64}}{_AT_CODES}{_DOMAIN}",
            gate=rf"{_AT_CODES}[a-z0-9\-]",
            score=950_000,
            why="an address with an encoded @",
            any_case=True,
            check=_encoded,
        ),
        Shape(
            kind="email",
            pattern=rf"[A-Za-z0-9._%+\-]{{1,64}} {{0,2}}@ {{0,2}}{_DOMAIN}",
            gate=r" @ {0,2}[a-z0-9\-]|@ {1,2}[a-z0-9\-]",
            score=800_000,
            why="an address with blanks around the @",
            check=_apart,
            nearby=(
                near(
                    r"e-?mails? mails?\b contact reach_(?:me|us) write_to", 350_000, "near *mail*"
                ),
            ),
        ),
    )
    live: ClassVar[tuple[str, ...]] = (
        (
            r"[A-Za-z0-9._%+\-]{1,64} ?[\[({<](?: ?at?)? ?(?:[\])}>] ?[A-Za-z0-9\-]{0,63})?"
            r"(?: ?[\[({<](?: ?d?o?t?)? ?(?:[\])}>] ?[A-Za-z0-9\-]{0,63})?|\.[A-Za-z]{0,24}){0,4}"
            r" ?$"
        ),
        r"[A-Za-z0-9._%+\-]{1,64} {0,2}(?:@ {0,2}[A-Za-z0-9.\-]{0,255})?$",
        # wrapped behind a dash or the @
        (
            r"[A-Za-z0-9._%+'\-]{1,64}@(?:[A-Za-z0-9.\-]{0,250}-)?"
            r"\r?(?:\n[ \t]{0,4}(?:> ?)?[A-Za-z0-9.\-]{0,64})?$"
        ),
        (
            r"[A-Za-z0-9._%+'\-]{1,63}-\r?(?:\n[ \t]{0,4}(?:> ?)?[A-Za-z0-9._%+'\-]{0,64}"
            r"(?:@[A-Za-z0-9.\-]{0,255})?)?$"
        ),
    )


PHONE_WORDS = near(
    r"phone tel\b tele[fp]h?on mobile cell\b cellular call fax whats_app sms text_me dial"
    r" (?:ring|reach)_(?:me|us|him|her|them) contact hotline landline voicemail handy movil celular"
    r" portable numero registered messages?_to (?:my|his|her|your|our|their)_number rufnummer"
    r" (?:meine|seine|ihre|deine|eure|unsere)_nummer",
    350_000,
    "near a word for telephones",
)
NUMBER_WORDS = near(
    r"order invoice ref(?:erence|\b|\.) sku item part\b serial tracking shipment parcel model"
    r" version ticket case booking reservation confirmation isbn ean\b upc\b gtin product policy"
    r" flight transaction receipt batch lot\b build article coupon voucher bestell rechnung"
    r" commande factura pedido account barcode commit timestamp date\b since between"
    r" coordinates latitude longitude part_number hash id\b price total",
    -350_000,
    "near a word for another kind of number",
    24,
)

_GROUP = re.compile(r"(?:[ .\-/]|[ .]?\(|\)[ .\-/]?)?(\d{1,8})(?!\d)")
_LONG_GROUP = re.compile(r"(?:[ .\-/]|[ .]?\(|\)[ .\-/]?)?(\d{1,14})(?!\d)")
_DATE = re.compile(
    r"\(?(?:(?:19|20)\d\d([\-/. ])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12]\d|3[01])"
    r"|(?:0?[1-9]|[12]\d|3[01])([\-/. ])(?:0?[1-9]|[12]\d|3[01])\2(?:19|20)\d\d)(?!\d)"
    r"|(?:19|20)\d{2} ?- ?(?:19|20)\d{2}(?!\d)"
    r"|(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\d)"
)


def _groups(folded: str, at: int, most: int, *, long: bool = False) -> list[tuple[int, int]]:
    """(end, digits so far) after each group of digits from ``at`` on, up to ``most`` digits.

    ``long``: later groups may be long too, since the beginning says that this is a number to call.
    """
    found: list[tuple[int, int]] = []
    digits = 0
    while (match := (_LONG_GROUP if long or not found else _GROUP).match(folded, at)) is not None:
        digits += match.end(1) - match.start(1)
        if digits > most:
            break
        at = match.end()
        found.append((at, digits))
    return found


def _goes_on(folded: str, start: int) -> bool:
    """Whether what begins at ``start`` is a later group of a longer number."""
    return start > 1 and folded[start - 1] == " " and folded[start - 2].isdigit()


def _international(folded: str, start: int, _: int) -> Spans:
    digits_at = start + (1 if folded[start] == "+" else 2)
    groups = _groups(folded, digits_at, 15, long=folded[start] == "+")
    north_american = folded[digits_at] == "1"
    fitting = [
        (stop, digits)
        for stop, digits in groups
        if (digits == 11 if north_american else 8 <= digits <= 15)
    ]
    if not fitting:
        return ()
    stop = fitting[-1][0]
    value = folded[start:stop]
    # in a row of values a comma parts two of them, unless it could be a decimal's
    row = folded[start] == "+" and fitting[-1][1] > 9 and folded[stop : stop + 1] == ","
    if not free(folded[: stop + 1] if row else folded, start, stop):
        return ()
    if value.count(".") == 1 and len(groups) == 2 and not set(value) & set(" -/("):
        return ()  # a signed decimal
    if folded[start] != "+":  # 00 may also begin any number
        if _goes_on(folded, start):
            return ()
        return ((start, stop, 700_000 if set(value) & set(" -/(") else 450_000),)
    return ((start, stop, 930_000),)


def _north_american(folded: str, start: int, end: int) -> Spans:
    if not free(folded, start, end):
        return ()
    value = folded[start:end]
    valid = value[-8] in "23456789"
    if "(" in value:
        return ((start, end, 900_000),)
    separators = {c for c in value if not c.isdigit()}
    if separators == {"-"}:
        return ((start, end, 850_000 if valid else 780_000),)
    if not valid or len(separators) > 1:
        return ((start, end, 350_000),)
    return ((start, end, 760_000 if separators == {"."} else 620_000),)


def _trunk(folded: str, start: int, _: int) -> Spans:
    """National numbers with a leading zero, in three groups or more."""
    if _DATE.match(folded, start) or _goes_on(folded, start):
        return ()
    at = start + (folded[start] == "(")
    groups = [g for g in _groups(folded, at, 11) if g[1] >= 9]
    if not groups or not free(folded, start, groups[-1][0]):
        return ()
    value = folded[start : groups[-1][0]]
    if len(re.findall(r"\d+", value)) < 3:
        return ()
    return ((start, groups[-1][0], 560_000),)


def _mobile(folded: str, start: int, end: int) -> Spans:
    if _goes_on(folded, start) or not free(folded, start, end):
        return ()
    return ((start, end, 560_000),)


def _any_number(folded: str, start: int, _: int) -> Spans:
    """Seven to thirteen digits in any grouping; only words nearby make them a number to call."""
    if _DATE.match(folded, start):
        return ()
    at = start + (folded[start] == "(")
    groups = [g for g in _groups(folded, at, 13) if g[1] >= 7]
    if not groups or not free(folded, start, groups[-1][0]):
        return ()
    return ((start, groups[-1][0], 320_000),)


class Phone(PatternDetector):
    """Telephone numbers: E.164, North American, national with a zero; else by words nearby."""

    id = "pii.phone"
    shapes: ClassVar[tuple[Shape, ...]] = (
        Shape(
            kind="phone",
            pattern=r"(?:\+|00)[1-9]\d{0,2}[ ().\-/]{0,3}\d",
            gate=r"(?:\+|00)[1-9]\d{0,2}[ ().\-/]{0,3}\d{1,14}[ ().\-/]{0,3}\d",
            score=930_000,
            why="a number with its country code",
            words=True,
            check=_international,
            nearby=(PHONE_WORDS,),
        ),
        Shape(
            kind="phone",
            pattern=r"(?:\b1[ .\-])?(?:\([2-9]\d{2}\) ?|\b[2-9]\d{2}[ .\-])\d{3}[ .\-]\d{4}",
            score=850_000,
            why="written as a North American number",
            words=True,
            check=_north_american,
            nearby=(PHONE_WORDS, NUMBER_WORDS),
        ),
        Shape(
            kind="phone",
            pattern=r"\(?\b0[1-9]\d{0,4}\)?[ .\-/]{1,2}\d{2,5}[ .\-/]\d{2}",
            score=560_000,
            why="written as a national number",
            words=True,
            check=_trunk,
            nearby=(PHONE_WORDS, NUMBER_WORDS),
        ),
        Shape(
            kind="phone",
            pattern=r"\b0(?:1[5-7]\d{1,2}(?: ?[\-/] ?| )\d{6,8}|7\d{3}[ \-]\d{6})\b",
            score=560_000,
            why="written as a German or British mobile number",
            words=True,
            check=_mobile,
            nearby=(PHONE_WORDS, NUMBER_WORDS),
        ),
        Shape(
            kind="phone",
            pattern=r"\(?\b\d(?:[ ().\-/]{0,2}\d){6}",
            gate=r"\b\d(?:[ ().\-/]{0,2}\d){6}",
            score=320_000,
            why="digits",
            words=True,
            check=_any_number,
            nearby=(PHONE_WORDS, NUMBER_WORDS),
        ),
    )
    live: ClassVar[tuple[str, ...]] = (r"\b[0-9][0-9 ().+\-/]{0,63}$",)
