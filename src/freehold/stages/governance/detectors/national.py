"""Numbers that states give to people, with the check digits that their issuers define."""

import re
from collections.abc import Callable
from typing import ClassVar

from freehold.stages.governance.detectors import checksums, europe
from freehold.stages.governance.detectors.base import (
    Check,
    Near,
    PatternDetector,
    Shape,
    Spans,
    free,
    loose,
    near,
)

_LIVE_DIGITS = r"\b[0-9](?:[0-9 ().+\-/\t\r\n>]|&[#a-z0-9]{0,4};?){0,63}$"
_SEPARATORS = re.compile(r"[ .\-/]")
_OTHER_NUMBERS = near(
    r"order invoice ref(?:erence|\b|\.) sku item part\b serial tracking model ticket article"
    r" product voucher coupon",
    -300_000,
    "near a word for another kind of number",
    32,
)


def _ssn(folded: str, start: int, end: int) -> Spans:
    value = folded[start:end]
    area, group, serial = value[:3], value[4:6], value[7:]
    if not free(folded, start, end) or area in {"000", "666"} or group == "00" or serial == "0000":
        return ()
    if value[3] != value[6]:
        return ()
    if area[0] == "9":  # an individual taxpayer number has its group in 50..65, 70..88, 90..99
        return ((start, end, 560_000),) if group >= "50" else ()
    return ((start, end, 820_000 if value[3] == "-" else 420_000),)


def _nine(folded: str, start: int, end: int) -> Spans:
    value = folded[start:end]
    if not free(folded, start, end) or value[:3] in {"000", "666"} or value[0] == "9":
        return ()
    return ((start, end, 150_000),)


_SSN_WORDS = near(
    r"ssns?\b social_sec social\b itin\b tax_payer tin\b last_four_of",
    500_000,
    "near a word for it",
)


class UsSsn(PatternDetector):
    """United States social security and individual taxpayer numbers (no check digit exists)."""

    id = "pii.us_ssn"
    shapes: ClassVar[tuple[Shape, ...]] = (
        Shape(
            kind="us_ssn",
            words=True,
            pattern=r"\b\d{3}[ \-]\d{2}[ \-]\d{4}",
            score=820_000,
            why="grouped 3-2-4, with parts that are issued",
            check=_ssn,
            nearby=(_SSN_WORDS, _OTHER_NUMBERS),
        ),
        Shape(
            kind="us_ssn",
            pattern=r"\b\d{9}",
            score=150_000,
            why="nine digits",
            check=_nine,
            nearby=(_SSN_WORDS,),
        ),
    )
    live: ClassVar[tuple[str, ...]] = (_LIVE_DIGITS,)


def _checked(
    test: Callable[[str], bool], score: int, *, edges: Callable[[str, int, int], bool] = loose
) -> Check:
    """A check that strips separators, folds case and applies ``test``."""

    def check(folded: str, start: int, end: int) -> Spans:
        if not edges(folded, start, end):
            return ()
        code = _SEPARATORS.sub("", folded[start:end]).upper()
        return ((start, end, score),) if test(code) else ()

    return check


def _words(words: str, change: int = 450_000) -> tuple[Near, ...]:
    return (near(words, change, "near a word for it"), _OTHER_NUMBERS)


def _nino(code: str) -> bool:
    return code[:2] not in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}


def _hetu(folded: str, start: int, end: int) -> Spans:
    code = folded[start:end].upper()
    return ((start, end, 960_000),) if loose(folded, start, end) and checksums.hetu(code) else ()


