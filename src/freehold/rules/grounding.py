"""What an answer states that nothing trusted says: values with their units, ids and names.

A value is grounded when it stands in trusted context or in the app's own prompt, in a unit that
agrees. What the caller wrote may be repeated, but it grounds no promise and no price: else whoever
asks for "the 50 % that I was told of" would get it.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from msgspec import Struct

from freehold.core.facts import FactKind, TextFact
from freehold.text import numbers
from freehold.text.facts import extract
from freehold.text.normalise import fold
from freehold.text.patterns import compile as compile_pattern
from freehold.text.quantities import SECONDS
from freehold.text.sentences import sentence_ends

_VALUES: frozenset[FactKind] = frozenset({"percent", "money", "date", "duration", "quantity"})
_COMMITTING = frozenset({"discount", "refund", "fee", "price"})
_EPOCH = date(1970, 1, 1)
_SMALL = 10
"""Whole numbers up to this need no ground: "one of 3 ways" states nothing about the business."""

_NUMBER = compile_pattern(rf"{numbers.DIGITS}")
_CLOCK = compile_pattern(r"\b\d{1,2}:\d{2}(?::\d{2})?\b")
# letters and digits in one word, or five digits and more: an order, an article, a flight
_ID = compile_pattern(
    r"\b(?:[A-Za-z]{1,8}[-_/]?\d[A-Za-z0-9]*(?:[-_/][A-Za-z0-9]+)*"
    r"|\d+[A-Za-z]+[A-Za-z0-9]*(?:[-_/][A-Za-z0-9]+)*|\d{5,20})\b"
)
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th|s|x|h|am|pm|kg|g|cm|mm|km|ml|l|m|k)$", re.IGNORECASE)
# two words and more with capitals that begin no sentence, and what stands in quotation marks
_NAME = re.compile(
    r"(?<![.!?:\n*\u2022-] )(?<=[a-z,(] )([A-Z][\w'&-]+(?: (?:of|and|the|&|de|für) (?=[A-Z])"
    r"| [A-Z][\w'&-]+)+)"
)
_QUOTED = re.compile(r"[\"“„«]([A-Z][^\"“”„«»\n]{2,60})[\"”“»]")
_SEPARATORS = str.maketrans("", "", " -_/#.")
_NOT_NAMES = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday january february march april may "
    "june july august september october november december customer service team support dear "
    "good morning afternoon evening kind best regards i yes no the our your".split()
)

Number = tuple[int, int]


class Ground(Struct, frozen=True):
    """What a text states.

    Attributes:
        facts: (kind, unit, value) of every end of every value in it; dates without their year too.
        bare: numbers that have no unit there, as a record's fields have them.
        ids: identifiers, without separators, in small letters.
        words: the text itself in small letters, for names.
    """

    facts: frozenset[tuple[str, str, int]]
    bare: frozenset[Number]
    ids: frozenset[str]
    words: str


@lru_cache(maxsize=128)
def ground(text: str, language: str = "en") -> Ground:
    """What a text states. Records in JSON are read as such, with decimal points."""
    if text.lstrip()[:1] in ("{", "["):
        language = "en"
    found = extract(text, language, _VALUES)
    facts = {entry for fact in found if fact.parsed for entry in _entries(fact)}
    named = [span for span in _ID.spans(text) if not text[slice(*span)].isdecimal()]
    taken = _Spans([*((fact.start, fact.end) for fact in found), *named])
    bare = {
        number
        for start, end in _NUMBER.spans(text)
        if not taken.cover(start, end) and (number := _read(text[start:end], language)) is not None
    }
    ids = {text[start:end].translate(_SEPARATORS).lower() for start, end in _ID.spans(text)}
    return Ground(frozenset(facts), frozenset(bare), frozenset(ids), fold(text).lower())


def ungrounded(
    texts: Sequence[str],
    found: Iterable[TextFact],
    trusted: Sequence[str],
    asked: str,
    language: str = "en",
) -> list[dict[str, Any]]:
    """Records of what stands in no trusted text, in the form that CEL reads.

    Args:
        texts: the answer, choice by choice.
        found: the facts extracted from it, whose offsets refer to their choice.
        trusted: context and prompts that may ground a statement.
        asked: what the caller wrote: it grounds what promises nothing.
        language: of the answer.
    """
    given = [ground(text, language) for text in trusted if text]
    repeated = [*given, ground(asked, language)] if asked else given
    facts = list(found)
    promised = _Promised(texts, facts)
    out = []
    for fact in facts:
        if fact.kind == "commitment" or fact.polarity == "negated":
            continue
        commits = fact.role in _COMMITTING or promised.holds(fact)
        if not fact.parsed or not _is_grounded(fact, given if commits else repeated):
            out.append(fact.cel())
    for text in texts:
        out += _loose(text, facts, given, repeated, language)
    return out


def _entries(fact: TextFact) -> Iterator[tuple[str, str, int]]:
    for value in {fact.value, fact.value if fact.upper is None else fact.upper}:
        yield fact.kind, _unit(fact), value
        if fact.kind == "date":
            day = _EPOCH + timedelta(days=value)
            yield "date", "no_year", day.month * 100 + day.day


def _unit(fact: TextFact) -> str:
    """The unit in which values of a kind compare."""
    if fact.kind == "duration":
        return "business_day" if fact.unit == "business_day" else "time"
    if fact.kind == "date":
        return "no_year" if fact.unit == "no_year" else "day"
    return fact.unit


def _is_grounded(fact: TextFact, given: Iterable[Ground]) -> bool:
    values = {fact.value, fact.value if fact.upper is None else fact.upper}
    return all(any(_states(each, fact, value) for each in given) for value in values)


def _states(given: Ground, fact: TextFact, value: int) -> bool:
    unit = _unit(fact)
    if fact.kind == "date":
        day = _EPOCH + timedelta(days=value)
        if unit == "no_year":
            return ("date", "no_year", day.month * 100 + day.day) in given.facts
        return ("date", "day", value) in given.facts
    if (fact.kind, unit, value) in given.facts:
        return True
    return any(number in given.bare for number in _bare_forms(fact, value))


def _bare_forms(fact: TextFact, value: int) -> Iterator[Number]:
    """How the value would stand in a field whose name has the unit."""
    if fact.kind == "percent":
        yield _reduced(value, 2)  # percent_off: 15
        yield _reduced(value, 4)  # rate: 0.15
    elif fact.kind == "money":
        yield _reduced(value, 2)
        yield _reduced(value, 0)  # price_cents: 2490
    elif fact.kind == "quantity":
        yield _reduced(value, 3)
    elif fact.kind == "duration" and fact.unit in SECONDS:
        whole, rest = divmod(value, SECONDS[fact.unit])
        if not rest:
            yield _reduced(whole, 0)  # return_days: 30


def _loose(
    text: str,
    facts: Iterable[TextFact],
    given: Iterable[Ground],
    repeated: Iterable[Ground],
    language: str,
) -> Iterator[dict[str, Any]]:
    """Ids, numbers without a unit, and names, in what no fact covers."""
    taken = [
        (fact.start, fact.end)
        for fact in facts
        if fact.kind != "commitment" and text[fact.start : fact.end] == fact.text  # of this choice
    ]
    covered = _Spans(taken)
    repeated = list(repeated)
    for start, end in _ID.spans(text):
        word = text[start:end]
        if covered.cover(start, end) or _ORDINAL.match(word):
            continue
        taken.append((start, end))
        told = word.translate(_SEPARATORS).lower()
        if not any(told in each.ids or told in each.words for each in repeated):
            yield _record("id", start, word)
    covered = _Spans([*taken, *_CLOCK.spans(text)])
    for start, end in _NUMBER.spans(text):
        number = None if covered.cover(start, end) else _read(text[start:end], language)
        if number is None or (number[1] == 0 and number[0] <= _SMALL) or _is_marker(text, start):
            continue
        if not any(number in each.bare for each in repeated):
            yield _record("number", start, text[start:end])
    for found in (*_NAME.finditer(text), *_QUOTED.finditer(text)):
        name = found.group(1)
        words = fold(name).lower()
        if _NOT_NAMES.isdisjoint(words.split()) and not any(words in g.words for g in given):
            yield _record("name", found.start(1), name)


def _is_marker(text: str, start: int) -> bool:
    """Whether the number begins a line, as in a list."""
    return not text[text.rfind("\n", 0, start) + 1 : start].strip()


def _record(kind: str, start: int, text: str) -> dict[str, Any]:
    return {
        "kind": kind, "value": 0, "upper": 0, "unit": "", "start": start, "end": start + len(text),
        "text": text, "polarity": "affirmed", "role": "other", "parsed": True,
    }  # fmt: skip


def _read(digits: str, language: str) -> Number | None:
    number = numbers.parse(digits, language)
    return None if number is None else _reduced(*number)


def _reduced(mantissa: int, scale: int) -> Number:
    while scale and mantissa % 10 == 0:
        mantissa //= 10
        scale -= 1
    return mantissa, scale


class _Spans:
    """Whether a stretch meets one of many."""

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        self._spans: list[tuple[int, int]] = []
        for start, end in sorted(spans):
            if self._spans and start < self._spans[-1][1]:  # an id in a fact: one stretch
                self._spans[-1] = (self._spans[-1][0], max(end, self._spans[-1][1]))
            else:
                self._spans.append((start, end))
        self._starts = [start for start, _ in self._spans]

    def cover(self, start: int, end: int) -> bool:
        """Whether any span shares a character with this stretch."""
        at = bisect_left(self._starts, end) - 1
        return at >= 0 and self._spans[at][1] > start


class _Promised:
    """Sentences of the answer in which something is promised."""

    def __init__(self, texts: Sequence[str], facts: Iterable[TextFact]) -> None:
        promises = [f for f in facts if f.kind == "commitment" and f.polarity != "negated"]
        self._spans: list[tuple[int, int]] = []
        if not promises:
            return
        for text in texts:
            ends = [*sentence_ends(text, 0, len(text)), len(text)]
            for start, end in zip([0, *ends], ends, strict=False):
                if any(start <= promise.start < end for promise in promises):
                    self._spans.append((start, end))

    def holds(self, fact: TextFact) -> bool:
        """Whether the fact stands in such a sentence."""
        return any(start <= fact.start < end for start, end in self._spans)
