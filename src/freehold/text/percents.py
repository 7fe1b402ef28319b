"""Percentages in digits, in words and in idioms ("half price", "two for the price of one")."""

from msgspec.structs import replace

from freehold.core.facts import TextFact
from freehold.text import numbers, offers, roles, shares, spans
from freehold.text.clauses import Document, polarity
from freehold.text.patterns import compile as compile_pattern

# Typing errors and abbreviations: only behind a number, in digits.
_MISTYPED = (
    r"p(?:[er]{0,3}c|ers|urc|er)[en]{1,4}t{1,2}s?|pe?rcn?e?t|perecnt|percants?|percetn|percnets?"
    # with Cyrillic letters
    "|[p\u0440][e\u0435]r[c\u0441][e\u0435]n[t\u0442]"
    r"|perc\.?|p\. ?c\.?|pc|o/o| 0/0"
)
UNIT = (
    r"(?:&#0{0,4}37;?|&#x0{0,4}25;?|&percnt;?|%25\b|%|‰|℅|basis points?\b|bps\b"
    r"|percentage points?\b|percents?(?:off)?\b|per[- ]cent\b|pct\b|prozent\w*|procent\w*"
    r"|pour[- ]?cents?\b|por ?ciento\b"
    r"|per cento\b|por cento\b)"
)
_TO = r" ?(?:-|to|and|or|bis|und|oder|à|a|et|ou|y|o) ?"
# 1 lower number, 2 number, 3 unit; "15 % to 20 %" is two matches, joined later
_PERCENT = compile_pattern(
    rf"(?:(?:({numbers.DIGITS}){_TO})?({numbers.DIGITS})"
    rf"(?:[ *_)]{{0,4}}-?|[ \t]{{0,2}}(?:\r?\n[ \t]{{0,2}}){{1,3}}))?({UNIT})"
)
_PERCENT_MISTYPED = compile_pattern(rf"({numbers.DIGITS}) {{0,2}}-?({_MISTYPED})(?:\W|off\b|$)")
MISTYPED = rf"\d {{0,2}}-?(?:{_MISTYPED})(?:\W|off\b|$)"

_ALL = 10_000
_OFF = (["off"], ["discount"], ["reduction"], ["cheaper"], ["less"])
_EARLIER = 240
_STRADDLES = 60
# 1 digits, 2 a word: nothing follows that it could count
_NUMBER = (
    r"(?:(\d{1,3}|0?\.\d{1,4}|\d{1,2}\.\d{1,2})"
    r"|((?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)"
    r"(?:-(?:one|two|three|four|five|six|seven|eight|nine))?|ten|fifteen))"
)
_OPENING = (
    r"(?:ok|okay|fine|yes|yeah|sure|deal|alright|all right|right|well|then|so|just|maybe|about"
    r"|up to|exactly|absolutely|of course|agreed|granted|done)"
)
_AGREED = r" it is\b| is (?:fine|ok|okay|good|yours|possible|doable)\b| works\b|, final offer"
BARE = (
    r"(?:\b(?:have|get|do|give you|offer|offer you|make it|go to|go up to|go for|take|say|about)"
    rf"|[a-z],) {_NUMBER}(?:[.!?]?\s*$|[.!?]\s|,| then\b| for you\b| off\b| instead\b|{_AGREED})"
    rf"|(?:^|[.!?]\s){_NUMBER}(?:{_AGREED})"
    rf"|\b(?:it|that|discount|reduction)(?: is|'s| would be| will be) {_NUMBER}"
    r"(?:[.!]?\s*$|[.!]\s)"
    # nothing but the number
    rf"|^[\s*\"'`]{{0,4}}(?:{_OPENING}[\s,.!:-]{{1,3}}){{0,3}}{_NUMBER}[.!*\"'`\s]{{0,5}}$"
    rf"|^[\s*\"'`]{{0,4}}(?:{_OPENING}[\s,.!:-]{{1,3}}){{0,3}}({shares.IN_WORDS})[.!*\"'`\s]{{0,5}}$"
)
_BARE = compile_pattern(BARE)

