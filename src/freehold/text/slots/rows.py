"""Which row of a source an answer speaks of: by a rule that holds for other rows too."""

import re
from collections.abc import Iterator, Mapping, Sequence

from freehold.text.slots.context import Context, Row, Value

_TIGHT = re.compile(r"[^0-9a-z]+")
WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_WORDY = re.compile(r"\w")
_DIGIT = re.compile(r"\d")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_STATE = re.compile(r"[^\W\d_]+(?:[ _-][^\W\d_]+){0,2}")
_LEAST, _LEAST_TIGHT = 4, 5
"""Characters that a name in a question has at least; of an identifier, without its separators."""

ASKED, ONLY, FIRST, NEWEST, OLDEST = "asked", "only", "first", "newest", "oldest"


class Asked:
    """A question, made ready for looking names up in it, and what was found in it already."""

    __slots__ = ("_hits", "_known", "_named", "_numbered", "low", "said", "text", "tight", "words")

    def __init__(self, text: str) -> None:
        self.text = text
        self.low = text.casefold()
        self.tight = _TIGHT.sub("", self.low)
        self.words = frozenset(WORD.findall(self.low))
        self.said: dict[str, str | None] = {}
        """What it names of a longer value, as far as that was looked up: see `finding.said_in`."""
        self._numbered = _DIGIT.search(self.tight) is not None
        self._known: dict[str, bool] = {}
        self._hits: dict[int, tuple[Sequence[Row], Mapping[str, Sequence[int]]]] = {}
        self._named: dict[int, tuple[Sequence[Row], list[int]]] = {}

    def names(self, value: Value) -> bool:
        """Whether it names this value, as a whole."""
        if not isinstance(value, str) or len(value) < _LEAST:
            return False
        known = self._known.get(value)
        if known is None:
            known = self._known[value] = self._names(value)
        return known

    def hits(self, rows: Sequence[Row]) -> Mapping[str, Sequence[int]]:
        """Fields of which it names a value → places of the rows that have it, both in order."""
        known = self._hits.get(id(rows))
        if known is None or known[0] is not rows:
            found: dict[str, list[int]] = {}
            for at, row in enumerate(rows):
                for field, value in row.items():
                    if self.names(value):
                        found.setdefault(field, []).append(at)
            known = self._hits[id(rows)] = rows, found
        return known[1]

    def named(self, rows: Sequence[Row]) -> list[int]:
        """Places of the rows that it names; see `named_rows`."""
        known = self._named.get(id(rows))
        if known is None or known[0] is not rows:
            known = self._named[id(rows)] = rows, named_rows(rows, self)
        return known[1]

    def _names(self, value: str) -> bool:
        if " " not in value and _DIGIT.search(value):
            if not self._numbered and value.isascii():
                return False
            tight = _TIGHT.sub("", value.casefold())
            return len(tight) >= _LEAST_TIGHT and self._whole(self.tight, tight, digits=True)
        return self._whole(self.low, value.casefold(), digits=False)

    @staticmethod
    def _whole(text: str, part: str, *, digits: bool) -> bool:
        at = text.find(part)
        while at >= 0:
            before, after = text[at - 1 : at] if at else "", text[at + len(part) :][:1]
            if digits:
                # without separators only digits tell where a number goes on
                if not (after.isdigit() or (part[0].isdigit() and before.isdigit())):
                    return True
            elif not _WORDY.match(before) and not _WORDY.match(after):
                return True
            at = text.find(part, at + 1)
        return False


def asked_rows(rows: Sequence[Row], field: str, asked: Asked) -> Sequence[int]:
    """Places of the rows whose field the question names; of names within names, the longest."""
    found = asked.hits(rows).get(field, ())
    if len(found) < 2:
        return found
    values = {at: str(rows[at][field]).casefold() for at in found}
    return [
        at
        for at in found
        if not any(values[at] != other and values[at] in other for other in values.values())
    ]


def named_rows(rows: Sequence[Row], asked: Asked) -> list[int]:
    """Places of the rows that the question names: by an identifier if by any, else by a name."""
    fields = asked.hits(rows)
    for is_key in (_is_identifier, _is_name):
        found: set[int] = set()
        values: set[str] = set()
        for field in fields:
            for at in asked_rows(rows, field, asked):
                if is_key(str(rows[at][field])):
                    found.add(at)
                    values.add(str(rows[at][field]).casefold())
        if len(values) > 1 and len(found) > 1:
            # "Oak Chair Set" names no "Oak Chair"
            longest = {v for v in values if not any(v != o and v in o for o in values)}
            found = {
                at
                for at in found
                if any(isinstance(v, str) and v.casefold() in longest for v in rows[at].values())
            }
        if found:
            return sorted(found)
    return []


