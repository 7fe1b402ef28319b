"""What an answer says that the company did or will do: refund, cancel, waive, guarantee, ...

Read from English sentence shapes (`refunds` has those of money that goes back), and from narrower
lists in six other languages, whatever language the text as a whole is in. A conditional
promise ("if it is late, we'll refund you") still binds for what costs money; for the rest
("once you confirm, I'll cancel it") it is hypothetical, and so is an ability ("I can cancel").
"""

from freehold.core.facts import Polarity, TextFact
from freehold.text import agreement, foreign_promises, negation, refunds
from freehold.text.clauses import Document, Subject, nothing
from freehold.text.commitment_words import (
    ACTIVE,
    ALSO,
    COSTS_MONEY,
    ENTITLED,
    FREE_THINGS,
    NOMINAL,
    OFFERED,
    PASSIVE,
    STATE,
    verb_class,
)
from freehold.text.patterns import Gates, Spans

# Asked group by group, before each that may be there is read.
_OWN = tuple(p.pattern for p in (ACTIVE, PASSIVE, NOMINAL, ENTITLED, STATE))
_SHAPES = Gates(
    (*_OWN, agreement.SHAPE), refunds.SHAPES[:5], refunds.SHAPES[5:], foreign_promises.SHAPES
)
_AGREED = len(_OWN)
_REFUNDS = _AGREED + 1
_FOREIGN = _REFUNDS + len(refunds.SHAPES)
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
# What may go on behind "and", and behind what.
_ALSO = frozenset({"refund", "waive", "credit", "cancel"})
_DEEDS = frozenset("refund cancel ship replace waive credit price_match book change".split())
_NEAR = 90  # characters
_TURNS = frozenset("i we you to that which if when please but or".split())
_ABLE = ("can ", "could ", "would ", "may ", "might ", "should ")
_QUESTIONS = frozenset("shall should may can could would do".split())
# What an agent says of others: "cancelled by the airline", "the change that you requested".
_BY_OTHERS = (" by the airline", " by you", " by the customer", " by the carrier", " by the seller")


_OFFERING = (" me to ", " us to ")
_FREE = ("free ", "complimentary ")


def shapes_in(low: str) -> list[int] | None:
    """What `find` needs to know of a text in lower case: which shapes may be there; None: none is.

    No list of words stands before the shapes, since it would have to know theirs, and what it
    forgot would be promised unseen.
    """
    shapes = _SHAPES.hits(low)
    if shapes or any(word in low for word in (*_OFFERING, *_FREE)):
        return shapes
    return None


def find(doc: Document, shapes: list[int], about: Subject = nothing) -> list[TextFact]:
    """All commitments of a document; the fact's `role` is the class of the verb.

    `shapes` are those of `shapes_in`. `about` tells what the question asks to be done; it is asked
    only when the text agrees to it.
    """
    found: list[TextFact] = []
    low = doc.low
    if any(word in low for word in _OFFERING):
        for span, *parts in OFFERED.regs(low):
            offered = _class_of(doc, span, parts)
            if offered is not None:
                _add(found, doc, span, offered, "hypothetical")
    _find_refunds(found, doc, [at - _REFUNDS for at in shapes if _REFUNDS <= at < _FOREIGN])
    _find_deeds(found, doc, shapes)
    _find_stated(found, doc, shapes)
    if any(" and " in low[fact.end : fact.end + _NEAR] for fact in found):
        _find_also(found, doc)
    _find_foreign(found, doc, [at - _FOREIGN for at in shapes if at >= _FOREIGN])
    if _AGREED in shapes:
        for span, asked, polarity in agreement.find(doc, about()):
            if not any(f.role == asked and f.start < span[1] and span[0] < f.end for f in found):
                found.append(_fact(doc, span, asked, polarity))
    return found


def _find_deeds(found: list[TextFact], doc: Document, shapes: list[int]) -> None:
    """What the company does ("we'll refund you") and what is done ("it has been cancelled")."""
    low = doc.low
    for span, subject, contraction, helpers, *parts in ACTIVE.regs(low) if 0 in shapes else ():
        role = _class_of(doc, span, parts)
        if role is None:
            continue
        if role == "credit" and refunds.to_card(doc, *span):
            role = "refund"
        if role == "guarantee" and (end := refunds.promised(doc, span[1])):
            role, span = "refund", (span[0], end)
        words = [*doc.group(contraction).split(), *doc.group(helpers).replace(",", " ").split()]
        words += [doc.group(subject), *(doc.group(parts[1]).split() if parts[1][0] >= 0 else ())]
        _add(found, doc, span, role, _active_polarity(doc, span, role, words))
    for span, auxiliary, done, _ in PASSIVE.regs(low) if 1 in shapes else ():
        if low.startswith(_BY_OTHERS, span[1]):
            continue
        passive = verb_class(doc.group(done)) if done[0] >= 0 else _noun_class(doc, *span)
        if passive == "credit" and refunds.to_card(doc, *span):
            passive = "refund"
        if passive is not None:
            able = doc.group(auxiliary).startswith(_ABLE)
            _add(found, doc, span, passive, _stated_polarity(doc, *span, passive, able))


