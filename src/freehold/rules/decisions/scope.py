"""What an expression of a policy may name at the place where it stands."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct

from freehold.bundle.problems import Problems, Spot, did_you_mean
from freehold.rules.decisions.declare import Declared, by_variable, missing_names, variables
from freehold.rules.decisions.engines import DecisionEngine, Expression
from freehold.rules.decisions.functions import FUNCTIONS, RENAMED
from freehold.rules.decisions.kinds import ANY, NUMBER, Kind
from freehold.rules.language import ExpressionError
from freehold.rules.names import mentions, tokens

Path = tuple[str | int, ...]
_HAS = re.compile(r"\bhas\(\s*([A-Za-z_][\w.]*)\s*\)")
_MACROS = frozenset({"all", "exists", "exists_one", "filter", "map"})
_FOREIGN = {
    "and": "write `&&`",
    "or": "write `||`",
    "not": "write `!`",
    "if": "write `condition ? this : that`",
    "then": "write `condition ? this : that`",
    "else": "write `condition ? this : that`",
    "True": "write `true`",
    "False": "write `false`",
    "None": "ask `given.NAME` whether a value is there",
    "in": "a list stands in `[` and `]`: `x in ['a', 'b']`",
}
"""Words of other languages, and what CEL has instead."""

_CEL = frozenset(
    {"size", "string", "double", "int", "dyn", "has", "matches", "contains", "startsWith"}
    | {"endsWith", "held_"}
)
CALLABLE = frozenset(function.name for function in FUNCTIONS) | _MACROS | _CEL


class Limits(Struct, frozen=True):
    """What is declared about a variable, for the examination of tables."""

    domain: tuple[str, ...] = ()
    low: Decimal | None = None
    high: Decimal | None = None


class Compiled(Struct, frozen=True):
    """An expression with the variables that it names."""

    text: str
    kind: Kind
    names: frozenset[str]
    expression: Expression

    def run(self, scope: Mapping[str, Any]) -> Any:
        """Its value, from those variables alone."""
        return self.expression.run({name: scope[name] for name in self.names if name in scope})


class Scope:
    """The variables in sight; ``below`` are those that a later value will define."""

    def __init__(self, engine: DecisionEngine, problems: Problems) -> None:
        self.engine = engine
        self.problems = problems
        self.variables: dict[str, Kind] = {}
        self.optional: set[str] = set()
        self.limits: dict[str, Limits] = {}
        self.below: set[str] = set()
        self.item_optional: dict[str, frozenset[str]] = {}
        self.item_limits: dict[str, dict[str, Limits]] = {}

    def inner(self) -> "Scope":
        """A copy for the values of one list's items."""
        made = Scope(self.engine, self.problems)
        made.variables = dict(self.variables)
        made.optional = set(self.optional)
        made.limits = dict(self.limits)
        made.below = set(self.below)
        made.item_optional = dict(self.item_optional)
        made.item_limits = dict(self.item_limits)
        return made

    def declare(self, name: str, declared: Declared) -> None:
        """Bring an input into sight, its fields included."""
        self.variables.update(variables(name, declared))
        self.optional.update(missing_names(name, declared))
        for dotted, each in by_variable(name, declared):
            self.limits[dotted] = _limits(each)
            item = each.item
            if item is not None:
                prefix = len("item.")
                self.item_optional[dotted] = frozenset(
                    found[prefix:] for found in missing_names("item", item) if found != "item"
                )
                self.item_limits[dotted] = {
                    found[prefix - 1 :]: _limits(field)
                    for found, field in by_variable("item", item)
                }

    def define(self, name: str, kind: Kind) -> None:
        """Bring a value into sight."""
        self.variables[name] = kind

    def compile(
        self, written: Any, spot: Spot, path: Path, wanted: Iterable[str] = ()
    ) -> Compiled | None:
        """The expression, or None with what is wrong in the problems.

        Args:
            wanted: the names of the types that it may have; empty for any.
        """
        if isinstance(written, bool):
            written = str(written).lower()
        if written is None or isinstance(written, list | dict) or not str(written).strip():
            self._wrong(
                spot, path, "an expression is wanted here", "write CEL, such as `age >= 18`"
            )
            return None
        text = self._asked(str(written).strip())
        names = self._names(text)
        if self._undeclared(text, spot, path) or self._fields(text, names, spot, path):
            return None
        try:
            made = self.engine.expression(
                text, {name: self.variables[name] for name in sorted(names)}
            )
        except ExpressionError as error:
            self._wrong(spot, path, str(error), "")
            return None
        kind = self._kind(text, names, made.kind)
        allowed = frozenset(wanted)
        if allowed and kind.name not in allowed | {"any"}:
            self._wrong(
                spot, path, f"`{text}` gives {kind}, not {' or '.join(sorted(allowed))}", ""
            )
            return None
        return Compiled(text, kind, names, made)

    def _asked(self, text: str) -> str:
        """``has(x)`` of a value that may be missing as the variable that says so."""

        def given(found: re.Match[str]) -> str:
            return f"given.{found.group(1)}" if found.group(1) in self.optional else found.group()

        return _HAS.sub(given, text) if "has(" in text else text

    def _wrong(self, spot: Spot, path: Path, said: str, hint: str) -> None:
        self.problems.add("decision.expression", spot, said, path=path, suggestion=hint)

    def _names(self, text: str) -> frozenset[str]:
        found = (self._longest(mention.parts) for mention in mentions(text))
        return frozenset(name for name in found if name)

    def _longest(self, parts: tuple[str, ...]) -> str:
        for length in range(len(parts), 0, -1):
            name = ".".join(parts[:length])
            if name in self.variables:
                return name
        return ""

    def _undeclared(self, text: str, spot: Spot, path: Path) -> bool:
        """Say every name and function that is not there, each with what may be meant."""
        bound = _macro_variables(text)
        wrong = False
        for mention in mentions(text):
            at = f"at character {mention.offset + 1}: "
            foreign = _FOREIGN.get(mention.parts[0]) if len(mention.parts) == 1 else None
            if foreign is not None and mention.parts[0] not in self.variables:
                if mention.parts[0] != "in" or mention.called:
                    self._wrong(spot, path, f"{at}`{mention.parts[0]}` is no CEL here", foreign)
                    wrong = True
                continue
            if mention.called and mention.parts[-1] not in CALLABLE:
                hint = did_you_mean(mention.parts[-1], CALLABLE)
                self._wrong(spot, path, f"{at}there is no function `{mention.parts[-1]}`", hint)
                wrong = True
            parts = mention.parts[:-1] if mention.called else mention.parts
            if not parts or parts[0] in bound or parts[0] in ("true", "false", "null", "in"):
                continue
            if self._longest(parts):
                continue
            name = ".".join(parts)
            self._wrong(spot, path, f"{at}nothing here is called `{name}`", self._meant(name))
            wrong = True
        return wrong

    def _meant(self, name: str) -> str:
        if name in self.optional:
            return f"ask `given.{name}` whether it is there, or name one of its fields"
        if name.partition(".")[0] in self.below:
            return "it is defined further below; move it up"
        if name.startswith("given."):
            return "`given.` goes with inputs that are `optional: true`"
        inside = [each for each in self.variables if each.startswith(f"{name}.")]
        if inside:
            return f"it has fields; name one, such as `{inside[0]}`"
        return did_you_mean(name, self.variables) or f"if it is a text, write `'{name}'`"

    def _fields(self, text: str, names: frozenset[str], spot: Spot, path: Path) -> bool:
        """Say every field that no list named here has; ``has(x.field)`` included."""
        known = {field for field, _ in self._record_fields(names)}
        if not known:
            return False
        bound = _macro_variables(text)
        made = {word for _, word, _ in tokens(text)}
        wrong = False
        for mention in mentions(text):
            parts = mention.parts[:-1] if mention.called else mention.parts
            if len(parts) < 2 or parts[0] not in bound or parts[1] in known:
                continue
            if f'"{parts[1]}"' in made or f"'{parts[1]}'" in made:
                continue  # a field that a map literal in this very expression makes
            at = f"at character {mention.offset + 1}: "
            said = f"{at}`{parts[0]}` has no field `{parts[1]}`"
            self._wrong(spot, path, said, did_you_mean(parts[1], known))
            wrong = True
        return wrong

    def _record_fields(self, names: Iterable[str]) -> tuple[tuple[str, Kind], ...]:
        found: dict[str, Kind] = {}
        for name in sorted(names):
            item = self.variables[name].item
            if item is not None and item.name == "object":
                for field, kind in item.fields:
                    found[field] = kind if found.get(field, kind) == kind else ANY
        return tuple(found.items())

    def _kind(self, text: str, names: frozenset[str], kind: Kind) -> Kind:
        """What the engine knows, and what the names add: dates, and the fields of lists."""
        if text in self.variables:
            return self.variables[text]
        if kind == NUMBER:
            return _called(text) or kind
        if kind.name != "list" or kind.item is None or kind.item.name not in ("object", "any"):
            return kind
        fields = self._record_fields(names)
        return (
            Kind("list", Kind("object", fields=fields)) if fields and ".map(" not in text else kind
        )


def _called(text: str) -> Kind | None:
    """The type of a function whose call is the whole expression: a date, a whole number."""
    words = tokens(text)
    if len(words) < 3 or words[0][0] != "word" or words[1][1] != "(" or words[-1][1] != ")":
        return None
    depth = 0
    for _, word, offset in words[1:]:
        depth += (word == "(") - (word == ")")
        if depth == 0 and offset != words[-1][2]:
            return None
    name = RENAMED.get(words[0][1], words[0][1])
    gives = {function.gives for function in FUNCTIONS if function.name == name}
    only = gives.pop() if len(gives) == 1 else None
    return only if only is not None and only.numeric else None


def _limits(declared: Declared) -> Limits:
    ends = (None if end is None else Decimal(repr(end)) for end in (declared.low, declared.high))
    return Limits(declared.domain, *ends)


def _macro_variables(text: str) -> frozenset[str]:
    """Names that ``all``, ``exists``, ``filter`` and ``map`` bind."""
    words = tokens(text)
    return frozenset(
        words[at + 2][1]
        for at in range(len(words) - 3)
        if words[at][1] in _MACROS and words[at + 1][1] == "(" and words[at + 3][1] == ","
    )
