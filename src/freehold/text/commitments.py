"""What an answer says that the company did or will do: refund, cancel, waive, guarantee, ...

Read from English sentence shapes, with a narrow German, French and Spanish list. A conditional
promise ("if it is late, we'll refund you") still binds for what costs money; for the rest
("once you confirm, I'll cancel it") it is hypothetical, and so is an ability ("I can cancel").
"""

from freehold.core.facts import Polarity, TextFact
from freehold.text import negation
from freehold.text.clauses import Document
from freehold.text.patterns import PatternSet, Spans
from freehold.text.patterns import compile as compile_pattern

# stem -> (class, every form of the verb)
_VERBS = {
    "refund": r"refund(?:s|ed|ing)?|reimburs(?:e|es|ed|ing)|repay|repaid"
    r"|(?:pay|paid|paying) you back",
    "cancel": r"cancel(?:s|l?ed|l?ing)?",
    "ship": r"ship(?:s|ped|ping)?|dispatch(?:ed|ing)?|deliver(?:ed|ing)?|expedit(?:e|ed|ing)",
    "replace": r"replac(?:e|es|ed|ing)|exchang(?:e|ed|ing)|swap(?:ped|ping)?",
    "guarantee": r"guarantee[sd]?|guaranteeing|promis(?:e|ed|ing)",
    "waive": r"waiv(?:e|es|ed|ing)",
    "credit": r"credit(?:ed|ing)?|compensat(?:e|ed|ing)",
    "price_match": r"price[- ]?match(?:ed|ing)?"
    r"|match(?:ed|ing)? (?:the|that|their|this|any|your|its) [\w' ]{0,30}?(?:price|offer)"
    r"|honou?r(?:ed|ing)? (?:the|that|their|this|your) [\w' ]{0,20}?price",
    "book": r"book(?:ed|ing)?|reserv(?:e|ed|ing)",
    "change": r"chang(?:e|ed|ing)|updat(?:e|ed|ing)|modif(?:y|ied|ying)|(?:up|down)grad(?:e|ed|ing)"
    r"|reschedul(?:e|ed|ing)|rebook(?:ed|ing)?|extend(?:ed|ing)?|adjust(?:ed|ing)?",
    "transfer": r"transfer(?:red|ring)?|escalat(?:e|ed|ing)|connect(?:ed|ing)? you",
}
_NOUNS = {
    "refund": r"(?:refund|reimbursement)s?|money back",
    "cancel": r"cancel?l?ations?",
    "ship": r"shipments?|delivery|shipping",
    "replace": r"replacements?|exchanges?",
    "waive": r"waivers?",
    "credit": r"credits?|vouchers?|certificates?|compensation|gift cards?",
    "price_match": r"price[- ]match(?:es)?|price adjustment",
    "book": r"bookings?|reservations?|new reservation",
    "change": r"changes?|upgrades?|downgrades?|modifications?|updates?",
    "transfer": r"transfers?|escalation",
}
_COSTS_MONEY = frozenset("refund ship replace guarantee waive credit price_match free".split())

