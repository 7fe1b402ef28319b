"""European numbers: check digits that hold and that don't, and what they must not be taken for."""

from itertools import product

import pytest

from freehold.stages.governance.detectors import checksums_europe as digits
from tests.stages.governance import kit
from tests.stages.governance.europe import EUROPE

NATIONAL = kit.scanner("pii.national_id")
CASES = [
    (kind, *line.strip().split("|"))
    for kind, lines in EUROPE.items()
    for line in lines.strip().splitlines()
]
VALID = {
    digits.svnr: "1237010180",
    digits.egn: "7523169263",
    digits.cyprus_tic: "10259033P",
    digits.rodne_cislo: "7360285163",
    digits.german_pension: "65170839J003",
    digits.cpr: "2110625629",
    digits.baltic: "37605030299",
    digits.amka: "01019037645",
    digits.afm: "094259216",
    digits.taj: "230798683",
    digits.hungarian_tax: "8886091524",
    digits.hungarian_person: "18503018705",
    digits.irish_pps: "1234567T",
    digits.latvian: "16117519997",
    digits.luxembourg: "1893120105732",
    digits.fodselsnummer: "01019013274",
    digits.nif: "123456789",
    digits.cnp: "1800101221144",
    digits.emso: "0101006500006",
}


@pytest.mark.parametrize(("kind", "text", "value"), CASES)
def test_found_behind_its_name(kind: str, text: str, value: str) -> None:
    assert (kind, value) in kit.found(text, NATIONAL)


@pytest.mark.parametrize("check", VALID, ids=lambda check: check.__name__)
def test_another_last_character_does_not_hold(check: digits.Check) -> None:
    code = VALID[check]
    others = "0123456789" if code[-1].isdigit() else "ABCDEFGHIJKLMNOPQRSTUV"
    holding = [last for last in others if check(code[:-1] + last)]
    assert holding == [code[-1]]


@pytest.mark.parametrize("check", VALID, ids=lambda check: check.__name__)
def test_a_single_slip_anywhere_is_noticed(check: digits.Check) -> None:
    """All schemes were made to notice nearly every wrong digit; each of them most."""
    code = VALID[check]
    wrong = [
        code[:at] + digit + code[at + 1 :]
        for at, digit in product(range(len(code)), "0123456789")
        if code[at].isdigit() and digit != code[at]
    ]
    assert sum(check(each) for each in wrong) <= len(wrong) * 0.06


def test_numbers_of_two_rounds_know_both() -> None:
    for code in ("37605030299", "33309240064", "38703181745"):
        assert digits.baltic(code)
    assert not digits.baltic("38703181740")


def test_a_months_digits_carry_the_century() -> None:
    assert digits.egn("8032056031")  # 5 December 1880
    assert not digits.egn("8062056031")
    assert digits.rodne_cislo("530414123")  # nine digits, before 1954
    assert not digits.rodne_cislo("540414123")


@pytest.mark.parametrize(
    "line",
    """
    OIB: 69435151531
    Irish PPS number: 1234567A
    NIF: 123456780
    CNP 1800101221145
    EGN 7523169264
    rodné číslo: 736028/5164
    SVNR 1238 010180
    isikukood 37605030290
    fødselsnummer 01019013275
    order 69435151530
    barcode 1800101221144
    parcel 1893120105732
    the tax number of order 123456789
    id card holders
    perso GEBRAUCHT
    invoice 7523169263, thanks
    69435151530 and 7523169263 and 123456789
    tickets 211062-5620
    """.strip().splitlines(),
)
def test_left_alone(line: str) -> None:
    assert kit.found(line.strip(), NATIONAL) == []
