"""Amounts of money, in minor units of an ISO 4217 currency."""

from freehold.core.facts import TextFact
from freehold.text import numbers, roles, spans
from freehold.text.clauses import Document, polarity
from freehold.text.patterns import Spans
from freehold.text.patterns import compile as compile_pattern

CODES = (
    "usd eur gbp jpy chf cad aud nzd cny inr sek nok dkk pln czk huf brl mxn zar sgd hkd krw "
    "rub uah "
    "ils aed sar thb try"
).split()
_SYMBOLS = {
    "$": "USD", "us$": "USD", "ca$": "CAD", "c$": "CAD", "a$": "AUD", "au$": "AUD", "nz$": "NZD",
    "hk$": "HKD", "s$": "SGD", "r$": "BRL", "mx$": "MXN", "€": "EUR", "£": "GBP", "¥": "JPY",
    "₹": "INR", "₩": "KRW", "₽": "RUB", "₺": "TRY", "₴": "UAH", "₪": "ILS", "zł": "PLN",
    "kč": "CZK",    "fr.": "CHF", "rs.": "INR", "rs": "INR", "元": "CNY", "円": "JPY",
}  # fmt: skip
_WORDS = {
    "dollar": "USD", "dollars": "USD", "buck": "USD", "bucks": "USD", "euro": "EUR", "euros": "EUR",
    "quid": "GBP", "sterling": "GBP", "yen": "JPY", "franken": "CHF", "yuan": "CNY", "rupee": "INR",
    "rupees": "INR", "złoty": "PLN", "złotych": "PLN", "zloty": "PLN", "dólar": "USD",
    "dólares": "USD", "kronor": "SEK", "kroner": "DKK", "rubles": "RUB", "roubles": "RUB",
    "francs": "CHF", "pesos": "MXN", "lira": "TRY",
}  # fmt: skip
_CENTS = {"cent": "USD", "cents": "USD", "pence": "GBP"}
_KRONA = {"sv": "SEK", "da": "DKK", "no": "NOK"}
_POINT_DECIMAL = frozenset({"USD", "GBP", "CAD", "AUD"})
_PLACEHOLDER_ENDS = ("]", "_", "?", "}")
_NO_MINOR_UNIT = frozenset({"JPY", "KRW"})
_MULTIPLIERS = {
    "k": 10**3, "thousand": 10**3, "tausend": 10**3, "mille": 10**3, "mil": 10**3, "hundred": 100,
    "m": 10**6, "mn": 10**6, "mm": 10**6, "mio": 10**6, "million": 10**6, "millionen": 10**6,
    "millions": 10**6, "millones": 10**6, "bn": 10**9, "b": 10**9, "billion": 10**9, "mrd": 10**9,
    "trillion": 10**12,
}  # fmt: skip

_MULTIPLIER = (
    r"(?:k|mn|mm|m|mio|millionen|millions?|millones|bn|billion|b|mrd|thousand|tausend|mille|mil"
    r"|hundred|trillion)"
)
_SYMBOL = (
    r"(?:(?:us|ca|c|au|a|nz|hk|s|r|mx)?\$|€|£|¥|₹|₩|₽|₺|₴|₪|fr\.|rs\.?|" + "|".join(CODES) + ")"
)
_NAME = (
    r"(?:(?:us|u\.s\.|canadian|australian|american) )?(?:"
    + "|".join(sorted((*_WORDS, *_CENTS), key=len, reverse=True))
    + r")\b"
)
_AFTER = r"(?:\$|€|£|¥|₹|₩|₽|₺|₴|₪|元|円|zł|kč|kr\b|(?:" + "|".join(CODES) + r")\b)"
_SPACED = r"\d{1,3}(?: \d{3}){1,4}(?:[.,]\d{1,2})?"
_END = r"(?:[.,]-{1,2})?"  # "12.-"

# 1 sign, 2 symbol, 3 number, 4 multiplier, 5 upper number, 6 its multiplier
_PREFIXED = compile_pattern(
    rf"(-)?({_SYMBOL}) ?({_SPACED}|{numbers.DIGITS}){_END}(?: ?({_MULTIPLIER})\b)?"
    rf"(?: ?(?:-|to|bis|à) ?({numbers.DIGITS})(?: ?({_MULTIPLIER})\b)?)?"
)
# 1 lower number, 2 number, 3 multiplier, 4 unit
_SUFFIXED = compile_pattern(
    rf"(?:({_SPACED}|{numbers.DIGITS}) ?(?:-|to|bis|à|and|or|und|oder) ?)?"
    rf"({_SPACED}|{numbers.DIGITS}){_END}(?: ?({_MULTIPLIER})\.?)? ?-?({_AFTER}|{_NAME})"
)
_NAMED = compile_pattern(rf"\b{_NAME}")
_UNREADABLE = compile_pattern(
    r"[$€£]{2,6}|[$€£] ?(?:x{1,4}|n|\?{1,4}|_{1,4}|#{2,4})\b|[$€£] ?(?:\?|_|\[)"
)