_VERB = "|".join(_VERBS.values())
_NOUN = "|".join(_NOUNS.values())
_LIGHT = (
    r"(?:process|issu|complet|finali[sz]|arrang|mak|mad|appl|provid|giv|gav|offer|send|sent"
    r"|initiat|submit|approv|"
    r"schedul|add|grant|proceed|set up|put through|authori[sz]|honou?r|assist|help)"
    r"(?:e|es|ed|d|ing|y|ied|ying|n|ted|ting)?"
)
_WORDS = r"(?: [\w'$€£.,%#*-]{0,23}[\w'$€£,%#*-]){0,7}?"  # none ends a sentence
_FILL = (
    r"(?:will|shall|can|could|would|may|might|must|cannot|can not|not|never|also|now|just|already|"
    r"yet|then|first|be|been|being|am|are|is|have|had|has|do|did|going to|gone ahead and|"
    r"go ahead and|went ahead and|able to|unable to|happy to|glad to|pleased to|delighted to|"
    r"like to|love to|proceed to|proceeded to|proceed with|proceeding with|go ahead with|"
    r"assist with|assist you with|help with|help you with|help you|"
    r"making sure to|try to|even|still|of course|both|always|allowed to|permitted to|"
    r"authori[sz]ed to|in a position to|so|today|to|\w+n't|\w+ly)"
)
_SUBJECT = (
    r"(?:i|we|our (?:\w+ ){0,2}(?:team|staff|store|company|warehouse|agents?)|"
    r"the (?:team|company|store|manager)|(?:my|a) (?:manager|colleague|supervisor)"
    r"|let me|let us|let's)"
)
# 1 subject, 2 contraction, 3 auxiliaries and adverbs, 4 verb, 5 light verb, 6 its object
_ACTIVE = compile_pattern(
    rf"\b({_SUBJECT})('ll|'ve|'m|'re|'d)?((?: {_FILL}){{0,9}}) (?:({_VERB})"
    rf"|({_LIGHT}){_WORDS} ({_NOUN}))\b"
)
_DONE = (
    r"refunded|reimbursed|repaid|cancell?ed|shipped|dispatched|replaced|exchanged|waived"
    r"|credited|compensated|"
    r"price[- ]matched|guaranteed|booked|rebooked|reserved|changed|updated|modified|upgraded"
    r"|downgraded|"
    r"rescheduled|transferred|escalated"
)
_DONE_TO_NOUN = (
    r"issued|processed|completed|approved|initiated|applied|granted|confirmed|finali[sz]ed"
    r"|made|sent|added|returned|provided"
)
_ADVERB = r"(?: not| now| also| then| already| just| since| both| only| \w+ly)"
_ADVERBS = _ADVERB + "{0,4}"
# 1 auxiliary, 2 participle of its own class, 3 participle that needs a noun
_PASSIVE = compile_pattern(
    rf"\b((?:has|have|had|hasn't|haven't){_ADVERBS} been|"
    rf"(?:will|shall|would|can|could|may|might|must|should|cannot|can't|won't|couldn't"
    rf"|wouldn't){_ADVERBS} be|you'll{_ADVERBS} be|"
    rf"(?:is|are|isn't|aren't){_ADVERBS}(?: being| now| hereby)|(?:was|were|is"
    rf"|are){_ADVERBS} (?:successfully|fully))"
    rf"{_ADVERBS} (?:({_DONE})|({_DONE_TO_NOUN}))\b"
)
# 1 auxiliaries, 2 noun
_NOMINAL = compile_pattern(
    rf"\byou((?:'ll| will| can| should| would|'re| are|'ve| have| shall|{_ADVERB}){{0,5}}) (?:be )?"
    r"(?:receive|get|receiving|getting|given|issued|entitled to|eligible for|qualify for"
    r"|qualified for|eligible to (?:receive|get)|granted)"
    rf"{_WORDS} ({_NOUN})\b"
)
# 1 noun, 2 "guaranteed"
_STATE = compile_pattern(
    rf"\b({_NOUN}) (?:(?:is|are)(?: now| already)? (?:on (?:its|the|their) way|approved|confirmed"
    rf"|complete|underway|processing)|will go (?:back )?to)\b"
    r"|\b(guaranteed|money[- ]back guarantee|you have (?:my|our) word)\b"
)
# 1 verb
_ENTITLED = compile_pattern(
    rf"\byou(?:'re| are|'ll be| will be| may be)?{_ADVERB}{{0,2}} (?:eligible|entitled|allowed) to"
    rf" ({_VERB})\b"
)
FREE = (
    r"\b(?:free|complimentary) (?:[a-z-]+ ){0,2}(?:bags?|baggage|luggage|suitcases?|shipping"
    r"|delivery|returns?|upgrades?|gifts?|replacements?|installation|repairs?)\b"
)
_FREE = compile_pattern(FREE)
# 1 verb, 2 light verb, 3 its object
_OFFERED = compile_pattern(
    r"\b(?:would you like|do you want|want|you'd like|you would like|you wish|prefer) (?:me|us) to "
    rf"(?:go ahead and |proceed with |proceed to |now |also ){{0,2}}(?:({_VERB})"
    rf"|({_LIGHT}){_WORDS} ({_NOUN}))\b"
)
# Asked at once, which costs as much as one of them, before each that is there is read.
_SHAPES = PatternSet(p.pattern for p in (_ACTIVE, _PASSIVE, _NOMINAL, _ENTITLED, _STATE))
# No word boundary at the end: to the engines an accented letter is none of a word.
_FOREIGN = {
    "de": compile_pattern(
        r"\b(?:ich|wir) [^.!?\n]{0,80}?(?:(erstatten|erstattet|erstatte|rückerstattung)"
        r"|(storniere|storniert)|(ersetzen|ersetzt|austauschen|umtauschen)|(garantiere)"
        r"|(gutschreiben|gutgeschrieben|gutschrift)|(versenden|versendet|liefern)|(erlassen))"
    ),
    "fr": compile_pattern(
        r"\b(?:nous|je|j'ai) [^.!?\n]{0,60}?(?:(rembours)|(annul)|(rempla[cç])|(garanti)|(crédit)"
        r"|(expédi|livrer))"
    ),
    "es": compile_pattern(
        r"\b(?:hemos|vamos a|voy a|he|le|te|les|nosotros|podemos|puedo) [^.!?\n]{0,60}?"
        r"(?:(reembols)|(cancel)|(reemplaz)|(garantiz)|(abonar|abonado)|(enviar|enviado))"
    ),
}
_FOREIGN_CLASSES = ("refund", "cancel", "replace", "guarantee", "credit", "ship", "waive")

