"""European identity, tax and insurance numbers that look like any other number.

A check digit of one in ten or eleven leaves too many order numbers, so nearly all of them need
their name before them, in the country's own language or in English.

Sources: Regulation (EU) 2018/1724's registers of tax numbers as the Commission publishes them (TIN
on the web), and the issuers: Dachverband (AT), GRAO (BG), MFČR and MVSR (CZ, SK), DRV and BMI (DE),
CPR-kontoret (DK), RIA (EE), IDIKA and AADE (GR), OIB law (HR), NEAK and NAV (HU), DSP (IE), VMI
(LT), CTIE (LU), PMLP (LV), Identity Malta (MT), Skatteetaten (NO), AT (PT), MAI (RO), eUprava (SI).
"""

import re

from freehold.stages.governance.detectors import checksums, checksums_europe
from freehold.stages.governance.detectors.base import Shape, Spans, free, loose, near

_SEPARATORS = re.compile(r"[ .\-/+]")
_OTHERS = near(
    r"order invoice ref(?:erence|\b|\.) sku item part\b serial tracking model ticket article"
    r" product voucher coupon barcode ean\b gtin isbn shipment parcel bestell faktura pedido",
    -300_000,
    "near a word for another kind of number",
    32,
)
_ALONE = 300_000
_NEAR = 600_000
_PERSONAL = (
    r"personal_(?:id|identity|identification|code|number|no\b)"
    r" national_(?:id|identity|identification)"
    r" identity_(?:number|no\b|code) identification_(?:number|code) citizen_(?:number|id)"
)
_TAX = r"tax_(?:payer|id|identif|number|no\b|code) \btin\b fiscal_(?:number|code)"
_SOCIAL = r"social_(?:security|insurance) insurance_(?:number|no\b)"

_SHORT = {
    _PERSONAL: "personal[ _]?[icn] national[ _]?id identi citizen[ _]?[in]",
    _TAX: r"tax[ _]?[pinc] tin\b fiscal[ _]?[nc]",
    _SOCIAL: "social[ _]?[si] insurance[ _]?n",
}
"""What is cheap to look for and found wherever the words are."""


def _shape(
    kind: str,
    pattern: str,
    words: str,
    test: checksums_europe.Check,
    why: str,
    *,
    score: int = _ALONE,
    apart: bool = False,
    digits_only: bool = True,
) -> Shape:
    """``words`` as `near` takes them; ``apart``: with blanks in it; below ``_ALONE`` and at it, a
    number without its words is none, so the words are the gate too.
    """
    edges = free if digits_only else loose

    def check(folded: str, start: int, end: int) -> Spans:
        if not edges(folded, start, end):
            return ()
        code = _SEPARATORS.sub("", folded[start:end]).upper()
        return ((start, end, score),) if test(code) else ()

    cheap = words
    for long, short in _SHORT.items():
        cheap = cheap.replace(long, short)
    gate = "|".join(word.replace("_", "[ _]?") for word in cheap.split())
    return Shape(
        kind=kind,
        pattern=pattern,
        gate="" if score > _ALONE else gate,
        any_case=True,
        score=score,
        why=why,
        check=check,
        nearby=(near(words, _NEAR, "near a word for it"), _OTHERS),
        words=apart,
    )


def _any(code: str) -> bool:
    return len(set(code)) > 2


def _id_card(code: str) -> bool:
    """German identity cards and permits: nine characters, or ten with weights 7, 3, 1."""
    if sum(c.isdigit() for c in code) < 2:
        return False
    if len(code) == 9:
        return True
    total = sum(int(c, 36) * w for c, w in zip(code[:9], (7, 3, 1) * 3, strict=True))
    return total % 10 == int(code[9])


