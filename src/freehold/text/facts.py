"""The facts of a text, for rules: one call, cheap when there is nothing to find."""

from freehold.core.facts import TextFact
from freehold.text import commitments, dates, money, percents, quantities
from freehold.text.clauses import Document
from freehold.text.normalise import fold
from freehold.text.patterns import PatternSet

_GATES = (
    r"\d",
    r"%|‰|percent|per[- ]cent|pct|pro[zc]ent|pour[- ]?cent|por ?ciento|per cento|por cento",
    # idioms of discounts
    r"\b(?:half|quarter|thirds?|fifths?|tenths?)\b|price of|[- ]for[- ](?:one|two|1|2|3)\b|\bget[- ](?:a |the )?(?:one|two|second|another|1|2)\b|bogo|b1g1"
    r"|halb|hälfte|viertel|drittel|moitié|mitad|un quart|un tiers|cuarto|tercio|2x1|3x2|por uno|2 por|2 pour|pour le prix|zum preis",
    # money: signs, names, codes
    r"[$€£¥₹₩₽₺₴₪元円]|dollar|buck|euro|cent|pence|quid|sterling|yen|frank|franc|yuan|rupee|z[łl]oty|dólar|kron|rouble|ruble|pesos|lira"
    r"|zł|kč|\bkr\b|\brs\b|fr\.|\b(?:usd|eur|gbp|jpy|chf|cad|aud|nzd|cny|inr|sek|nok|dkk|pln|czk|huf|brl|mxn|zar|sgd|hkd|krw|rub|uah|ils|aed|sar|thb|try)",
    # dates
    r"\d[-/.]\d{1,2}[-/.]\d",
    rf"\b{dates.MONTH}\b",
    # commitments
    r"refund|reimburs|repa[iy]|pa(?:id|y|ying) you back|cancel|ship|dispatch|deliver|expedit|replac|exchang|swap|guarantee|promis|waiv|credit"
    r"|compensat|match|hono|book|reserv|chang|updat|modif|grad(?:e|ing)|resched|extend|adjust|transfer|escalat|connect|money back|voucher|certificate|gift card"
    r"|deliver|my word|our word|price adj|erstatt|storni|ersetz|tausch|garant|gutschr|gutgeschr|versend|liefern|erlassen|rembours|annul|rempla|crédit|expédi|livr|reembols|reemplaz|cambi|abon|envi",
    # spans of time and counts in words
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty|ninety|hundred|thousand|dozen|couple of"
    r"|zwei|drei|vier|fünf|sechs|zehn|deux|trois|quatre|cinq|dos|tres|cuatro|cinco|seis|diez)[ -]|tomorrow|übermorgen|demain|mañana",
)
_DIGIT, _PERCENT, _IDIOM, _MONEY, _DATE, _MONTH, _COMMIT, _COUNT = range(8)
_GATE = PatternSet(_GATES)


def extract(text: str, language: str = "en") -> tuple[TextFact, ...]:
    """All facts of `text`, sorted by start. Never raises; linear in the length of the text.

    `language` (ISO 639-1) decides how numbers, dates and negations are read. Offsets refer to
    `text` as it was given.
    """
    low = text.lower() if text.isascii() else fold(text).lower()
    hits = _GATE.hits(low)
    if not hits:
        return ()
    doc = Document(text, language)
    found: list[TextFact] = []
    digit = _DIGIT in hits
    if _PERCENT in hits or _IDIOM in hits:
        found += percents.find(doc, idioms=_IDIOM in hits)
    if _MONEY in hits:
        found += money.find(doc)
    if _DATE in hits or (_MONTH in hits and digit):
        found += dates.find(doc, numeric=_DATE in hits, named=_MONTH in hits)
    if digit or _COUNT in hits:
        found += quantities.find(doc, digits=digit, words=_COUNT in hits)
    if _COMMIT in hits:
        found += commitments.find(doc)
    found.sort(key=_position)
    return tuple(found)


def _position(fact: TextFact) -> tuple[int, int]:
    return fact.start, fact.end