# (pattern, basis points): what a customer would understand as a discount of that size
_PART = {"half": 5000, "third": 3334, "quarter": 2500, "fifth": 2000, "tenth": 1000}
_COUNT = {"two": 2, "three": 3, "four": 4, "2": 2, "3": 3, "4": 4, "a": 1, "one": 1, "1": 1}
_IDIOM = compile_pattern(
    # 1, 2: "a quarter off", "two thirds off the price", "half price"
    r"\b(?:(a|one|two|three|four|1|2|3)[ -])?(half|third|quarter|fifth|tenth)s?"
    r"(?:[ -](?:of (?:the|its|your) )?(?:(?:original|regular|full|normal|list) )?(?:price|cost))?"
    r"[ -](?:off|cheaper|less|discount|reduction)\b"
    r"|\bhalf[ -](?:the )?(?:(?:original|regular|full|normal|usual) )?(?:price|cost)d?\b"
    # 3, 4: "two for the price of one", "3 for 2"
    r"|\b(two|three|four|five|2|3|4|5)[ -]for[ -](?:the price of )?(one|two|three|1|2|3)\b"
    # 5, 6: "buy two get one free"
    r"|\bbuy[ -](one|two|three|four|1|2|3|4),?[ -](?:and )?get[ -](?:a |the )?(one|two|second"
    r"|another|1|2)"
    r"(?: one| item)?[ -](?:for )?free\b"
    r"|\bbogo\b|\bb1g1\b"
    r"|[½¼¾⅓⅔](?: of(?: the)?(?: price)?)?[ -](?:off|price|discount)\b"
    # 7: German, French and Spanish
    r"|\b(zum halben preis|halber preis|die hälfte günstiger|ein drittel (?:günstiger|billiger"
    r"|rabatt|nachlass)"
    r"|ein viertel (?:günstiger|billiger|rabatt|nachlass)|à moitié prix|moitié prix"
    r"|un quart de (?:remise|réduction)"
    r"|un tiers de (?:remise|réduction)|a mitad de precio|mitad de precio|un cuarto de descuento"
    r"|un tercio de descuento|2x1|dos por uno|2 por 1|3x2|deux pour le prix d'un|2 pour 1"
    r"|2 zum preis von 1|zwei zum preis von einem)\b"
)
_SIGNS = {"¼": 2500, "¾": 7500, "⅓": 3334, "⅔": 6667}
_FOREIGN_BP = {
    "drittel": 3334, "tiers": 3334, "tercio": 3334, "3x2": 3334, "viertel": 2500, "quart": 2500,
    "cuarto": 2500,
}  # fmt: skip


def find(doc: Document, *, idioms: bool = True, mistyped: bool = False) -> list[TextFact]:
    """All percentages of a document, as facts of kind "percent"."""
    found: list[TextFact] = []
    for whole, lower, number, unit in _PERCENT.regs(doc.low):
        fact = _read(doc, whole, doc.group(lower) or None, number, unit)
        unread = fact is None and number[0] < 0 and doc.before
        if unread and not doc.low[: unit[0]].strip(" *_\r\n"):
            fact = _straddling(doc, unit)
        if fact is not None and doc.claim(fact.start, fact.end):
            found.append(fact)
    found += _find_sign_first(doc)
    if mistyped:
        found += _find_mistyped(doc)
    if len(found) > 1:
        found = spans.join_ranges(doc, found)
    if idioms:
        found += _find_idioms(doc)
    return [_extended(doc, shares.as_discount(doc, fact), found) for fact in found]


def _find_idioms(doc: Document) -> list[TextFact]:
    found = []
    for (start, end), *groups in _IDIOM.regs(doc.low):
        if doc.is_free(start, end):
            value = _idiom_value(doc.low[start:end], [doc.group(g) or None for g in groups])
            if value is not None:
                doc.claim(start, end)
                found.append(_fact(doc, start, end, value, None, role="discount"))
    for start, end, value in shares.find(doc):
        if doc.claim(start, end):
            found.append(_fact(doc, start, end, value, None, role="discount"))
    return found


def _find_sign_first(doc: Document) -> list[TextFact]:
    found = []
    for written, number in shares.sign_first(doc) if "%" in doc.low else ():
        value = _basis_points(doc.group(number), doc.language, 100)
        if value is not None and doc.claim(*written):
            found.append(_fact(doc, *written, value, None))
    return found


def find_bare(doc: Document) -> list[TextFact]:
    """Numbers that answer a question about a percentage ("You can have 30.")."""
    found = []
    for whole, *groups in _BARE.regs(doc.low):
        at = next(group for group in groups if group[0] >= 0)
        if whole == (0, len(doc.low)) and doc.before.strip():
            continue  # a line of a longer answer
        text = doc.group(at)
        if at == groups[-1]:
            value = shares.in_words(text)
        elif text[-1].isdecimal():
            number = numbers.parse("0" + text if text[0] == "." else text, thousands=False)
            value = number and numbers.scaled(
                number, 10_000 if number[0] < 10 ** number[1] else 100
            )
        else:
            value = (numbers.parse_words(text.split("-")) or 0) * 100
        if value and value <= _ALL and doc.claim(*at):
            found.append(_fact(doc, *at, value, None, role="discount"))
    return found