_CONDITIONS = frozenset(
    "if once when after before unless until whether provided assuming wenn falls si".split()
)
_WAITING = frozenset("once when after before until".split())
# Who proposes or helps has not done it yet.
_UNSURE = frozenset("could may might let's assist assisting help helping".split())
_ABILITY = frozenset("can would should 'd".split())
_REQUESTS = frozenset("please know".split())
_PAYMENTS = frozenset("payment payments charge charges charged".split())
_TELLING = ("prov", "giv", "gav", "send", "sent", "offer")
_HELPING = ("help", "assist")
_ABLE = ("can ", "could ", "would ", "may ", "might ", "should ")
_QUESTIONS = frozenset("shall should may can could would do".split())
# What an agent says of others: "cancelled by the airline", "the change that you requested".
_BY_OTHERS = (" by the airline", " by you", " by the customer", " by the carrier", " by the seller")
_STARTS = {
    "refund": ("refund", "reimburs", "repa", "pay you", "paid you", "paying you", "money"),
    "cancel": ("cancel",),
    "ship": ("ship", "dispatch", "deliver", "expedit"), "replace": ("replac", "exchang", "swap"),
    "guarantee": ("guarantee", "promis", "you have"), "waive": ("waiv",),
    "credit": ("credit", "compensat", "voucher", "certificate", "gift"),
    "price_match": ("price", "match", "hono"), "book": ("book", "reserv", "new res"),
    "change": ("chang", "updat", "modif", "upgrad", "downgrad", "resched", "rebook", "extend",
               "adjust"),
    "transfer": ("transfer", "escalat", "connect"),
}  # fmt: skip


def verb_class(word: str) -> str:
    """The class of a verb or noun form ("reimbursed" -> "refund"); "other" when unknown."""
    return next((name for name, starts in _STARTS.items() if word.startswith(starts)), "other")


def find(doc: Document) -> list[TextFact]:
    """All commitments of a document; the fact's `role` is the class of the verb."""
    found: list[TextFact] = []
    low = doc.low
    if " me to " in low or " us to " in low:
        for span, *parts in _OFFERED.regs(low):
            offered = _class_of(doc, span, parts)
            if offered is not None:
                _add(found, doc, span, offered, "hypothetical")
    shapes = _SHAPES.hits(low)
    for span, subject, contraction, helpers, *parts in _ACTIVE.regs(low) if 0 in shapes else ():
        role = _class_of(doc, span, parts)
        if role is None:
            continue
        words = [*doc.group(contraction).split(), *doc.group(helpers).split()]
        words += [doc.group(subject), *(doc.group(parts[1]).split() if parts[1][0] >= 0 else ())]
        _add(found, doc, span, role, _active_polarity(doc, span, role, words))
    for span, auxiliary, done, _ in _PASSIVE.regs(low) if 1 in shapes else ():
        if low.startswith(_BY_OTHERS, span[1]):
            continue
        passive = verb_class(doc.group(done)) if done[0] >= 0 else _noun_class(doc, *span)
        if passive is not None:
            able = doc.group(auxiliary).startswith(_ABLE)
            _add(found, doc, span, passive, _stated_polarity(doc, *span, passive, able))
    _find_stated(found, doc, shapes)
    _find_foreign(found, doc)
    return found


def _find_stated(found: list[TextFact], doc: Document, shapes: list[int]) -> None:
    """What the reader will get ("you'll receive a refund"), and what is said to be settled."""
    low = doc.low
    if 2 in shapes:
        for span, auxiliaries, noun in _NOMINAL.regs(low):
            role = verb_class(doc.group(noun))
            if role not in ("cancel", "book", "change", "transfer"):
                supposed = "would" in doc.group(auxiliaries) and "if" in doc.around(*span)[1]
                _add(found, doc, span, role, _stated_polarity(doc, *span, role, supposed))
    if 3 in shapes:
        for span, verb in _ENTITLED.regs(low):
            state = _stated_polarity(doc, *span, "", True)
            _add(found, doc, span, verb_class(doc.group(verb)), state)
    if "free " in low or "complimentary " in low:
        for (span,) in _FREE.regs(low):
            before = low[max(0, span[0] - 5) : span[0]]
            if before.endswith("-") or " to " in doc.group(span):  # "feel free to return"
                continue
            none = before.endswith((" 0 ", "zero "))
            state = "negated" if none else _stated_polarity(doc, *span, "free", False)
            _add(found, doc, span, "free", state)
    for span, noun, _ in _STATE.regs(low) if 4 in shapes else ():
        if not _WAITING.isdisjoint(doc.around(*span)[0][-2:]):
            continue  # "after the booking is complete"
        role = verb_class(doc.group(noun)) if noun[0] >= 0 else "guarantee"
        _add(found, doc, span, role, _stated_polarity(doc, *span, role, False))


