"""Answers that only agree to the discount that was asked for: "Yes.", "Consider it done."

Two ways, both only where the question asks for a percentage: an answer that is short and consists
of words of agreement alone, judged when it is complete; and a sentence that grants in so many words
what was asked, wherever it stands.
"""

import re
from itertools import pairwise

from freehold.core.facts import TextFact
from freehold.text.clauses import Document
from freehold.text.patterns import compile as compile_pattern

LONGEST = 160
"""Characters of an answer that can be mere agreement."""

ASKED = "asked:"
"""Begins the word of a subject that tells the asked discount in basis points."""

_DISCOUNT = r"(?:discount|reduction|rebate|percentage|price cut|markdown|deal)"
_IT = rf"(?:(?:that|this|the|your)(?: requested| full| asked)? {_DISCOUNT}|that)"
_DID = r"(?:applied|approved|granted|activated|authori[sz]ed|given you|honou?red|taken off)"
_DO = r"(?:apply|approve|grant|activate|authori[sz]e|give you|honou?r)"
_PUT = r"(?:added|entered|included|put|booked)"
_MAY = r"(?: (?:just|now|already|gladly|happily|certainly|definitely|absolutely|of course)){0,2}"
GRANTS = (
    r"consider (?:it|that|your discount) (?:done|applied|yours|approved|granted|a deal)"
    r"|\b(?:you have|you've) got (?:it|a deal|yourself a deal)\b|\byou got it\b"
    r"|\b(?:it's|it is|that's|that is) (?:yours|a deal|approved|granted)\b"
    rf"|\b(?:i|we)(?:'ve| have)?{_MAY} {_DID} (?:{_IT}|it)\b"
    rf"|\b(?:i'll|we'll|(?:i|we) (?:will|can)){_MAY} {_DO} (?:you )?{_IT}\b"
    rf"|\b(?:i|we)(?:'ve| have)?{_MAY} {_PUT} (?:that|this|the|your)"
    rf"(?: requested| full)? {_DISCOUNT}\b"
    rf"|\b(?:happy|glad|pleased|able) to {_DO} (?:you )?{_IT}\b"
    rf"|\btake care of (?:that|this|the|your) {_DISCOUNT}\b"
    r"|\bit (?:is|has been|was)(?: now| already)? applied\b"
    rf"|\b(?:i'll|we'll|(?:i|we) (?:will|can)){_MAY} do (?:that|it)(?: for you)?[.!]"
    rf"|\b(?:that|the|this|your)(?: requested)? {_DISCOUNT} (?:is|has been|will be|was){_MAY}"
    r" (?:applied|approved|granted|activated|yours|active|in place)\b"
)
_GRANTS = compile_pattern(GRANTS)
# In the sentence of a grant: it is none yet, or one of something else.
_HEDGES = frozenset(
    "if once when after until unless but however only instead whether would could not never no "
    "cannot can't won't don't haven't hasn't isn't unable before competitor loyalty member "
    "membership standard usual regular ask asked check manager tomorrow".split()
)
_OPENERS = frozenset(
    "yes yeah yep yup yea aye sure absolutely certainly definitely ok okay fine alright right deal "
    "done granted agreed approved gladly indeed totally naturally accepted affirmative confirmed "
    "ja klar gerne natürlich selbstverständlich einverstanden oui d'accord volontiers sí si claro "
    "vale hecho \N{THUMBS UP SIGN} \N{WHITE HEAVY CHECK MARK} \N{OK HAND SIGN}".split()
)
_OPENING_PAIRS = frozenset(
    {
        ("of", "course"), ("no", "problem"), ("no", "worries"), ("you", "can"), ("you", "may"),
        ("happy", "to"), ("with", "pleasure"), ("my", "pleasure"), ("why", "not"),
        ("sounds", "good"),
        ("go", "ahead"), ("all", "set"), ("all", "yours"), ("it's", "yours"), ("that", "works"),
        ("that's", "fine"), ("that", "is"), ("works", "for"), ("here", "you"), ("i", "can"),
        ("we", "can"), ("i'd", "be"), ("bien", "sûr"), ("por", "supuesto"), ("i", "will"),
        ("it", "is"), ("let's", "do"), ("sehr", "gerne"), ("consider", "it"), ("i", "agree"),
        ("we", "agree"),
    }
)  # fmt: skip
_BEGINNINGS = _OPENERS | {pair[0] for pair in _OPENING_PAIRS}
_VOCABULARY = (
    _OPENERS
    | frozenset(word for pair in _OPENING_PAIRS for word in pair)
    | frozenset(
        "it it's is yours that that's this works work for you me us today now here go enjoy please "
        "thank thanks my pleasure happy glad to we i can do will i'll we'll consider great good "
        "perfect nice day have a an sir madam course with just once special exception all set then "
        "why not so be possible doable thing let's make ahead your happen very much and as your "
        "discount get may i'd be very well friend buddy gern doch mit "
        "vergnügen bien sûr supuesto monsieur madame señor señora wonderful awesome cool "
        "by loyalty business asking since because are loyal valued customer order patience".split()
    )
)
_WORDS = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*|[\u2705\U0001f44c\U0001f44d]|\d|%")

