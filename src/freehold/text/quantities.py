"""Spans of time and counts of things: "5-7 business days", "2 checked bags", "5 in stock"."""

from freehold.core.facts import FactKind, TextFact
from freehold.text import numbers, spans
from freehold.text.clauses import Document, polarity
from freehold.text.patterns import Spans
from freehold.text.patterns import compile as compile_pattern

SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "business_day": 86_400,
            "week": 604_800, "month": 2_592_000, "year": 31_536_000}  # fmt: skip
_DAY = SECONDS["day"]
_TIME_WORDS = {
    "second": "second seconds sec secs sekunde sekunden seconde secondes segundo segundos",
    "minute": "minute minutes min mins minuten minuto minutos",
    "hour": "hour hours hr hrs stunde stunden heure heures hora horas",
    "day": "day days tag tage tagen jour jours día días dias",
    "business_day": "werktag werktage werktagen arbeitstage arbeitstagen",
    "week": "week weeks woche wochen semaine semaines semana semanas",
    "month": "month months monat monate monaten mois mes meses",
    "year": "year years jahr jahre jahren an ans año años",
}
_THING_WORDS = {
    "piece": "piece pieces pcs pc stück stücke pièce pièces pieza piezas",
    "unit": "unit units einheit einheiten unités unidad unidades",
    "item": "item items artikel article articles artículo artículos",
    "box": "box boxes carton cartons karton kartons cajas caja boîte boîtes",
    "pack": "pack packs package packages packet packets packung packungen paket pakete paquete "
    "paquetes",
    "pair": "pair pairs paar par pares paire paires",
    "bottle": "bottle bottles flasche flaschen bouteille bouteilles botella botellas",
    "bag": "bag bags baggage baggages suitcase suitcases luggage",
    "passenger": "passenger passengers traveler travelers traveller travellers passagiere",
    "person": "person persons people guest guests adult adults personen personnes personas",
    "child": "child children",
    "ticket": "ticket tickets",
    "seat": "seat seats",
    "room": "room rooms",
    "night": "night nights nächte nacht nuits nuit noches noche",
    "product": "product products produkte produits productos",
    "copy": "copy copies",
    "pallet": "pallet pallets", "case": "cases", "can": "cans", "set": "sets", "roll": "rolls",
    "carton": "crate crates",
    "stock": "stock",
    "kg": "kg kgs kilo kilos kilogram kilograms", "g": "g gram grams gramm",
    "lb": "lb lbs pound pounds",
    "oz": "oz ounce ounces", "l": "litre litres liter liters", "ml": "ml",
    "m": "metre metres meter meters",
    "cm": "cm", "mm": "mm", "km": "km kilometre kilometres kilometer kilometers",
    "mile": "mile miles", "inch": "inch inches",
    "point": "point points", "store": "store stores", "order": "orders", "flight": "flights",
    "certificate": "certificate certificates voucher vouchers", "card": "cards",
}  # fmt: skip
_TIMES = {word: unit for unit, words in _TIME_WORDS.items() for word in words.split()}
_THINGS = {word: unit for unit, words in _THING_WORDS.items() for word in words.split()}
# Short or everyday words that would make nonsense of "a", "an" or "one" before them.
_DIGITS_ONLY = frozenset(
    {"an", "ans", "g", "m", "min", "mins", "sec", "secs", "par", "mes", "can", "l", "hr"}
)

_UNIT = "|".join(sorted({*_TIMES, *_THINGS}, key=len, reverse=True))
_BUSINESS = r"(?:(?:business|working|work|full) )"
# 1 lower, 2 number, 3 business, 4 unit, 5 "ouvrés" or "hábiles"
_NUMBERED = compile_pattern(
    rf"\b(?:({numbers.DIGITS}) ?(?:-|to|or|and|bis|oder|und|à|ou|et|a|o"
    rf"|y) ?)?({numbers.DIGITS})(?: \([a-z -]{{3,24}}\))?[ -]?"
    rf"({_BUSINESS}|(?:[a-z]+(?:-[a-z]+)? ){{1,2}})?({_UNIT})\b( ouvrés| ouvrables| hábiles"
    rf"| laborables)?"
)
# "5 in stock", "12 left", "7 available"
_LEFT = compile_pattern(
    rf"\b({numbers.DIGITS})(?: units?| items?| pieces?)? (?:in stock|left|available|remaining)\b"
)
# "Available Economy Seats: 12", "Quantity: 3"
_LABELLED = compile_pattern(rf"\b(quantity|qty|{_UNIT}) ?:[ *]{{0,4}}(\d{{1,9}})\b")
_NAMED = compile_pattern(
    rf"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty"
    rf"|forty|fifty"
    rf"|sixty|ninety|hundred|thousand|dozen|couple of|zwei|drei|vier|fünf|sechs|zehn|deux|trois"
    rf"|quatre|cinq|dos|tres|cuatro"
    rf"|cinco|seis|diez)[ -]({_BUSINESS}|(?:checked|free|additional|extra|other|more|carry-on"
    rf"|economy|business class) )?({_UNIT})\b"
)
_RELATIVE = compile_pattern(
    r"\b(?:day after tomorrow|tomorrow|après-demain|demain|pasado mañana)\b|übermorgen"
)
_NO_ADJECTIVE = frozenset(
    "at on for in and or to from by of am pm with per a the your our est pst was is are were "
    "will as each and your this that "
    "before after until within every".split()
)  # fmt: skip