class NationalId(PatternDetector):
    """Identity, tax and health numbers of persons.

    Sources: HMRC NIM39110 (GB), § 139b AO (DE), INSEE (FR), RD 1553/2005 (ES), DM 23/12/1976 (IT),
    Wabb (NL), Dz.U. 2010 nr 217 (PL), Skatteverket (SE), Receita Federal (BR), UIDAI (IN),
    OFAS (CH), Rijksregister (BE), DVV (FI), NHS data dictionary (GB), ATO (AU), CRA (CA). More of
    Europe's are in `europe`.
    """

    id = "pii.national_id"
    shapes: ClassVar[tuple[Shape, ...]] = (
        Shape(
            kind="uk_nino",
            words=True,
            pattern=r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]",
            score=720_000,
            why="written as a British national insurance number",
            check=_checked(_nino, 720_000, edges=free),
            nearby=_words(r"nino\b national_ins ni_number insurance_num ni_no", 200_000),
        ),
        Shape(
            kind="de_tax_id",
            words=True,
            pattern=r"\b\d{2} ?\d{3} ?\d{3} ?\d{3}",
            score=480_000,
            why="the German tax identifier's digit holds",
            check=_checked(checksums.steuer_id, 480_000, edges=free),
            nearby=_words(r"steuer idnr tax_id tax_num tin\b identifikationsnummer"),
        ),
        Shape(
            kind="es_id",
            pattern=r"\b(?:\d{8}|[XYZ]-?\d{7})-?[A-HJ-NP-TV-Z]",
            score=800_000,
            why="the Spanish DNI or NIE letter holds",
            any_case=True,
            check=_checked(checksums.dni, 800_000),
            nearby=_words(r"dni\b nie\b nif\b documento identidad", 150_000),
        ),
        Shape(
            kind="fr_nir",
            words=True,
            pattern=(r"\b[12] ?\d{2} ?(?:0[1-9]|[1-9]\d) ?(?:\d{2}|2[ABab]) ?\d{3} ?\d{3} ?\d{2}"),
            gate=r"\b[12] ?\d{2} ?\d{2} ?(?:\d{2}|2[ab]) ?\d{3} ?\d{3} ?\d{2}",
            score=975_000,
            why="the French social security key holds",
            check=_checked(checksums.nir, 975_000),
        ),
        Shape(
            kind="it_fiscal_code",
            pattern=r"\b[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]",
            score=985_000,
            why="the Italian tax code's letter holds",
            any_case=True,
            check=_checked(checksums.codice_fiscale, 985_000),
        ),
        Shape(
            kind="nl_bsn",
            pattern=r"\b(?:\d{9}|\d{4}\.\d{2}\.\d{3})",
            score=250_000,
            why="the Dutch eleven test holds",
            check=_checked(checksums.bsn, 250_000, edges=free),
            nearby=_words(r"bsn\b burgerservice sofi", 600_000),
        ),
        Shape(
            kind="pl_pesel",
            pattern=r"\b\d{11}",
            score=610_000,
            why="the Polish PESEL digit and birth date hold",
            check=_checked(checksums.pesel, 610_000, edges=free),
            nearby=_words(r"pesel", 350_000),
        ),
        Shape(
            kind="se_personnummer",
            pattern=r"\b(?:19|20)?\d{6}[\-+]\d{4}",
            score=940_000,
            why="the Swedish personal number's date and Luhn digit hold",
            check=_checked(lambda c: checksums.personnummer(c.replace("+", "")[-10:]), 940_000),
        ),
        Shape(
            kind="br_cpf",
            pattern=r"\b\d{3}\.\d{3}\.\d{3}-\d{2}",
            score=985_000,
            why="the Brazilian CPF digits hold",
            check=_checked(checksums.cpf, 985_000),
        ),
        Shape(
            kind="br_cpf",
            pattern=r"\b\d{11}",
            score=330_000,
            why="the Brazilian CPF digits hold",
            check=_checked(checksums.cpf, 330_000, edges=free),
            nearby=_words(r"cpf\b"),
        ),
        Shape(
            kind="in_aadhaar",
            words=True,
            pattern=r"\b[2-9]\d{3}[ \-]?\d{4}[ \-]?\d{4}",
            score=420_000,
            why="the Indian Aadhaar digit holds",
            check=_checked(checksums.verhoeff, 420_000, edges=free),
            nearby=_words(r"aadhaa?r uidai uid\b"),
        ),
        Shape(
            kind="ch_ahv",
            pattern=r"\b(?:756\.\d{4}\.\d{4}\.\d{2}|756\d{10})",
            score=970_000,
            why="the Swiss AHV digit holds",
            check=_checked(checksums.ahv, 970_000),
        ),
        Shape(
            kind="be_national_id",
            pattern=r"\b\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}",
            score=970_000,
            why="the Belgian national number's digits hold",
            check=_checked(checksums.rijksregister, 970_000),
        ),
        Shape(
            kind="fi_hetu",
            pattern=r"\b\d{6}[\-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y]",
            score=960_000,
            why="the Finnish identity code's sign holds",
            any_case=True,
            check=_hetu,
        ),
        Shape(
            kind="uk_nhs",
            words=True,
            pattern=r"\b\d{3}[ \-]?\d{3}[ \-]?\d{4}",
            score=300_000,
            why="the British NHS number's digit holds",
            check=_checked(checksums.nhs, 300_000, edges=free),
            nearby=_words(r"nhs\b"),
        ),
        Shape(
            kind="tax_number",
            words=True,
            pattern=r"\b\d{3}[ \-]?\d{3}[ \-]?\d{3}",
            score=280_000,
            why="an Australian or Canadian tax number's digit holds",
            check=_checked(lambda d: checksums.tfn(d) or checksums.luhn(d), 280_000, edges=free),
            nearby=_words(r"tfn\b tax_file sin\b social_insurance"),
        ),
        *europe.EUROPEAN,
    )
    live: ClassVar[tuple[str, ...]] = (
        _LIVE_DIGITS,
        r"\b[A-Z]{2}(?: ?[0-9]{0,2}){0,3} ?[A-D]?$",
        r"\b[12] ?[0-9]{2} ?[0-9]{2} ?2[ABab](?: ?[0-9]{0,3}){0,3} ?$",
        *europe.LIVE,
    )
