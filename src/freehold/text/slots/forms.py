"""How a value may be written in an answer, and writing another value the same way.

A form has a name, such as ``text``, ``date:en:March 3`` or ``money:$2``. Whatever a form can't
write, it leaves; it never writes something like it.
"""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import lru_cache

from freehold.text.slots.context import Value

_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ]\d\d:\d\d.*)?")
_MONEY = re.compile(r"([$€£])? ?(\d{1,3}(?:,\d{3})+|\d{1,12})(\.\d{1,2})?(?: ?([$€£]|[A-Z]{3}))?")
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,2})?) ?%")
_PLAIN = re.compile(r"\d{1,12}(?:\.\d{1,4})?")
_CODES = {"$": "USD", "€": "EUR", "£": "GBP"}
_SIGNS = {code: sign for sign, code in _CODES.items()}
_CENTS, _POINTS = re.compile(r"(?:^|[._])(?:cents|minor)\b|_cents$|_minor$"), re.compile(r"_bp$")
_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre"
    " diciembre",
}
_DAYS = {
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "de": "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "es": "lunes martes miércoles jueves viernes sábado domingo",
}
_SMALL = {
    "en": "zero one two three four five six seven eight nine ten eleven twelve",
    "de": "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf",
    "fr": "zéro un deux trois quatre cinq six sept huit neuf dix onze douze",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce",
}
_DATES = (
    "March 3, 2025",
    "March 3rd, 2025",
    "3 March 2025",
    "3rd of March 2025",
    "3. March 2025",
    "3 de March de 2025",
    "Mar 3, 2025",
    "3 Mar 2025",
    "March 3",
    "March 3rd",
    "3 March",
    "3rd of March",
    "3. March",
    "3 de March",
    "le 3 March",
    "Mar 3",
    "3 Mar",
    "Monday, March 3",
    "Monday, 3 March",
)
_LATIN = ("Mar 3, 2025", "3 Mar 2025", "Mar 3", "3 Mar")
_ENGLISH = ("March 3rd, 2025", "3rd of March 2025", "March 3rd", "3rd of March")
_NUMERIC = ("2025-03-03", "03/03/2025", "3/3/2025", "03.03.2025", "3.3.2025", "03/03/25")
_AMOUNTS = ("$2", "$2,", "$", "2 USD", "USD 2", "2 dollars", "2", "2,", "0", "$ 2", "2 €", "2,- €")
_SHARES = ("%", " %", " percent", " per cent", " Prozent")
_NAMES = {"USD": "dollars", "EUR": "euros", "GBP": "pounds"}

STRONG, WEAK, SOFT = "strong", "weak", "soft"
"""Of what is written so: hardly there by chance; maybe a constant; a word that says how it is."""


@lru_cache(maxsize=65_536, typed=True)
def writings(path: str, value: Value) -> tuple[tuple[str, str], ...]:
    """Every (form, text) of a value, the most usual first; no text stands there for two forms of
    the same family.
    """
    if value is None or isinstance(value, bool) or value == "":
        return ()
    found: list[tuple[str, str]] = []
    for form in _forms(path, value):
        text = write(path, value, form)
        if text:
            found.append((form, text))
    return tuple(found)


def write(path: str, value: Value, form: str) -> str | None:
    """A value in a form; nothing where it has none."""
    if value is None or isinstance(value, bool):
        return None
    family, _, rest = form.partition(":")
    if family == "text":
        return _text(str(value), rest)
    if family == "date":
        language, _, shape = rest.partition(":")
        day = _day(value)
        return None if day is None else _date(day, language, shape)
    if family == "money":
        amount = _amount(path, value)
        return None if amount is None else _money(*amount, rest)
    if family == "percent":
        share = _share(path, value)
        return None if share is None else f"{share:f}{rest}"
    if family == "word":
        small = _whole(value)
        words = _SMALL.get(rest, "").split()
        return words[small] if small is not None and small < len(words) else None
    return None


def strength(text: str, form: str) -> str:
    """How sure it is that a stretch of an answer, written so, is this value and no constant."""
    family = form.partition(":")[0]
    digits = sum(map(str.isdigit, text))
    if family == "word" or (family == "percent" and digits < 4):
        return WEAK
    if family == "money" and not any(sign in text for sign in "$€£.,") and digits < 4:
        return WEAK
    if family == "date" and not digits:
        return WEAK
    if digits:
        return STRONG if digits > 2 or (len(text) > 5 and family != "text") else WEAK
    # names have capitals; words of a state have none
    capitals = sum(word[:1].isupper() for word in text.split())
    return STRONG if family == "text" and capitals and len(text) > 3 else SOFT


