"""Does what the rules say always hold? Expressions as formulas for z3.

Each fact is a variable, each list of records a few records that may be there or not: as many as the
formula can ask witnesses for, so that a list that breaks an invariant has a short one that does
too. What can't be read (a regular expression, say) becomes a truth value of its own that may be
anything, the same wherever the same text stands: a proof stays a proof, and a counter-example says
what it rests on.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from freehold.rules.declared import SIGNED, VALUES, types_of, values_of
from freehold.rules.facts import KINDS
from freehold.rules.language import FactType
from freehold.rules.names import referenced
from freehold.rules.plain_logic import NUMBERS
from freehold.rules.syntax import (
    Binary,
    Call,
    Choice,
    Listed,
    Literal,
    Member,
    Name,
    Node,
    Unary,
    Unread,
    dotted,
    parse,
    walk,
    written,
)

TIMEOUT_MS = 10_000
_MACROS = frozenset({"exists", "all", "exists_one", "filter"})
_FEWEST, _MOST = 1, 8
_BOOLS = frozenset({"parsed"})
_TEXTS = ("text", "unit", "role", "polarity", "kind")
_FIELDS = (*sorted(NUMBERS), *sorted(_BOOLS), *_TEXTS)


class ProverMissing(RuntimeError):
    """z3 is not installed."""


class Verdict(Struct, frozen=True, kw_only=True):
    """What came of a question.

    Attributes:
        holds: ``None`` where z3 gave up.
        example: facts for which it does not hold, by name.
        unread: parts that were not read, and that the answer treats as unknown.
        by: places, in what was demanded, of those that the proof rests on.
    """

    holds: bool | None
    example: Mapping[str, Any]
    unread: tuple[str, ...]
    took_ms: float
    by: tuple[int, ...] = ()


def implies(when: str, demanded: Sequence[str], timeout_ms: int = TIMEOUT_MS) -> Verdict:
    """Whether one of ``demanded`` holds whenever ``when`` does, for all facts.

    Raises:
        Unread: ``when`` is not CEL that this reads at all.
        ProverMissing: z3 is not installed.
    """
    world = _World([when, *demanded])
    premise = world.formula(when)
    none = [world.z3.Not(world.formula(rule)) for rule in demanded]
    return world.ask([premise], timeout_ms, none)


def can_hold(when: str, timeout_ms: int = TIMEOUT_MS) -> Verdict:
    """Whether any facts make ``when`` true: ``holds`` is false when none do."""
    world = _World([when])
    asked = world.ask([world.formula(when)], timeout_ms)
    holds = None if asked.holds is None else not asked.holds
    return replace(asked, holds=holds, example=asked.example if holds else {})


class _World:
    """Variables for every fact that some expressions name."""

    def __init__(self, expressions: Sequence[str]) -> None:
        try:
            import z3  # type: ignore[import-not-found,import-untyped,unused-ignore]
        except ImportError:
            raise ProverMissing(
                "proofs need z3: pip install 'freehold[prove]' (or z3-solver)"
            ) from None
        self.z3: Any = z3
        self._trees = {expression: parse(expression) for expression in expressions}
        self._types = types_of(referenced(expressions))
        self._slots = {
            name: _witnesses(self._trees.values(), name)
            for name, kind in self._types.items()
            if kind in ("records", "strings")
        }
        self._free: dict[str, Any] = {}
        self._scope: list[tuple[str, str, int]] = []
        self.unread: dict[str, None] = {}

    def ask(self, claims: Sequence[Any], timeout_ms: int, tracked: Sequence[Any] = ()) -> Verdict:
        """Whether the claims contradict each other; an example where they don't."""
        z3 = self.z3
        solver = z3.Solver()
        solver.set("timeout", timeout_ms)
        solver.add(*claims, *self._axioms())
        for place, claim in enumerate(tracked):
            solver.assert_and_track(claim, f"claim {place}")
        began = time.perf_counter()
        found = solver.check()
        took_ms = (time.perf_counter() - began) * 1e3
        holds = True if found == z3.unsat else False if found == z3.sat else None
        example = self._example(solver.model()) if holds is False else {}
        core = solver.unsat_core() if holds else ()
        return Verdict(
            holds=holds,
            example=example,
            unread=tuple(self.unread),
            took_ms=round(took_ms, 1),
            by=tuple(sorted(int(str(claim).partition(" ")[2]) for claim in core)),
        )

    def formula(self, expression: str) -> Any:
        """The expression as a formula."""
        return self._truth(self._trees[expression])

    # -- variables --

    def _axioms(self) -> Iterator[Any]:
        """What is true of facts however they come."""
        z3 = self.z3
        for name, kind in self._types.items():
            if kind == "int":
                yield self._scalar(name, kind) >= 0
            if name in VALUES:
                variable = self._scalar(name, kind)
                yield z3.Or([variable == z3.StringVal(value) for value in sorted(VALUES[name])])
            if kind != "records":
                continue
            for slot in range(self._slots[name]):
                yield self._field(name, slot, "upper") >= self._field(name, slot, "value")
                if name not in SIGNED:
                    yield self._field(name, slot, "value") >= 0
                for field in ("role", "polarity", "kind"):
                    known = sorted(values_of(name, field))
                    kind_of = KINDS.get(name.removeprefix("answer."))
                    if field == "kind" and kind_of is not None:
                        known = [kind_of]
                    if known:
                        variable = self._field(name, slot, field)
                        yield z3.Or([variable == z3.StringVal(value) for value in known])

    def _scalar(self, name: str, kind: FactType) -> Any:
        make = {"bool": self.z3.Bool, "int": self.z3.Int, "string": self.z3.String}[kind]
        return make(name)

    def _there(self, name: str, slot: int) -> Any:
        return self.z3.Bool(f"{name}[{slot}]?")

    def _field(self, name: str, slot: int, field: str) -> Any:
        z3 = self.z3
        make = z3.Int if field in NUMBERS else z3.Bool if field in _BOOLS else z3.String
        return make(f"{name}[{slot}].{field}")

    def _text(self, name: str, slot: int) -> Any:
        return self.z3.String(f"{name}[{slot}]")

    # -- expressions --

    def _truth(self, node: Node) -> Any:
        """A formula; what is not read becomes a variable of its own."""
        z3 = self.z3
        if isinstance(node, Binary) and node.sign in ("&&", "||"):
            join = z3.And if node.sign == "&&" else z3.Or
            return join(self._truth(node.left), self._truth(node.right))
        if isinstance(node, Unary) and node.sign == "!":
            return z3.Not(self._truth(node.of))
        if isinstance(node, Choice):
            return z3.If(
                self._truth(node.when), self._truth(node.then), self._truth(node.otherwise)
            )
        try:
            value = self._value(node)
        except Unread as unread:
            return self._unknown(node, unread)
        if not z3.is_bool(value):
            raise Unread("a truth value is expected", 0)
        return value

    def _unknown(self, node: Node, unread: Unread) -> Any:
        bound = ",".join(f"{variable}={name}[{slot}]" for variable, name, slot in self._scope)
        text = f"{written(node)}{{{bound}}}" if bound else written(node)
        self.unread[f"{written(node)}: {str(unread).partition(' (at')[0]}"] = None
        return self._free.setdefault(text, self.z3.Bool(f"?{len(self._free)}"))

    def _value(self, node: Node) -> Any:
        z3 = self.z3
        if isinstance(node, Literal):
            if isinstance(node.value, bool):
                return z3.BoolVal(node.value)
            return (
                z3.IntVal(node.value) if isinstance(node.value, int) else z3.StringVal(node.value)
            )
        if isinstance(node, Binary):
            return self._binary(node)
        if isinstance(node, Unary):
            return -self._value(node.of) if node.sign == "-" else z3.Not(self._truth(node.of))
        if isinstance(node, Call):
            return self._call(node)
        if isinstance(node, Choice):
            return z3.If(
                self._truth(node.when), self._value(node.then), self._value(node.otherwise)
            )
        name = dotted(node)
        if name is None:
            raise Unread(f"`{written(node)}` is not read", 0)
        return self._named(node, name)

    def _named(self, node: Node, name: str) -> Any:
        for variable, of, slot in reversed(self._scope):
            if name == variable and self._types[of] == "strings":
                return self._text(of, slot)
            if isinstance(node, Member) and dotted(node.of) == variable:
                if node.field not in _FIELDS:
                    raise Unread(f"records have no field `{node.field}`", 0)
                return self._field(of, slot, node.field)
        kind = self._types.get(name)
        if kind not in ("bool", "int", "string"):
            raise Unread(f"`{name}` can't be read by itself", 0)
        return self._scalar(name, kind)

    def _binary(self, node: Binary) -> Any:
        z3 = self.z3
        if node.sign in ("&&", "||"):
            return self._truth(node)
        if node.sign == "in":
            return self._member_of(node)
        left, right = self._value(node.left), self._value(node.right)
        if left.sort() != right.sort():
            raise Unread("two types are compared", 0)
        if node.sign == "==":
            return left == right
        if node.sign == "!=":
            return left != right
        if not z3.is_int(left):
            raise Unread(f"`{node.sign}` of what is no number", 0)
        signs = {
            "<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right,
            "+": left + right, "-": left - right, "*": left * right,
        }  # fmt: skip
        if node.sign not in signs:
            raise Unread(f"`{node.sign}` is not read: CEL rounds towards zero", 0)
        return signs[node.sign]

    def _member_of(self, node: Binary) -> Any:
        z3 = self.z3
        value = self._value(node.left)
        if isinstance(node.right, Listed):
            items = [self._value(item) for item in node.right.items]
            return z3.Or([value == item for item in items]) if items else z3.BoolVal(False)
        name = dotted(node.right)
        if name is None or self._types.get(name) != "strings":
            raise Unread("`in` of what is no list of texts", 0)
        return z3.Or(
            [
                z3.And(self._there(name, slot), self._text(name, slot) == value)
                for slot in range(self._slots[name])
            ]
        )

    def _call(self, node: Call) -> Any:
        z3 = self.z3
        if node.function in _MACROS and node.target is not None:
            return self._macro(node)
        if node.function == "size":
            return self._size(node.target if node.target is not None else node.arguments[0])
        text = {
            "startsWith": z3.PrefixOf, "endsWith": z3.SuffixOf, "contains": z3.Contains,
        }.get(node.function)  # fmt: skip
        if text is None or node.target is None or len(node.arguments) != 1:
            raise Unread(f"`{node.function}()` is not read", 0)
        whole, part = self._value(node.target), self._value(node.arguments[0])
        return text(whole, part) if node.function == "contains" else text(part, whole)

    def _macro(self, node: Call) -> Any:
        z3 = self.z3
        rows = list(self._rows(node))
        if node.function == "exists":
            return z3.Or([z3.And(there, holds) for there, holds in rows])
        if node.function == "all":
            return z3.And([z3.Implies(there, holds) for there, holds in rows])
        if node.function == "exists_one":
            return _count(z3, rows) == 1
        raise Unread("a filtered list is read only within size()", 0)

    def _rows(self, node: Call) -> Iterator[tuple[Any, Any]]:
        """For each record that may be there: whether it is, and what the macro's body says."""
        name = dotted(node.target) if node.target is not None else None
        if name not in self._slots or len(node.arguments) != 2:
            raise Unread(f"`{node.function}` of what is no list of facts", 0)
        assert name is not None  # noqa: S101 - it is a key
        variable, body = node.arguments
        if not isinstance(variable, Name):
            raise Unread(f"`{node.function}` without a variable", 0)
        for slot in range(self._slots[name]):
            with self._bound(variable.word, name, slot):
                yield self._there(name, slot), self._truth(body)

    def _size(self, of: Node) -> Any:
        z3 = self.z3
        name = dotted(of)
        if name in self._slots:
            assert name is not None  # noqa: S101 - it is a key
            there = [self._there(name, slot) for slot in range(self._slots[name])]
            return z3.Sum([z3.If(each, 1, 0) for each in there])
        if isinstance(of, Call) and of.function == "filter":
            return _count(z3, list(self._rows(of)))
        value = self._value(of)
        return z3.Length(value)

    @contextmanager
    def _bound(self, variable: str, name: str, slot: int) -> Iterator[None]:
        self._scope.append((variable, name, slot))
        yield
        self._scope.pop()

    # -- examples --

    def _example(self, model: Any) -> dict[str, Any]:
        """The facts of a model, without what nobody asked for."""
        named = {str(declared) for declared in model.decls()}
        facts: dict[str, Any] = {}
        for name, kind in sorted(self._types.items()):
            if kind in ("records", "strings"):
                facts[name] = [
                    self._item(model, name, kind, slot, named)
                    for slot in range(self._slots[name])
                    if _plain(model.eval(self._there(name, slot))) is True
                ]
            elif name in named:
                facts[name] = _plain(model.eval(self._scalar(name, kind), model_completion=True))
        for text, variable in self._free.items():
            if str(variable) in named:
                facts[text] = _plain(model.eval(variable, model_completion=True))
        return facts

    def _item(self, model: Any, name: str, kind: str, slot: int, named: set[str]) -> Any:
        if kind == "strings":
            return _plain(model.eval(self._text(name, slot), model_completion=True))
        return {
            field: _plain(model.eval(self._field(name, slot, field), model_completion=True))
            for field in _FIELDS
            if f"{name}[{slot}].{field}" in named
        }


def _count(z3: Any, rows: Iterable[tuple[Any, Any]]) -> Any:
    return z3.Sum([z3.If(z3.And(there, holds), 1, 0) for there, holds in rows])


def _plain(value: Any) -> Any:
    """A z3 value as Python's own."""
    text = str(value)
    if text in ("True", "False"):
        return text == "True"
    if hasattr(value, "as_long"):
        return value.as_long()
    return value.as_string() if hasattr(value, "as_string") else text


def _witnesses(trees: Iterable[Node], name: str) -> int:
    """How many records of a list a formula can need at once."""
    count = most = 0
    for tree in trees:
        for node in walk(tree):
            if isinstance(node, Call) and node.target is not None and dotted(node.target) == name:
                count += 1
            elif isinstance(node, Binary) and node.sign == "in":
                count += dotted(node.right) == name
            elif isinstance(node, Literal) and type(node.value) is int and node.value <= _MOST:
                most = max(most, node.value + 1)
    return max(_FEWEST, min(_MOST, count + most))
