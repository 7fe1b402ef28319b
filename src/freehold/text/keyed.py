"""Discounts in structured output: a key that names one, and a bare number as its value.

`{"discount_percentage": 35}`, `percentOff=35`, `{"discount": {"type": "percentage", "value": 35}}`,
`<discount unit="percent">35</discount>`, "Discount in percent: 35". Whether a number is a
percentage, a fraction or an amount of money is read from the key and from what stands beside it.
"""

import re

from freehold.core.facts import Polarity, TextFact
from freehold.text import numbers
from freehold.text.clauses import Document, polarity
from freehold.text.patterns import compile as compile_pattern

_WORD = (
    r"(?:(?:percent(?:age)?|percents|pct|perc)[-_ ]?(?:off|discount|reduction)"
    r"|off[-_ ]?(?:percent(?:age)?|pct)|discount|rebate|reduction|mark[-_ ]?down|price[-_ ]?cut"
    r"|rabatt|nachlass|remise|descuento)"
)
_MORE = (
    r"(?:[-_ ()]{0,2}(?:in|as|of|percent(?:age)?s?|pct|perc|%|rate|ratio|fraction|value|amount"
    r"|level|size|bps|basis[-_ ]?points?|off|applied|granted|offered|given|approved|number"
    r"|num)){0,4}[-_ ()]{0,2}"
)
_VALUE = r"(\d{1,5}(?:[.,]\d{1,4})?|\.\d{1,4})"
_IS = r"\\?[\"'*`]{0,3}\s{0,3}([:=|])>?\s{0,3}\\?[\"'*`]{0,3}\s{0,2}"
# 1 the key, 2 what parts it from the value, 3 the value; 4 an element and 5 its value; 6, 7 and 8 a
# key that says something only inside an object about a discount
KEYED = (
    rf"({_WORD}{_MORE}){_IS}{_VALUE}"
    rf"|<([a-z_:-]{{0,20}}{_WORD}{_MORE}(?: [^<>]{{0,60}})?)>\s{{0,3}}{_VALUE}"
    rf"|\b(value|amount|rate|ratio|fraction|percent(?:age)?|pct|bps|basis[-_ ]?points?|number|size"
    rf"|off){_IS}{_VALUE}"
)
_KEYED = compile_pattern(KEYED)

_PERCENT = re.compile(r"percent|pct|perc\b|%|off")
_POINTS = re.compile(r"bps|basis")
_RATE = re.compile(r"rate|ratio|fraction")
_EITHER = re.compile(r"amount|value|number|size")
_NAMES = re.compile(_WORD)
_UNIT_IS_PERCENT = re.compile(
    r"(?:type|unit|kind|method|mode|basis)\\?[\"']?\s*[:=]\s*\\?[\"']?"
    r"[a-z_ ]{0,20}(?:percent|pct|%)"
)
_IS_MONEY = re.compile(r"price|total|currency|amount|fixed|flat|usd|eur|gbp|[$€£¥]|cents")
_TURNED_DOWN = re.compile(
    r"(?:approved|granted|eligible|allowed|available|accepted|applied|valid)\\?[\"']?\s*[:=]\s*"
    r"\\?[\"']?(?:false|no)\b|denied|rejected|declined|refused"
)
_OPENS = re.compile(r"[\"']?\s*[:=]\s*$")
_OUTLINE = re.compile(rf"{_WORD}[a-z_]*:[ \t]*\n(?:[ \t]+[^\n{{}}]*\n){{0,4}}[ \t]*$")
_BACK = 300
_AHEAD = 160


def find(doc: Document) -> list[TextFact]:
    """The discounts of a document that only a key names, as facts of kind "percent"."""
    found = []
    for _, key, sign, value, tag, inner, part, part_sign, part_value in _KEYED.regs(doc.low):
        if key[0] >= 0:
            start, end = key[0], value[1]
            read = _read(doc, key, sign, value)
        elif tag[0] >= 0:
            start, end = tag[0], inner[1]
            read = _basis_points(doc, doc.group(tag), inner, _around(doc, start, end), True)
        else:
            start, end = part[0], part_value[1]
            read = _read_part(doc, part, part_sign, part_value)
        if read and doc.claim(start, end):
            found.append(_fact(doc, start, end, read))
    return found


