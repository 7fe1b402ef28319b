"""Check digits of European identity, tax and insurance numbers, as their issuers publish them.

Each function takes bare characters, capitals, of the length and form that the detector's pattern
asks for.
"""

from collections.abc import Callable

from freehold.stages.governance.detectors.checksums import (
    luhn,
    plausible_date,
    verhoeff,
    weighted,
)

Check = Callable[[str], bool]

_CYPRUS = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)
_BALTIC_FIRST = (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)
_BALTIC_SECOND = (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)
_IRISH = "WABCDEFGHIJKLMNOPQRSTUV"


def svnr(digits: str) -> bool:
    """Austrian insurance number: weights around the fourth digit; the month may be 13 to 15."""
    check = weighted(digits, (3, 7, 9, 0, 5, 8, 4, 2, 1, 6), 11)
    return (
        check == int(digits[3])
        and 1 <= int(digits[4:6]) <= 31
        and 1 <= int(digits[6:8]) <= 15
        and digits[0] != "0"
    )


def egn(digits: str) -> bool:
    """Bulgarian EGN: a birth date whose month carries the century, weights modulo 11."""
    century, month = divmod(int(digits[2:4]), 20)
    if century > 2:
        return False
    year = (1900, 1800, 2000)[century] + int(digits[:2])
    check = weighted(digits, (2, 4, 8, 5, 10, 9, 7, 3, 6), 11) % 10
    return plausible_date(year, month, int(digits[4:6])) and check == int(digits[9])


def cyprus_tic(code: str) -> bool:
    """Cypriot tax code: eight digits, odd places by table, and a letter modulo 26."""
    total = sum(_CYPRUS[int(d)] for d in code[0:8:2]) + sum(int(d) for d in code[1:8:2])
    return code[:2] != "12" and chr(65 + total % 26) == code[8]


def rodne_cislo(digits: str) -> bool:
    """Czech and Slovak birth number: a date (women's months + 50, overflow + 20), modulo 11.

    Nine digits, given until 1953, have no check.
    """
    month = int(digits[2:4]) % 50
    month = month - 20 if month > 20 else month
    year, day = int(digits[:2]), int(digits[4:6])
    if len(digits) == 9:
        return year < 54 and plausible_date(1900 + year, month, day)
    century = 1900 if year >= 54 else 2000
    if not plausible_date(century + year, month, day):
        return False
    rest = int(digits[:9]) % 11
    return rest % 10 == int(digits[9]) and (rest < 10 or century + year < 1986)


