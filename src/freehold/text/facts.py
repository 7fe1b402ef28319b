"""The facts of a text, for rules: one call, cheap when there is nothing to find."""

from bisect import bisect_left
from collections.abc import Collection
from functools import partial
from typing import get_args

from msgspec.structs import replace

from freehold.core.facts import FactKind, TextFact
from freehold.text import (
    agreement,
    assent,
    commitments,
    dates,
    keyed,
    money,
    offers,
    percents,
    quantities,
)
from freehold.text.clauses import Document, Subject, nothing
from freehold.text.normalise import fold
from freehold.text.patterns import PatternSet
from freehold.text.views import View, plain, with_partner

# Each gate opens one extractor; what a gate does not see costs nothing.
_PERCENT_GATE = (
    r"%|‰|℅|&#x?0{0,4}(?:37|25)|&percnt|basis points?|(?:\b|\d[ *_)-]{0,5})bps\b|percent"
    r"|per[- ]cent|pct|pro[zc]ent|pour[- ]?cent|por ?ciento|per cento|por cento"
)
_IDIOM_GATE = (
    r"\b(?:halfs?|halves?|quarters?|thirds?|fourths?|fifths?|sixths?|sevenths?|eighths?|ninths?"
    r"|tenths?|twentieths?|hundredths?)\b|\d ?/ ?\d"
    r"|0?\.\d{1,4} (?:of|times|off) (?:the|its|your|our) "
    r"|price of|[- ]for[- ](?:one|two|three|1|2|3)\b"
    r"|\bget[- ](?:a |the )?(?:one|two|second|another|1|2)\b|bogo|b1g1|[½¼¾⅓⅔]"
    r"|halb|hälfte|viertel|drittel|moitié|mitad|un quart|un tiers|cuarto|tercio|2x1|3x2|por uno"
    r"|2 por|2 pour|pour le prix|zum preis"
)
_SIGN = r"[$€£¥₹₩₽₺₴₪元円]"
_CODE = r"(?:" + "|".join(money.CODES) + ")"
_NAME = (
    r"(?:dollar|\bbucks?\b|euro|\bcents?\b|pence|quid|sterling|\byen\b|franken|francs|yuan"
    r"|rupee|z[łl]oty|dólar|kron[oe]r|rouble|ruble|pesos|\blira\b)"
)
_SIGN_BEFORE_GATE = rf"{_SIGN} ?\d|\b(?:{_CODE}|rs\.?|fr\.) ?\d"
_SIGN_BEHIND_GATE = (
    rf"\d[ .,-]{{0,4}}(?:{_SIGN}|{_CODE}\b|zł|kč|kr\b|{_NAME})"
    rf"|\d ?[a-z]{{1,9}}\.? ?(?:(?:us|u\.s\.|canadian|australian) )?"
    rf"(?:{_SIGN}|{_CODE}\b|zł|kč|kr\b|{_NAME})"
)
_ODD_MONEY_GATE = r"[$€£]{2}|[$€£] ?[xn?_#\[]"
_COUNT_GATE = (
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty"
    r"|forty|fifty|sixty|ninety|hundred|thousand|dozen|couple of|zwei|drei|vier|fünf|sechs|zehn"
    r"|deux|trois|quatre|cinq|dos|tres|cuatro|cinco|seis|diez)[ -]"
    r"|tomorrow|übermorgen|demain|mañana"
)
_GATE = PatternSet(
    (
        r"\d",
        _PERCENT_GATE,
        _IDIOM_GATE,
        _SIGN_BEFORE_GATE,
        _SIGN_BEHIND_GATE,
        _NAME,
        _ODD_MONEY_GATE,
        r"\d[-/.]\d{1,2}[-/.]\d",
        rf"\b{dates.MONTH}\b",
        _COUNT_GATE,
        percents.BARE,
        percents.MISTYPED,
        keyed.KEYED,
        assent.GRANTS,
    ),
    gate=True,
)
(
    _DIGIT,
    _PERCENT,
    _IDIOM,
    _BEFORE,
    _BEHIND,
    _NAMED,
    _ODD,
    _DATE,
    _MONTH,
    _COUNT,
    _BARE,
    _TYPO,
    _KEYED,
    _GRANT,
) = range(14)
_PERCENT_HITS = frozenset({_PERCENT, _IDIOM, _TYPO})
_NUMBERS = frozenset({"percent", "size"})
_MONEY = frozenset({_BEFORE, _BEHIND, _NAMED, _ODD})
_COUNTED: frozenset[FactKind] = frozenset({"duration", "quantity"})
_PERCENTS: frozenset[FactKind] = frozenset({"percent"})
ALL_KINDS: frozenset[FactKind] = frozenset(get_args(FactKind))