def _straddling(doc: Document, unit: tuple[int, int]) -> TextFact | None:
    """A unit at the beginning of a text, whose number ended the text before."""
    head = doc.before[-_STRADDLES:]
    joined = Document(head + doc.text[: unit[1] + _STRADDLES], doc.language, "", doc.about)
    for fact in find(joined, idioms=False):
        if fact.start < len(head) < fact.end == len(head) + unit[1]:
            start = unit[0]
            return replace(fact, start=start, end=unit[1], text=doc.text[start : unit[1]])
    return None


def _find_mistyped(doc: Document) -> list[TextFact]:
    found = []
    for _, number, unit in _PERCENT_MISTYPED.regs(doc.low):
        start, end = number[0], unit[1]
        word = doc.group(unit)
        before, after = doc.around(start, end)
        off = doc.low.startswith("off", end)
        if word in ("pc", "p.c", "p.c.") and not (
            off or offers.says_discount(" ".join(after[:2])) or after[:1] == ["off"]
        ):
            continue
        if doc.low[start - 1 : start].isalnum() or not doc.claim(start, end):
            continue
        value = _basis_points(doc.group(number), doc.language, 100)
        if value is not None:
            role = "discount" if off or roles.is_discount(before, after) else None
            found.append(_fact(doc, start, end, value, None, role=role))
    return found


def _extended(doc: Document, fact: TextFact, facts: list[TextFact]) -> TextFact:
    """The fact with the high end that its words give: open, or with what it comes on top of."""
    if fact.role != "discount" or fact.polarity != "affirmed" or not fact.parsed:
        return fact
    times = offers.multiplied(doc, fact)
    if times > 1:
        fact = replace(fact, value=fact.value * times, upper=fact.upper and fact.upper * times)
    if offers.is_open(doc, fact):
        high = max(fact.value, fact.upper or 0, _ALL)
        return replace(fact, upper=high if high > fact.value else None)
    if not offers.is_added(doc, fact):
        return fact
    following = next((f for f in facts if f.start >= fact.end), None)
    if (
        following is not None
        and following.role == "discount"
        and following.polarity == "affirmed"
        and "\n" not in doc.clean[fact.end : following.start]  # of the same sentence
        and offers.is_on_top_of(doc, fact)
    ):
        more = following.upper or following.value
        return replace(fact, upper=(fact.upper or fact.value) + more)
    earlier = [f for f in facts if f.end <= fact.start]
    if not earlier and doc.before:
        earlier = find(Document(doc.before[-_EARLIER:], doc.language))
    last = next((f for f in reversed(earlier) if f.role == "discount" and f.parsed), None)
    if last is None or last.polarity != "affirmed":
        return fact
    return replace(fact, upper=(fact.upper or fact.value) + (last.upper or last.value))


def _read(
    doc: Document,
    whole: tuple[int, int],
    first: str | None,
    second: tuple[int, int],
    unit: tuple[int, int],
) -> TextFact | None:
    start, end = whole
    low = doc.low
    word = low[unit[0] : unit[1]]
    if word.startswith(("prozentp", "prozents", "procentp", "procents")):
        return None  # percentage points, or the word for a rate
    if word.startswith("percentage") and doc.around(start, end)[1][:1] not in _OFF:
        return None
    if second[0] < 0:
        return _read_words(doc, unit)
    role = "discount" if word.endswith("off") else None
    before = low[start - 1] if start else " "
    if before in spans.LOOKS_LIKE and (like := spans.lookalike(doc, second[1])) is not None:
        return _read_like(doc, like, end, word)
    if before in "%&=" or before.isalpha() or low[end : end + 1].isdigit():
        return None  # an escape in an address ("a%20%20b"), an identifier
    if "\n" in low[second[1] : unit[0]] and word[0].isalpha() and not _names_off(doc, start, end):
        return None  # "Units sold: 30", and a line that begins with "Percent"
    if before.isdigit() or (before in ".,'" and low[start - 2 : start - 1].isdigit()):
        return _unread(doc, start, end)
    factor = _factor(word)
    if first is None and (tens := _split_digit(low, start, second)) is not None:
        start, digits = tens
    else:
        digits = low[second[0] : second[1]]
    value = _basis_points(digits, doc.language, factor)
    if first is None or value is None:
        if value is None:
            return _unread(doc, start, end)
        return _fact(doc, start, end, value, None, role)
    floor = _basis_points(first, doc.language, factor)
    join = low[start + len(first) : second[0]].strip()
    if floor is None or floor > value or (join in spans.AND and not spans.says_between(doc, start)):
        # "in 2024 to 30 %", "3 shops and 30 %": the first number is no low end
        return _fact(doc, second[0], end, value, None)
    return _fact(doc, start, end, floor, value if floor < value else None)


