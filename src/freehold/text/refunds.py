"""Other ways to say that money goes back, or that what was asked for is granted.

"Refund approved!", "I've reversed the charge", "Your money is on its way back", "You can return
it for a full refund", "Consider it done". What is told of others ("customers get their money
back") promises the reader nothing, and is left out.
"""

import re
from collections.abc import Iterable

from msgspec import Struct

from freehold.text import negation_words as negation
from freehold.text.clauses import Document
from freehold.text.commitment_words import ADVERB, FILLS, SUBJECT, verb_class
from freehold.text.patterns import compile as compile_pattern

_AMOUNT = (
    r"(?:(?:us|usd|eur|gbp|ca|au|chf)? ?[$€£] ?\d[\d.,]{0,12}"
    r"|\d[\d.,]{0,12} ?(?:dollars?|euros?|pounds?|bucks|usd|eur|gbp|chf|€|£))"
)
_CASH = (
    rf"(?:{_AMOUNT}|money|cash|funds|(?:full |whole )?amount|payment|every (?:cent|penny)"
    r"|it all|all of it)"
)
_PAID = rf"(?:{_CASH}|charges?|costs?|price|fare|deposit|difference|fees?|transaction|debit|sum)"
_CARD = (
    r"(?:to|on|onto|in|into) (?:your|the original|the same|the) (?:[\w']+ ){0,3}?"
    r"(?:card|account|bank|paypal|wallet|method|payment form|form of payment|statement)"
)
_STRAIGHT = (
    rf"(?: (?:directly|straight|right|all|in full|immediately|you paid|of {_AMOUNT})){{0,2}}"
)
_SOME = r"(?:[\w'$€£.,]{0,30}[\w'$€£] ){0,4}?"
# A sentence or part of one begins here; the phrase itself is the first group.
_OPENS = r"(?:^|[^\w\s'$,/] ?|\n) ?"
_CLOSES = (
    r"(?:[.!;:\n)*_|<]|$| -| [$€£]| in full| to your| for you| as requested| today| now"
    r"| ?[✅✔👍🎉])"
)
_REFUND = r"(?:refund|reimbursement)s?"
# What makes "refund" the first word of another thing.
_PAPERS = (
    " polic", " request", " form", " page", " button", " option", " process", " term", " window",
    " eligib", " rule", " status", " department", " team", " amount is", " link", " guideline",
    " condition", " deadline", " fee",
)  # fmt: skip
_A_REFUND = re.compile(
    r" (?:you )?(?:(?:a|an|the|your|full|partial|complete|prompt|total) ){0,3}"
    r"(?:refund|reimbursement)\b"
)
# 1 subject, 2 contraction, 3 auxiliaries and adverbs
_GIVES_BACK = compile_pattern(
    rf"\b({SUBJECT})('ll|'ve|'m|'re|'d)?{FILLS} (?:"
    rf"(?:return|restor|remit|releas|credit)(?:e|ed|ing)? {_SOME}{_PAID}{_STRAIGHT}"
    rf" (?:back|to you|{_CARD})"
    rf"|(?:send|sent|transfer|wir|pay|paid)(?:ed|red|ring|ing|e)? {_SOME}{_CASH}{_STRAIGHT}"
    rf" (?:back|{_CARD})"
    rf"|(?:put|get|got|give|gave|given|hand|mov|bring)(?:e|ed|ting|ing)? {_SOME}{_CASH}"
    rf"{_STRAIGHT} back"
    rf"|(?:send|sent|giv|gave|pay|paid|put|transfer|credit)(?:e|en|ed|red|ing)? (?:you )?back"
    rf" {_SOME}{_PAID}"
    rf"|(?:revers(?:e|ed|ing)|undo|undone|undid|void(?:ed|ing)?|revok(?:e|ed|ing)) {_SOME}"
    r"(?:charges?|payments?|transactions?|debits?|purchase|sale|billing|fees?))\b"
)
# 1 auxiliary
_COMES_BACK = compile_pattern(
    rf"\b(?:your|the|that|this|all|full|money|[$€£] ?\d[\d.,]*) ?(?:[\w'$.,]+ ){{0,3}}?{_PAID}?"
    rf"{_STRAIGHT}(?: you were charged)?('s| is| are| has| have| had| was| were| will| shall"
    rf"| should"
    r"| would| can| could| may| might| must| gets| goes| isn't| aren't| hasn't| haven't| won't"
    r"| can't| cannot)"
    rf"(?:{ADVERB}| be| been| being| going to){{0,5}} (?:"
    r"(?:sent|paid|given|credited|transferred|put|going|coming|heading|headed|go|come|goes)"
    rf"(?: right| straight)? (?:back\b|{_CARD})|back (?:to you|{_CARD})"
    r"|on (?:its|the|their) way (?:back|to (?:you|your)\b))"
)
_UNDONE = compile_pattern(
    rf"\b(?:your|the|that|this|all|full|{_AMOUNT}) ?(?:[\w'$.,]+ ){{0,3}}?(?:{_PAID})"
    r"(?: (?:you paid|you were charged|on your card|to your card|for [\w ]{1,30}?))?"
    r"( is| are| has| have| had| was| were| will| shall| should| would| can| could| may| might"
    r"| must| isn't| aren't| hasn't| haven't| won't| can't| cannot)"
    rf"(?:{ADVERB}){{0,3}} (?:be|been|being)(?:{ADVERB}){{0,2}}"
    r" (?:returned|reversed|voided|undone|restored|released|refunded|reimbursed|repaid)\b"
)
# 1 auxiliary
_EXPECT = compile_pattern(
    r"(?:\byou('ll| will| can| should| may| might| could|'re)?(?: be| also| now| then| soon"
    r"| \w+ly)*"
    rf"|{_OPENS}(?:please |so |and |just )?)"
    r" ?\b(?:expect|see|seeing|have|get|getting|receive|receiving|find|look for|watch for)"
    rf" (?:to (?:see|have|get|receive) )?{_SOME}"
    rf"(?:{_CASH}(?: [\w']+){{0,2}}? (?:back\b|returned\b|refunded\b|credited\b)"
    rf"|(?:money|funds) {_CARD}|it (?:all )?back {_CARD})"
)
_EXPECT_REFUND = compile_pattern(
    rf"(?:\byou(?:'ll| will| can| should)(?: also| now| then| \w+ly)*|{_OPENS}(?:please |so )?)"
    rf" ?\b(?:expect|look forward to|enjoy|see) (?:[\w'$.,-]+ ){{0,4}}?{_REFUND}\b"
    rf"|\b(?:here's|here is) {_SOME}{_CASH} back\b|{_OPENS}{_AMOUNT} back {_CARD}\b"
    rf"|\b(?:here's|here is|here comes) (?:your|a|the) (?:[\w'$.,-]+ ){{0,3}}?{_REFUND}\b"
    rf"|\b(?:your|the|a) (?:[\w'$.-]+ )?refund(?: of {_AMOUNT})?(?:'s| is| was| will| should| has)"
    r"(?: be| been| now| already| just| soon| not| \w+ly)* (?:arriv|show|appear|hit|land|reach"
    r"|post|com(?:e"
    r"|ing)"
    r"|heading|headed|going|gone through|went through|approved|confirmed|granted|issued|accepted"
    r"|authori[sz]ed|done|all set|good to go|there\b"
    r"|in your)\w*"
)
_NOUN = r"(?:refund|reimbursement|cancell?ation|(?:fee )?waiver|replacement)s?"
_SETTLED = (
    r"(?:granted|approved|issued|processed|confirmed|completed?|accepted|initiated|authori[sz]ed"
    r"|done|sent|yes|on (?:its|the) way|en route|✅|✔)"
)
# 1 the phrase, 2 its noun
_GRANTED = compile_pattern(
    rf"(?:{_OPENS}|, )(?:and |so )?((?:(?:full|partial|complete|your|a|the|total) ){{0,3}}({_NOUN})"
    rf"(?: request| claim| status)?(?: (?:of|for) [^.!?\n:]{{1,30}}?)?[^\w.!;]{{1,8}}"
    r"(?:has |have |been |is |now |already |fully |successfully |hereby |just |not ){0,4}"
    rf"{_SETTLED})(?:{_CLOSES}|[\"}},] ?|,| by (?:us|our|me|my))"
    rf"|{_OPENS}((?:granted|approved|confirmed|done|issued)[ :,*_!.-]{{1,4}}(?:your |a |the |full "
    rf"|partial ){{0,3}}({_NOUN}))\b"
    r"|((refund)[_ ]?(?:approved|granted|issued|eligible)[\"' ]*[:=] ?(?:true|yes|1))\b"
)
# 1 the phrase
_SELF = compile_pattern(
    rf"{_OPENS}((?:(?:all|fully|already|now|successfully|and) ){{0,2}}(?:refunding(?: it| you"
    rf"| that| this)?|refunded|reimbursed|repaid"
    r"|(?:money|payment) returned|(?:charge|payment|transaction)s? (?:reversed|voided)"
    rf"|(?:fee )?waived)){_CLOSES}"
)
# 1 participle of its own class, 2 one that says only yes
_CONSIDER = compile_pattern(
    r"\b(?:consider|count|call) (?:it|this|that|them|yourself|(?:your|the|that) (?:[\w']+ ){0,2}?"
    r"[\w']+)(?: as)?(?: already| fully| all| both)? (?:(refunded|reimbursed|repaid|cancell?ed"
    r"|waived|credited|replaced|reversed|voided)"
    r"|(done|handled|sorted|approved|granted|taken care of|settled|agreed|confirmed))\b"
)
# 1 participle
_IS_DONE = compile_pattern(
    r"\b(?:it's|that's|they're|you're|you've|it is|it was|it has|you are|you were"
    r"|your (?:[\w']+ ){1,3}?(?:is|are|was|were|got))"
    rf"(?:{ADVERB}| been| getting| being){{0,4}} (refunded|reimbursed|repaid|waived)\b"
)
# 1 auxiliary
_RETURN_FOR = compile_pattern(
    r"(?:\byou(?:'re| are|'ll| will)?(?: also| still| always| of course| \w+ly)*"
    r"( can| can't| cannot| can not| could| couldn't| may| might| are able to| be able to| able to"
    r"| free to| welcome to| allowed to| still)?(?: not| also| still| always| simply| just)*"
    rf"|{_OPENS}(?:please |just |simply |then )?)"
    r" ?\b(?:return|send|ship|bring|mail|cancel)\b (?:[\w'-]+,? ){0,12}?for"
    rf" (?:[\w-]+ ){{0,4}}?(?:{_REFUND}|money back)\b"
)
_OWED = compile_pattern(
    r"\b(?:you(?:'re|'ve| are| have been)?(?: also| now| still| not| \w+ly)* (?:due|owed)"
    r"|we owe you"
    r"|you(?: \w+ly| still)? have (?:a|the|every|no) (?:full |legal )?right to"
    r"|(?:it|this|that|(?:your|this|that) (?:[\w'-]+ ){0,3}?[\w'-]+) (?:qualif(?:ies|y) for"
    rf"|(?:is|are|isn't|aren't)(?:{ADVERB}){{0,2}} (?:eligible for|entitled to)))"
    rf" (?:[\w'$.,-]+ ){{0,4}}?(?:{_REFUND}|money back)\b"
)
_PATTERNS = (
    _GIVES_BACK, _COMES_BACK, _UNDONE, _EXPECT, _EXPECT_REFUND, _GRANTED, _SELF, _CONSIDER,
    _IS_DONE, _RETURN_FOR, _OWED,
)  # fmt: skip
SHAPES = tuple(pattern.pattern for pattern in _PATTERNS)
_OTHERS = re.compile(
    r"\b(?:customers?|guests?|passengers?|members|shoppers|buyers?|they|their|them|others|people"
    r"|anyone|someone|somebody|everyone|he|she|his)\b"
)
_RULES = frozenset({"policy", "policies"})
_INDIRECT = frozenset("how why where whether if when until once unless before after".split())
_ABLE = frozenset("could may might would couldn't".split())