def find(
    doc: Document,
    *,
    before: bool = True,
    behind: bool = True,
    named: bool = True,
    odd: bool = True,
) -> list[TextFact]:
    """All amounts of a document, as facts of kind "money".

    Look for signs `before` a number and `behind` one, for amounts in words (`named`) and for signs
    without a readable number (`odd`).
    """
    found: list[TextFact] = []
    if before:
        for groups in _PREFIXED.regs(doc.low):
            _add(found, doc, _read_prefixed(doc, groups))
    if behind:
        for groups in _SUFFIXED.regs(doc.low):
            _add(found, doc, _read_suffixed(doc, groups))
    if named:
        for start, end in _NAMED.spans(doc.low):
            if doc.is_free(start, end):
                _add(found, doc, _read_named(doc, start, end))
    if odd:
        for start, end in _UNREADABLE.spans(doc.low):
            if doc.is_free(start, end):
                _add(found, doc, _fact(doc, start, end, None, None, ""))
    return spans.join_ranges(doc, found) if len(found) > 1 else found


def _add(found: list[TextFact], doc: Document, fact: TextFact | None) -> None:
    if fact is not None and doc.claim(fact.start, fact.end):
        found.append(fact)


def _read_prefixed(doc: Document, groups: Spans) -> TextFact | None:
    whole, sign, symbol, number, multiplier, upper, upper_multiplier = groups
    low = doc.low
    start, end = whole
    name = low[slice(*symbol)]
    if start and (low[start - 1].isalnum() or low[start - 1] == "$"):
        if sign[0] >= 0 and not name.isalpha():
            start, sign = symbol[0], (-1, -1)  # the dash of a range ("5-$8"), no sign
        elif name[0].isalpha() or low[start - 1] == "$":
            return None  # letters inside a word
    if name.isalpha() and not doc.folded[symbol[0]].isupper():
        return None  # "try 20"
    currency = _SYMBOLS.get(name) or name.upper()
    if " " in low[slice(*number)] and not _is_spaced(doc, number):
        number = (number[0], low.index(" ", number[0]))  # "$5 100 times"
        multiplier = upper = upper_multiplier = (-1, -1)
        end = number[1]
    if upper[0] >= 0 and not _is_range(low, number, upper):
        end = multiplier[1] if multiplier[0] >= 0 else _end_of_number(low, number[1])
        upper = upper_multiplier = (-1, -1)
    if low[end : end + 1].isdigit() or (
        low[end : end + 1] in ".,'" and low[end + 1 : end + 2].isdigit()
    ):
        return _fact(doc, start, _number_end(low, end), None, None, currency)
    first = low[slice(*multiplier)] if multiplier[0] >= 0 else ""
    last = low[slice(*upper_multiplier)] if upper_multiplier[0] >= 0 else ""
    value = _minor(low[slice(*number)], first or last, currency, doc.language)
    if value is not None and sign[0] >= 0:
        value = -value
    end = _skip_code(doc, end, currency)
    high = value
    if upper[0] >= 0:
        high = _minor(low[slice(*upper)], last, currency, doc.language)
    if high == value:
        return _fact(doc, start, end, value, None, currency)
    return _fact(doc, start, end, None if high is None else value, high, currency)


def _is_spaced(doc: Document, number: tuple[int, int]) -> bool:
    """Whether spaces group the digits ("€ 1 299,00"), rather than part two numbers."""
    digits = doc.text[slice(*number)]
    return (
        doc.language in numbers.COMMA_DECIMAL
        or " " not in digits
        or digits[-3:-2] in (".", ",")  # cents follow
    )


def _is_range(low: str, number: tuple[int, int], upper: tuple[int, int]) -> bool:
    """Whether "$20-30" is a range, as "$20-2024-05-01", "$20 - 10 %" and "$20-7" are not."""
    after = low[upper[1] : upper[1] + 2]
    if after[:1] in ("-", "/", "%", ":") or after == " %":
        return False
    return _digits(low, number) <= _digits(low, upper)


def _digits(low: str, span: tuple[int, int]) -> int:
    number = numbers.parse(low[slice(*span)], "en", thousands=True)
    return 0 if number is None else number[0] // 10 ** number[1]


def _end_of_number(low: str, end: int) -> int:
    """Swiss and German round amounts end in a dash: "12.-"."""
    for tail in (".--", ",--", ".-", ",-"):
        if low.startswith(tail, end) and not low[end + len(tail) : end + len(tail) + 1].isdigit():
            return end + len(tail)
    return end


def _number_end(low: str, end: int) -> int:
    limit = min(len(low), end + 40)
    while end < limit and (
        low[end].isdigit() or (low[end] in ".,'" and low[end + 1 : end + 2].isdigit())
    ):
        end += 1
    return end


