"""Passwords and tokens: known by the word that stands before them."""

import re
from typing import ClassVar

from freehold.stages.governance.detectors.base import PatternDetector, Shape, Spans, near
from freehold.stages.governance.detectors.secrets import KEY_VALUE, entropy

_NAMES = (
    r"pass(?:word|wd|phrase|code|wort)|pwd|kennwort|mot de passe|contrasena|senha|wachtwoord"
    r"|secret|(?:api|access|private|signing|encryption)[ _\-]?key|token|credential"
)
_SHORT = r"pass|pw|psw|pswd|passw"
_BARE = r"pw|pwd|psw|pswd|passw|passwd"
_SPELT = r"pass(?:word|phrase|code|wort)?|kennwort|contrasena|senha|wachtwoord"
_NOT_A_VALUE = re.compile(
    r"(?i)null|none|nil|true|false|undefined|string|required|optional|hidden|redacted|removed|unknown"
    r"|https?:|[A-Za-z_]+[.(\[]|\W*$"
)
_HAS_LOWER, _HAS_UPPER = re.compile("[a-z]"), re.compile("[A-Z]")
_HAS_DIGIT, _HAS_SIGN = re.compile(r"\d"), re.compile(r"[!#$%^&*+=@~|/?]")
_HAS_LETTER, _HAS_MARK = re.compile("[A-Za-z]"), re.compile(r"[\d!#$^&*@~]")
_NO_PASSWORD = re.compile(
    r"(?i)tests?(?![a-z])|[\w.\-]*/|.*\.[a-z]{1,4}$|\d+[\-a-z]*$|\d{4}-\d\d"
    r"|(?:sha|md|aes|utf|base|argon|pbkdf|[bs]crypt|iso|rfc|tls|ssl|step|level|option|version)[\-_]?\d"
)
"""What stands behind a short word for passwords and is none: results of tests, paths, file names,
numbers with their noun, dates, names of methods."""


_VALUE = re.compile(r"[^\x00-\x20\x7f\"'`,;<>]{6,1024}")
_NO_START = frozenset("[<{$*(%")


def _value(folded: str, start: int) -> str:
    """What stands at ``start``, without closing marks; nothing if it is no value."""
    match = _VALUE.match(folded, start)
    if match is None or folded[start] in _NO_START or _NOT_A_VALUE.match(folded, start):
        return ""
    closing = folded[match.end() : match.end() + 1]
    whole = closing and (closing == ";" or (closing in "\"'`" and folded[start - 1] == closing))
    value = match[0] if whole else match[0].rstrip(".,;:!?)]}\\")
    return value if len(value) >= 6 else ""


def _classes(value: str) -> tuple[int, bool]:
    """How many kinds of characters, and whether any of them is no letter."""
    other = bool(_HAS_DIGIT.search(value)), bool(_HAS_SIGN.search(value))
    letters = bool(_HAS_LOWER.search(value)), bool(_HAS_UPPER.search(value))
    return sum(other) + sum(letters), any(other)


def _assigned(folded: str, start: int, end: int) -> Spans:
    value = _value(folded, end)
    if not value:
        return ()
    classes, other = _classes(value)
    if classes >= 3 and len(value) >= 8:
        score = 860_000
    elif other:
        score = 760_000 if classes > 1 else 560_000
    elif _PASSPHRASE.fullmatch(value) and folded[start : start + 2].lower() in {"pa", "pw", "ke"}:
        score = 560_000
    else:
        score = 600_000 if len(value) >= 16 and classes == 2 else 350_000
    return ((end, end + len(value), score),)


def _said(folded: str, _: int, end: int) -> Spans:
    value = _value(folded, end)
    classes, other = _classes(value)
    return ((end, end + len(value), 740_000),) if other and classes > 1 else ()


def _mixed(folded: str, _: int, end: int) -> Spans:
    """Behind a word that also means something else: letters, and digits or marks among them."""
    value = _value(folded, end)
    if _NO_PASSWORD.match(value) or not (_HAS_LETTER.search(value) and _HAS_MARK.search(value)):
        return ()
    return ((end, end + len(value), 740_000),)


def _typed(folded: str, _: int, end: int) -> Spans:
    """The same on a command line or in a connection's settings, closing marks included."""
    match = _ARGUMENT.match(folded, end)
    if match is None or folded[end] in _NO_START or not _HAS_LETTER.search(match[0]):
        return ()
    return ((end, match.end(), 800_000),) if _HAS_MARK.search(match[0]) else ()


_ARGUMENT = re.compile(r"[^\x00-\x20\x7f\"'`;&<>|]{5,256}")
_PASSPHRASE = re.compile(r"[A-Za-z]{3,}(?:[\-_.][A-Za-z]{3,}){2,9}")


def _beside(folded: str, start: int, end: int) -> Spans:
    """The same without a sign between; whose password it is has to stand before it."""
    return tuple((*span[:2], 300_000) for span in _mixed(folded, start, end))


def _bearer(folded: str, _: int, end: int) -> Spans:
    value = _value(folded, end)
    if len(value) < 12 or not _HAS_DIGIT.search(value) or len(set(value)) < 8:
        return ()
    return ((end, end + len(value), 880_000),)


def _named(folded: str, _: int, end: int) -> Spans:
    match = KEY_VALUE.match(folded, end)
    if match is None or sum(c.isdigit() for c in match[0]) < 3 or entropy(match[0][:200]) < 3.0:
        return ()
    return ((end, match.end(), 860_000),)


_TICKETS = near(
    r"boarding season bus train rail ski travel guest visitor day\b backstage", -400_000, "a ticket"
)
_LOGINS = near(
    r"users?\b username login log_in sign_in account e-?mail wi-?fi ssid admin root\b benutzer"
    r" usuari utilisateur",
    440_000,
    "near a word for logins",
)


