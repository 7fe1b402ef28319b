"""Check digits, as the issuing bodies publish them. Each function takes bare characters."""

import hashlib
from collections.abc import Sequence
from datetime import date

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

_DOUBLED = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))
_VERHOEFF_MULTIPLY = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_VERHOEFF_PERMUTE = (
    "0123456789", "1576283094", "5803796142", "8916043527",
    "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip
_FISCAL_ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20,
         11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
        strict=True,
    )
)  # fmt: skip


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1 annex B."""
    single, double = digits[-1::-2].encode(), digits[-2::-2].encode()
    # the sum of the codes of ASCII digits is 48 too high for each
    return (sum(single) + sum(double.translate(_DOUBLED)) - 48 * len(single)) % 10 == 0


def mod97(code: str) -> bool:
    """ISO 7064 MOD 97-10 over letters and digits, the first four moved to the end (IBAN)."""
    return int("".join(str(int(c, 36)) for c in code[4:] + code[:4])) % 97 == 1


def mod11_10(digits: str) -> bool:
    """ISO 7064 MOD 11,10 (German tax identifier)."""
    product = 10
    for digit in digits[:-1]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(digits[-1])


def verhoeff(digits: str) -> bool:
    """Verhoeff's dihedral check (Aadhaar)."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        step = int(_VERHOEFF_PERMUTE[place % 8][int(digit)])
        check = int(_VERHOEFF_MULTIPLY[check][step])
    return check == 0


def weighted(digits: str, weights: Sequence[int], modulus: int) -> int:
    """The weighted sum of the digits, modulo ``modulus``."""
    return sum(int(d) * w for d, w in zip(digits, weights, strict=False)) % modulus


def base58check(text: str) -> bool:
    """A version byte, 20 bytes and four bytes of double SHA-256 (Bitcoin addresses)."""
    value = 0
    for char in text:
        place = BASE58.find(char)
        if place < 0:
            return False
        value = value * 58 + place
    if value.bit_length() > 200:
        return False
    raw = value.to_bytes(25, "big")
    again = hashlib.sha256(hashlib.sha256(raw[:-4]).digest()).digest()
    return again[:4] == raw[-4:]


def bech32(text: str) -> bool:
    """BIP 173 and BIP 350: Bech32 or Bech32m, any human-readable part."""
    text = text.lower()
    split = text.rfind("1")
    head, data = text[:split], text[split + 1 :]
    if split < 1 or len(data) < 6 or any(c not in BECH32 for c in data):
        return False
    values = [ord(c) >> 5 for c in head] + [0] + [ord(c) & 31 for c in head]
    values += [BECH32.index(c) for c in data]
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(
            (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
        ):
            check ^= generator if top >> bit & 1 else 0
    return check in {1, 0x2BC830A3}


def plausible_date(year: int, month: int, day: int) -> bool:
    """Whether this is a day of the calendar."""
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def dni(code: str) -> bool:
    """Spanish DNI (eight digits) and NIE (X, Y or Z and seven): the letter is modulo 23."""
    number = code[:-1].translate({88: "0", 89: "1", 90: "2"})
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == code[-1]


def nir(code: str) -> bool:
    """French social security number: 97 minus the number modulo 97; Corsica counts as 19 or 18."""
    body = code[:13].replace("2A", "19").replace("2B", "18")
    return body.isdigit() and code[13:].isdigit() and 97 - int(body) % 97 == int(code[13:])


def codice_fiscale(code: str) -> bool:
    """Italian tax code: odd places by table, even places by value, modulo 26."""
    total = 0
    for place, char in enumerate(code[:15]):
        total += int(char, 36) - (0 if char.isdigit() else 10) if place & 1 else _FISCAL_ODD[char]
    return chr(65 + total % 26) == code[15]


def bsn(digits: str) -> bool:
    """Dutch citizen service number, the "elfproef"."""
    return weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1), 11) == 0 and int(digits) > 0


def pesel(digits: str) -> bool:
    """Polish PESEL: weights 1 3 7 9, and a birth date whose month carries the century."""
    if weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1), 10):
        return False
    century, month = divmod(int(digits[2:4]), 20)
    year = (1900, 2000, 2100, 2200, 1800)[century] + int(digits[:2])
    return plausible_date(year, month, int(digits[4:6]))


def steuer_id(digits: str) -> bool:
    """German tax identifier: no leading zero, one digit two or three times, MOD 11,10."""
    repeats = sorted(digits[:10].count(d) for d in set(digits[:10]))
    return (
        digits[0] != "0"
        and repeats[-1] in {2, 3}
        and (len(repeats) < 2 or repeats[-2] == 1)
        and mod11_10(digits)
    )


def personnummer(digits: str) -> bool:
    """Swedish personal number, ten digits: a date (day + 60 for coordination numbers) and Luhn."""
    day = int(digits[4:6])
    return plausible_date(
        2000 + int(digits[:2]), int(digits[2:4]), day - 60 if day > 60 else day
    ) and luhn(digits)


def cpf(digits: str) -> bool:
    """Brazilian CPF: two check digits modulo 11, not all the same."""
    if len(set(digits)) == 1:
        return False
    first = weighted(digits, range(10, 1, -1), 11)
    second = weighted(digits, range(11, 1, -1), 11)
    return int(digits[9]) == (0 if first < 2 else 11 - first) and int(digits[10]) == (
        0 if second < 2 else 11 - second
    )


def hetu(code: str) -> bool:
    """Finnish personal identity code: a date, a century sign, modulo 31."""
    number = code[:6] + code[7:10]
    return "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(number) % 31] == code[10] and plausible_date(
        2000 + int(code[4:6]), int(code[2:4]), int(code[:2])
    )


def ahv(digits: str) -> bool:
    """Swiss AHV number: EAN-13."""
    return weighted(digits, (1, 3) * 6 + (1,), 10) == 0


def rijksregister(digits: str) -> bool:
    """Belgian national number: 97 minus the number modulo 97; a 2 in front from 2000 on."""
    check = int(digits[9:])
    return check in {97 - int(digits[:9]) % 97, 97 - int("2" + digits[:9]) % 97}


def nhs(digits: str) -> bool:
    """British NHS number: weights 10 to 2, modulo 11."""
    check = 11 - weighted(digits, range(10, 1, -1), 11)
    return check != 10 and check % 11 == int(digits[9])


def tfn(digits: str) -> bool:
    """Australian tax file number, nine digits."""
    return weighted(digits, (1, 4, 3, 7, 5, 8, 6, 9, 10), 11) == 0 and int(digits) > 0