def _names_off(doc: Document, start: int, end: int) -> bool:
    return doc.around(start, end)[1][:1] in _OFF


def _split_digit(low: str, start: int, number: tuple[int, int]) -> tuple[int, str] | None:
    """Where a number of two digits begins that a space parts ("3 0 %"), and its digits."""
    if number != (start, start + 1) or start < 2 or low[start - 1] not in " \n":
        return None
    if not low[start - 2].isdigit() or (start > 2 and low[start - 3] not in " \n*\"'("):
        return None
    return start - 2, low[start - 2] + low[start]


def _read_like(doc: Document, like: tuple[int, str], end: int, unit: str) -> TextFact:
    value = _basis_points(like[1], doc.language, _factor(unit))
    if value is None:
        return _unread(doc, like[0], end)
    return _fact(doc, like[0], end, value, None)


def _factor(unit: str) -> int:
    """Basis points in one of a unit."""
    if unit == "‰":
        return 10
    return 1 if unit.startswith("b") else 100


def _basis_points(digits: str, language: str, factor: int) -> int | None:
    number = numbers.parse(digits, language)
    return None if number is None else numbers.scaled(number, factor)


def _read_words(doc: Document, unit: tuple[int, int]) -> TextFact | None:
    """Read "thirty percent", "x % off": what stands before a unit without digits."""
    start, end = unit
    around = doc.low[start - 1 : start] + doc.low[end : end + 1]
    if around[:1] == "%" or doc.low[end : end + 1].isalnum() or around in ('""', "''"):
        return None  # a quoted sign is a unit of its own ("unit": "%")
    if "</" in doc.low[max(0, start - 24) : start].rpartition(">")[2]:
        return None
    left = spans.words_left(doc, start)
    number = spans.word_number(left)
    if number is not None and number.start < start:
        return _fact(
            doc,
            number.start,
            end,
            number.low * _factor(doc.group(unit)),
            None if number.high is None else number.high * _factor(doc.group(unit)),
        )
    near = doc.low[max(0, start - 2) : start].strip()
    if near and near[-1] in spans.LOOKS_LIKE:
        like = spans.lookalike(doc, start - (doc.low[start - 1] == " "))
        if like is not None:
            return _read_like(doc, like, end, doc.group(unit))
    vague = spans.vague_start(left[:2])
    if vague is not None or (near and near[-1] in "]}>?_") or _is_cut_number(near):
        return _unread(doc, start if vague is None else vague, end)
    if (
        roles.is_discount(*doc.around(start, end))
        and (left or near)
        and (
            not left
            or left[0][1]
            not in ("what", "which", "the", "in", "of", "as", "this", "that", "a", "per")
        )
    ):
        return _unread(doc, left[0][0] if left else start, end)
    return None


def _is_cut_number(near: str) -> bool:
    return bool(near) and not near[-1].isascii() and not near[-1].isalpha()


def _idiom_value(text: str, groups: list[str | None]) -> int | None:
    count, part, bundle, paid, bought, free, foreign = groups
    if part is not None:
        return min(_COUNT[count or "one"] * _PART[part], 10_000)
    if bundle is not None and paid is not None:
        have, pay = numbers_of(bundle), numbers_of(paid)
        return -(-(have - pay) * 10_000 // have) if pay < have else None
    if bought is not None and free is not None:
        gift = 2 if free in ("two", "2") else 1
        return -(-gift * 10_000 // (numbers_of(bought) + gift))
    if foreign is not None:
        return next((value for key, value in _FOREIGN_BP.items() if key in text), 5000)
    return _SIGNS.get(text[0], 5000)


def numbers_of(word: str) -> int:
    """The value of a short count in digits or words."""
    return int(word) if word.isdigit() else numbers.parse_words([word]) or 0


def _fact(
    doc: Document, start: int, end: int, value: int, upper: int | None, role: str | None = None
) -> TextFact:
    return TextFact(
        kind="percent",
        value=value,
        upper=upper,
        unit="bp",
        start=start,
        end=end,
        text=doc.text[start:end],
        polarity=polarity(doc, start, end),
        role=role or roles.percent_role(doc, start, end),
    )


def _unread(doc: Document, start: int, end: int) -> TextFact:
    return TextFact(
        kind="percent",
        value=0,
        unit="bp",
        start=start,
        end=end,
        text=doc.text[start:end],
        polarity=polarity(doc, start, end),
        role=roles.percent_role(doc, start, end),
        parsed=False,
    )