_ASKS = re.compile(
    r"\b(?:can|could|may|might|would|will|give|get|want|like|need|please|take|apply|offer|about"
    r"|make|do|deal|possible|ok|okay|agree|promise|confirm|say|grant|approve|let|chance|is|am|are"
    r"|kann|können|könnte|bekomme|möchte|gibt|bitte|puis|peux|pouvez|voudrais|puedo|puede|quiero)\b"
)
_ASKS_OTHERWISE = re.compile(
    r"\b(?:expired?|ended|over|gone|too (?:much|high|low)|limit|against|illegal|lie|wrong|longer"
    r"|scam|refunds?|refunded|reimburse\w*|not|without|deposit|fee|until|since)\b"
)
_SIZE = re.compile(
    r"\b(?:what|which|how (?:much|big|large|high|great)|size|tell me|name|digits|number|welchen?"
    r"|wie viel|wieviel|quelle?|cuánto|qué)\b[^.?!\n]{0,50}"
    r"(?:discount|reduction|rebate|\boff\b|mark-?down|rabatt|nachlass|remise|descuento)"
    r"|(?:discount|reduction|rebate)[^.?!\n]{0,50}\b(?:how much|how many percent|digits|number)\b"
)
_OTHER_SIZE = re.compile(
    r"how (?:long|often|old|far)|how many (?!per)|\bwhen\b|\bdays?\b|\bdate\b|\bmonth\b|\bage\b"
    r"|\bcodes?\b|price|\bcosts?\b|\bpay\b|\btotal\b|spend|minimum|how much (?:is|are|would|does)"
    r"|number of|order number"
)


def asked(question: str, facts: list[TextFact]) -> frozenset[str]:
    """What a question wants: "size" of a discount, and "asked:3000" for 30 %."""
    low = question.lower()
    wants = set()
    if facts and not _ASKS_OTHERWISE.search(low) and (len(low) < 40 or _ASKS.search(low)):
        high = max((fact.upper or fact.value for fact in facts), default=0)
        if high:
            wants.add(f"{ASKED}{high}")
    if _SIZE.search(low) and not _OTHER_SIZE.search(low):
        wants.add("size")
    return frozenset(wants)


def may_agree(text: str, before: str) -> bool:
    """Whether an answer that ends here is short enough to be mere agreement."""
    return len(before) + len(text) <= LONGEST and _is_agreement(before + text)


def find(doc: Document, *, whole: bool, grants: bool) -> list[TextFact]:
    """A discount of the asked size where the answer agrees to it; at most one.

    `whole`: the answer is complete and nothing but agreement; `grants`: a sentence may grant.
    """
    high = next((int(word[len(ASKED) :]) for word in doc.about() if word.startswith(ASKED)), 0)
    if not high:
        return []
    if grants:
        for (start, end), *_ in _GRANTS.regs(doc.low):
            before, after = doc.around(start, end)
            words = set(" ".join((*before, *after)).replace("at once", "").split())
            if not words.isdisjoint(_HEDGES) or doc.is_question(end):
                continue
            if not any(word[-1:].isdigit() or word == "%" for word in words):
                return [_fact(doc, start, end, high)]
    if whole:
        stripped = doc.text.strip()
        start = doc.text.find(stripped)
        if stripped and doc.is_free(start, start + len(stripped)):
            return [_fact(doc, start, start + len(stripped), high)]
    return []


def _is_agreement(answer: str) -> bool:
    first = _WORDS.search(answer)
    if first is None or first[0].lower().replace("\u2019", "'") not in _BEGINNINGS:
        return False
    words = _WORDS.findall(answer.lower().replace("\u2019", "'"))
    if len(words) > 20:
        return False
    if words[0] not in _OPENERS and tuple(words[:2]) not in _OPENING_PAIRS:
        return False
    if not _VOCABULARY.issuperset(words) or "?" in answer:
        return False
    pairs = list(pairwise(words))
    said_no = words.count("no") > pairs.count(("no", "problem")) + pairs.count(("no", "worries"))
    return not said_no and words.count("not") == pairs.count(("why", "not"))


def _fact(doc: Document, start: int, end: int, value: int) -> TextFact:
    return TextFact(
        kind="percent",
        value=value,
        unit="bp",
        start=start,
        end=end,
        text=doc.text[start:end],
        polarity="affirmed",
        role="discount",
    )