_DATE_6 = r"\b\d{6}"
EUROPEAN: tuple[Shape, ...] = (
    _shape(
        "at_svnr",
        r"\b\d{4}[ \-/]?\d{6}",
        rf"\bsvnr\b sv-?n sozialversicherung versicherungsnummer e-?card {_SOCIAL}",
        checksums_europe.svnr,
        "the Austrian insurance number's digit holds",
        apart=True,
    ),
    _shape(
        "be_national_id",
        r"\b\d{2}[ .]?\d{2}[ .]?\d{2}[ \-]?\d{3}[ .\-]?\d{2}",
        r"rijksregister \binsz\b \bniss\b registre_nat numero_nat nationalregister"
        rf" numero_de_registre national_(?:number|register|reg) {_PERSONAL}",
        checksums.rijksregister,
        "the Belgian national number's digits hold",
        apart=True,
    ),
    _shape(
        "bg_egn",
        r"\b\d{10}",
        rf"\begn\b edinen_gra licen_nomer uniform_civil civil_number {_PERSONAL}",
        checksums_europe.egn,
        "the Bulgarian EGN's digit and birth date hold",
    ),
    _shape(
        "cy_tic",
        r"\b[0-9]{8}[A-Z]",
        rf"\btic\b \bafm\b cypr {_TAX}",
        checksums_europe.cyprus_tic,
        "the Cypriot tax code's letter holds",
        digits_only=False,
    ),
    _shape(
        "rodne_cislo",
        r"\b\d{6} ?/? ?\d{3,4}",
        rf"rodne_c rodneho_c r\.?c\.? birth_(?:number|no\b) {_PERSONAL}",
        checksums_europe.rodne_cislo,
        "the Czech or Slovak birth number's date holds, and its digit if it has one",
        apart=True,
    ),
    _shape(
        "de_social_security",
        r"\b\d{2} ?\d{6} ?[A-Z] ?\d{2} ?\d",
        r"sozialversicherung rentenversicherung \bsvnr\b \brvnr\b sv-?n versicherungsnummer"
        rf" {_SOCIAL}",
        checksums_europe.german_pension,
        "the German insurance number's date and digit hold",
        score=620_000,
        apart=True,
        digits_only=False,
    ),
    _shape(
        "de_id_card",
        r"\b[CFGHJKLMNPRTVWXYZ][CFGHJKLMNPRTVWXYZ0-9]{8}\d?",
        r"personalausweis perso\b ausweis(?:nummer|nr|_?n) aufenthaltstitel id_?card identity_card",
        _id_card,
        "written as a German identity card's number",
        digits_only=False,
    ),
    _shape(
        "dk_cpr",
        rf"{_DATE_6}-\d{{4}}",
        rf"\bcpr\b cpr-?n personnummer {_PERSONAL}",
        checksums_europe.cpr,
        "the Danish CPR number's date and digit hold",
        score=560_000,
    ),
    _shape(
        "dk_cpr",
        rf"{_DATE_6}[ \-]?\d{{4}}",
        r"\bcpr\b cpr-?n",
        checksums_europe.cpr_date,
        "the Danish CPR number's date holds",
        apart=True,
    ),
    _shape(
        "ee_isikukood",
        r"\b[1-8]\d{10}",
        rf"isikukood isikukoodi estonia {_PERSONAL}",
        checksums_europe.baltic,
        "the Estonian or Lithuanian code's date and digit hold",
    ),
    _shape(
        "lt_asmens_kodas",
        r"\b[1-8]\d{10}",
        r"asmens_kod a\.?k\.? lithuania",
        checksums_europe.baltic,
        "the Lithuanian code's date and digit hold",
    ),
    _shape(
        "gr_amka",
        r"\b\d{11}",
        rf"\bamka\b a\.m\.k\.a {_SOCIAL}",
        checksums_europe.amka,
        "the Greek AMKA's date and Luhn digit hold",
    ),
    _shape(
        "gr_afm",
        r"\b\d{9}",
        rf"\bafm\b a\.f\.m {_TAX}",
        checksums_europe.afm,
        "the Greek tax number's digit holds",
    ),
    _shape(
        "hr_oib",
        r"\b\d{11}",
        rf"\boib\b osobni_ident {_PERSONAL} {_TAX}",
        checksums.mod11_10,
        "the Croatian OIB's digit holds",
    ),
    _shape(
        "hu_taj",
        r"\b\d{3}[ \-]?\d{3}[ \-]?\d{3}",
        rf"\btaj\b taj-?(?:sz|k) tarsadalombiz {_SOCIAL}",
        checksums_europe.taj,
        "the Hungarian TAJ number's digit holds",
        apart=True,
    ),
    _shape(
        "hu_tax_id",
        r"\b8\d{9}",
        rf"adoazonosito adoszam ado_az {_TAX}",
        checksums_europe.hungarian_tax,
        "the Hungarian tax number's digit holds",
    ),
    _shape(
        "hu_personal_id",
        r"\b[1-8][ \-]?\d{6}[ \-]?\d{4}",
        rf"szemelyi szem\.?_?sz {_PERSONAL}",
        checksums_europe.hungarian_person,
        "the Hungarian personal number's date and digit hold",
        apart=True,
    ),
    _shape(
        "ie_pps",
        r"\b\d{7} ?[A-W][A-IW]?",
        rf"\bppsn?\b pps_n personal_public {_SOCIAL} {_TAX}",
        checksums_europe.irish_pps,
        "the Irish PPS number's letter holds",
        apart=True,
        digits_only=False,
    ),
    _shape(
        "lv_personas_kods",
        rf"{_DATE_6}[ \-]?[012]\d{{4}}",
        rf"personas_kod \bpk\b latvia {_PERSONAL}",
        checksums_europe.latvian,
        "the Latvian code's date and digit hold",
        apart=True,
    ),
    _shape(
        "lv_personas_kods",
        r"\b3[2-9]\d{4}-?\d{5}",
        r"personas_kod",
        _any,
        "written as a Latvian personal code",
    ),
    _shape(
        "lu_matricule",
        r"\b(?:18|19|20)\d{2} ?\d{2} ?\d{2} ?\d{3} ?\d{2}",
        rf"matricule {_PERSONAL} {_SOCIAL}",
        checksums_europe.luxembourg,
        "the Luxembourg number's date and both digits hold",
        score=620_000,
        apart=True,
    ),
    _shape(
        "mt_id",
        r"\b\d{3,7}[MGAPLHBZ]",
        r"malt(?:a|ese) karta_ta kartatal numru_ta identity_card id_card",
        _any,
        "written as a Maltese identity card's number",
        digits_only=False,
    ),
    _shape(
        "no_fodselsnummer",
        r"\b\d{6} ?\d{5}",
        rf"f(?:o|oe)dselsn(?:umme)?r personnummer d-nummer \bfnr\b {_PERSONAL}",
        checksums_europe.fodselsnummer,
        "the Norwegian birth number's date and both digits hold",
        score=620_000,
        apart=True,
    ),
    _shape(
        "pt_nif",
        r"\b\d{3} ?\d{3} ?\d{3}",
        rf"\bnif\b \bnipc\b contribuinte numero_fiscal identificacao_fiscal {_TAX}",
        checksums_europe.nif,
        "the Portuguese NIF's digit holds",
        apart=True,
    ),
    _shape(
        "ro_cnp",
        r"\b[1-9]\d{12}",
        rf"\bcnp\b cod(?:ul)?_numeric {_PERSONAL}",
        checksums_europe.cnp,
        "the Romanian CNP's date and digit hold",
    ),
    _shape(
        "se_personnummer",
        r"\b(?:19|20)?\d{10}",
        rf"person-?n(?:ummer|r)\b samordningsn {_PERSONAL}",
        lambda code: checksums.personnummer(code[-10:]),
        "the Swedish personal number's date and Luhn digit hold",
    ),
    _shape(
        "si_emso",
        r"\b\d{13}",
        rf"\bemso\b \bjmbg\b maticna_st enotna_mat {_PERSONAL}",
        checksums_europe.emso,
        "the EMŠO's date and digit hold",
    ),
)
LIVE = (
    r"\b[0-9]{2} ?[0-9]{6} ?[A-Z]? ?[0-9]{0,2} ?[0-9]?$",
    r"\b[0-9]{7} ?[A-W]?[A-IW]?$",
)
"""Beginnings with letters among them; digits alone wait as all numbers in groups do."""
