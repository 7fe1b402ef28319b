"""Compiled sets of expressions with the facts that they need."""

import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

from msgspec import Struct

from freehold.core.judged import Noted, Seen
from freehold.ledger.words import are_words
from freehold.rules.declared import Phase, types_of
from freehold.rules.engine import Engine, ExpressionError, default_engine
from freehold.rules.folded import fold_value, folded_expression
from freehold.rules.hoist import Hoisted, hoist
from freehold.rules.language import FactType, Program
from freehold.rules.names import (
    check_functions,
    check_names,
    check_patterns,
    explained,
    facts_in,
    function_errors,
    name_errors,
    referenced,
    shape_errors,
)
from freehold.rules.records import field_errors

_WORD = re.compile(r"\w+")
_MOST_CHARS = 20_000
_SELDOM_READ = ("end", "kind", "parsed", "start", "text")
"""Fields of records that are handed over only when an expression has their name in it: each costs
the engine half a microsecond a record."""


class ConditionSet:
    """Boolean expressions evaluated together; ``names`` are the facts to compute for them."""

    __slots__ = (
        "_as_folded",
        "_as_written",
        "_records",
        "_texts",
        "_unread",
        "_wordy",
        "expressions",
        "in_words",
        "names",
        "notes",
    )

    def __init__(
        self, expressions: Sequence[str], phase: Phase, *, engine: Engine | None = None
    ) -> None:
        """Compile.

        Raises:
            ExpressionError: one of them does not compile.
        """
        self.expressions = tuple(expressions)
        for expression in self.expressions:
            check_names(expression, phase)
            check_functions(expression)
            check_patterns(expression)
        self.names = referenced(self.expressions)
        types = types_of(self.names)
        self._records = frozenset(name for name, kind in types.items() if kind == "records")
        words = frozenset(_WORD.findall(" ".join(self.expressions)))
        self._unread = frozenset(_SELDOM_READ) - words
        self._texts = tuple(
            name
            for name, kind in types.items()
            if kind in ("string", "json") or (kind == "records" and "text" in words)
        )
        engine = engine or default_engine()
        try:
            # As written first, so that an error names a place that its author knows.
            as_they_are = engine.compile(self.expressions, types)
            self._as_written = _compiled(self.expressions, types, engine, as_they_are)
            folded = tuple(map(folded_expression, self.expressions))
            self._as_folded = (
                self._as_written if folded == self.expressions else _compiled(folded, types, engine)
            )
        except ExpressionError as error:
            raise explained(error, phase) from None
        self.in_words = tuple(
            _read_in_words(one) | _read_in_words(other)
            for one, other in zip(
                self._as_written.hoisted.expressions,
                self._as_folded.hoisted.expressions,
                strict=True,
            )
        )
        self._wordy = tuple(place for place, read in enumerate(self.in_words) if read)
        self.notes = any(self.in_words) or bool(self._as_written.matches_words)

    def run(self, facts: Mapping[str, Any], read: list[Noted] | None = None) -> list[bool | None]:
        """A verdict for each expression; ``None`` where it could not be evaluated.

        Texts in look-alike letters are read a second time in plain ones, and an expression that
        holds for either reading holds.

        Args:
            read: gets what came of reading words, where there is anything to say.
        """
        written: list[int] | None = None
        if read is not None and self._as_written.matches_words:
            written = []
        given = self._given(facts)
        verdicts = self._as_written.run(given, written)
        changed = self._changed(given)
        if not changed:
            if read is not None and written:
                read.append(Noted(matched=tuple(written)))
            return verdicts
        folded: list[int] | None = None if written is None else []
        again = self._folded(given, changed, folded)
        # the second reading is another one even where no pattern matched in it
        other = written or folded or self._as_folded is not self._as_written
        if read is not None and written is not None and folded is not None and other:
            read.append(Noted(matched=tuple(written), folded=tuple(folded)))
        return list(map(_either, verdicts, again))

    def run_again(self, facts: Mapping[str, Any], noted: Noted) -> list[bool | None]:
        """The verdicts where words are not at hand: for what patterns found in them, ``noted``
        speaks. Of an expression that reads words in another way, the verdict means nothing.
        """
        given = self._given(facts)
        verdicts = self._as_written.run_again(given, noted.matched)
        changed = self._changed(given)
        if noted.folded is None and not changed:
            return verdicts
        matched = noted.matched if noted.folded is None else noted.folded
        known = {name: changed.get(name) or fold_value(value) for name, value in given.items()}
        return list(map(_either, verdicts, self._as_folded.run_again(known, matched)))

    def noted(
        self, read: Sequence[Noted], verdicts: Sequence[bool | None], seen: Seen = "facts"
    ) -> list[Noted]:
        """What came of reading words, at most one: what patterns found in them, and the verdicts of
        expressions that read them in other ways and did not stay silent.
        """
        spoke = {
            str(place): verdicts[place] for place in self._wordy if verdicts[place] is not False
        }
        if not (read or spoke):
            return []
        # how an answer is read as JSON changes nothing for a pattern in its words
        first = read[0] if read else Noted()
        return [Noted(sheet=seen, matched=first.matched, folded=first.folded, verdicts=spoke)]

    def lacking(self, place: int, missing: Collection[str], *, words: bool) -> str:
        """What an expression reads of the ``missing`` facts other than by a pattern that is written
        out, or without ``words`` of records; empty where it reads nothing of the kind.
        """
        for name in sorted(self.in_words[place]):
            if name in missing or (name == "text" and not words):
                return name
        return ""

    def _folded(
        self, given: dict[str, Any], changed: dict[str, Any], matched: list[int] | None
    ) -> list[bool | None]:
        # then all of them, since the rule's own texts are folded too
        known = {name: changed.get(name) or fold_value(value) for name, value in given.items()}
        return self._as_folded.run(known, matched)

    def _changed(self, given: dict[str, Any]) -> dict[str, Any]:
        """The texts that say something else in plain characters."""
        return {
            name: folded
            for name in self._texts
            if name in given and (folded := fold_value(given[name])) is not given[name]
        }

    def _given(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """What the engine is handed."""
        given = {name: facts[name] for name in self.names if name in facts}
        if self._unread:
            for name in self._records & given.keys():
                given[name] = [
                    {field: value for field, value in record.items() if field not in self._unread}
                    for record in given[name]
                ]
        return given


class _Compiled(Struct, frozen=True):
    """A program and the patterns that are matched before it runs; ``matches_words`` are the places
    of those that are matched with words of the caller or the model.
    """

    program: Program
    hoisted: Hoisted
    matches_words: tuple[int, ...] = ()

    def run(self, given: dict[str, Any], matched: list[int] | None = None) -> list[bool | None]:
        """Args: matched: gets the places of the patterns that matched words."""
        if not self.hoisted.matches:
            return self.program.run(given)
        values = self.hoisted.values(given)
        if matched is not None:
            matches = self.hoisted.matches
            matched += [at for at in self.matches_words if values.get(matches[at].variable)]
        return self.program.run(given | values)

    def run_again(self, given: dict[str, Any], matched: Collection[int]) -> list[bool | None]:
        """The same with the patterns in words that are said to have matched."""
        if not self.hoisted.matches:
            return self.program.run(given)
        values = self.hoisted.values(given)
        for at in self.matches_words:
            match = self.hoisted.matches[at]
            if match.fact in given:
                values[match.variable] = at in matched
        return self.program.run(given | values)


def _compiled(
    expressions: tuple[str, ...],
    types: dict[str, FactType],
    engine: Engine,
    as_they_are: Program | None = None,
) -> _Compiled:
    hoisted = hoist(expressions, types)
    words = tuple(place for place, match in enumerate(hoisted.matches) if match.words)
    if as_they_are is not None and not hoisted.matches:
        return _Compiled(as_they_are, hoisted)
    program = engine.compile(hoisted.expressions, types | hoisted.types())
    return _Compiled(program, hoisted, words)


def _read_in_words(expression: str) -> frozenset[str]:
    """The facts in words that a hoisted expression still reads itself; ``text`` for the words of
    records.
    """
    names = facts_in(expression)
    found = {
        name
        for name, kind in types_of(names).items()
        if are_words(name) and kind in ("string", "strings", "json")
    }
    if "text" in _WORD.findall(expression) and any(
        kind == "records" for kind in types_of(names).values()
    ):
        found.add("text")
    return frozenset(found)


def _either(one: bool | None, other: bool | None) -> bool | None:
    """What holds where a text was read in two ways: an error, else that one reading holds."""
    return None if one is None or other is None else one or other


@lru_cache(maxsize=4096)
def conditions(expressions: tuple[str, ...], phase: Phase) -> ConditionSet:
    """A compiled set, shared by every tenant whose rules are the same."""
    return ConditionSet(expressions, phase)


def check_expression(
    expression: str, phase: Phase, attributes: frozenset[str] | None = None
) -> str | None:
    """What is wrong with an expression, for ``freehold check``; ``None`` when nothing is.

    ``attributes`` are those that the bundle declares; ``None`` leaves them unchecked.
    """
    # Fields are looked at here and not in the set: an old version must replay as it ran.
    if len(expression) > _MOST_CHARS:
        return f"it has {len(expression):,} characters, and at most {_MOST_CHARS:,} are read"
    errors = [
        *shape_errors(expression),
        *name_errors(expression, phase, attributes),
        *function_errors(expression),
        *field_errors(expression),
    ]
    if errors:
        in_order = sorted(errors, key=lambda error: (error.line, error.column))
        return "; ".join(dict.fromkeys(map(str, in_order)))
    try:
        ConditionSet((expression,), phase)
    except ExpressionError as error:
        return str(error)
    return None
