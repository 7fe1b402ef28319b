"""Finding in an approved answer what came from context, and where it may have come from."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from msgspec import Struct

from freehold.text.slots.context import Context, Value
from freehold.text.slots.forms import SOFT, STRONG, WEAK, strength, writings
from freehold.text.slots.rows import WORD, Asked, asked_rows, is_state, rules_for

SAID = "said"
"""The form of a stretch of a longer field that the question names: an article of an order, say."""
_INSIDE = re.compile(r"[^\W_]")
_LEAST_SAID, _MOST_SAID = 5, 8
_RANK = {STRONG: 0, WEAK: 1, SOFT: 2}


class Origin(Struct, frozen=True, order=True):
    """Where a value came from: the row of a source that a rule means, its field, and the form in
    which it is written.
    """

    source: str
    rule: str
    field: str
    form: str


class Mark(Struct, frozen=True):
    """A stretch of an answer with everything that it may have come from."""

    start: int
    end: int
    text: str
    strength: str
    origins: frozenset[Origin]


def find(answer: str, context: Context, asked: Asked) -> list[Mark]:
    """Stretches that stand in context too, apart and in order; of overlapping ones the surest, then
    the longest.
    """
    seen: dict[tuple[int, int], set[Origin]] = {}
    sure: dict[tuple[int, int], str] = {}
    for source, place, field, value in _values(context):
        rules: list[str] | None = None
        for form, text in _writings(field, value, asked):
            for start in _places(answer, text):
                if rules is None:
                    rules = list(rules_for(source, place, context, asked))
                span = (start, start + len(text))
                seen.setdefault(span, set()).update(
                    Origin(source, rule, field, form) for rule in rules
                )
                told = STRONG if form == SAID else strength(text, form)
                sure[span] = min(sure.get(span, SOFT), told, key=_RANK.__getitem__)
    marks: list[Mark] = []
    taken: list[tuple[int, int]] = []
    for start, end in sorted(seen, key=lambda s: (_RANK[sure[s]] > 1, s[0] - s[1], s[0])):
        if all(end <= begin or start >= stop for begin, stop in taken) and seen[start, end]:
            taken.append((start, end))
            origins = frozenset(seen[start, end])
            marks.append(Mark(start, end, answer[start:end], sure[start, end], origins))
    return sorted(marks, key=lambda mark: mark.start)


def said_in(value: Value, asked: Asked) -> str | None:
    """The longest run of words of a field that the question names: two words, or one name."""
    if not isinstance(value, str) or len(value) < _LEAST_SAID:
        return None
    if value not in asked.said:
        asked.said[value] = _said_in(value, asked)
    return asked.said[value]


def _said_in(value: str, asked: Asked) -> str | None:
    low = value.casefold()
    # a name has a capital, and most of what is there is not spoken of
    if low == value or asked.words.isdisjoint(WORD.findall(low)):
        return None
    runs = _runs(_words(value), asked.words)
    for length in range(min(_MOST_SAID, max(map(len, runs), default=0)), 0, -1):
        found = {
            text.casefold(): text
            for run in runs
            for at in range(len(run) - length + 1)
            if _is_name(text := value[run[at][0] : run[at + length - 1][1]], length)
            and asked.names(text)
        }
        if found:
            return next(iter(found.values())) if len(found) == 1 else None
    return None


@lru_cache(maxsize=2_048)
def _words(value: str) -> tuple[tuple[int, int, str], ...]:
    return tuple((*found.span(), found[0].casefold()) for found in WORD.finditer(value))


def _runs(
    words: Sequence[tuple[int, int, str]], known: frozenset[str]
) -> list[list[tuple[int, int, str]]]:
    """Stretches of words that all stand in the question, somewhere."""
    runs: list[list[tuple[int, int, str]]] = [[]]
    for word in words:
        if word[2] in known:
            runs[-1].append(word)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _is_name(text: str, words: int) -> bool:
    return len(text) > 4 and text[:1].isupper() and (words > 1 or not text.isupper())


def _values(context: Context) -> Iterator[tuple[str, int, str, Value]]:
    for source, rows in context.sources.items():
        for place, row in enumerate(rows):
            for field, value in row.items():
                yield source, place, field, value


def _writings(field: str, value: Value, asked: Asked) -> Iterator[tuple[str, str]]:
    yield from writings(field, value)
    said = said_in(value, asked)
    if said is not None and said != value:
        yield SAID, said


def _places(text: str, part: str) -> Iterator[int]:
    """Where a part stands in a text as a whole: not inside a word or a number."""
    at = text.find(part)
    while at >= 0:
        end = at + len(part)
        inside = (
            (at and _INSIDE.match(text[at - 1]) and _INSIDE.match(part[0]))
            or (end < len(text) and _INSIDE.match(text[end]) and _INSIDE.match(part[-1]))
            or (part[0].isdigit() and _number_before(text, at))
            or (part[-1].isdigit() and text[end : end + 1] in (".", ",", "-", "/", ":")
                and text[end + 1 : end + 2].isdigit())
        )  # fmt: skip
        if not inside:
            yield at
        at = text.find(part, at + 1)


def _number_before(text: str, at: int) -> bool:
    return (at > 1 and text[at - 1] in ".,-/:" and text[at - 2].isalnum()) or text[
        max(0, at - 1) : at
    ] in ("$", "€", "£")


def keys_of(context: Context, asked: Asked) -> dict[str, str]:
    """What a question names of the context → how a question like it is remembered: by the field."""
    keys: dict[str, str] = {}
    for rows in context.sources.values():
        for field in asked.hits(rows):
            for place in asked_rows(rows, field, asked):
                if not is_state(rows[place][field]):
                    keys.setdefault(str(rows[place][field]), field)
        for row in rows:
            for value in row.values():
                said = said_in(value, asked)
                if said is not None:
                    keys.setdefault(said, "name")
    return keys
