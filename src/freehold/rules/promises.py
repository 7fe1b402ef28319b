"""What an answer commits the company to without ground: promises that no trusted text speaks of."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache, partial

from msgspec import Struct

from freehold.core.facts import FactKind, TextFact
from freehold.rules.facts import KINDS
from freehold.rules.grounding import ungrounded
from freehold.text.facts import extract, subject
from freehold.text.language import spoken
from freehold.text.patterns import compile as compile_pattern
from freehold.text.sentences import sentence_ends

COSTLY = frozenset({"refund", "credit", "waive", "free", "price_match", "replace", "guarantee"})
DEEDS = frozenset({"book", "cancel", "change", "transfer", "ship"})
VALUES = frozenset({"discount", "refund"})
"""Roles of percentages and of money that promise something by themselves."""

_NAMES = {
    role: compile_pattern(rf"\b(?:{stems})", ignore_case=True)
    for role, stems in {
        "book": "book|reservation|reserv",
        "cancel": "cancel",
        "change": "chang|modif|updat|amend",
        "credit": "credit|certificate|voucher|compensat|gift card",
        "free": "free|complimentary|no charge|without charge",
        "guarantee": "guarante|warrant",
        "price_match": "price.match|match(?:es)? the price",
        "refund": "refund|reimburs|money back|erstatt|rembours|reembols|rimbors|terugbeta",
        "replace": "replac|exchang",
        "ship": "ship|dispatch|deliver|sent out",
        "transfer": "transfer|hand.?over|human agent",
        "waive": "waiv",
    }.items()
}
"""What a trusted text calls the matter of a promise, as beginnings of words."""

_BREAK = re.compile(r"[.!?;:]\s|\n")
_DENIES = re.compile(
    r"\b(?:no|not|never|cannot|neither|nor|without|excluded|impossible|kein\w*|nicht)\b|n't\b|non-$",
    re.IGNORECASE,
)
_BEFORE, _BEHIND = 30, 25
"""Characters within which a denial counts."""

_SURE, _LIKELY, _PERHAPS = 900_000, 700_000, 400_000
_ALL: frozenset[FactKind] = frozenset(KINDS.values())
_ONLY_COMMITMENTS: frozenset[FactKind] = frozenset({"commitment"})


class Unfounded(Struct, frozen=True):
    """A stretch of an answer that has no ground, of a kind, with a score in millionths."""

    kind: str
    start: int
    end: int
    score: int
    why: str


class Given(Struct, frozen=True):
    """What an answer may rest on.

    Attributes:
        trusted: what the company itself says: trusted context and the app's own prompt.
        asked: what the caller wrote; it may be repeated, and grounds no promise.
        query: the newest question, which says what a bare "yes" agrees to.
        language: of the question.
    """

    trusted: tuple[str, ...]
    asked: str = ""
    query: str = ""
    language: str = "en"


def facts_of(text: str, given: Given) -> tuple[TextFact, ...]:
    """All that is read in an answer, in its own language."""
    about = partial(subject, given.query, given.language)
    return extract(text, spoken(text) or given.language, _ALL, about=about)


def unauthorised(text: str, given: Given) -> Iterator[Unfounded]:
    """Affirmed promises, discounts and refunds that no trusted text grounds.

    A deed or a promise is grounded by a trusted text that speaks of the same without denying it
    (the terms of refunds, the record of a cancellation), a percentage or an amount by one that
    states it.
    """
    facts = facts_of(text, given)
    loose = {(r["kind"], r["start"]) for r in _loose(text, facts, given)}
    promised = [f for f in facts if f.kind == "commitment" and f.polarity == "affirmed"]
    ends = _lines(text) if promised else []
    costly = {bisect_right(ends, f.start): f.role for f in promised if f.role in COSTLY}
    for fact in facts:
        if fact.polarity != "affirmed":
            continue
        if fact.kind == "commitment":
            if fact.role not in _spoken_of(given.trusted, given.language):
                yield _promised(fact)
        elif fact.kind in ("percent", "money") and (fact.kind, fact.start) in loose:
            role = fact.role if fact.role in VALUES else costly.get(bisect_right(ends, fact.start))
            if role is not None:
                size = " that nobody could read" if not fact.parsed else ""
                why = f"a {role} of a size{size}, which no trusted text states"
                yield Unfounded(f"promised_{role}", fact.start, fact.end, _SURE, why)


def ungrounded_values(text: str, given: Given) -> Iterator[Unfounded]:
    """Values, ids, names and numbers that no trusted text states: those of `answer.ungrounded`."""
    weights = {"name": 500_000, "number": 600_000, "percent": 800_000, "money": 800_000}
    for record in _loose(text, facts_of(text, given), given):
        kind = str(record["kind"])
        score = weights.get(kind, _LIKELY) - (200_000 if record["polarity"] != "affirmed" else 0)
        why = f"a {kind} that no trusted text states"
        yield Unfounded(f"ungrounded_{kind}", int(record["start"]), int(record["end"]), score, why)


def _lines(text: str) -> list[int]:
    """Where sentences, and the lines of a list, end."""
    breaks = (at for at, char in enumerate(text) if char == "\n")
    return sorted({*sentence_ends(text, 0, len(text)), *breaks})


def _promised(fact: TextFact) -> Unfounded:
    score = _SURE if fact.role in COSTLY else _LIKELY if fact.role in DEEDS else _PERHAPS
    why = f"promises or states a deed ({fact.role}) of which no trusted text speaks"
    return Unfounded(f"promised_{fact.role}", fact.start, fact.end, score, why)


def _loose(text: str, facts: Iterable[TextFact], given: Given) -> list[dict[str, str | int | bool]]:
    return ungrounded([text], facts, given.trusted, given.asked, given.language)


def _spoken_of(trusted: Sequence[str], language: str) -> frozenset[str]:
    """Roles of the promises that trusted texts speak of."""
    return frozenset().union(*(_roles(text, language) for text in trusted if text))


@lru_cache(maxsize=256)
def _roles(text: str, language: str) -> frozenset[str]:
    """Of promises that the text makes, and of deeds that it names without denying them."""
    found = extract(text, language, _ONLY_COMMITMENTS)
    roles = {fact.role for fact in found if fact.polarity != "negated"}
    for role, names in _NAMES.items():
        if any(not _denied(text, start, end) for start, end in names.spans(text)):
            roles.add(role)
    return frozenset(roles)


def _denied(text: str, start: int, end: int) -> bool:
    """Whether words shortly before or behind a word deny it, in the same sentence."""
    before = _BREAK.split(text[max(0, start - _BEFORE) : start])[-1]
    behind = _BREAK.split(text[end : end + _BEHIND])[0]
    return _DENIES.search(before) is not None or _DENIES.search(behind) is not None
