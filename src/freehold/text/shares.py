"""Discounts as parts of a price: "1/3 off", "three tenths off", "at 60 % of the list price"."""

from msgspec.structs import replace

from freehold.core.facts import TextFact
from freehold.text import numbers
from freehold.text.clauses import Document
from freehold.text.patterns import compile as compile_pattern

_COUNT = r"(?:a|one|two|three|four|five|six|seven|eight|nine|ten|[1-9])"
_PARTS = {
    "half": 2, "halve": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6,
    "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10, "twentieth": 20, "hundredth": 100,
}  # fmt: skip
_PART = "(?:" + "|".join(_PARTS) + ")s?"
_OF_PRICE = (
    r"(?: (?:of|from) (?:the |its |your |our )?(?:[a-z]{1,10} )?(?:price|cost|total|bill|order))?"
)
_OFF = r"[- ](?:off\b|discount\b|reduction\b|rebate\b|price cut\b|cheaper\b|is taken off\b)"
_NAMED = (
    r"\b(?:discount|reduction|rebate|mark-?down|reduced|reduce (?:it|the price|your price|that)"
    r"|lower (?:it|the price|your price|that))(?: (?:is|of|by|equals)|:)"
    r"(?: about| exactly| roughly| up to)? "
)
_FRACTION = rf"(?:(\d{{1,4}}) ?/ ?(\d{{1,4}})(?:s|ths?|rds?)?|({_COUNT})[- ]({_PART}))"
_DECIMAL = r"(0?\.\d{1,4})"
IN_WORDS = rf"{_COUNT}[- ]{_PART}"
# 1-4: a fraction off; 5-8: a discount of a fraction; 9-12: a fraction saved; 13: "a discount of
# 0.30 of the price"
FRACTIONS = (
    rf"\b{_FRACTION}{_OF_PRICE}{_OFF}|{_NAMED}{_FRACTION}(?:\W|$)"
    rf"|\bsave {_FRACTION} (?:of|on) (?:the |your )?(?:price|cost|total|bill|order)\b"
    rf"|{_NAMED}{_DECIMAL} (?:of|times|off) (?:the|its|your|our) "
)
_FRACTIONS = compile_pattern(FRACTIONS)

_PAYS = frozenset("at for pay pays paying costs".split())
_JUST = frozenset("only just merely a mere about around exactly".split())
_PRICES = frozenset(
    "retail list original regular full normal usual standard sticker rrp msrp price cost "
    "recommended shelf catalogue catalog".split()
)
# What is paid in steps, or for something else than the thing itself.
_IN_STEPS = frozenset(
    "deposit upfront up-front front advance rest remaining remainder balance later".split()
)
_NO_PRICE = frozenset(
    "refund refunds refunded refundable credit back trade resell worth insurance insured insure "
    "warranty fee restocking shipping tax tip penalty".split()
)
# The sign before the number, as some write it; no escape of an address
_SIGN_FIRST = compile_pattern(
    rf"(?:^|[\s(\"'*])(%({numbers.DIGITS}))(?:[\s!?)\"'*]|[.,](?:\s|$)|$)"
)


def find(doc: Document) -> list[tuple[int, int, int]]:
    """Start, end and basis points of every discount that is a fraction."""
    found = []
    for _, *groups in _FRACTIONS.regs(doc.low):
        first = next(i for i, group in enumerate(groups) if group[0] >= 0)
        begin = last = groups[first]
        if first == len(groups) - 1:
            value = _of_decimal(doc.group(begin))
        else:
            last = groups[first + 1]
            value = _basis_points(doc.group(begin), doc.group(last))
        if value is not None:
            found.append((begin[0], last[1], value))
    return found


def as_discount(doc: Document, fact: TextFact) -> TextFact:
    """The discount that a part of the price is: "at 60 % of retail" is 40 % off."""
    if " of " not in doc.clean[fact.end : fact.end + 5]:
        return fact
    if not fact.parsed or not 0 < fact.value <= 10_000:
        return fact
    before, after = doc.around(fact.start, fact.end)
    if after[:1] != ["of"] or _PRICES.isdisjoint(after[1:4]):
        return fact
    place = len(before) - 1
    while place >= 0 and before[place] in _JUST:
        place -= 1
    if place < 0 or before[place] not in _PAYS:
        return fact
    steps = not (_IN_STEPS.isdisjoint(before[-10:]) and _IN_STEPS.isdisjoint(after[:12]))
    if steps or not _NO_PRICE.isdisjoint(before[-10:]):
        return replace(fact, role="other")
    if fact.upper is not None and fact.upper > 10_000:
        return fact
    low = 10_000 - (fact.upper or fact.value)
    high = None if fact.upper is None else 10_000 - fact.value
    return replace(fact, value=low, upper=high, role="discount")


def _basis_points(count: str, part: str) -> int | None:
    if part.isdecimal():
        above, below = int(count), int(part)
    else:
        below = _PARTS[part if part in _PARTS else part[:-1]]
        above = int(count) if count.isdecimal() else numbers.parse_words([count]) or 1
    return -(-above * 10_000 // below) if 0 < above <= below else None


def in_words(text: str) -> int | None:
    """The basis points of a fraction in words ("three tenths")."""
    count, part = text.replace("-", " ").split(" ")
    return _basis_points(count, part)


def _of_decimal(text: str) -> int | None:
    number = numbers.parse("0" + text if text[0] == "." else text, thousands=False)
    return None if number is None else numbers.scaled(number, 10_000)


def sign_first(doc: Document) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Each number with its sign before it ("%30 off"): where all of it is, and the number."""
    return [(written, number) for _, written, number in _SIGN_FIRST.regs(doc.low)]