_TO_CARD = re.compile(
    r"(?:bank|credit card|debit card|card|paypal|original (?:payment|method|form)"
    r"|payment method)\b"
)


def promised(doc: Document, at: int) -> int:
    """Where "a refund" ends behind a verb of promising that ends at `at`; 0: none is there."""
    found = _A_REFUND.match(doc.low, at)
    return 0 if found is None or doc.low.startswith(_PAPERS, found.end()) else found.end()


def to_card(doc: Document, start: int, end: int) -> bool:
    """Whether what is credited goes to a means of payment, which makes it a refund."""
    before, after = doc.around(start, end)
    near = " ".join((*before[-6:], ".", *after[:10]))
    return _TO_CARD.search(near) is not None and "gift" not in near and "certificate" not in near


class Told(Struct, frozen=True):
    """A phrase that tells of a refund (or what `role` says).

    ``able``: it tells only what may be. ``helpers``: the words between subject and verb, where
    the company speaks of itself.
    """

    span: tuple[int, int]
    role: str
    able: bool = False
    helpers: tuple[str, ...] | None = None


def find(doc: Document, shapes: Iterable[int]) -> list[Told]:
    """The phrases of those `SHAPES`, by index, that a document has; whatever their polarity."""
    low = doc.low
    found: list[Told] = []
    for at in shapes:
        for span, *groups in _PATTERNS[at].regs(low):
            told = _told(doc, at, span, groups)
            if told is not None and not low.startswith(_PAPERS, told.span[1]):
                found.append(told)
    return found


