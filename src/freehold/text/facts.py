"""The facts of a text, for rules: one call, cheap when there is nothing to find."""

from collections.abc import Collection
from typing import get_args

from freehold.core.facts import FactKind, TextFact
from freehold.text import commitments, dates, money, offers, percents, quantities
from freehold.text.clauses import Document, Subject, nothing
from freehold.text.normalise import fold
from freehold.text.patterns import PatternSet

# Each gate opens one extractor; what a gate does not see costs nothing.
_PERCENT_GATE = (
    r"%|‰|basis points?|\bbps\b|percent"
    r"|per[- ]cent|pct|pro[zc]ent|pour[- ]?cent|por ?ciento|per cento|por cento"
)
_IDIOM_GATE = (
    r"\b(?:half|quarter|thirds?|fifths?|tenths?)\b|price of|[- ]for[- ](?:one|two|1|2|3)\b"
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
    rf"|\d ?(?:[a-z]{{1,9}}\.?) (?:{_SIGN}|{_CODE}\b|kr\b|{_NAME})"
)
_ODD_MONEY_GATE = r"[$€£]{2}|[$€£] ?[xn?_#\[]"
_COMMITMENT_GATE = (
    r"refund|reimburs|repa[iy]|pa(?:id|y|ying) you back|cancel|ship|dispatch|deliver|expedit"
    r"|replac|exchang|swap|guarantee|promis|waiv|credit|compensat|match|hono|book|reserv|chang"
    r"|updat|modif|grad(?:e|ing)|resched|extend|adjust|transfer|escalat|connect|money back"
    r"|voucher|certificate|gift card|my word|our word|price adj"
    rf"|{commitments.FREE}"
    r"|erstatt|storni|ersetz|tausch|garant|gutschr|gutgeschr|versend|liefern|erlassen"
    r"|rembours|annul|rempla|crédit|expédi|livr|reembols|reemplaz|cambi|abon|envi"
)
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
        _COMMITMENT_GATE,
        _COUNT_GATE,
        percents.BARE,
    )
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
    _COMMIT,
    _COUNT,
    _BARE,
) = range(12)
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
) -> tuple[TextFact, ...]:
    """The facts of `text`, sorted by start. Never raises; linear in the length of the text.

    `language` (ISO 639-1) decides how numbers, dates and negations are read; facts of other `kinds`
    are not looked for. Offsets refer to `text` as it was given.

    What a percentage is for may be said elsewhere: in the text `before`, of which the last
    `offers.SPAN` characters count, or in the question that is answered. `about` tells what that is
    about (see `subject`); it is asked only when a number in `text` depends on it.
    """
    low = text.lower() if text.isascii() else fold(text).lower()
    hits = _GATE.hits(low)
    if not hits:
        return ()
    doc = Document(text, language, before, about)
    found: list[TextFact] = []
    digit = _DIGIT in hits
    if "percent" in kinds:
        if _PERCENT in hits or _IDIOM in hits:
            found += percents.find(doc, idioms=_IDIOM in hits)
        if _BARE in hits and "percent" in about():
            found += percents.find_bare(doc)
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
    if "commitment" in kinds and _COMMIT in hits:
        found += commitments.find(doc)
    found.sort(key=_position)
    return tuple(found)


def subject(question: str, language: str = "en") -> frozenset[str]:
    """What a question is about, for `extract` of its answer.

    "discount" when it is about one, and "percent" as well when it names a percentage.
    """
    percent = [
        fact
        for fact in extract(question, language, _PERCENTS, about=_a_discount)
        if fact.role == "discount"
    ]
    if percent:
        return frozenset({"discount", "percent"})
    return frozenset({"discount"}) if offers.asks_discount(question) else frozenset()


def _a_discount() -> frozenset[str]:
    return frozenset({"discount"})


def _position(fact: TextFact) -> tuple[int, int]:
    return fact.start, fact.end
