"""Numbers as people write them: digits with either decimal mark, and words.

A number is a pair (mantissa, scale): mantissa / 10**scale, exact. Spelling depends on the
language where it must: "1.299" is a thousand and more in German, a fraction in English.
"""

import functools

Number = tuple[int, int]

# A number in digits, with marks but without spaces. Repeats are bounded: a longer
# run of digits is not an amount that anyone means.
DIGITS = r"\d{1,15}(?:[.,']\d{1,15}){0,6}"

COMMA_DECIMAL = frozenset(
    {"de", "fr", "es", "it", "pt", "nl", "pl", "sv", "da", "cs", "tr", "ru", "uk"}
)
_MAX_DIGITS = 15
_INT64 = (1 << 63) - 1


def parse(digits: str, language: str = "en", *, thousands: bool | None = None) -> Number | None:
    """Read a `DIGITS` match; None when it is no number or has two readings.

    `thousands` settles a lone mark before exactly three digits ("1.299"): true reads
    1299, false 1.299; None decides by the language.
    """
    digits = digits.replace(" ", "'")
    if digits.isdecimal():
        return (int(digits), 0) if len(digits) <= _MAX_DIGITS else None
    head, _, tail = digits.partition(".")
    if (
        head.isdecimal()
        and tail.isdecimal()
        and (len(tail) != 3 or len(head) > 3 or head[0] == "0")
        and len(head) + len(tail) <= _MAX_DIGITS
    ):
        return int(head + tail), len(tail)  # "24.90", as most are written
    marks = [c for c in digits if not c.isdecimal()]
    groups = digits.replace(",", ".").replace("'", ".").split(".")
    if sum(map(len, groups)) > _MAX_DIGITS or not all(groups):
        return None
    last = marks[-1]
    if len(marks) == 1:
        if last != "'" and (len(groups[1]) != 3 or len(groups[0]) > 3 or groups[0][0] == "0"):
            return int("".join(groups)), len(groups[1])
        if last != "'":
            if thousands is None:
                thousands = (last == ",") is not (language in COMMA_DECIMAL)
            if not thousands:
                return int("".join(groups)), 3
    fraction = ""
    if last not in marks[:-1] and len(marks) > 1:
        fraction = groups.pop()
        marks.pop()
    if len(set(marks)) > 1 or not _is_grouped(groups):
        return None
    return int("".join(groups) + fraction), len(fraction)


def _is_grouped(groups: list[str]) -> bool:
    head, *rest = groups
    if not 1 <= len(head) <= 3 or (rest and head[0] == "0"):
        return False
    if all(len(group) == 3 for group in rest):
        return True
    # Indian grouping: 1,00,000
    return len(rest) > 1 and len(rest[-1]) == 3 and all(len(group) == 2 for group in rest[:-1])


def scaled(number: Number, factor: int) -> int | None:
    """The product number x factor as an integer, rounded up; None beyond 64 bits."""
    value = -(-number[0] * factor // 10 ** number[1])
    return value if value <= _INT64 else None


_ENGLISH = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_TENS = {
    "en": "twenty thirty forty fifty sixty seventy eighty ninety",
    "de": "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
    "fr": "vingt trente quarante cinquante soixante septante huitante nonante",
    "es": "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
}
_SMALL = {
    "en": _ENGLISH,
    "de": "null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn "
    "fünfzehn sechzehn siebzehn achtzehn neunzehn",
    "fr": "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze "
    "quinze seize",
    "es": "cero un dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince "
    "dieciséis diecisiete dieciocho diecinueve",
}
SCALES = {
    "hundred": 100, "hundert": 100, "cent": 100, "cents": 100, "cien": 100, "ciento": 100,
    "thousand": 1000, "tausend": 1000, "mille": 1000, "mil": 1000, "grand": 1000,
    "million": 1_000_000, "millions": 1_000_000, "millionen": 1_000_000, "millones": 1_000_000,
    "billion": 1_000_000_000, "milliarden": 1_000_000_000, "milliards": 1_000_000_000,
    "trillion": 1_000_000_000_000, "dozen": 12, "dutzend": 12, "douzaine": 12, "docena": 12,
}  # fmt: skip
_SPECIAL = {
    "fourty": 40, "ninty": 90, "eins": 1, "eine": 1, "einen": 1, "einem": 1, "einer": 1, "zwo": 2,
    "une": 1, "una": 1, "uno": 1, "quatre-vingt": 80, "vingts": 20, "octante": 80,
    "quinientos": 500, "setecientos": 700, "novecientos": 900, "doscientos": 200,
    "trescientos": 300, "cuatrocientos": 400, "seiscientos": 600, "ochocientos": 800,
    "dreissig": 30, "dieciseis": 16, "veintiún": 21, "veintiun": 21, "veintidos": 22,
    "veintitres": 23, "veintiseis": 26,
}  # fmt: skip
_SPANISH_TWENTIES = (
    "veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete veintiocho "
    "veintinueve"
)
CONNECTORS = frozenset({"and", "und", "y", "et"})
ARTICLES = frozenset({"a", "an"})


@functools.cache
def number_words() -> dict[str, int]:
    """Every single word that stands for a number (0 to 99, and the scales), lower case."""
    words: dict[str, int] = dict(_SPECIAL)
    for language, small in _SMALL.items():
        for value, word in enumerate(small.split()):
            words.setdefault(word, value)
        for index, word in enumerate(_TENS[language].split()):
            words.setdefault(word, 20 + 10 * index)
    for value, word in enumerate(_SPANISH_TWENTIES.split(), start=21):
        words.setdefault(word, value)
    for unit in _SMALL["de"].split()[1:10]:
        for index, ten in enumerate(_TENS["de"].split()):
            words[f"{unit}und{ten}"] = 20 + 10 * index + words[unit]
    for word in [word for word in words if "ü" in word or "ö" in word or "ß" in word]:
        words[word.replace("ü", "ue").replace("ö", "oe").replace("ß", "ss")] = words[word]
    for unit in ("ein", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"):
        words[f"{unit}hundert"] = 100 * words[unit]
        words[f"{unit}tausend"] = 1000 * words[unit]
    words.update(SCALES)
    return words


def is_number_word(word: str) -> bool:
    """Whether a lower-case word is a number ("thirty", "hundert"); articles are not."""
    return word in number_words()


def parse_words(tokens: list[str]) -> int | None:
    """The value of a run of number words ("two", "hundred", "and", "five"); None if it is none."""
    words = number_words()
    total = current = 0
    previous = ""
    seen = False
    for token in tokens:
        if token in CONNECTORS:
            if not seen:
                return None
            previous = token
            continue
        value = 1 if token in ARTICLES else words.get(token)
        if value is None or (token in ARTICLES and seen):
            return None
        if token in SCALES:
            if value in (100, 12):
                if current >= 100:
                    return None
                current = max(current, 1) * value
            else:
                total += max(current, 1) * value
                current = 0
        elif not _may_follow(current, value):
            return None
        elif current % 100 == 4 and value == 20:  # quatre-vingt
            current += 76
        else:
            current += value
        seen = True
        previous = token
    if not seen or previous in CONNECTORS or total + current > _INT64:
        return None
    return total + current


def _may_follow(current: int, value: int) -> bool:
    """Whether `value` may be added: twenty-five, but not five-six; soixante-quinze is 60 + 15."""
    rest = current % 100
    if value >= 100:
        return current == 0
    if rest == 0:
        return True
    if value < 10:
        return rest % 10 == 0 and rest != 10
    if value < 20:
        return rest in (60, 80)
    return rest == 4 and value == 20