def names_other(row: Row, context: Context, asked: Asked) -> bool:
    """Whether the question names what another row of any source has in a field of this name, and
    not what this row has there: it speaks of something else.
    """
    every = [(rows, hits) for rows in context.sources.values() if (hits := asked.hits(rows))]
    for field in {field: None for _, hits in every for field in hits}:
        own = row.get(field)
        if not isinstance(own, str) or not (_is_name(own) or _is_identifier(own)):
            continue
        named = {
            str(rows[at][field]).casefold() for rows, hits in every for at in hits.get(field, ())
        }
        own = own.casefold()
        # of names within names the longest is meant
        longest = {
            one for one in named if not any(one != other and one in other for other in named)
        }
        if longest and own not in longest:
            return True
    return False


def is_state(value: Value) -> bool:
    """Whether it is up to three words in small letters: these say how something is, not which."""
    return isinstance(value, str) and value.islower() and _STATE.fullmatch(value) is not None


def _is_identifier(value: str) -> bool:
    return " " not in value and any(map(str.isdigit, value))


def _is_name(value: str) -> bool:
    return value[:1].isupper()


def means(rule: str, source: str) -> str:
    """Which row a rule means, in words."""
    how, _, field = rule.partition(":")
    if how == ASKED:
        by = f" by its `{field}`" if field else ""
        return f"the row of `{source}` that the question names{by}"
    if how in (NEWEST, OLDEST):
        return (
            f"the row of `{source}` with the {'latest' if how == NEWEST else 'earliest'} `{field}`"
        )
    return f"the {'only' if how == ONLY else 'first'} row of `{source}`"


def pick(rule: str, source: str, context: Context, asked: Asked) -> Row | None:
    """The one row that a rule means; none where there is none, more than one, or where the question
    names another.
    """
    rows = context.sources.get(source, ())
    if not rows:
        return None
    how, _, field = rule.partition(":")
    if how == ONLY:
        return rows[0] if len(rows) == 1 else None
    if how == ASKED:
        found = asked_rows(rows, field, asked) if field else asked.named(rows)
        return rows[found[0]] if len(found) == 1 else None
    place = 0 if how == FIRST else _by_day(rows, field, latest=how == NEWEST)
    if place is None:
        return None
    named = asked.named(rows)
    if named in ([], [place]) or (len(named) == len(rows) and not _told_apart(rows, asked)):
        return rows[place]
    return None


def _told_apart(rows: Sequence[Row], asked: Asked) -> bool:
    """Whether a question names something that some of the rows have and others don't."""
    return any(
        asked.names(value) and any(other.get(field) != value for other in rows)
        for row in rows
        for field, value in row.items()
    )


def _by_day(rows: Sequence[Row], field: str, *, latest: bool) -> int | None:
    days = [row.get(field) for row in rows]
    known = [day for day in days if isinstance(day, str) and _DAY.match(day)]
    if len(known) != len(rows):
        return None
    best = max(known) if latest else min(known)
    return days.index(best) if known.count(best) == 1 else None


def rules_for(source: str, place: int, context: Context, asked: Asked) -> Iterator[str]:
    """Every rule that means this row."""
    rows = context.sources[source]
    row = rows[place]
    if asked.named(rows) == [place]:
        yield ASKED
    for field, value in row.items():
        if asked.names(value) and asked_rows(rows, field, asked) == [place]:
            yield f"{ASKED}:{field}"
    rules = [ONLY, FIRST]
    days = [field for field, value in row.items() if isinstance(value, str) and _DAY.match(value)]
    rules += [f"{how}:{field}" for field in days for how in (NEWEST, OLDEST)]
    yield from (rule for rule in rules if pick(rule, source, context, asked) is row)


def settled(rules: frozenset[str]) -> tuple[str, ...]:
    """Of the rules that fit every example, those that must hold: by name if it was named, else the
    only one, else all that are left.
    """
    if ASKED in rules:
        return (ASKED,)
    named = sorted(rule for rule in rules if rule.startswith(ASKED))
    if named:
        return tuple(named)
    return (ONLY,) if ONLY in rules else tuple(sorted(rules))