def find(doc: Document, *, digits: bool = True, words: bool = True) -> list[TextFact]:
    """Durations and quantities of a document."""
    found: list[TextFact] = []
    low = doc.low
    if digits:
        for groups in _NUMBERED.regs(low):
            _add(found, doc, _read_numbered(doc, groups))
        if "in stock" in low or " left" in low or "available" in low or "remaining" in low:
            for whole, number in _LEFT.regs(low):
                _add(found, doc, _counted(doc, whole, doc.group(number), "piece"))
        if ":" in low:
            for whole, noun, number in _LABELLED.regs(low):
                _add(found, doc, _counted(doc, whole, doc.group(number), doc.group(noun)))
    if words:
        for groups in _NAMED.regs(low):
            _add(found, doc, _read_named(doc, groups))
        if any(word in low for word in ("morrow", "demain", "mañana", "übermorgen")):
            for start, end in _RELATIVE.spans(low):
                two = low[start:end] not in ("tomorrow", "demain")
                _add(found, doc, _fact(doc, "duration", start, end, (1 + two) * _DAY, None, "day"))
    return found


def _add(found: list[TextFact], doc: Document, fact: TextFact | None) -> None:
    if fact is not None and doc.claim(fact.start, fact.end):
        found.append(fact)


def _unit(word: str, business: bool) -> tuple[FactKind, str, int]:
    """(kind, unit, factor to the integer value)."""
    if word in _TIMES:
        unit = "business_day" if business and _TIMES[word] == "day" else _TIMES[word]
        return "duration", unit, SECONDS[unit]
    return "quantity", _THINGS.get(word, "piece"), 1000


def _read_numbered(doc: Document, groups: Spans) -> TextFact | None:
    whole, lower, number, adjective, noun, workdays = groups
    low = doc.low
    start, end = whole
    before, further = low[start - 1 : start], low[start - 2 : start - 1]
    if before == "-":
        if further.isdigit():
            return None
    elif before and (
        before in "$€£#_" or before.isalnum() or (before in ".,:'/" and further.isalnum())
    ):
        return None
    words = low[slice(*adjective)].split() if adjective[0] >= 0 else []
    word = low[slice(*noun)]
    if words and (words[0] in _TIMES or words[0] in _THINGS):
        word, words = words[0], []  # "14 units in stock"
        end, workdays = adjective[0] + len(word), (-1, -1)
    elif any(word in _NO_ADJECTIVE or word in _TIMES or word in _THINGS for word in words):
        return None
    if word in ("g", "m", "l", "can", "an") and words:
        return None
    business = workdays[0] >= 0 or (bool(words) and words[0] in ("business", "working", "work"))
    kind, unit, factor = _unit(word, business)
    value = _scaled(low[slice(*number)], doc.language, factor)
    if value is None:
        return None
    floor = None
    if lower[0] >= 0:
        floor = _scaled(low[slice(*lower)], doc.language, factor)
        joined = low[lower[1] : number[0]].strip()
        if (
            floor is None
            or floor >= value
            or (joined in spans.AND and not spans.says_between(doc, start))
        ):
            floor, start = None, number[0]
    if floor is None:
        return _fact(doc, kind, start, end, value, None, unit)
    return _fact(doc, kind, start, end, floor, value, unit)


def _scaled(digits: str, language: str, factor: int) -> int | None:
    number = numbers.parse(digits, language)
    return None if number is None else numbers.scaled(number, factor)


def _counted(doc: Document, span: tuple[int, int], digits: str, noun: str) -> TextFact | None:
    if noun in _TIMES:
        return None  # "Min: 5", "Day: 3"
    value = _scaled(digits, doc.language, 1000)
    if value is None:
        return None
    return _fact(doc, "quantity", *span, value, None, _THINGS.get(noun, "piece"))


def _read_named(doc: Document, groups: Spans) -> TextFact | None:
    whole, adjective, noun = groups
    left_of = adjective[0] if adjective[0] >= 0 else noun[0]
    words = doc.low[slice(*adjective)].split() if adjective[0] >= 0 else []
    word = doc.low[slice(*noun)]
    if word in _DIGITS_ONLY:
        return None
    kind, unit, factor = _unit(word, bool(words) and words[0] in ("business", "working", "work"))
    left = spans.words_left(doc, left_of)
    if left and left[0][1] == "of":  # "a couple of bags"
        return _fact(doc, kind, whole[0], whole[1], 2 * factor, None, unit)
    number = spans.word_number(left)
    if number is None:
        return None
    upper = None if number.high is None else number.high * factor
    return _fact(doc, kind, number.start, whole[1], number.low * factor, upper, unit)


def _fact(
    doc: Document, kind: FactKind, start: int, end: int, value: int, upper: int | None, unit: str
) -> TextFact:
    return TextFact(
        kind=kind,
        value=value,
        upper=upper,
        unit=unit,
        start=start,
        end=end,
        text=doc.text[start:end],
        polarity=polarity(doc, start, end),
        role="other",
    )
