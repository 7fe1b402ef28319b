"""The steps of a policy when it runs: each puts values into the scope and says why."""

import re
from collections.abc import Mapping
from typing import Any, Protocol

from msgspec import Struct

from freehold.bundle.problems import Spot
from freehold.rules.decisions.engines import NoValue
from freehold.rules.decisions.kinds import ANY, Kind, rounded, shown, spread
from freehold.rules.decisions.scope import Compiled
from freehold.rules.decisions.tables import Table


class Reason(Struct, frozen=True):
    """What a step did: ``step`` is its name, ``said`` in words, and where it is written."""

    step: str
    said: str
    spot: Spot

    def __str__(self) -> str:
        return f"{self.step}: {self.said} ({self.spot.file}:{self.spot.line})"

    def as_dict(self) -> dict[str, str | int]:
        """As JSON shows it."""
        return {
            "step": self.step,
            "said": self.said,
            "file": self.spot.file,
            "line": self.spot.line,
        }


class Step(Protocol):
    """One entry of ``values:``."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def spot(self) -> Spot:
        """Where it is written."""
        ...

    @property
    def uses(self) -> frozenset[str]:
        """The variables that it reads."""
        ...

    def run(self, scope: dict[str, Any]) -> list[Reason]:
        """Put its values into the scope.

        Raises:
            NoValue: it has none for this case.
        """
        ...


class Shaping(Struct, frozen=True):
    """What is done to a number at the end: rounding, then a lower and an upper limit."""

    digits: int | None = None
    mode: str = "half_up"
    low: Compiled | None = None
    high: Compiled | None = None

    def shape(self, value: Any, scope: Mapping[str, Any]) -> Any:
        """The value to keep.

        Raises:
            NoValue: a limit has none, or the number is too big to round.
        """
        if type(value) is not float:
            return value
        if self.digits is not None:
            try:
                value = rounded(value, self.digits, self.mode)
            except ArithmeticError as error:
                raise NoValue(f"it can't be rounded: {error}") from None
        if self.low is not None:
            value = max(value, self.low.run(scope))
        if self.high is not None:
            value = min(value, self.high.run(scope))
        return value

    @property
    def uses(self) -> frozenset[str]:
        """The variables in the limits."""
        return frozenset().union(*(each.names for each in (self.low, self.high) if each))


class ValueStep(Struct, frozen=True):
    """One expression."""

    name: str
    spot: Spot
    kind: Kind
    value: Compiled
    shaping: Shaping

    @property
    def uses(self) -> frozenset[str]:
        """See ``Step``."""
        return self.value.names | self.shaping.uses

    def run(self, scope: dict[str, Any]) -> list[Reason]:
        """See ``Step``."""
        value = self.shaping.shape(self.value.run(scope), scope)
        if value is None:
            raise NoValue("it gives null")
        scope[self.name] = value
        return [
            Reason(self.name, f"{_short(self.kind, value)}, from `{self.value.text}`", self.spot)
        ]


class TableStep(Struct, frozen=True):
    """A table or a list of rules. A single output named ``value`` takes the step's own name."""

    name: str
    spot: Spot
    table: Table
    reads: frozenset[str]
    shaping: Shaping

    @property
    def uses(self) -> frozenset[str]:
        """See ``Step``."""
        return self.reads | self.shaping.uses

    def run(self, scope: dict[str, Any]) -> list[Reason]:
        """See ``Step``."""
        given, rows = self.table.decide(scope)
        reasons = []
        for output, value in given.items():
            name = variable(self.name, output)
            value = self.shaping.shape(value, scope)
            if value is not None:
                scope[name] = value
        said = ", ".join(
            f"{variable(self.name, output)} = {_short(self._kind(output), given.get(output))}"
            for output in self.table.outputs
        )
        for row in rows:
            words = f" `{row.text}`" if row.text else ""
            reasons.append(Reason(self.name, f"{row}{words} gives {said}", row.spot))
        return reasons or [Reason(self.name, f"nothing matches, so {said}", self.spot)]

    def _kind(self, output: str) -> Kind:
        kind = self.table.outputs[output]
        return Kind("list", kind) if self.table.hit == "all" else kind


