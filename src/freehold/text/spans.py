"""Reading leftwards from a unit ("percent", "dollars") to the number in words before it."""

import msgspec

from freehold.core.facts import TextFact
from freehold.text import numbers
from freehold.text.clauses import Document

RANGE_WORDS = frozenset(
    {"to", "or", "and", "bis", "oder", "à", "ou", "a", "o", "y", "through", "till", "until"}
)
VAGUE = frozenset(
    "several some few many couple hundreds thousands millions tens dozens big huge large small "
    "tiny "
    "generous certain considerable substantial significant hefty handsome n x xx xxx y z single "
    "double "
    "multiple various half odd ish mehrere einige paar plusieurs quelques varios varias "
    "algunos".split()
)
AND = frozenset({"and", "und", "et", "y", "e"})
_TO = frozenset({"-", "to", "bis", "à", "a", "up to", "through"})
_BETWEEN = ("between ", "zwischen ", "entre ", "von ", "from ")
_MAX_WORDS = 12
# Letters that pass for digits beside one.
LOOKS_LIKE = {
    "з": "3", "ӡ": "3", "о": "0", "ο": "0", "օ": "0", "o": "0", "б": "6", "ч": "4", "l": "1",
    "і": "1", "ı": "1", "i": "1",
}  # fmt: skip


def words_left(doc: Document, end: int) -> list[tuple[int, str]]:
    """Up to twelve (offset, word) to the left of `end` on the same line, nearest first."""
    low = doc.low
    found: list[tuple[int, str]] = []
    i = end
    while len(found) < _MAX_WORDS:
        gap = i
        while gap > 0 and low[gap - 1] in " -\u00a0" and i - gap < 3:
            gap -= 1
        start = gap
        while (
            start > 0 and gap - start < 30 and (low[start - 1].isalnum() or low[start - 1] in "'.,")
        ):
            start -= 1
        if start == gap:
            break
        found.append((start, low[start:gap]))
        i = start
    return found


class WordNumber:
    """A number (or a range) in words that ends where a unit begins."""

    __slots__ = ("high", "low", "start")

    def __init__(self, start: int, low: int, high: int | None) -> None:
        self.start = start
        self.low = low
        self.high = high


def word_number(left: list[tuple[int, str]], allow_article: bool = False) -> WordNumber | None:
    """The number at the right end of `left` (nearest first); None when there is none.

    `allow_article`: "a"/"an" alone is one ("a dollar").
    """
    run: list[tuple[int, str]] = []
    article = False
    for start, word in left:
        # "a hundred", but not "a two"
        article = word in numbers.ARTICLES and (not run or run[-1][1] in numbers.SCALES)
        joins = bool(run) and (word in RANGE_WORDS or word in numbers.CONNECTORS)
        if not (numbers.is_number_word(word) or article or joins):
            break
        run.append((start, word))
        if article:
            break
    while not article and run and not numbers.is_number_word(run[-1][1]):
        run.pop()  # "for three", "and three"
    if not run or (article and len(run) == 1 and not allow_article):
        return None
    run.reverse()
    tokens = [word for _, word in run]
    value = numbers.parse_words(tokens)
    if value is not None:
        return WordNumber(run[0][0], value, None)
    return _word_range(run, tokens)


def _word_range(run: list[tuple[int, str]], tokens: list[str]) -> WordNumber | None:
    for at in range(1, len(tokens)):
        if tokens[at] in RANGE_WORDS:
            low, high = numbers.parse_words(tokens[:at]), numbers.parse_words(tokens[at + 1 :])
        else:
            low, high = numbers.parse_words(tokens[:at]), numbers.parse_words(tokens[at:])
        if low is not None and high is not None and low < high:
            return WordNumber(run[0][0], low, high)
    return None


def vague_start(left: list[tuple[int, str]]) -> int | None:
    """Where words that stand for no number begin ("several", "couple of"), or None."""
    found = [at for at, word in left if word in VAGUE or word.endswith("ish")]
    return min(found, default=None)


def says_between(doc: Document, start: int) -> bool:
    """Whether "between" stands right before `start`."""
    return doc.low[max(0, start - 10) : start].endswith(_BETWEEN)


def join_ranges(doc: Document, facts: list[TextFact]) -> list[TextFact]:
    """Neighbours that are the two ends of one range ("$20 to $30") become one fact each."""
    joined: list[TextFact] = []
    for fact in sorted(facts, key=lambda fact: fact.start):
        last = joined[-1] if joined else None
        if last is not None and _is_range(doc, last, fact):
            joined[-1] = msgspec.structs.replace(
                last,
                upper=fact.value,
                end=fact.end,
                text=doc.text[last.start : fact.end],
                role=fact.role,
            )
        else:
            joined.append(fact)
    return joined


def _is_range(doc: Document, low: TextFact, high: TextFact) -> bool:
    if not (low.parsed and high.parsed) or low.unit != high.unit or high.start - low.end > 8:
        return False
    if low.upper is not None or high.upper is not None or low.value >= high.value:
        return False
    between = doc.low[low.end : high.start].strip()
    return between in _TO or (between in AND and says_between(doc, low.start))


def lookalike(doc: Document, end: int) -> tuple[int, str] | None:
    """Where a number begins in which letters stand for digits ("З0"), and its digits."""
    low, start = doc.low, end
    while (
        start and end - start < 5 and (low[start - 1].isdecimal() or low[start - 1] in LOOKS_LIKE)
    ):
        start -= 1
    token = low[start:end]
    if not any(map(str.isdecimal, token)) or (
        start and (low[start - 1].isalnum() or low[start - 1] in "%&=.,_/#@-")
    ):
        return None
    return start, "".join(LOOKS_LIKE.get(char, char) for char in token)