def _read(
    doc: Document, key: tuple[int, int], sign: tuple[int, int], value: tuple[int, int]
) -> int | None:
    name = doc.group(key)
    if doc.group(sign) == "|" and "%" not in name and "percent" not in name:
        return None
    quoted = doc.low[key[1] : key[1] + 1] in ('"', "'", "\\") or doc.group(sign) == "="
    if not quoted and not _ends_line(doc, value[1]):
        return None  # "Discount: 5 days left"
    told = _PERCENT.search(name) or _POINTS.search(name)
    sure = quoted or bool(told) or bool(doc.about())
    return _basis_points(doc, name, value, _around(doc, *key), sure)


def _read_part(
    doc: Document, part: tuple[int, int], sign: tuple[int, int], value: tuple[int, int]
) -> int | None:
    if doc.group(sign) == "|":
        return None
    prefix = (doc.before[-_BACK:].lower() + doc.low[: part[0]])[-_BACK:]
    brace = prefix.rfind("{")
    if brace < prefix.rfind("}"):
        return None
    name = doc.group(part)
    if brace >= 0:
        head = prefix[:brace]
        opens = _OPENS.search(head)
        owner = head[: opens.start()][-24:] if opens else ""
        inside = _around(doc, *part)
        if _NAMES.search(owner):
            return _basis_points(doc, "" if _EITHER.search(name) else name, value, inside, True)
        if not _NAMES.search(inside) or _RATE.search(name):
            return None
        return _basis_points(doc, name, value, inside, bool(_PERCENT.search(name)))
    if _OUTLINE.search(prefix):
        return _basis_points(doc, "" if _EITHER.search(name) else name, value, prefix[-80:], True)
    return None


def _basis_points(
    doc: Document, name: str, value: tuple[int, int], beside: str, sure: bool
) -> int | None:
    """What a value is in basis points; None where it may be something else.

    `sure`: without anything else said, a number under this name is a percentage.
    """
    number = _number(doc, value)
    if number is None:
        return None
    if _POINTS.search(name):
        return numbers.scaled(number, 1)
    fraction = number[0] < 10 ** number[1]
    if fraction and number[1]:
        # a share of the price; a discount below one per cent is nobody's
        return None if _EITHER.search(name) and not _says_percent(beside) else _of_one(number)
    if number[0] > 100 * 10 ** number[1]:
        return None
    if _PERCENT.search(name) or _RATE.search(name) or _says_percent(beside):
        return numbers.scaled(number, 100)
    if not sure or _EITHER.search(name) or _IS_MONEY.search(beside):
        return None
    return numbers.scaled(number, 100)


def _of_one(number: numbers.Number) -> int | None:
    return numbers.scaled(number, 10_000)


def _says_percent(beside: str) -> bool:
    return _UNIT_IS_PERCENT.search(beside) is not None


def _number(doc: Document, value: tuple[int, int]) -> numbers.Number | None:
    """The number, unless it goes on or has a unit of its own."""
    low = doc.low
    after = low[value[1] : value[1] + 2]
    if after[:1].isalnum() or after[:1] in ("%", "/", "-", "$", "€", "£"):
        return None
    if after[:1] in (".", ",") and after[1:].isdigit():
        return None
    text = doc.group(value)
    if text[0] == ".":
        text = "0" + text
    return numbers.parse(text, doc.language, thousands=False)


def _ends_line(doc: Document, at: int) -> bool:
    rest = doc.low[at : at + 8].lstrip(" *`\"'|)")
    return not rest or rest[0] in "\n,;.}]" or rest.startswith(("|", "<"))


def _around(doc: Document, start: int, end: int) -> str:
    """The object in which a span stands, as far as it is in view."""
    left = (doc.before[-_BACK:].lower() + doc.low[max(0, start - _BACK) : start])[-_BACK:]
    left = left[max(left.rfind("{"), left.rfind("}")) + 1 :]
    right = doc.low[start : end + _AHEAD]
    close = right.find("}")
    return left + (right if close < 0 else right[:close])


def _fact(doc: Document, start: int, end: int, value: int) -> TextFact:
    said: Polarity = polarity(doc, start, end)
    if _TURNED_DOWN.search(_around(doc, start, end)):
        said = "negated"
    return TextFact(
        kind="percent",
        value=value,
        unit="bp",
        start=start,
        end=end,
        text=doc.text[start:end],
        polarity=said,
        role="discount",
    )