def extract(
    text: str,
    language: str = "en",
    kinds: Collection[FactKind] = ALL_KINDS,
    *,
    before: str = "",
    about: Subject = nothing,
    last: bool = True,
) -> tuple[TextFact, ...]:
    """The facts of `text`, sorted by start. Never raises; linear in the length of the text.

    `language` (ISO 639-1) decides how numbers, dates and negations are read; facts of other `kinds`
    are not looked for. Offsets refer to `text` as it was given.

    What a percentage is for may be said elsewhere: in the text `before`, of which the last
    `offers.SPAN` characters count, or in the question that is answered. `about` tells what that is
    about (see `subject`); it is asked only when a number in `text` depends on it.
    """
    found = _read(text, language, kinds, before, about, last)
    view = plain(text)
    if view is not None:
        seen = _read(view.text, language, kinds, _plain(before), about, last)
        found = _merged(found, [_back(fact, view, text) for fact in seen])
    found.sort(key=_position)
    return tuple(found)


def _read(
    text: str,
    language: str,
    kinds: Collection[FactKind],
    before: str,
    about: Subject,
    last: bool,
) -> list[TextFact]:
    """The facts of a text as it stands."""
    low = text.lower() if text.isascii() else fold(text).lower()
    hits = _GATE.hits(low)
    agrees = last and "percent" in kinds and assent.may_agree(text, before)
    promises = commitments.shapes_in(low) if "commitment" in kinds else None
    if not hits and not agrees and promises is None:
        return []
    doc = Document(text, language, before, partial(_discounts, about))
    found: list[TextFact] = []
    digit = _DIGIT in hits
    if "percent" in kinds:
        found += _percents(doc, frozenset(hits), agrees)
    if "money" in kinds and not _MONEY.isdisjoint(hits):
        found += money.find(
            doc,
            before=_BEFORE in hits,
            behind=_BEHIND in hits,
            named=_NAMED in hits,
            odd=_ODD in hits,
        )
    if "date" in kinds and (_DATE in hits or (_MONTH in hits and digit)):
        found += dates.find(doc, numeric=_DATE in hits, named=_MONTH in hits)
    if (digit or _COUNT in hits) and not _COUNTED.isdisjoint(kinds):
        counted = quantities.find(doc, digits=digit, words=_COUNT in hits)
        found += counted if _COUNTED.issubset(kinds) else [f for f in counted if f.kind in kinds]
    if promises is not None:
        found += commitments.find(doc, promises, partial(_requests, about))
    return found


def _plain(text: str) -> str:
    view = plain(text)
    return text if view is None else view.text


def _back(fact: TextFact, view: View, text: str) -> TextFact:
    start, end = with_partner(text, *view.span(fact.start, fact.end))
    return replace(fact, start=start, end=end, text=text[start:end])


def _merged(raw: list[TextFact], seen: list[TextFact]) -> list[TextFact]:
    """What a reader sees, and of the text as it stands what that does not show otherwise.

    A line that begins with "Refund approved" may be a statement of its own, and what is a discount
    in a line of its own stays one.
    """
    if not raw:
        return seen
    places = sorted(range(len(seen)), key=lambda at: (seen[at].kind, seen[at].start))
    keys = [(seen[at].kind, seen[at].start) for at in places]
    kept = []
    for fact in raw:
        # those of one kind do not overlap, so that the last that begins before its end tells
        place = bisect_left(keys, (fact.kind, fact.end)) - 1
        other = seen[places[place]] if place >= 0 else None
        if other is None or other.kind != fact.kind or other.end <= fact.start:
            kept.append(fact)
        elif fact.kind == "percent" and fact.role == "discount" and other.role == "other":
            seen[places[place]] = replace(other, role="discount")
    return seen + kept


def _percents(doc: Document, hits: frozenset[int], agrees: bool) -> list[TextFact]:
    found: list[TextFact] = []
    if _KEYED in hits:
        found += keyed.find(doc)
    if not hits.isdisjoint(_PERCENT_HITS):
        found += percents.find(doc, idioms=_IDIOM in hits, mistyped=_TYPO in hits)
    if _BARE in hits and not _NUMBERS.isdisjoint(doc.about()):
        found += percents.find_bare(doc)
    # a sentence that grants is judged by itself, as in a stream
    if _GRANT in hits or (agrees and not found):
        found += assent.find(doc, whole=agrees and not found, grants=_GRANT in hits)
    return found


def subject(question: str, language: str = "en") -> frozenset[str]:
    """What a question is about, for `extract` of its answer.

    "discount" when it is about one, and "percent" as well when it names a percentage; "refund",
    "cancel", "waive", "replace" when it asks for that; "size" when it asks how great a discount
    is; "asked:3000" when to agree is to grant one of 30 %.
    """
    requests = agreement.asked(question)
    percent = [
        fact
        for fact in extract(question, language, _PERCENTS, about=_a_discount)
        if fact.role == "discount"
    ]
    if percent:
        wants = assent.asked(question, [f for f in percent if f.polarity != "negated"])
        return requests | wants | {"discount", "percent"}
    if offers.asks_discount(question):
        return requests | assent.asked(question, []) | {"discount"}
    return requests


def _discounts(about: Subject) -> frozenset[str]:
    return about() - agreement.REQUESTS


def _requests(about: Subject) -> frozenset[str]:
    return about() & agreement.REQUESTS


def _a_discount() -> frozenset[str]:
    return frozenset({"discount"})


def _position(fact: TextFact) -> tuple[int, int]:
    return fact.start, fact.end