class Token(PatternDetector):
    """What stands behind a word such as ``password:``, ``api_key=``, ``Bearer``."""

    id = "secret.token"
    label = "secret"
    shapes: ClassVar[tuple[Shape, ...]] = (
        Shape(
            kind="password",
            pattern=(
                rf"(?:{_NAMES})[A-Za-z_\-]{{0,24}}[\"'`]?\s{{0,3}}(?::=|=>|->|[:=])\s{{0,3}}[\"'`]?"
            ),
            gate=rf"(?:{_NAMES})[a-z_\-]{{0,24}}[\"'`]?\s{{0,3}}(?::|=|->)",
            any_case=True,
            score=860_000,
            why="behind a name for secrets",
            check=_assigned,
        ),
        Shape(
            kind="password",
            pattern=rf"(?:{_NAMES}|pin)\s{{1,2}}(?:is|was|ist|est|es):?\s{{1,2}}[\"'`]?",
            any_case=True,
            score=740_000,
            why="said to be a secret",
            check=_said,
        ),
        Shape(
            kind="password",
            pattern=(
                rf"(?:^|[^A-Za-z])(?:{_SHORT})[\"'`]?\s{{0,3}}(?::=|=>|->|[:=])\s{{0,3}}[\"'`]?"
            ),
            gate=rf"(?:{_SHORT})[\"'`]?\s{{0,3}}(?::|=|->)",
            any_case=True,
            score=740_000,
            why="behind a short word for passwords",
            check=_mixed,
            nearby=(_TICKETS,),
        ),
        Shape(
            kind="password",
            pattern=rf"(?:^|[^A-Za-z])(?:{_BARE})\s{{1,2}}[\"'`]?",
            gate=rf"(?:{_BARE})\s",
            any_case=True,
            score=740_000,
            why="behind a short word for passwords",
            check=_mixed,
        ),
        Shape(
            kind="password",
            pattern=rf"(?:^|[^A-Za-z])(?:{_SPELT})\s{{1,2}}[\"'`]?",
            gate=rf"(?:{_SPELT})\s",
            any_case=True,
            score=300_000,
            why="behind a word for passwords",
            check=_beside,
            nearby=(_LOGINS, _TICKETS),
        ),
        Shape(
            kind="password",
            pattern=(
                r"(?:(?:^|\s)(?:-u|--user|--proxy-user)[ =][\"']?[A-Za-z0-9._@\-]{1,24}:"
                r"|(?:mysql|mysqldump|mysqladmin|mariadb) (?:[^\n|;]{0,30} )??-p[\"']?"
                r"|(?:sshpass|mongosh|mongodump) (?:[^\n|;]{0,30} )??-p ?[\"']?"
                r"|[;?&](?:password|passwd|pwd)=)"
            ),
            gate=r"-u[ =]|-user[ =]|mysql|mariadb|sshpass|mongosh|mongodump|[;?&]p[a-z]*=",
            score=800_000,
            why="typed as a password on a command line or in a connection's settings",
            check=_typed,
        ),
        Shape(
            kind="password",
            pattern=(
                rf"(?:<[a-z:_\-]{{0,16}}(?:{_SPELT}|pwd|secret)[a-z_\-]{{0,12}}>"
                rf"|\|\s{{0,4}}(?:{_SPELT}|pwd)\s{{0,4}}\|)\s{{0,4}}"
            ),
            gate=rf"<[a-z:_\-]*(?:{_SPELT}|pwd|secret)|\|\s*(?:{_SPELT}|pwd)",
            any_case=True,
            score=740_000,
            why="in an element or a table's row for passwords",
            check=_mixed,
        ),
        Shape(
            kind="token",
            pattern=(
                r"(?:bearer|authorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?:basic|token|apikey))\s{1,3}"
            ),
            gate=r"bearer\s|authorization",
            any_case=True,
            score=880_000,
            why="behind an authorization scheme",
            check=_bearer,
        ),
        Shape(
            kind="token",
            pattern=r"[a-z0-9]_(?:key|token|secret)[\"'`]?\s{0,3}(?::=|=>|[:=])\s{0,3}[\"'`]?",
            any_case=True,
            score=860_000,
            why="behind a setting's name for secrets, and random",
            check=_named,
        ),
    )
    live: ClassVar[tuple[str, ...]] = (
        (
            rf"(?:{_NAMES}|pin)[A-Za-z_\-]{{0,24}}[\"'`]?\s{{0,3}}"
            r"(?:(?::=|=>|->|:|=|is:?|was:?|ist:?|est:?|es:?|i|w|wa|e|-)\s{0,3}[\"'`]?)?"
            r"[^\x00-\x20\x7f\"'`,;<>]{0,256}$"
        ),
        (
            rf"(?:{_SHORT}|{_BARE}|{_SPELT})[\"'`]?\s{{0,3}}"
            r"(?:(?::=|=>|->|:|=|-)\s{0,3})?[\"'`]?[^\x00-\x20\x7f\"'`,;<>]{0,256}$"
        ),
        (
            r"(?:bearer|authorization[\"']?\s{0,3}(?:[:=]\s{0,3}[\"']?[a-z]{0,6})?)\s{0,3}"
            r"[A-Za-z0-9._~+/=\-]{0,256}$"
        ),
        (
            r"_(?:key|token|secret)[\"'`]?\s{0,3}(?:(?::=|=>|:|=)\s{0,3}[\"'`]?)?"
            r"[A-Za-z0-9/+=_\-]{0,256}$"
        ),
        r"(?:mot|mot d|mot de|mot de [a-z]{0,6}|api|access|private|signing|encryption)\s$",
    )