def german_pension(code: str) -> bool:
    """German insurance number: area, birth date, letter, serial; sums of weighted digits."""
    day, month = int(code[2:4]), int(code[4:6])
    if not 1 <= day % 50 <= 31 or not 1 <= month <= 12:
        return False
    digits = code[:8] + f"{ord(code[8]) - 64:02}" + code[9:11]
    weights = (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1)
    products = (int(d) * w for d, w in zip(digits, weights, strict=True))
    return sum(p // 10 + p % 10 for p in products) % 10 == int(code[11])


def cpr_date(digits: str) -> bool:
    """Danish CPR number: a birth date whose century the seventh digit carries."""
    year, seventh = int(digits[4:6]), int(digits[6])
    if seventh < 4:
        year += 1900
    elif seventh in {4, 9}:
        year += 2000 if year < 37 else 1900
    else:
        year += 2000 if year < 58 else 1800
    return plausible_date(year, int(digits[2:4]), int(digits[:2]))


def cpr(digits: str) -> bool:
    """Danish CPR number of those that keep to modulo 11 (since 2007 not all do)."""
    return cpr_date(digits) and not weighted(digits, (4, 3, 2, 7, 6, 5, 4, 3, 2, 1), 11)


def baltic(digits: str) -> bool:
    """Estonian isikukood and Lithuanian asmens kodas: century and sex, date, two rounds of 11."""
    if digits[0] in "09":
        return False
    year = 1800 + (int(digits[0]) - 1) // 2 * 100 + int(digits[1:3])
    if not plausible_date(year, int(digits[3:5]), int(digits[5:7])):
        return False
    check = weighted(digits, _BALTIC_FIRST, 11)
    if check == 10:
        check = weighted(digits, _BALTIC_SECOND, 11) % 10
    return check == int(digits[10])


def amka(digits: str) -> bool:
    """Greek AMKA: a birth date and Luhn."""
    return plausible_date(2000, int(digits[2:4]), int(digits[:2])) and luhn(digits)


def afm(digits: str) -> bool:
    """Greek tax number: powers of two, modulo 11."""
    check = weighted(digits, (256, 128, 64, 32, 16, 8, 4, 2), 11) % 10
    return check == int(digits[8]) and int(digits) > 0


def taj(digits: str) -> bool:
    """Hungarian insurance number: weights 3 and 7, modulo 10."""
    return weighted(digits, (3, 7) * 4, 10) == int(digits[8]) and int(digits) > 0


def hungarian_tax(digits: str) -> bool:
    """Hungarian tax number of a person: an 8 in front, places as weights, modulo 11."""
    return digits[0] == "8" and weighted(digits, range(1, 10), 11) == int(digits[9])


def hungarian_person(digits: str) -> bool:
    """Hungarian personal number: sex and century, date, modulo 11 (weights turned after 1996)."""
    if digits[0] not in "12345678":
        return False
    year = int(digits[1:3])
    later = digits[0] in "34" and year < 97
    year += 2000 if later else 1900 if digits[0] in "1256" else 1800
    weights = range(10, 0, -1) if year >= 1997 else range(1, 11)
    check = weighted(digits, weights, 11)
    return plausible_date(year, int(digits[3:5]), int(digits[5:7])) and check == int(digits[10])


def irish_pps(code: str) -> bool:
    """Irish PPS number: weights 8 to 2, a second letter counts nine times, modulo 23."""
    total = sum(int(d) * w for d, w in zip(code[:7], range(8, 1, -1), strict=True))
    if len(code) == 9:
        total += 9 * (0 if code[8] == "W" else ord(code[8]) - 64)
    return _IRISH[total % 23] == code[7]


def latvian(digits: str) -> bool:
    """Latvian personal code of those with a birth date in it (since 2017 they begin with 32)."""
    check = (1 + weighted(digits, (10, 5, 8, 4, 2, 1, 6, 3, 7, 9), 11)) % 11 % 10
    if digits[6] not in "012" or check != int(digits[10]):
        return False
    year = 1800 + int(digits[6]) * 100 + int(digits[4:6])
    return plausible_date(year, int(digits[2:4]), int(digits[:2]))


def luxembourg(digits: str) -> bool:
    """Luxembourg's national number: a date, then Luhn's and Verhoeff's digits of the first 11."""
    date = plausible_date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    return date and luhn(digits[:12]) and verhoeff(digits[:11] + digits[12])


def fodselsnummer(digits: str) -> bool:
    """Norwegian birth number: a date (D-numbers + 40 days, H-numbers + 40 months), 11 twice."""
    day, month = int(digits[:2]), int(digits[2:4])
    day, month = day - 40 if day > 40 else day, month - 40 if month > 40 else month
    return (
        plausible_date(2000, month, day)
        and not weighted(digits, (3, 7, 6, 1, 8, 9, 4, 5, 2, 1), 11)
        and not weighted(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1), 11)
    )


def nif(digits: str) -> bool:
    """Portuguese tax number: weights 9 to 2, modulo 11."""
    check = 11 - weighted(digits, range(9, 1, -1), 11)
    return digits[0] != "0" and (0 if check > 9 else check) == int(digits[8])


def cnp(digits: str) -> bool:
    """Romanian CNP: sex and century, date, weights modulo 11."""
    if digits[0] == "0":
        return False
    century = 1800 if digits[0] in "34" else 2000 if digits[0] in "5678" else 1900
    year = century + int(digits[1:3])
    check = weighted(digits, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9), 11)
    return plausible_date(year, int(digits[3:5]), int(digits[5:7])) and (
        1 if check == 10 else check
    ) == int(digits[12])


def emso(digits: str) -> bool:
    """Slovenian EMŠO, and the JMBG it comes from: day, month, three digits of the year, 11."""
    year = int(digits[4:7])
    year += 1000 if year >= 800 else 2000
    return plausible_date(year, int(digits[2:4]), int(digits[:2])) and not weighted(
        digits, (7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1), 11
    )
