"""Typed placeholders: ``[EMAIL_7F3A2C9B]``.

Kind in capitals, then eight hexadecimal digits of HMAC-SHA256 (RFC 2104) under the gateway's key
over tenant, conversation, kind and value. So the same value has the same placeholder throughout a
conversation, and nothing links it to another conversation or tenant.
"""

import hmac
import re
from typing import Protocol

PLACEHOLDER = re.compile(r"\[([A-Za-z][A-Za-z0-9_]{0,47})_([0-9A-Fa-f]{8})\]")
MAX_PLACEHOLDER = 60
_OPEN, _CLOSE = "［", "］"
# Whoever reads a day expects one form (a tool's argument, say), so each has its own placeholder.
_AS_WRITTEN = frozenset({"birth_date"})
_FORM = re.compile(r"[ .\-/()]+")
_DAY_PARTS = re.compile(r"[0-9]+|[a-z]{3}", re.IGNORECASE)
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_SHAPELESS = frozenset(
    "aws_key api_key password token private_key jwt random_string url_credentials wallet".split()
)


class Kinds(Protocol):
    """The kinds of which placeholders may exist."""

    def __contains__(self, kind: object) -> bool: ...


class AnyKind:
    """Where a third party's detector may report kinds that nobody declared."""

    def __contains__(self, kind: object) -> bool:
        return True


def canonical(kind: str, value: str) -> str:
    """The value without the accidents of writing: one form for all spellings of a number."""
    if kind in _SHAPELESS:
        return value
    if kind == "email":
        return value.casefold()
    if kind == "phone":
        digits = "".join(c for c in value if c.isdigit())
        return digits.removeprefix("00")
    if kind in {"ip", "mac"}:
        return value.casefold().replace("-", ":")
    if kind == "birth_date":
        return _day(value)
    return _FORM.sub("", value).upper()


def _day(value: str) -> str:
    """``1990-04-05`` for a day with its year and month beyond doubt, else its parts in order."""
    parts = _DAY_PARTS.findall(value.casefold())
    months = [p for p in parts if p in _MONTHS]
    numbers = [p for p in parts if p.isdigit()]
    if len(numbers) == 2 and len(months) == 1 and len(numbers[1]) == 4:
        numbers = [numbers[1], str(_MONTHS.index(months[0]) + 1), numbers[0]]
    if len(numbers) == 3 and len(numbers[0]) == 4:
        return f"{numbers[0]}-{int(numbers[1]):02}-{int(numbers[2]):02}"
    return "-".join(numbers or parts)


def spoken(kind: str) -> str:
    """A kind for people: ``api_key`` → ``api key``."""
    return kind.replace("_", " ")


def mask(kind: str) -> str:
    """What stands where a value was taken out for good."""
    return f"[{spoken(kind).lower()} removed]"


def neutralise(text: str, kinds: Kinds) -> str:
    """Look-alikes of placeholders with full-width brackets instead: same length, same meaning to a
    reader, and nothing that would ever be restored.
    """
    if "[" not in text or "_" not in text:
        return text

    def disarm(found: re.Match[str]) -> str:
        if found[1].lower() in kinds:
            return f"{_OPEN}{found[0][1:-1]}{_CLOSE}"
        return found[0]

    return PLACEHOLDER.sub(disarm, text)


class Minter:
    """Makes the placeholders of one exchange and keeps what is behind them."""

    def __init__(self, key: bytes, tenant: str, conversation: str) -> None:
        self.tenant = tenant
        self._key = key
        self._scope = b"%d:%b%d:%b" % (
            len(tenant.encode()),
            tenant.encode(),
            len(conversation.encode()),
            conversation.encode(),
        )
        self._made: dict[tuple[str, str], str] = {}
        self._behind: dict[str, tuple[str, str]] = {}

    def make(self, kind: str, value: str) -> str:
        """The placeholder of this value, the same for each spelling of a number or an address."""
        kind = kind.lower()
        identity = (kind, value if kind in _AS_WRITTEN else canonical(kind, value))
        made = self._made.get(identity)
        if made is not None:
            return made
        message = self._scope + f"{kind}:{identity[1]}".encode("utf-8", "surrogatepass")
        turn = 0
        while True:
            digest = hmac.digest(self._key, message + (b"%d" % turn if turn else b""), "sha256")
            made = f"[{_tag(kind)}_{digest[:4].hex().upper()}]"
            if made not in self._behind:
                break
            turn += 1  # another value of this exchange has the same digits
        self._made[identity] = made
        self._behind[made] = identity
        return made


def _tag(kind: str) -> str:
    tag = re.sub(r"[^A-Z0-9]+", "_", kind.upper()).strip("_")[:40]
    return tag if tag[:1].isalpha() else f"X{tag}"
