"""Typed placeholders: ``[EMAIL_7F3A2C9B]``.

Kind in capitals, then eight hexadecimal digits of HMAC-SHA256 (RFC 2104) under the gateway's key
over tenant, conversation, kind and value as written. So what is written alike has the same
placeholder throughout a conversation, what is written otherwise has another one and comes back just
as it was, and nothing links it to another conversation or tenant.
"""

import hmac
import re
from typing import Protocol

PLACEHOLDER = re.compile(r"\[([A-Za-z][A-Za-z0-9_]{0,47})_([0-9A-Fa-f]{8})\]")
_OPEN, _CLOSE = "［", "］"
_FORM = re.compile(r"[ .\-/()]+")
_DAY_PARTS = re.compile(r"[0-9]+|[a-z]{3}", re.IGNORECASE)
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
NUMBERS = frozenset(
    "card iban passport licence tax_number at_svnr be_national_id bg_egn br_cpf ch_ahv cy_tic"
    " de_id_card de_social_security de_tax_id dk_cpr ee_isikukood es_id fi_hetu fr_nir gr_afm"
    " gr_amka hr_oib hu_personal_id hu_taj hu_tax_id ie_pps in_aadhaar it_fiscal_code"
    " lt_asmens_kodas lu_matricule lv_personas_kods mt_id nl_bsn no_fodselsnummer pl_pesel pt_nif"
    " rodne_cislo ro_cnp se_personnummer si_emso uk_nhs uk_nino us_ssn".split()
)
"""Kinds of which only the letters and digits count."""


class Kinds(Protocol):
    """The kinds of which placeholders may exist."""

    def __contains__(self, kind: object) -> bool: ...


class AnyKind:
    """Where a third party's detector may report kinds that nobody declared."""

    def __contains__(self, kind: object) -> bool:
        return True


def canonical(kind: str, value: str) -> str:
    """One form for all spellings of a value, to compare what is said with what is known. A kind of
    which nobody knows what its spellings have in common has each as written.
    """
    if kind in NUMBERS:
        return _FORM.sub("", value).upper()
    if kind == "email":
        return value.casefold()
    if kind == "phone":
        digits = "".join(c for c in value if c.isdigit())
        return digits.removeprefix("00")
    if kind in {"ip", "mac"}:
        return value.casefold().replace("-", ":")
    if kind == "birth_date":
        return _day(value)
    return value


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
        """The placeholder of this value as it is written: what is put back is never another one."""
        kind = kind.lower()
        identity = (kind, value)
        made = self._made.get(identity)
        if made is not None:
            return made
        message = self._scope + f"{kind}:{value}".encode("utf-8", "surrogatepass")
        turn = 0
        while True:
            digest = hmac.digest(self._key, message + (b"%d" % turn if turn else b""), "sha256")
            made = f"[{tag(kind)}_{digest[:4].hex().upper()}]"
            if made not in self._behind:
                break
            turn += 1  # another value of this exchange has the same digits
        self._made[identity] = made
        self._behind[made] = identity
        return made


def tag(kind: str) -> str:
    """A kind as placeholders write it: ``api_key`` → ``API_KEY``."""
    plain = re.sub(r"[^A-Z0-9]+", "_", kind.upper()).strip("_")[:40]
    return plain if plain[:1].isalpha() else f"X{plain}"