def _find_stated(found: list[TextFact], doc: Document, shapes: list[int]) -> None:
    """What the reader will get ("you'll receive a refund"), and what is said to be settled."""
    low = doc.low
    if 2 in shapes:
        for span, auxiliaries, noun in NOMINAL.regs(low):
            role = verb_class(doc.group(noun))
            if role not in ("cancel", "book", "change", "transfer"):
                supposed = "would" in doc.group(auxiliaries) and "if" in doc.around(*span)[1]
                _add(found, doc, span, role, _stated_polarity(doc, *span, role, supposed))
    if 3 in shapes:
        for span, verb in ENTITLED.regs(low):
            state = _stated_polarity(doc, *span, "", True)
            _add(found, doc, span, verb_class(doc.group(verb)), state)
    if any(word in low for word in _FREE):
        for (span,) in FREE_THINGS.regs(low):
            before = low[max(0, span[0] - 5) : span[0]]
            if before.endswith("-") or " to " in doc.group(span):  # "feel free to return"
                continue
            none = before.endswith((" 0 ", "zero "))
            state = "negated" if none else _stated_polarity(doc, *span, "free", False)
            _add(found, doc, span, "free", state)
    for span, noun, _ in STATE.regs(low) if 4 in shapes else ():
        if not _WAITING.isdisjoint(doc.around(*span)[0][-2:]):
            continue  # "after the booking is complete"
        role = verb_class(doc.group(noun)) if noun[0] >= 0 else "guarantee"
        _add(found, doc, span, role, _stated_polarity(doc, *span, role, False))


def _find_foreign(found: list[TextFact], doc: Document, shapes: list[int]) -> None:
    for told in foreign_promises.find(doc, shapes):
        polarity = foreign_promises.stance(doc, told)
        if polarity and not _add(found, doc, told.span, told.role, polarity):
            _add(found, doc, told.core, told.role, polarity)


def _find_refunds(found: list[TextFact], doc: Document, shapes: list[int]) -> None:
    """Money that goes back, in other words than "refund"."""
    for told in refunds.find(doc, shapes):
        start, end = told.span
        if told.helpers is not None:
            state = _active_polarity(doc, told.span, told.role, list(told.helpers))
        else:
            state = _stated_polarity(doc, start, end, told.role, told.able)
            if state == "affirmed" and _is_asked(doc, end):
                state = "hypothetical"
        _add(found, doc, told.span, told.role, state)


def _is_asked(doc: Document, end: int) -> bool:
    """Whether the clause, and not only one behind a comma, is a question."""
    return doc.is_question(end) and "," not in doc.around(end, end)[1]


def _find_also(found: list[TextFact], doc: Document) -> None:
    """What goes on behind "and": "I've cancelled it and issued a refund"."""
    for span, *parts in ALSO.regs(doc.low):
        leading = [fact for fact in found if fact.end <= span[0]]
        if not leading:
            continue
        first = max(leading, key=lambda fact: fact.end)
        between = doc.clean[first.end : span[0]]
        if "\n" in between or "," in between or len(between) > _NEAR:
            continue
        role = _class_of(doc, span, parts)
        if role in _ALSO and role != first.role and first.role in _DEEDS:
            if not _TURNS.isdisjoint(between.split()):
                continue
            verb = doc.group(parts[0] if parts[0][0] >= 0 else parts[1])
            words = first.text.lower().split()
            if any(_form(word) == _form(verb) for word in words[1:]) and role is not None:
                _add(found, doc, span, role, first.polarity)


def _form(verb: str) -> str:
    if verb.endswith(("ed", "made", "sent", "gave", "given", "paid")):
        return "done"
    return "doing" if verb.endswith("ing") else "do"


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
) -> bool:
    """Add a fact; false, and nothing changes, where another promise has the place."""
    if not doc.promise(*span):
        return False
    found.append(_fact(doc, span, role, polarity))
    return True


def _fact(doc: Document, span: tuple[int, int], role: str, polarity: Polarity) -> TextFact:
    start, end = span
    return TextFact(
        kind="commitment",
        value=0,
        unit="",
        start=start,
        end=end,
        text=doc.text[start:end],
        polarity=polarity,
        role=role,
    )


def _is_denied(doc: Document, start: int, end: int) -> bool:
    """Whether the words up to the end of the phrase, its own included, deny it."""
    if doc.is_plain(start):
        return False
    before = doc.around(start, end)[0]
    phrase = doc.clean[start:end].replace(",", " , ").split()
    return negation.denied_phrase(before, phrase, doc.language)


def _is_none(before: list[str]) -> bool:
    """Whether a "no" stands before the noun of a phrase ("no money will be returned")."""
    near = before[-3:]
    return "no" in near and "," not in near[near.index("no") :]


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
    if unsure or (role not in COSTS_MONEY and not _ABILITY.isdisjoint(helpers)):
        return "hypothetical"
    return _unless_conditional(doc, start, end, role)


def _stated_polarity(doc: Document, start: int, end: int, role: str, able: bool) -> Polarity:
    if _is_denied(doc, start, end) or _is_none(doc.around(start, end)[0]):
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
        if role not in COSTS_MONEY or "," not in before[last:]:
            return "hypothetical"
    if role not in COSTS_MONEY and not (
        _CONDITIONS.isdisjoint(after) and _REQUESTS.isdisjoint(before)
    ):
        return "hypothetical"
    return "affirmed"


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