def _forms(path: str, value: Value) -> Iterator[str]:
    yield "text:"
    if isinstance(value, str):
        yield from ("text:lower", "text:capital", "text:spaced")
        if _ISO.fullmatch(value):
            yield from _date_forms()
            return
    if _amount(path, value) is not None:
        yield from (f"money:{shape}" for shape in _AMOUNTS)
    if _share(path, value) is not None:
        yield from (f"percent:{mark}" for mark in _SHARES)
    if _whole(value) is not None:
        yield from (f"word:{language}" for language in _SMALL)


def _date_forms() -> Iterator[str]:
    for language in _MONTHS:
        for shape in _DATES:
            if language == "en" or shape not in (*_LATIN, *_ENGLISH):
                yield f"date:{language}:{shape}"
        yield f"date:{language}:Monday"
    yield from (f"date::{shape}" for shape in _NUMERIC)


def _text(value: str, how: str) -> str | None:
    if how == "lower":
        return value.lower()
    if how == "capital":
        return value[:1].upper() + value[1:]
    if how == "spaced":
        return value.replace("_", " ") if "_" in value else None
    return value if not how else None


def _day(value: Value) -> date | None:
    found = _ISO.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    try:
        return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return None


def _date(day: date, language: str, shape: str) -> str | None:
    if not language:
        return {
            "2025-03-03": day.isoformat(),
            "03/03/2025": f"{day:%m/%d/%Y}",
            "3/3/2025": f"{day.month}/{day.day}/{day.year}",
            "03/03/25": f"{day:%m/%d/%y}",
            "03.03.2025": f"{day:%d.%m.%Y}",
            "3.3.2025": f"{day.day}.{day.month}.{day.year}",
        }.get(shape)
    months, days = _MONTHS.get(language), _DAYS.get(language)
    if months is None or days is None:
        return None
    month, weekday = months.split()[day.month - 1], days.split()[day.weekday()]
    # one pass, so that no part stands for another
    parts = {
        "March": month,
        "Mar": month[:3],
        "Monday": weekday,
        "2025": str(day.year),
        "3rd": _ordinal(day.day),
        "3": str(day.day),
    }
    return re.sub(r"March|Mar|Monday|2025|3rd|3", lambda found: parts[found[0]], shape)


def _ordinal(number: int) -> str:
    if 10 < number < 14:
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def _amount(path: str, value: Value) -> tuple[Decimal, str] | None:
    """An amount and its currency, ``""`` where none is written."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        if value < 0 or value > 10**12:
            return None
        if isinstance(value, int) and _CENTS.search(path):
            return Decimal(value) / 100, "USD"
        return Decimal(str(value)), ""
    found = _MONEY.fullmatch(value)
    if found is None or (found[1] and found[4]):
        return None
    sign = found[1] or found[4] or ""
    code = _CODES.get(sign, sign)
    if code and code not in _SIGNS:
        return None
    return Decimal((found[2] + (found[3] or "")).replace(",", "")), code


def _money(amount: Decimal, code: str, shape: str) -> str | None:
    sign = _SIGNS.get(code or "USD", "$")
    if shape in ("$", "0"):
        if amount != amount.to_integral_value():
            return None
        return f"{sign if shape == '$' else ''}{int(amount)}"
    if amount != amount.quantize(Decimal("0.01")):
        return None
    plain, grouped = f"{amount:.2f}", f"{amount:,.2f}"
    if shape == "2 €":
        return f"{grouped.translate(str.maketrans(',.', '.,'))} {sign}"
    name = code or "USD"
    return {
        "$2": f"{sign}{plain}",
        "$2,": f"{sign}{grouped}",
        "$ 2": f"{sign} {plain}",
        "2": plain,
        "2,": grouped,
        "2 USD": f"{plain} {name}",
        "USD 2": f"{name} {plain}",
        "2 dollars": f"{plain} {_NAMES[name]}",
    }.get(shape)


def _share(path: str, value: Value) -> Decimal | None:
    """A share in per cent."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        found = _PERCENT.fullmatch(value)
        text = found[1] if found else value if "percent" in path and _PLAIN.fullmatch(value) else ""
        return _short(Decimal(text)) if text else None
    if isinstance(value, int) and _POINTS.search(path) and 0 <= value <= 10_000:
        return _short(Decimal(value) / 100)
    if "percent" in path and 0 <= value <= 100:
        return _short(Decimal(str(value)))
    return None


def _short(share: Decimal) -> Decimal:
    whole = share.to_integral_value()
    return whole if share == whole else share.normalize()


def _whole(value: Value) -> int | None:
    if isinstance(value, str):
        return int(value) if value.isdecimal() and value.isascii() and len(value) < 10 else None
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return None
