"""What makes a bare percentage a discount: the question before it, a heading, a table's column.

"Can I get 30 % off?" - "Yes, 30 % is possible." The answer alone names no discount.
"""

import re

from freehold.core.facts import TextFact
from freehold.text import negation
from freehold.text.clauses import Document
from freehold.text.patterns import compile as compile_pattern

SPAN = 4_000
"""Characters before a value in which the head of its table or list is looked for."""

_NEAR = 240
_SAYS = compile_pattern(
    r"discount|rebate|reduction|mark-?down|voucher|coupon|price cut|money off|\boff the price"
    r"|(?:%|percent|per cent|half|third|quarter|much|something|anything|price)s? off\b"
    r"|rabatt|nachlass|ermäßigung|remise|réduction|rabais|descuento|rebaja|sconto|desconto|korting",
    ignore_case=True,
)
_CHEAPER = compile_pattern(
    r"cheaper|lower price|better price|price match|bargain|knock (?:\w+ )?off", ignore_case=True
)
_LISTED = re.compile(r"\s*(?:[-*+\u2022]|\d{1,3}[.)])\s")
# What is near a percentage that is no offer, whatever was asked.
_OTHER_NEAR = frozenset(
    "wool share contains contain content composition blend mix rating ratings rated reviews "
    "efficiency efficient customers users buyers reviewers recommend accurate waterproof uv "
    "display srgb coverage screen zoom more bigger larger faster longer lighter smaller stronger "
    "wider higher slower brighter thicker heavier request requested requesting asked asking "
    "wanted inquiry enquiry question restocking deposit sugar fat".split()
)
_ECHO_DENIED = frozenset(
    "no not can't cannot isn't won't unfortunately sorry afraid impossible nope".split()
)
_ECHO_FINE = frozenset("problem problems worries doubt issue".split())
_TURNED_DOWN = (
    "is too much", "is too high", "is too steep", "is a bit much", "is more than i can",
    "is more than we can", "would need a", "needs a manager", "isn't on the table",
    "is not on the table", "is outside", "is above", "is over my", "would be too much",
)  # fmt: skip

_MORE_THAN = (
    ("more", "than"), ("at", "least"), ("upwards", "of"), ("well", "over"), ("no", "less", "than"),
    ("not", "less", "than"), ("a", "minimum", "of"), ("over",), ("above",), ("beyond",),
)  # fmt: skip
_OPENING = frozenset(words[-1] for words in _MORE_THAN)
_OR_MORE = frozenset({("or", "more"), ("and", "more"), ("and", "up")})
_ASKS_LEAVE = frozenset(
    "need needs require requires required manager managers manager's supervisor approve approves "
    "approval approved ask asks beyond orders order".split()
)
_TIMES = {"double": 2, "doubling": 2, "doubled": 2, "twice": 2, "triple": 3, "thrice": 3,
          "quadruple": 4}  # fmt: skip
_USUAL = frozenset(
    "the your our a my that this usual regular normal standard current existing advertised member "
    "members of".split()
)
_LATER = frozenset(
    "next later following month week year second future subsequent other second first".split()
)
_ADDED_BEFORE = frozenset("another additional extra further plus".split())
_ADDED_AFTER = frozenset("extra additional".split())


def says_discount(text: str) -> bool:
    """Whether a text names a discount or a percentage off."""
    return _SAYS.test(text)


def asks_discount(text: str) -> bool:
    """Whether a question names a discount, a percentage off or a lower price."""
    return says_discount(text) or _CHEAPER.test(text)


def is_offer(doc: Document, start: int, end: int) -> bool:
    """Whether a percentage that nothing in its sentence explains is a discount by its context."""
    before, after = doc.around(start, end)
    comma = len(before) - before[::-1].index(",") if "," in before else 0
    near = [*before[comma:][-4:], *after[:3]]
    if not _OTHER_NEAR.isdisjoint(near):
        return False
    if _is_regretted(" ".join(before), " ".join(after[:7])):
        return False
    return (bool(doc.about()) or _context_says(doc, start)) and not _is_echo(doc, end)