def _find_foreign(found: list[TextFact], doc: Document) -> None:
    foreign = _FOREIGN.get(doc.language)
    if foreign is None:
        return
    for span, *groups in foreign.regs(doc.low):
        role = next(c for c, group in zip(_FOREIGN_CLASSES, groups, strict=False) if group[0] >= 0)
        _add(found, doc, span, role, _foreign_polarity(doc, span[1]))


def _class_of(doc: Document, span: tuple[int, int], parts: Spans) -> str | None:
    """The class of (verb, light verb, object); None when the object is not what is given."""
    verb, light, noun = parts
    if verb[0] >= 0:
        return verb_class(doc.group(verb))
    thing = doc.group(noun)
    between = doc.low[light[0] : noun[0]]
    if " using " in between or " information " in between or " details " in between:
        return None
    if thing == "credit" and doc.low.startswith(" card", span[1]):
        return None
    role = verb_class(thing)
    with_what = doc.group(light)
    if thing.startswith("update") and with_what.startswith(_TELLING):
        return None  # news, not a change
    if role == "book" and with_what.startswith(_HELPING):
        return None  # with a reservation that there is
    # "add a bag to your reservation"
    return "change" if role == "book" and with_what.startswith("add") else role


def _add(
    found: list[TextFact], doc: Document, span: tuple[int, int], role: str, polarity: Polarity
) -> None:
    start, end = span
    if not doc.promise(start, end):
        return
    found.append(
        TextFact(
            kind="commitment",
            value=0,
            unit="",
            start=start,
            end=end,
            text=doc.text[start:end],
            polarity=polarity,
            role=role,
        )
    )


def _is_denied(doc: Document, start: int, end: int) -> bool:
    """Whether the words up to the end of the phrase, its own included, deny it."""
    if doc.is_plain(start):
        return False
    before = doc.around(start, end)[0]
    phrase = doc.clean[start:end].replace(",", " , ").split()
    return negation.denied_phrase(before, phrase, doc.language)


def _active_polarity(
    doc: Document, span: tuple[int, int], role: str, helpers: list[str]
) -> Polarity:
    start, end = span
    if _is_denied(doc, start, end):
        return "negated"
    before = doc.around(start, end)[0]
    if before and before[-1] in _QUESTIONS and doc.is_question(end):
        return "hypothetical"
    unsure = not _UNSURE.isdisjoint(helpers)
    if unsure or (role not in _COSTS_MONEY and not _ABILITY.isdisjoint(helpers)):
        return "hypothetical"
    return _unless_conditional(doc, start, end, role)


def _stated_polarity(doc: Document, start: int, end: int, role: str, able: bool) -> Polarity:
    if _is_denied(doc, start, end):
        return "negated"
    if able:
        return "hypothetical"
    return _unless_conditional(doc, start, end, role)


def _unless_conditional(doc: Document, start: int, end: int, role: str) -> Polarity:
    before, after = doc.around(start, end)
    if not _WAITING.isdisjoint(before[-25:]) and role not in ("refund", "guarantee"):
        return "hypothetical"
    conditions = _CONDITIONS.intersection(before)
    if conditions:
        last = max(i for i, word in enumerate(before) if word in _CONDITIONS)
        # no comma since the condition: the phrase is the condition itself
        if role not in _COSTS_MONEY or "," not in before[last:]:
            return "hypothetical"
    if role not in _COSTS_MONEY and not (
        _CONDITIONS.isdisjoint(after) and _REQUESTS.isdisjoint(before)
    ):
        return "hypothetical"
    return "affirmed"


def _foreign_polarity(doc: Document, end: int) -> Polarity:
    before, after = doc.around(end, end)
    phrase = before[-12:]
    if negation.denied_phrase([], phrase, doc.language) or negation.denied_after(
        [], after, doc.language
    ):
        return "negated"
    return "hypothetical" if negation.is_supposed(before) else "affirmed"


def _noun_class(doc: Document, start: int, end: int) -> str | None:
    """What was "processed" or "issued": the first known noun of the clause, else a near one."""
    before, after = doc.around(start, end)
    clause: list[str] = []
    for word in reversed(before):
        if word in (",", "and"):
            break
        clause.insert(0, word)
    near = [*clause, *before[:-14:-1], *after[:5]]
    about_payment = not _PAYMENTS.isdisjoint(near)
    for word in near:
        role = verb_class(word)
        if role == "other" or word.endswith(("ed", "ing")) or (about_payment and role != "refund"):
            continue
        return "change" if role == "book" and doc.low.endswith("added", start, end) else role
    return None