class TextStep(Struct, frozen=True):
    """A template: texts, and the expressions between them with their decimals."""

    name: str
    spot: Spot
    parts: tuple["str | tuple[Compiled, int | None]", ...]

    @property
    def uses(self) -> frozenset[str]:
        """See ``Step``."""
        return frozenset().union(*(part[0].names for part in self.parts if isinstance(part, tuple)))

    def run(self, scope: dict[str, Any]) -> list[Reason]:
        """See ``Step``."""
        said = "".join(
            part if isinstance(part, str) else _filled(*part, scope) for part in self.parts
        )
        scope[self.name] = said
        return [Reason(self.name, f"`{said[:200]}`", self.spot)]


def _filled(value: Compiled, digits: int | None, scope: Mapping[str, Any]) -> str:
    found = value.run(scope)
    if digits is not None and type(found) is float:
        return f"{rounded(found, digits):.{digits}f}"
    return shown(value.kind, found)


class EachStep(Struct, frozen=True):
    """Steps for every item of a list; gives the items with what was decided about each."""

    name: str
    spot: Spot
    over: Compiled
    item: Kind
    alias: str
    optional: frozenset[str]
    steps: tuple[Step, ...]
    gives: Mapping[str, Kind]
    where: Compiled | None

    @property
    def uses(self) -> frozenset[str]:
        """See ``Step``."""
        inside: frozenset[str] = self.over.names | (self.where.names if self.where else frozenset())
        for step in self.steps:
            inside |= step.uses
        own = (self.alias, f"{self.alias}.", f"given.{self.alias}", *self.gives)
        return frozenset(n for n in inside if n not in own and not n.startswith(own[1:3]))

    def run(self, scope: dict[str, Any]) -> list[Reason]:
        """See ``Step``."""
        made: list[Any] = []
        reasons: list[Reason] = []
        for number, item in enumerate(self.over.run(scope), 1):
            inner = {**scope, **dict(spread(self.alias, self.item, item))}
            inner[f"{self.alias}.position"] = float(number)
            for name in self.optional:
                inner[f"given.{self.alias}.{name}"] = _has(item, name)
            for step in self.steps:
                try:
                    found = step.run(inner)
                except NoValue as error:
                    raise NoValue(f"item {number}, `{step.name}`: {error}") from None
                reasons += [
                    Reason(f"{self.name}[{number}].{each.step}", each.said, each.spot)
                    for each in found
                ]
            if self.where is None or self.where.run(inner) is True:
                own = item if isinstance(item, dict) else {"value": item}
                made.append({**own, **self._record(inner)})
        scope[self.name] = made
        return reasons

    def _record(self, inner: Mapping[str, Any]) -> dict[str, Any]:
        record: dict[str, Any] = {}
        for name in self.gives:
            if name not in inner:
                continue
            outer, _, field = name.partition(".")
            if field:
                record.setdefault(outer, {})[field] = inner[name]
            else:
                record[name] = inner[name]
        return record


def _has(item: Any, dotted: str) -> bool:
    here = item
    for part in dotted.split("."):
        if not isinstance(here, dict) or here.get(part) is None:
            return False
        here = here[part]
    return True


def variable(step: str, output: str) -> str:
    """What an output of a table is called."""
    return step if output == "value" else f"{step}.{output}"


_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_DIGITS = re.compile(r"(.*):\s*(\d)\s*", re.DOTALL)


def places(template: str) -> list["str | tuple[str, int | None]"]:
    """A template cut into texts and expressions; ``{{`` and ``}}`` stand for single braces.

    Raises:
        ValueError: a brace that is not closed.
    """
    parts: list[str | tuple[str, int | None]] = []
    done = 0
    for found in _PIECE.finditer(template):
        parts.append(template[done : found.start()])
        done = found.end()
        inside = found.group(1)
        if inside is not None:
            digits = _DIGITS.fullmatch(inside)
            parts.append((digits.group(1), int(digits.group(2))) if digits else (inside, None))
        elif len(found.group()) == 2:
            parts.append(found.group()[0])
        else:
            raise ValueError("a brace without its other half; write `{{` for a brace itself")
    parts.append(template[done:])
    return [part for part in parts if part]


def _short(kind: Kind, value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return f"{len(value)} items"
    if value in ("", []):
        return "nothing" if value == [] else '""'
    text = shown(kind if kind.name != "any" else ANY, value)
    return text if len(text) <= 60 else f"{text[:60]}…"