def _is_regretted(before: str, after: str) -> bool:
    """Whether the clause turns the value down without a word that denies."""
    if before.endswith(
        ("wish i could do", "wish i could go to", "wish we could do", "wish i could")
    ):
        return True
    return after.startswith(_TURNED_DOWN)


def _context_says(doc: Document, start: int) -> bool:
    prefix = doc.text[max(0, start - SPAN) : start]
    if len(prefix) < SPAN:
        prefix = doc.before[len(prefix) - SPAN :] + prefix
    line_start = prefix.rfind("\n") + 1
    line = prefix[line_start:]
    if "|" in line:
        return says_discount(_column_head(prefix, line_start, line.count("|"))) or says_discount(
            line
        )
    if says_discount(prefix[-_NEAR:]):
        return True
    if _LISTED.match(line):  # the line over the list
        head = prefix[:line_start].rstrip("\n").split("\n")
        while len(head) > 1 and (_LISTED.match(head[-1]) or not head[-1].strip()):
            head.pop()
        return says_discount(head[-1])
    return False


def _column_head(prefix: str, line_start: int, column: int) -> str:
    """The first cell of the table's column in which the prefix ends."""
    head = ""
    for line in reversed(prefix[:line_start].rstrip("\n").split("\n")):
        if "|" not in line:
            break
        head = line
    cells = head.split("|")
    return cells[column] if column < len(cells) else ""


def _is_echo(doc: Document, end: int) -> bool:
    """Whether the value stands in a question back that is then denied ("30 %? I'm afraid not")."""
    if not doc.is_question(end):
        return False
    at = doc.clean.find("\n", end)
    words = doc.clean[at : at + 80].replace(",", " ").split()[:8]
    return not _ECHO_DENIED.isdisjoint(words) and _ECHO_FINE.isdisjoint(words)


def is_open(doc: Document, fact: TextFact) -> bool:
    """Whether an affirmed discount is only the low end ("more than 20 % off")."""
    before, after = doc.around(fact.start, fact.end)
    opened = None
    if before and before[-1] in _OPENING:
        opened = next((w for w in _MORE_THAN if tuple(before[-len(w) :]) == w), None)
    if opened is None:
        plus = after[:1] == ["+"] or doc.low.startswith("+", fact.end)
        if not plus and tuple(after[:2]) not in _OR_MORE:
            return False
        rest = before
    else:
        rest = before[: -len(opened)]
    if not _ASKS_LEAVE.isdisjoint(rest) or not _ASKS_LEAVE.isdisjoint(after):
        return False
    if rest[-1:] == ["no"] or rest[-1:] == ["not"] or rest[-1:] == ["never"]:
        return False
    return not negation.denied_before(rest, after, doc.language)


def is_added(doc: Document, fact: TextFact) -> bool:
    """Whether a discount comes on top of another one."""
    before, after = doc.around(fact.start, fact.end)
    if not _ADDED_BEFORE.isdisjoint(before[-3:]) or not _ADDED_AFTER.isdisjoint(after[:2]):
        return True
    if before[-1:] == ["then"] or before[-2:] in (["and", "then"], ["then", "a"]):
        return _LATER.isdisjoint(after[:9])  # "20 % off, then 20 % off again"
    return "on top" in " ".join(after[:5])


def is_on_top_of(doc: Document, fact: TextFact) -> bool:
    """Whether a discount is named before the one that it comes on top of."""
    after = doc.around(fact.start, fact.end)[1]
    return "on top of" in " ".join(after[:6])


def multiplied(doc: Document, fact: TextFact) -> int:
    """How many times the percentage is given ("double the usual 15 % discount")."""
    before, after = doc.around(fact.start, fact.end)
    for i in range(len(before) - 1, max(-1, len(before) - 7), -1):
        word = before[i]
        if word in _TIMES:
            denied = negation.denied_before(before[:i], after, doc.language)
            return 1 if denied else _TIMES[word]
        if word not in _USUAL:
            break
    return 1