def _number_start(low: str, start: int) -> int:
    limit = max(0, start - 40)
    while start > limit and (low[start - 1].isdigit() or low[start - 1] in ".,'"):
        start -= 1
    return start


def _skip_code(doc: Document, end: int, currency: str) -> int:
    """The end of an amount with its code behind it ("$20 USD")."""
    code = " " + currency.lower()
    if doc.low.startswith(code, end) and not doc.low[end + 4 : end + 5].isalnum():
        return end + 4
    return end


def _read_suffixed(doc: Document, groups: Spans) -> TextFact | None:
    whole, lower, number, multiplier, unit = groups
    low = doc.low
    start, end = whole
    name = low[slice(*unit)]
    before = low[start - 1 : start]
    if name.upper() in map(str.upper, CODES) and not doc.folded[unit[0] : unit[1]].isupper():
        return None
    if name in ("$", "€", "£") and low[end : end + 1].isdigit() and low[unit[0] - 1] == " ":
        return None  # the sign belongs to the next amount
    currency = _currency(name, doc.language)
    if before.isalpha():
        return None
    if lower[0] >= 0 and not doc.is_free(*lower):
        start, lower = number[0], (-1, -1)  # "$250 or 20 dollars"
    elif before.isdigit() or (before in (".", ",", "'") and low[start - 2 : start - 1].isdigit()):
        return _fact(doc, _number_start(low, start), end, None, None, currency)
    factor = low[slice(*multiplier)] if multiplier[0] >= 0 else ""
    cents = name.rpartition(" ")[2] in _CENTS
    value = _minor(low[slice(*number)], factor, currency, doc.language, cents=cents)
    floor = None
    if lower[0] >= 0:
        floor = _minor(low[slice(*lower)], factor, currency, doc.language, cents=cents)
        if floor is None or value is None or floor > value:
            start, floor = number[0], None
    if floor is not None and floor != value:
        return _fact(doc, start, end, floor, value, currency)
    return _fact(doc, start, end, value, None, currency)


def _currency(name: str, language: str) -> str:
    if name == "kr":
        return _KRONA.get(language, "SEK")
    if name in _SYMBOLS:
        return _SYMBOLS[name]
    last = name.rpartition(" ")[2]
    if name.startswith("canadian"):
        return "CAD"
    if name.startswith("australian"):
        return "AUD"
    if last in _CENTS and language in ("de", "fr", "es", "it", "nl"):
        return "EUR"
    return _WORDS.get(last) or _CENTS.get(last) or last.upper()


def _read_named(doc: Document, start: int, end: int) -> TextFact | None:
    """Read "twenty dollars", "several hundred euros"; a bare "dollars" is no amount."""
    name = doc.low[start:end]
    currency = _currency(name, doc.language)
    cents = name.rpartition(" ")[2] in _CENTS
    left = spans.words_left(doc, start)
    number = spans.word_number(left, allow_article=name in ("dollar", "buck", "euro"))
    if number is None:
        vague = spans.vague_start(left[:3])
        if vague is None and doc.low[max(0, start - 2) : start].strip()[-1:] in _PLACEHOLDER_ENDS:
            vague = left[0][0] if left else start
        return None if vague is None else _fact(doc, vague, end, None, None, currency)
    # "several hundred", "a couple of hundred"
    vague = spans.vague_start([entry for entry in left if entry[0] < number.start][:2])
    if vague is not None:
        return _fact(doc, vague, end, None, None, currency)
    factor = 1 if cents or currency in _NO_MINOR_UNIT else 100
    upper = None if number.high is None else number.high * factor
    return _fact(doc, number.start, end, number.low * factor, upper, currency)


def _minor(
    digits: str, multiplier: str, currency: str, language: str, *, cents: bool = False
) -> int | None:
    """Minor units; None for what is no number or has two readings ("$1.299")."""
    if not multiplier and _has_two_readings(digits, currency, language):
        return None
    number = numbers.parse(digits, language, thousands=not multiplier)
    if number is None:
        return None
    factor = 1 if cents or currency in _NO_MINOR_UNIT else 100
    return numbers.scaled(number, factor * _MULTIPLIERS.get(multiplier, 1))


def _has_two_readings(digits: str, currency: str, language: str) -> bool:
    """Whether "$1.299" may be a thousand and more, or a dollar and a bit."""
    if currency not in _POINT_DECIMAL or language in numbers.COMMA_DECIMAL or "," in digits:
        return False
    head, _, tail = digits.partition(".")
    return len(tail) == 3 and tail.isdecimal() and head != "0" and len(head) <= 3


def _fact(
    doc: Document, start: int, end: int, value: int | None, upper: int | None, currency: str
) -> TextFact:
    return TextFact(
        kind="money",
        value=0 if value is None else value,
        upper=None if upper == value else upper,  # "20 - 20 $"
        unit=currency,
        start=start,
        end=end,
        text=doc.text[start:end],
        polarity=polarity(doc, start, end),
        role=roles.money_role(doc, start, end),
        parsed=value is not None,
    )
