"""What an expression reads of records: ``p.role`` in ``answer.percents.exists(p, ...)``.

Records are maps to the engines, so a misspelt field compiles, and errs when the rule runs.
"""

from collections.abc import Iterator

from msgspec import Struct

from freehold.rules.declared import DECLARED, fields_of, values_of
from freehold.rules.language import ExpressionError
from freehold.rules.literals import literal
from freehold.rules.names import MACROS, STRINGS, place, suggestion, tokens

_LISTS = frozenset(fact.name for fact in DECLARED if fact.type in ("records", "origins"))
_EQUALITY = ("==", "!=")
_NOTHING = ("", "", -1)


class Read(Struct, frozen=True):
    """One field of one record, and the strings that it is compared with."""

    fact: str
    field: str
    offset: int
    compared: tuple[tuple[str, int], ...]


class _Scope(Struct, frozen=True):
    """An open bracket: the loop variable in it, whose record that is, and what it will give."""

    variable: str = ""
    fact: str = ""
    gives: tuple[str, bool] = ("", False)


class _Reader:
    """Walks the tokens once. ``here`` is the fact at hand, and whether it is one of its records."""

    def __init__(self, expression: str) -> None:
        self.read = tokens(expression)
        self.at = 0
        self.scopes: list[_Scope] = []
        self.here = ("", False)

    def reads(self) -> Iterator[Read]:
        while self.at < len(self.read):
            kind, text, _ = self.read[self.at]
            if text == "." and self._peek(1)[0] == "word":
                yield from self._member()
            elif kind == "word":
                self._word(text)
            elif text == "[":
                yield from self._index()
            elif text == "(":
                self._open(_Scope())
            elif text in (")", "]"):
                self.here = self.scopes.pop().gives if self.scopes else ("", False)
                self.at += 1
            else:
                self.here = ("", False)
                self.at += 1

    def _peek(self, ahead: int) -> tuple[str, str, int]:
        at = self.at + ahead
        return self.read[at] if 0 <= at < len(self.read) else _NOTHING

    def _open(self, scope: _Scope, length: int = 1) -> None:
        self.scopes.append(scope)
        self.here = ("", False)
        self.at += length

    def _word(self, text: str) -> None:
        bound = next((s for s in reversed(self.scopes) if s.variable == text), None)
        name = f"{text}.{self._peek(2)[1]}" if self._peek(1)[1] == "." else ""
        if bound is not None:
            self.here = (bound.fact, True) if bound.fact else ("", False)
        elif name in _LISTS:
            self.here = (name, False)
            self.at += 2
        else:
            self.here = ("", False)
        self.at += 1

    def _member(self) -> Iterator[Read]:
        (fact, one), (_, name, offset) = self.here, self._peek(1)
        called = self._peek(2)[1] == "("
        if called and name in MACROS and self._peek(3)[0] == "word" and self._peek(4)[1] == ",":
            listed = fact if not one else ""
            gives = (listed, False) if name == "filter" else ("", False)
            self._open(_Scope(self._peek(3)[1], listed, gives), 5)
            return
        if fact and one and not called:
            yield Read(fact, name, offset, self._compared(-1, 2))
        self.here = ("", False)
        self.at += 2

    def _index(self) -> Iterator[Read]:
        (fact, one), (kind, text, offset) = self.here, self._peek(1)
        if fact and one and kind in STRINGS and self._peek(2)[1] == "]":
            yield Read(fact, _string(text), offset, self._compared(-1, 3))
        self._open(_Scope(gives=(fact, True) if fact and not one else ("", False)))

    def _compared(self, before: int, after: int) -> tuple[tuple[str, int], ...]:
        """The strings beside ``==``, ``!=`` or in the list of an ``in``."""
        found: list[tuple[str, str, int]] = []
        if self._peek(after)[1] + self._peek(after + 1)[1] in _EQUALITY:
            found.append(self._peek(after + 2))
        # Backwards: the variable, then the operator in two tokens, then what stands before it.
        if self._peek(before - 2)[1] + self._peek(before - 1)[1] in _EQUALITY:
            found.append(self._peek(before - 3))
        if self._peek(after)[1] == "in" and self._peek(after + 1)[1] == "[":
            after += 2
            while self._peek(after)[1] not in ("]", ""):
                found.append(self._peek(after))
                after += 1
        return tuple((_string(text), offset) for kind, text, offset in found if kind in STRINGS)


def reads(expression: str) -> Iterator[Read]:
    """Every field of a record that the expression reads through a loop variable or an index."""
    return _Reader(expression).reads()


def field_errors(expression: str) -> Iterator[ExpressionError]:
    """Every field that is read and does not exist, with what was probably meant."""
    for read in reads(expression):
        known = fields_of(read.fact)
        if read.field not in known:
            said = f"records of `{read.fact}` have no field `{read.field}`"
            said += suggestion(read.field, known, 0.5)
            yield ExpressionError(said, *place(expression, read.offset))


def doubts(expression: str) -> list[str]:
    """Comparisons with a value that a field never has: they compile, and are never true."""
    found = []
    for read in reads(expression):
        values = values_of(read.fact, read.field)
        for value, offset in read.compared if values else ():
            if value not in values:
                near = (
                    suggestion(value, values, 0.5) or f"; it is one of {', '.join(sorted(values))}"
                )
                said = f'`{read.field}` in `{read.fact}` is never "{value}"{near}'
                found.append(str(ExpressionError(said, *place(expression, offset))))
    return found


def _string(written: str) -> str:
    try:
        return str(literal("STRING_LIT", written)[1])
    except ValueError:
        return written
