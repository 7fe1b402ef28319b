"""Calendar dates, as days since 1970-01-01, in ISO order, in words and with slashes or dots."""

import datetime
import functools

from freehold.core.facts import TextFact
from freehold.text.clauses import Document, polarity
from freehold.text.patterns import compile as compile_pattern

_MONTHS = {
    "en": "january february march april may june july august september october november december",
    "de": "januar februar märz april mai juni juli august september oktober november dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre "
    "diciembre",
}
_SHORT = "jan feb mar apr may jun jul aug sep sept oct nov dec"
_SHORT_VALUES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 10, 11, 12)
# Words of everyday language: a month only when it is written with a capital letter.
_ALSO_WORDS = frozenset({"may", "march", "mar", "mars", "sept", "dec", "jan", "mai"})
_EPOCH = datetime.date(1970, 1, 1).toordinal()


@functools.cache
def _month_numbers() -> dict[str, int]:
    months = dict(zip(_SHORT.split(), _SHORT_VALUES, strict=True))
    for names in _MONTHS.values():
        months.update({name: i for i, name in enumerate(names.split(), start=1)})
    return months


MONTH = "(?:" + "|".join(
    sorted({*_SHORT.split(), *" ".join(_MONTHS.values()).split()}, key=lambda m: (-len(m), m))
) + ")"  # fmt: skip
_YEAR = r"(?:1[5-9]|2[01])\d\d"
_DAY = r"\d{1,2}"

_NUMERIC = compile_pattern(
    # 1-3: 2024-05-20 (a time may follow)   4-6: 05/20/2024, 20.05.2024, 20-05-2024
    rf"\b({_YEAR})[-/.](\d\d?)[-/.](\d\d?)|\b(\d\d?)[-/.](\d\d?)[-/.]({_YEAR}|\d\d)\b"
)
_NAMED = compile_pattern(
    # 1-4: May 20th, 2024 / May 20-25   5-8: 20th of May 2024 / 20-25 May
    rf"\b({MONTH})\.? ({_DAY})(?:st|nd|rd|th)?(?: ?- ?({_DAY})(?:st|nd|rd|th)?)?\b(?:,? ({_YEAR}))?"
    rf"|\b(?:({_DAY})(?:st|nd|rd|th|\.|er)? ?- ?)?({_DAY})(?:st|nd|rd|th|\.|er)?(?: of"
    rf"| de)? ({MONTH})\b\.?"
    rf"(?:,?(?: de| del)? ({_YEAR}))?"
)


def find(doc: Document, *, numeric: bool = True, named: bool = True) -> list[TextFact]:
    """All dates of a document, as facts of kind "date"."""
    found: list[TextFact] = []
    if numeric:
        for span, *groups in _NUMERIC.regs(doc.low):
            _add(found, doc, _read_numeric(doc, span, [doc.group(g) for g in groups]))
    if named:
        for span, *groups in _NAMED.regs(doc.low):
            _add(found, doc, _read_named(doc, span, [doc.group(g) for g in groups]))
    return found


def _add(found: list[TextFact], doc: Document, fact: TextFact | None) -> None:
    if fact is not None and doc.claim(fact.start, fact.end):
        found.append(fact)


def _days(year: int, month: int, day: int) -> int | None:
    """Days since 1970-01-01; None when there is no such day."""
    try:
        return datetime.date(year, month, day).toordinal() - _EPOCH
    except ValueError:
        return None


def _read_numeric(doc: Document, span: tuple[int, int], groups: list[str]) -> TextFact | None:
    low = doc.low
    start, end = span
    if low[start - 1 : start] in ("-", "/", ".", "_", "$", "€", "£") and start:
        return None
    follows = low[end : end + 2]
    if follows[:1].isdigit() or (follows[:1] in ("-", "/", ".", "_") and follows[1:].isdigit()):
        return None
    if groups[0]:
        year, month, day = (int(g or 0) for g in groups[:3])
        return _fact(doc, start, end, _days(year, month, day), "day")
    first, second, written_year = (int(g or 0) for g in groups[3:])
    year = written_year if written_year > 99 else 2000 + written_year
    mark = low[start + len(groups[3])]
    if written_year < 100 and mark != "/":
        return None  # "10.5.20" is a version or a list more often than a date
    if mark == "." or first > 12:
        return _fact(doc, start, end, _days(year, second, first), "day")
    if second > 12 or first == second:
        return _fact(doc, start, end, _days(year, first, second), "day")
    month, day = (first, second) if doc.language == "en" else (second, first)
    return _fact(doc, start, end, _days(year, month, day), "ambiguous")


def _read_named(doc: Document, span: tuple[int, int], groups: list[str]) -> TextFact | None:
    start, end = span
    if groups[0]:
        month, day, upper, year = groups[0], groups[1], groups[2], groups[3]
    elif groups[4]:
        month, day, upper, year = groups[6], groups[4], groups[5], groups[7]
    else:
        month, day, upper, year = groups[6], groups[5], "", groups[7]
    at = doc.low.find(month, start)
    if month in _ALSO_WORDS and not doc.folded[at].isupper():
        return None
    if doc.low[end - 1] == ".":
        end -= 1  # the full stop of "May 20." or "20 Dec." stays outside
    number = _month_numbers()[month]
    unit = "day" if year else "no_year"
    value = _days(int(year or 1970), number, int(day or 0))
    until = _days(int(year or 1970), number, int(upper)) if upper else None
    if until is not None and value is not None and until <= value:
        until = None
    return _fact(doc, start, end, value, unit, until)


def _fact(
    doc: Document, start: int, end: int, value: int | None, unit: str, upper: int | None = None
) -> TextFact | None:
    if value is None:
        return None
    return TextFact(
        kind="date",
        value=value,
        upper=upper,
        unit=unit,
        start=start,
        end=end,
        text=doc.text[start:end],
        polarity=polarity(doc, start, end),
        role="other",
    )