def _told(
    doc: Document, at: int, span: tuple[int, int], groups: list[tuple[int, int]]
) -> Told | None:
    words = [doc.group(group) for group in groups]
    if at == 0:
        phrase = doc.group(span)
        if "credit" in phrase and "gift card" in phrase and "back" not in phrase:
            return None  # it is a credit
        return Told(
            span,
            "refund",
            helpers=(words[0], *words[1].split(), *words[2].replace(",", " ").split()),
        )
    if at == 5:
        group = next(i for i in (0, 2, 4) if groups[i][0] >= 0)
        if "?" in words[group] and " not " in words[group]:
            return None  # "Refund? Not approved.", where the denial is in the next sentence
        return Told(groups[group], verb_class(words[group + 1].removeprefix("fee ")))
    if at == 6:
        return Told(groups[0], "waive" if words[0].endswith("waived") else "refund")
    if at == 7:
        return _considered(doc, span, words)
    start = span[0]
    while start < span[1] and not doc.low[start].isalnum() and doc.low[start] not in "$€£":
        start += 1
    if doc.low.startswith(("that your ", "that the "), start):
        start += len("that ")
    span = (start, span[1])
    if at == 8:
        return Told(span, verb_class(words[0]))
    before = doc.around(*span)[0]
    comma = len(before) - before[::-1].index(",") if "," in before else 0
    clause = [*before[comma:], *doc.group(span).split()]
    if _OTHERS.search(" ".join((*before, *clause))) or not _RULES.isdisjoint(clause):
        return None
    indirect = not _INDIRECT.isdisjoint(before[-2:]) or (
        before[-1:] == ["that"] and not negation.cues(doc.language).keys().isdisjoint(before[-7:])
    )
    able = indirect or (bool(groups) and words[0].strip() in _ABLE and at != 9)
    return Told(span, "refund", able or (at == 9 and words[0].strip() in ("could", "might")))


def _considered(doc: Document, span: tuple[int, int], words: list[str]) -> Told | None:
    if words[0]:
        role = verb_class(words[0])
        return Told(span, "refund" if role == "other" else role)
    for word in doc.group(span).split()[1:-1]:
        role = verb_class(word)
        if role != "other":
            return Told(span, role)
    return None
